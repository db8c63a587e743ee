//! The face of the store: one method per question and per state change.

use crate::cache::{CacheSize, Caches};
use crate::dispatch::{Lend as _, read, spend, write};
use crate::open::{Location, Missing, Notify, Pools};
use crate::operation::{Access, Operation};
use crate::writes::Writes;
use crate::{
    AssertionUse, AuditFilter, Authorize, ChainReport, Change, ClientExpiry, ClientFilter, Counts,
    Cursor, Deleted, Deletion, Exchange, Exchanged, FamilyFilter, FrontingLinkState, Heartbeat,
    IssuanceFilter, Issue, Issued, NewConsent, Page, Part, PurgeTarget, RedeemCode, Redeemed,
    ResourceCatalog, Result, Revoke, RevokeCount, RotateRefresh, Rotated, StoreError, Updated,
    UserFilter, postgres, sqlite,
};
use domain::{
    AuditEvent, AuditRecord, AuthorizationCode, Client, ClientId, ClientStatus, Clock,
    ConsentGrant, Digest, FrontingLink, Issuance, RefreshTokenState, Resource, Rng, Session,
    TokenFamily, UnixMillis, User, UserId,
};
use std::sync::Arc;
use std::time::Duration;
use telemetry::Metrics;
use telemetry::metrics::labels::{DbOp, StoreKind};

/// Writing connections on PostgreSQL.
const POSTGRES_LANES: u32 = 4;
/// A database that does not answer so soon counts as unreachable.
const PING_TIMEOUT: Duration = Duration::from_secs(2);

/// An open database with its caches. Cheap to clone.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    backend: Backend,
    caches: Arc<Caches>,
    metrics: Metrics,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
}

enum Backend {
    Sqlite(sqlite::both::backend::Backend),
    Postgres(postgres::both::backend::Backend),
}

/// Database connections of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolState {
    /// At work.
    pub in_use: u32,
    /// Open and free.
    pub idle: u32,
    /// Callers that wait for one.
    pub waiting: u32,
}

impl Store {
    /// Opens a database and brings its schema up to date.
    ///
    /// # Errors
    /// When it cannot be reached, opened or migrated; when it is damaged, or has another's log
    /// beside it; and when it is not there and was not to be made.
    pub async fn open(
        location: &Location,
        missing: Missing,
        metrics: Metrics,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
    ) -> Result<Self> {
        let caches = Arc::new(Caches::new());
        let backend = match location {
            Location::Sqlite { path, wal } => {
                let open = sqlite::open::open(path, *wal, missing).await?;
                let start = sqlite::both::backend::Backend::start;
                let file = Some(open.file);
                Backend::Sqlite(start(open.pools, file, 1, &caches, &clock, &rng))
            }
            Location::Postgres(options) => {
                let (target, pool) = postgres::open::open(options, missing).await?;
                caches.set_blind(true);
                let (hearing, own) = (Arc::downgrade(&caches), pool.clone());
                match options.notify {
                    Notify::Listen => {
                        let heartbeat =
                            format!("authplane_beat_{}", domain::new_uuid(&*clock, &*rng));
                        tokio::spawn(postgres::listen::listen(target, own, hearing, heartbeat));
                    }
                    Notify::Poll => {
                        tokio::spawn(postgres::poll::poll(own, hearing));
                    }
                }
                let lanes = POSTGRES_LANES.min(options.max_connections / 2).max(1) as usize;
                let start = postgres::both::backend::Backend::start;
                let pools = Pools::shared(&pool);
                Backend::Postgres(start(pools, None, lanes, &caches, &clock, &rng))
            }
        };
        Ok(Self(Arc::new(Inner {
            backend,
            caches,
            metrics,
            clock,
            rng,
        })))
    }

    /// Finishes the writes that wait and lets go of the database; for all clones. A SQLite file
    /// is whole afterwards, with nothing beside it, unless another process uses it.
    pub async fn close(&self) {
        match &self.0.backend {
            Backend::Sqlite(backend) => backend.close().await,
            Backend::Postgres(backend) => backend.close().await,
        }
    }

