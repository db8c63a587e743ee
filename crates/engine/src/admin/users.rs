//! Users, as operators see them.

use super::ACTOR;
use super::change::{TRIES, changed_fields, in_use, is_version, overtaken, replace};
use crate::observe::event;
use crate::password::{MAX_LENGTH, MIN_LENGTH, Prepared};
use crate::{Engine, Error, Result};
use domain::{
    AuditAction, UnixMillis, User, UserId, UserRole, UserStatus, looks_like_markup,
    looks_like_path, normalize_email,
};
use secrecy::SecretString;
use std::sync::Arc;
use store::{Deleted, Deletion, Page, Part, Revoke, RevokeCount, Updated, UserFilter};

/// A user to create.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// Address, the name to sign in with.
    pub email: String,
    /// Name shown on pages.
    pub name: String,
    /// Password, at least eight characters.
    pub password: SecretString,
    /// What the user may do.
    pub role: UserRole,
}

/// What to change of a user; `None` stays as it is.
#[derive(Debug, Clone, Default)]
pub struct UserChange {
    /// Address.
    pub email: Option<String>,
    /// Name.
    pub name: Option<String>,
    /// Password; a new one ends the user's sessions and tokens.
    pub password: Option<SecretString>,
    /// Role.
    pub role: Option<UserRole>,
    /// Change this version alone, by its `updated_at`.
    pub version: Option<UnixMillis>,
}

fn parse_email(email: &str) -> Result<String> {
    let address = normalize_email(email)
        .ok_or_else(|| Error::invalid_request("email: that is not an e-mail address"))?;
    if looks_like_markup(&address) || looks_like_path(&address) {
        return Err(Error::invalid_request(
            "email: give an address without < > \" ` / \\ and without a dot at either end or beside another",
        ));
    }
    Ok(address)
}

fn check_name(name: &str) -> Result<()> {
    match name.chars().count() {
        0..=256 => Ok(()),
        _ => Err(Error::invalid_request("name: give at most 256 characters")),
    }
}

fn not_found(who: &str) -> Error {
    Error::not_found(format!("there is no user {who}"))
}

/// Which fields differ.
fn changed(before: &User, after: &User) -> String {
    changed_fields(&[
        ("email", before.email != after.email),
        ("name", before.name != after.name),
        ("role", before.role != after.role),
        ("password", before.password_hash != after.password_hash),
        ("status", before.status != after.status),
    ])
}

impl Engine {
    async fn hash_password(&self, password: &SecretString) -> Result<String> {
        let password = Prepared::of(password);
        let text = password.text();
        if text.chars().count() < MIN_LENGTH || text.len() > MAX_LENGTH {
            return Err(Error::invalid_request(format!(
                "password: give at least {MIN_LENGTH} characters and at most {MAX_LENGTH} bytes"
            )));
        }
        let rng = Arc::clone(&self.inner().parts.rng);
        let hash = self.inner().passwords.hash(password, rng).await;
        hash.ok_or_else(|| Error::invalid_request("password: it could not be hashed"))
    }

    /// Creates a user.
    ///
    /// # Errors
    /// `invalid_request`, naming the field.
    pub async fn create_user(&self, new: NewUser) -> Result<User> {
        check_name(&new.name)?;
        let now = self.now();
        let user = User {
            id: UserId::generate(self.clock(), self.rng()),
            email: parse_email(&new.email)?,
            name: new.name,
            password_hash: Some(self.hash_password(&new.password).await?),
            role: new.role,
            status: UserStatus::Active,
            created_at: now,
            updated_at: now,
        };
        let event = event(AuditAction::UserCreated, ACTOR).user(user.id.as_str());
        self.store().create_user(user.clone(), vec![event]).await?;
        tracing::info!(sub = %user.id, "user created");
        Ok(user)
    }

