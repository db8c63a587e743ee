//! Users, as operators see them.

use super::ACTOR;
use crate::observe::event;
use crate::password::{MAX_LENGTH, MIN_LENGTH};
use crate::{Engine, Error, Result};
use domain::{AuditAction, User, UserId, UserRole, UserStatus, normalize_email};
use secrecy::{ExposeSecret as _, SecretString};
use std::sync::Arc;
use store::{Page, Revoke, RevokeCount};

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
}

fn parse_email(email: &str) -> Result<String> {
    normalize_email(email)
        .ok_or_else(|| Error::invalid_request("email: that is not an e-mail address"))
}

fn not_found(who: &str) -> Error {
    Error::not_found(format!("there is no user {who}"))
}

impl Engine {
    async fn hash_password(&self, password: &SecretString) -> Result<String> {
        let text = password.expose_secret();
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
    pub async fn users(&self, page: &Page) -> Result<Vec<User>> {
        Ok(self.store().users(page).await?)
    }

    /// The user with this id or address.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn user(&self, who: &str) -> Result<User> {
        if let Some(user) = self.store().user(who).await? {
            return Ok(User::clone(&user));
        }
        let by_email = match normalize_email(who) {
            Some(email) => self.store().user_by_email(&email).await?,
            None => None,
        };
        by_email.ok_or_else(|| not_found(who))
    }

    /// Changes a user.
    ///
    /// # Errors
    /// `not_found`; `invalid_request`, naming the field.
    pub async fn update_user(&self, who: &str, change: UserChange) -> Result<User> {
        let mut user = self.user(who).await?;
        if let Some(email) = change.email {
            user.email = parse_email(&email)?;
        }
        if let Some(name) = change.name {
            user.name = name;
        }
        if let Some(role) = change.role {
            user.role = role;
        }
        let end_all = change.password.is_some();
        if let Some(password) = change.password {
            user.password_hash = Some(self.hash_password(&password).await?);
        }
        self.write_user(user, AuditAction::UserUpdated, end_all)
            .await
    }

    /// Lets a user sign in, or no longer: a disabled user's sessions and tokens end at once.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn set_user_status(&self, who: &str, status: UserStatus) -> Result<User> {
        let user = self.user(who).await?;
        if user.status == status {
            return Ok(user);
        }
        let action = match status {
            UserStatus::Active => AuditAction::UserEnabled,
            UserStatus::Disabled => AuditAction::UserDisabled,
        };
        let end_all = status == UserStatus::Disabled;
        self.write_user(User { status, ..user }, action, end_all)
            .await
    }

    async fn write_user(&self, user: User, action: AuditAction, end_all: bool) -> Result<User> {
        let user = User {
            updated_at: self.now(),
            ..user
        };
        let event = event(action, ACTOR).user(user.id.as_str());
        let ended = self
            .store()
            .update_user(user.clone(), end_all, vec![event])
            .await?
            .ok_or_else(|| not_found(user.id.as_str()))?;
        self.count_ended(ended);
        tracing::info!(sub = %user.id, action = action.as_str(), sessions = ended.sessions, families = ended.families, tokens = ended.tokens, "user changed");
        Ok(user)
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
    /// `not_found`.
    pub async fn delete_user(&self, who: &str) -> Result<()> {
        let user = self.user(who).await?;
        let event = event(AuditAction::UserDeleted, ACTOR).user(user.id.as_str());
        let ended = self
            .store()
            .delete_user(user.id.to_string(), vec![event])
            .await?
            .ok_or_else(|| not_found(who))?;
        self.count_ended(ended);
        tracing::info!(sub = %user.id, sessions = ended.sessions, families = ended.families, tokens = ended.tokens, "user deleted");
        Ok(())
    }
}