    fn writes(&self) -> &Writes {
        match &self.0.backend {
            Backend::Sqlite(backend) => backend.writes(),
            Backend::Postgres(backend) => backend.writes(),
        }
    }

    fn kind(&self) -> StoreKind {
        match &self.0.backend {
            Backend::Sqlite(_) => StoreKind::Sqlite,
            Backend::Postgres(_) => StoreKind::Postgres,
        }
    }

    fn now(&self) -> UnixMillis {
        self.0.clock.now()
    }

    /// A number that grows whenever anything was revoked or changed, here or elsewhere. What
    /// was derived from the store under one number holds while the number stays. `None` while
    /// changes made elsewhere cannot be heard: then nothing may be kept.
    #[must_use]
    pub fn generation(&self) -> Option<u64> {
        self.0.caches.generation()
    }

    /// The present generation, if `concerns` says of no change since `generation` that it
    /// matters: then what was derived under that generation still holds. `None` when one does,
    /// when there were too many to remember, and while changes cannot be heard.
    pub fn unchanged_since(
        &self,
        generation: u64,
        concerns: impl FnMut(&Change) -> bool,
    ) -> Option<u64> {
        self.0.caches.unchanged_since(generation, concerns)
    }

    /// Connections of this process.
    #[must_use]
    pub fn pool_state(&self) -> PoolState {
        let ((open, idle), waiting) = match &self.0.backend {
            Backend::Sqlite(backend) => (backend.connections(), backend.waiting()),
            Backend::Postgres(backend) => (backend.connections(), backend.waiting()),
        };
        PoolState {
            in_use: open.saturating_sub(idle),
            idle: idle.min(open),
            waiting,
        }
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// When it does not answer within two seconds.
    pub async fn ping(&self) -> Result<()> {
        let late = |_| StoreError::Unavailable("no answer in time".into());
        tokio::time::timeout(PING_TIMEOUT, async { read!(self, Ping, records::ping()) })
            .await
            .map_err(late)?
    }

    /// How many transactions have been committed.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.writes().commits()
    }

    /// Whether something was committed within this time, and nothing has failed since for want
    /// of a database.
    #[must_use]
    pub fn has_written_within(&self, time: Duration) -> bool {
        let writes = self.writes();
        !writes.are_failing() && writes.have_succeeded_within(time, &*self.0.clock)
    }

    /// The last sign of life on this database; `None` when it is new.
    pub async fn last_heartbeat(&self) -> Result<Option<Heartbeat>> {
        read!(self, Heartbeat, records::last_heartbeat())
    }

    /// Leaves a sign of life. When the last write has failed, one that is as large as other
    /// writes are, so that a disk with room for a few bytes does not count as sound.
    ///
    /// # Errors
    /// When the database cannot be written to.
    pub async fn beat(&self) -> Result<Heartbeat> {
        let beat = Heartbeat {
            database_id: domain::new_uuid(&*self.0.clock, &*self.0.rng),
            at: self.now(),
        };
        let padded = self.writes().are_failing();
        write!(self, Heartbeat, key "heartbeat", records::beat(beat, padded))
    }

    // --- clients ---

    /// The client with this id.
    ///
    /// # Errors
    /// When the database is unavailable; so for every method below.
    pub async fn client(&self, id: &str) -> Result<Option<Arc<Client>>> {
        let fetch = async || Ok(read!(self, ClientRead, clients::find(id))?.map(Arc::new));
        self.0.caches.clients.get(&self.0.caches, id, fetch).await
    }

    /// The same, as the database has it this very moment.
    pub async fn client_now(&self, id: &str) -> Result<Option<Client>> {
        read!(self, ClientRead, clients::find(id))
    }

    /// Clients, newest first.
    pub async fn clients(&self, filter: &ClientFilter, page: &Page) -> Result<Part<Client>> {
        let (filter, page) = (filter.clone(), page.clone());
        read!(aside in_time self, List, clients::list(filter, page))
    }

    /// The ids of the clients that have the resource with this slug for their default.
    pub async fn clients_defaulting_to(&self, slug: &str) -> Result<Vec<String>> {
        let slug = slug.to_owned();
        read!(aside in_time self, List, clients::defaulting_to(slug))
    }