    /// Users, newest first.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn users(&self, filter: &UserFilter, page: &Page) -> Result<Part<User>> {
        Ok(self.store().users(filter, page).await?)
    }

    /// What a user holds that is alive: it would end with the user.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn user_holdings(&self, who: &str) -> Result<RevokeCount> {
        let user = self.user(who).await?;
        Ok(self.store().user_holdings(user.id.as_str()).await?)
    }

    /// The user with this id or address.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn user(&self, who: &str) -> Result<User> {
        if let Some(user) = self.store().user_now(who).await? {
            return Ok(user);
        }
        let by_email = match normalize_email(who) {
            Some(email) => self.store().user_by_email(&email).await?,
            None => None,
        };
        by_email.ok_or_else(|| not_found(who))
    }

    /// Whether `password` is the one that the user signs in with.
    pub async fn is_password_of(&self, user: &User, password: &SecretString) -> bool {
        let stored = user.password_hash.as_deref();
        let verified = self.inner().passwords.verify(stored, password, None);
        verified.await.unwrap_or(false)
    }

    /// Changes a user.
    ///
    /// # Errors
    /// `not_found`; `precondition_failed` for another version; `invalid_request`, naming the
    /// field.
    pub async fn update_user(&self, who: &str, change: UserChange) -> Result<User> {
        let email = change.email.as_deref().map(parse_email).transpose()?;
        change.name.as_deref().map(check_name).transpose()?;
        let password_hash = match &change.password {
            Some(password) => Some(Some(self.hash_password(password).await?)),
            None => None,
        };
        let apply = |user: &mut User| {
            replace(&mut user.email, email.as_ref());
            replace(&mut user.name, change.name.as_ref());
            replace(&mut user.role, change.role.as_ref());
            replace(&mut user.password_hash, password_hash.as_ref());
        };
        let end_all = password_hash.is_some();
        let version = change.version;
        self.change_user(who, version, AuditAction::UserUpdated, end_all, apply)
            .await
    }

    /// Lets a user sign in, or no longer: a disabled user's sessions and tokens end at once.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn set_user_status(&self, who: &str, status: UserStatus) -> Result<User> {
        let action = match status {
            UserStatus::Active => AuditAction::UserEnabled,
            UserStatus::Disabled => AuditAction::UserDisabled,
        };
        let end_all = status == UserStatus::Disabled;
        self.change_user(who, None, action, end_all, |user| user.status = status)
            .await
    }

    /// Reads a user, changes them and writes them back; again, when others changed them
    /// meanwhile. With `end_all`, the user's sessions and tokens end with the change.
    async fn change_user(
        &self,
        who: &str,
        version: Option<UnixMillis>,
        action: AuditAction,
        end_all: bool,
        apply: impl Fn(&mut User),
    ) -> Result<User> {
        for _ in 0..TRIES {
            let before = self.user(who).await?;
            is_version(before.updated_at, version)?;
            let mut after = before.clone();
            apply(&mut after);
            let changed = changed(&before, &after);
            if changed.is_empty() {
                return Ok(after);
            }
            let event = event(action, ACTOR)
                .user(after.id.as_str())
                .with("changed", &changed);
            match self
                .store()
                .update_user(after.clone(), end_all, vec![event])
                .await?
            {
                Updated::Yes { updated_at, ended } => {
                    self.count_ended(ended);
                    tracing::info!(sub = %after.id, action = action.as_str(), changed, sessions = ended.sessions, families = ended.families, tokens = ended.tokens, "user changed");
                    return Ok(User {
                        updated_at,
                        ..after
                    });
                }
                Updated::Stale => {}
                Updated::Gone => return Err(not_found(who)),
            }
        }
        Err(overtaken("user", who))
    }

    /// Ends all sessions, families and access tokens of a user.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn force_logout(&self, who: &str) -> Result<RevokeCount> {
        let user = self.user(who).await?;
        let event = event(AuditAction::UserForceLogout, ACTOR).user(user.id.as_str());
        let ended = self
            .store()
            .revoke(Revoke::User(user.id.to_string()), vec![event])
            .await?;
        self.count_ended(ended);
        tracing::info!(sub = %user.id, sessions = ended.sessions, families = ended.families, tokens = ended.tokens, "user logged out everywhere");
        Ok(ended)
    }

    /// Deletes a user with all sessions, tokens and consents.
    ///
    /// # Errors
    /// `not_found`; `precondition_failed` for another version; `conflict` when the user holds
    /// anything that is alive and `force` is not set.
    pub async fn delete_user(&self, who: &str, how: Deletion) -> Result<()> {
        let user = self.user(who).await?;
        let event = event(AuditAction::UserDeleted, ACTOR).user(user.id.as_str());
        let ended = match self
            .store()
            .delete_user(user.id.to_string(), how, vec![event])
            .await?
        {
            Deleted::Yes(ended) => ended,
            Deleted::InUse(held) => return Err(in_use("user", who, held)),
            Deleted::Stale => return Err(Error::precondition_failed()),
            Deleted::Gone => return Err(not_found(who)),
        };
        self.count_ended(ended);
        tracing::info!(sub = %user.id, sessions = ended.sessions, families = ended.families, tokens = ended.tokens, "user deleted");
        Ok(())
    }
}
