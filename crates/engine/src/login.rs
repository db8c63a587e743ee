//! Signing in and out, and who a browser belongs to.

use crate::observe::event;
use crate::{Engine, Error, Result};
use domain::{
    AuditAction, ClientNetwork, Digest, OpaqueToken, Session, SessionId, User, UserStatus,
    normalize_email,
};
use oauth::ErrorCode;
use secrecy::SecretString;
use std::sync::Arc;
use std::time::Duration;
use telemetry::RequestContext;
use telemetry::metrics::DenyReason;
use telemetry::metrics::labels::LoginOutcome;
use telemetry::trace::Span;

/// A browser's proven identity.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// Who.
    pub user: Arc<User>,
    /// Since when, until when.
    pub session: Session,
}

/// A sign-in that succeeded.
#[derive(Debug, Clone)]
pub struct SignIn {
    /// Who signed in.
    pub user: User,
    /// The value of the session cookie, signed.
    pub cookie: Cookie,
}

/// A signed cookie value. Not shown by `Debug`.
#[derive(Clone)]
pub struct Cookie(pub String);

impl std::fmt::Debug for Cookie {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cookie(****)")
    }
}

impl Engine {
    /// Signs a user in with a password, in place of the session the browser may hold.
    ///
    /// Unknown users, wrong passwords and disabled users read the same and take as long.
    ///
    /// # Errors
    /// [`DenyReason::LoginFailed`], [`DenyReason::LockedOut`] with `retry_after`, or
    /// [`DenyReason::RateLimited`] while too many others sign in.
    pub async fn sign_in(
        &self,
        email: &str,
        password: &SecretString,
        replaces: Option<&SignedIn>,
    ) -> Result<SignIn> {
        let work = self.check_password(email, password, replaces);
        Span::start("LoginService.SignIn").run(work).await
    }

    async fn check_password(
        &self,
        email: &str,
        password: &SecretString,
        replaces: Option<&SignedIn>,
    ) -> Result<SignIn> {
        let network = RequestContext::with_current(|context| context.client_ip)
            .flatten()
            .map(ClientNetwork::from);
        let identity = normalize_email(email);
        // What cannot be an address is nobody, and is counted like any other.
        let known_as = identity
            .clone()
            .unwrap_or_else(|| email.trim().to_lowercase().chars().take(254).collect());
        if let Some(left) = self
            .inner()
            .lockout
            .locked_for(&known_as, network, self.monotonic())
        {
            return Err(self.locked_out(&known_as, left, false).await);
        }
        let user = match &identity {
            Some(email) => self.store().user_by_email(email).await?,
            None => None,
        };
        let hash = user.as_ref().and_then(|user| user.password_hash.as_deref());
        let Ok(password_matches) = self.inner().passwords.verify(hash, password, network).await
        else {
            return Err(self.too_busy());
        };
        // Guesses that were sent together, and waited to be hashed, get no more tries than others.
        if let Some(left) = self
            .inner()
            .lockout
            .locked_for(&known_as, network, self.monotonic())
        {
            return Err(self.locked_out(&known_as, left, false).await);
        }
        match user.filter(|user| password_matches && user.status == UserStatus::Active) {
            Some(user) => {
                self.inner().lockout.succeeded(&known_as, network);
                self.open_session(user, replaces).await
            }
            None => Err(self.sign_in_failed(&known_as, network).await),
        }
    }

    async fn open_session(&self, user: User, replaces: Option<&SignedIn>) -> Result<SignIn> {
        let now = self.now();
        let token = OpaqueToken::generate(self.rng());
        let session = Session {
            id: SessionId::generate(self.clock(), self.rng()),
            token: token.digest(),
            user_id: user.id.clone(),
            authenticated_at: now,
            expires_at: now.plus(self.config().session.max_age),
        };
        let event = event(AuditAction::UserLogin, user.id.as_str())
            .user(user.id.as_str())
            .with("method", "password");
        let replaced = replaces.map(|old| old.session.token);
        self.store()
            .open_session(session, replaced, vec![event])
            .await?;
        self.metrics().login_attempts.add(LoginOutcome::Success);
        tracing::info!(sub = %user.id, "user signed in");
        let name = self.session_cookie_name();
        Ok(SignIn {
            user,
            cookie: Cookie(self.form_tokens().sign_cookie(name, token.expose())),
        })
    }