    /// How many clients may act.
    pub async fn count_active_clients(&self) -> Result<i64> {
        read!(aside in_time self, List, clients::count_active())
    }

    /// How many clients have registered themselves and are still there.
    pub async fn count_registered_clients(&self) -> Result<i64> {
        read!(aside in_time self, List, clients::count_registered())
    }

    /// Removes some of the clients that have expired; `audit` is recorded of each, with its id and
    /// the reason. Says how many went, and whether there may be more; see [`ClientExpiry`].
    pub async fn expire_clients(
        &self,
        expiry: ClientExpiry,
        audit: AuditEvent,
    ) -> Result<(u64, bool)> {
        let now = self.now();
        write!(self, Purge, key "clients", expiry::expire(expiry, now, audit))
    }

    /// Adds a client.
    pub async fn create_client(&self, client: Client, audit: Vec<AuditEvent>) -> Result<()> {
        write!(self, ClientWrite, key client.id.as_str(), clients::create(client, audit))
    }

    /// Writes all fields of a client but status, source and age, if its `updated_at` is still
    /// that of the row; see [`Updated`].
    pub async fn update_client(&self, client: Client, audit: Vec<AuditEvent>) -> Result<Updated> {
        let now = self.now();
        write!(self, ClientWrite, key client.id.as_str(), clients::update(client, now, audit))
    }

    /// Sets a client's status; revocation ends its tokens. Says what ended; `None` when the
    /// status did not change.
    pub async fn set_client_status(
        &self,
        id: String,
        status: ClientStatus,
        audit: Vec<AuditEvent>,
    ) -> Result<Option<RevokeCount>> {
        let now = self.now();
        write!(
            self,
            ClientWrite,
            key & id,
            clients::set_status(id, status, now, audit)
        )
    }

    /// Deletes a client with its tokens and consents; see [`Deleted`].
    pub async fn delete_client(
        &self,
        id: String,
        how: Deletion,
        audit: Vec<AuditEvent>,
    ) -> Result<Deleted> {
        let now = self.now();
        write!(
            self,
            ClientWrite,
            key & id,
            clients::delete(id, how, now, audit)
        )
    }

    /// What a client holds that is alive, its own tokens only.
    pub async fn client_holdings(&self, id: &str) -> Result<RevokeCount> {
        let (id, now) = (id.to_owned(), self.now());
        read!(aside in_time self, List, holdings::of_client(id, now))
    }

    /// Uses a client's assertion; `false` when it was used before, here or elsewhere.
    pub async fn spend_assertion(&self, used: AssertionUse) -> Result<bool> {
        let key = used.assertion.to_hex();
        write!(self, LedgerCommit, key key, assertions::spend(used))
    }

    // --- users and sessions ---

    /// The user with this id.
    pub async fn user(&self, id: &str) -> Result<Option<Arc<User>>> {
        let fetch = async || Ok(read!(self, UserRead, accounts::find(id))?.map(Arc::new));
        self.0.caches.users.get(&self.0.caches, id, fetch).await
    }

    /// The user with this (normalised) address.
    pub async fn user_by_email(&self, email: &str) -> Result<Option<User>> {
        read!(self, UserRead, accounts::find_by_email(email))
    }

    /// The user with this id, as the database has them this very moment.
    pub async fn user_now(&self, id: &str) -> Result<Option<User>> {
        read!(self, UserRead, accounts::find(id))
    }

    /// Users, newest first.
    pub async fn users(&self, filter: &UserFilter, page: &Page) -> Result<Part<User>> {
        let (filter, page) = (filter.clone(), page.clone());
        read!(aside in_time self, List, accounts::list(filter, page))
    }

    /// What a user holds that is alive.
    pub async fn user_holdings(&self, id: &str) -> Result<RevokeCount> {
        let (id, now) = (id.to_owned(), self.now());
        read!(aside in_time self, List, holdings::of_user(id, now))
    }

    /// Adds a user.
    pub async fn create_user(&self, user: User, audit: Vec<AuditEvent>) -> Result<()> {
        write!(self, UserWrite, key user.id.as_str(), accounts::create(user, audit))
    }

    /// Writes all fields of a user, if their `updated_at` is still that of the row; see
    /// [`Updated`]. With `end_all` sessions, families and tokens end in the same transaction.
    pub async fn update_user(
        &self,
        user: User,
        end_all: bool,
        audit: Vec<AuditEvent>,
    ) -> Result<Updated> {
        let now = self.now();
        write!(self, UserWrite, key user.id.as_str(), accounts::update(user, end_all, now, audit))
    }

    /// Deletes a user with sessions, tokens and consents; see [`Deleted`].
    pub async fn delete_user(
        &self,
        id: String,
        how: Deletion,
        audit: Vec<AuditEvent>,
    ) -> Result<Deleted> {
        let now = self.now();
        write!(
            self,
            UserWrite,
            key & id,
            accounts::delete(id, how, now, audit)
        )
    }

    /// Opens a session in place of the one the browser held before.
    pub async fn open_session(
        &self,
        session: Session,
        replaces: Option<Digest>,
        audit: Vec<AuditEvent>,
    ) -> Result<()> {
        write!(self, SessionWrite, key session.user_id.as_str(), accounts::open_session(session, replaces, audit))
    }

    /// The session with this token, unless it has ended.
    pub async fn session(&self, token: &Digest) -> Result<Option<Session>> {
        read!(self, SessionRead, accounts::find_session(token, self.now()))
    }

    /// Ends a session. Says whether it was there.
    pub async fn close_session(&self, session: Session, audit: Vec<AuditEvent>) -> Result<bool> {
        let token = session.token;
        write!(self, SessionWrite, key session.user_id.as_str(), accounts::close_session(token, audit))
    }

    /// Ends a session of the console on every instance. It is remembered `until` the session
    /// would have ended anyway.
    pub async fn end_console_session(&self, session: Digest, until: UnixMillis) -> Result<()> {
        let key = session.to_hex();
        write!(
            self,
            SessionWrite,
            key & key,
            accounts::end_console_session(session, until)
        )
    }

    /// Whether a session of the console was ended by signing out.
    pub async fn console_session_has_ended(&self, session: &Digest) -> Result<bool> {
        read!(
            self,
            SessionRead,
            accounts::console_session_has_ended(session)
        )
    }

    // --- resources ---

    /// All resources.
    pub async fn resources(&self) -> Result<Arc<ResourceCatalog>> {
        let fetch = async || {
            let (resources, links) = read!(aside in_time self, ResourceRead, resources::all())?;
            Ok(Arc::new(ResourceCatalog::new(resources, links)))
        };
        self.0.caches.resources.get(&self.0.caches, "", fetch).await
    }

    /// The resource with this id or slug, as the database has it this very moment.
    pub async fn resource_now(&self, reference: &str) -> Result<Option<Resource>> {
        read!(self, ResourceRead, resources::find(reference))
    }

    /// Adds a resource.
    pub async fn create_resource(&self, resource: Resource, audit: Vec<AuditEvent>) -> Result<()> {
        write!(self, ResourceWrite, key "resources", resources::create(resource, audit))
    }

    /// Writes all fields of a resource, if its `updated_at` is still that of the row; see
    /// [`Updated`].
    pub async fn update_resource(
        &self,
        resource: Resource,
        audit: Vec<AuditEvent>,
    ) -> Result<Updated> {
        let now = self.now();
        write!(self, ResourceWrite, key "resources", resources::update(resource, now, audit))
    }

    /// Deletes a resource with the consents for it, all that rests on these and its fronting
    /// links; see [`Deleted`]. Links are what it holds, and are not counted.
    pub async fn delete_resource(
        &self,
        id: String,
        how: Deletion,
        audit: Vec<AuditEvent>,
    ) -> Result<Deleted> {
        let now = self.now();
        write!(self, ResourceWrite, key "resources", resources::delete(id, how, now, audit))
    }