    async fn sign_in_failed(&self, identity: &str, network: Option<ClientNetwork>) -> Error {
        if let Some(lockout) = self
            .inner()
            .lockout
            .failed(identity, network, self.monotonic())
        {
            return self.locked_out(identity, lockout, true).await;
        }
        self.metrics().login_attempts.add(LoginOutcome::Failure);
        let error = Error::new(
            ErrorCode::AccessDenied,
            DenyReason::LoginFailed,
            "the e-mail address or the password is wrong",
        );
        self.deny(
            &error,
            event(AuditAction::UserLoginFailed, "anonymous").with("identity", identity),
        )
        .await;
        tracing::info!(reason = error.reason.as_str(), "sign-in failed");
        error
    }

    /// The password was not looked at. Counted and not recorded, so that it costs nothing.
    fn too_busy(&self) -> Error {
        let error = Error::new(
            ErrorCode::TemporarilyUnavailable,
            DenyReason::RateLimited,
            "too many sign-ins at the moment; try again in a second",
        )
        .retry_after(Duration::from_secs(1));
        self.metrics().login_attempts.add(LoginOutcome::Throttled);
        self.metrics().auth_denied.add(error.reason);
        error
    }

    /// `first`: this attempt caused the lockout. Later ones are counted but not recorded, so
    /// that they cost nothing.
    async fn locked_out(&self, identity: &str, left: Duration, first: bool) -> Error {
        let error = Error::new(
            ErrorCode::AccessDenied,
            DenyReason::LockedOut,
            "too many failed attempts; wait before trying again",
        )
        .retry_after(left);
        self.metrics().login_attempts.add(LoginOutcome::LockedOut);
        if first {
            // One too many, and failed like those before it.
            self.record(vec![
                event(AuditAction::UserLoginFailed, "anonymous")
                    .with("identity", identity)
                    .with("error", error.code.as_str())
                    .with("reason", DenyReason::LoginFailed.as_str()),
            ])
            .await;
            self.deny(
                &error,
                event(AuditAction::AuthLockedOut, "anonymous").with("identity", identity),
            )
            .await;
            tracing::warn!(
                seconds = left.as_secs(),
                "identity locked out after repeated failures"
            );
        } else {
            self.metrics().auth_denied.add(error.reason);
        }
        error
    }

    /// Who the browser with this session cookie is; `None` for nobody. A disabled user's
    /// session is dead at once.
    ///
    /// # Errors
    /// When the database cannot say, unless `session.fail_closed` is off: then nobody.
    pub async fn signed_in(&self, cookie: &str) -> Result<Option<SignedIn>> {
        let name = self.session_cookie_name();
        let Some(token) = self.form_tokens().read_cookie(name, cookie) else {
            return Ok(None);
        };
        let found = async {
            let Some(session) = self.store().session(&Digest::of(token.as_bytes())).await? else {
                return Ok(None);
            };
            let user = self.store().user(session.user_id.as_str()).await?;
            Ok(user
                .filter(|user| user.status == UserStatus::Active)
                .map(|user| SignedIn { user, session }))
        };
        match found.await {
            Err(error) if !self.config().session.fail_closed => {
                let error: Error = error;
                tracing::warn!(
                    cause = error.cause.as_deref(),
                    "the session store does not answer; the browser counts as signed out"
                );
                Ok(None)
            }
            other => other,
        }
    }

    /// Ends a session on the server.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn sign_out(&self, user: &SignedIn) -> Result<()> {
        let event =
            event(AuditAction::UserLogout, user.user.id.as_str()).user(user.user.id.as_str());
        self.store()
            .close_session(user.session.clone(), vec![event])
            .await?;
        tracing::info!(sub = %user.user.id, "user signed out");
        Ok(())
    }
}