    /// Adds a fronting link if it closes no cycle; without `keep`, only says whether it could.
    pub async fn create_fronting_link(
        &self,
        link: FrontingLink,
        keep: bool,
        audit: Vec<AuditEvent>,
    ) -> Result<FrontingLinkState> {
        write!(self, ResourceWrite, key "resources", fronting::create(link, keep, audit))
    }

    /// Writes the scope map of a fronting link. Says whether the link was there.
    pub async fn update_fronting_link(
        &self,
        link: FrontingLink,
        audit: Vec<AuditEvent>,
    ) -> Result<bool> {
        write!(self, ResourceWrite, key "resources", fronting::update(link, audit))
    }

    /// Removes a fronting link. Says whether it was there.
    pub async fn delete_fronting_link(
        &self,
        source_id: String,
        target_id: String,
        audit: Vec<AuditEvent>,
    ) -> Result<bool> {
        write!(self, ResourceWrite, key "resources", fronting::delete(source_id, target_id, audit))
    }

    // --- the interactive flow ---

    /// What the user agreed to for this client and resource, revoked or not.
    pub async fn consent(
        &self,
        user: &str,
        client: &str,
        resource: &str,
    ) -> Result<Option<ConsentGrant>> {
        read!(self, ConsentRead, consents::find(user, client, resource))
    }

    /// The consent with this id, revoked or not.
    pub async fn consent_by_id(&self, id: &str) -> Result<Option<ConsentGrant>> {
        read!(self, ConsentRead, consents::find_by_id(id))
    }

    /// What a user has agreed to, revoked or not, newest first.
    pub async fn consents_of_user(
        &self,
        user: &str,
        behind: Option<&Cursor>,
        page: &Page,
    ) -> Result<Part<ConsentGrant>> {
        let (user, behind, page) = (user.to_owned(), behind.cloned(), page.clone());
        read!(aside in_time self, List, consents::of_user(user, behind, page))
    }

    /// Remembers a consent that a user gave outside of an authorization.
    pub async fn grant_consent(
        &self,
        user: UserId,
        client: ClientId,
        consent: NewConsent,
        audit: Vec<AuditEvent>,
    ) -> Result<()> {
        let now = self.now();
        write!(self, ConsentWrite, key user.as_str(), consents::grant(user, client, consent, now, audit))
    }

    /// Stores a code with the consent it rests on.
    pub async fn authorize(&self, command: Authorize) -> Result<()> {
        write!(self, CodeStore, key command.code.user_id.as_str(), authorizations::authorize(command))
    }

    /// The code with this digest, and whether it has been spent.
    pub async fn code(&self, digest: &Digest) -> Result<Option<(AuthorizationCode, bool)>> {
        read!(self, CodeSpend, authorizations::find_code(digest))
    }

    /// Spends a code and founds its family; see [`Redeemed`].
    pub async fn redeem_code(&self, command: RedeemCode) -> Result<Redeemed> {
        spend!(self, CodeSpend, key command.family.id.as_str(), Redeem(command))
    }

    /// Records a token that founds on nothing but the request for it; see [`Issued`].
    pub async fn issue(&self, command: Issue) -> Result<Issued> {
        spend!(self, LedgerCommit, key command.issuance.jti.as_str(), Issue(command))
    }

    /// Families that are alive, newest first.
    pub async fn live_families(
        &self,
        filter: &FamilyFilter,
        page: &Page,
    ) -> Result<Part<TokenFamily>> {
        let (filter, page, now) = (filter.clone(), page.clone(), self.now());
        read!(aside in_time self, List, families::list(filter, page, now))
    }

    /// The family with this id.
    pub async fn family(&self, id: &str) -> Result<Option<TokenFamily>> {
        read!(self, List, families::find(id))
    }

    /// The refresh token with this digest, and its family.
    pub async fn refresh_token(&self, digest: &Digest) -> Result<Option<RefreshTokenState>> {
        read!(self, RefreshRotate, authorizations::find_refresh(digest))
    }

    /// Spends a refresh token and stores its successor; see [`Rotated`].
    pub async fn rotate_refresh(&self, command: RotateRefresh) -> Result<Rotated> {
        spend!(self, RefreshRotate, key command.family_id.as_str(), Rotate(command))
    }

    /// Records a token that was exchanged for another; see [`Exchanged`].
    pub async fn exchange(&self, command: Exchange) -> Result<Exchanged> {
        spend!(self, TokenExchange, key command.issuance.jti.as_str(), Exchange(command))
    }

    /// How many families can still be refreshed.
    pub async fn counts(&self, since: UnixMillis) -> Result<Counts> {
        let now = self.now();
        read!(aside at_leisure self, List, records::counts(since, now))
    }

    /// How many families can still be refreshed.
    pub async fn count_active_families(&self) -> Result<i64> {
        let now = self.now();
        read!(aside in_time self, List, authorizations::count_active_families(now))
    }

    /// Ends what `what` names. The events are recorded if anything was alive.
    pub async fn revoke(&self, what: Revoke, audit: Vec<AuditEvent>) -> Result<RevokeCount> {
        let now = self.now();
        let key = match &what {
            Revoke::Family(id) => id.to_string(),
            Revoke::Token(jti) => jti.to_string(),
            Revoke::User(id) | Revoke::Client(id) => id.clone(),
            Revoke::Consent(id) => id.to_string(),
        };
        write!(self, Revoke, key key, revocations::revoke(what, now, audit))
    }

    // --- records and settings ---

    /// The record of the token with this `jti`.
    pub async fn issuance(&self, jti: &str) -> Result<Option<Issuance>> {
        read!(self, TokenRead, records::find_issuance(jti))
    }

    /// Issuances, newest first.
    pub async fn issuances(&self, filter: &IssuanceFilter, page: &Page) -> Result<Part<Issuance>> {
        let (filter, page) = (filter.clone(), page.clone());
        read!(aside in_time self, List, records::list_issuances(filter, page))
    }

    /// Records events that belong to no other change. Returns once they are durable.
    pub async fn record(&self, events: Vec<AuditEvent>) -> Result<()> {
        let key = events
            .first()
            .map_or("", |event| event.actor_id.as_str())
            .to_owned();
        write!(self, AuditWrite, key key, audit::record(events))
    }

    /// Audit events in the order of the filter, and the place of the last if there are more.
    pub async fn audit_part(&self, filter: &AuditFilter, page: &Page) -> Result<Part<AuditRecord>> {
        let (filter, page) = (filter.clone(), page.clone());
        read!(aside in_time self, AuditRead, audit::list(filter, page))
    }

    /// The same, for whom more do not matter.
    pub async fn audit(&self, filter: &AuditFilter, page: &Page) -> Result<Vec<AuditRecord>> {
        Ok(self.audit_part(filter, page).await?.rows)
    }

    /// The memory of cached rows of clients.
    #[must_use]
    pub fn cached_clients(&self) -> CacheSize {
        self.0.caches.clients.size()
    }

    /// The memory of cached rows of users.
    #[must_use]
    pub fn cached_users(&self) -> CacheSize {
        self.0.caches.users.size()
    }

    /// Reads the whole audit trail and checks that each writer's chain of hashes holds.
    pub async fn verify_audit_chain(&self) -> Result<ChainReport> {
        let now = self.now();
        read!(aside at_leisure self, AuditRead, audit::verify_chain(now))
    }

    /// A setting made at run time.
    pub async fn setting(&self, name: &str) -> Result<Option<String>> {
        let fetch = async || read!(self, List, records::find_setting(name));
        self.0
            .caches
            .settings
            .get(&self.0.caches, name, fetch)
            .await
    }

    /// Makes a setting.
    pub async fn put_setting(
        &self,
        name: String,
        value: String,
        audit: Vec<AuditEvent>,
    ) -> Result<()> {
        let now = self.now();
        write!(self, List, key "settings", records::put_setting(name, value, now, audit))
    }

    /// Removes what `target` names, a thousand rows at a time. Returns how many went.
    pub async fn purge(&self, target: PurgeTarget) -> Result<u64> {
        let mut removed = 0;
        loop {
            let now = self.now();
            let (step, done) =
                write!(self, Purge, key target.as_str(), revocations::purge_step(target, now))?;
            removed += step;
            if done {
                return Ok(removed);
            }
        }
    }
}
