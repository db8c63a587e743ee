//! Users.

use crate::{UnixMillis, UserId};
use unicode_normalization::UnicodeNormalization as _;

crate::words! {
    /// What a user may do beyond signing in.
    UserRole {
        /// Signs in and consents.
        User = "user",
        /// Reserved for console accounts.
        Admin = "admin",
    }
}

crate::words! {
    /// Whether a user may sign in.
    UserStatus {
        /// May sign in.
        Active = "active",
        /// May not; sessions and tokens are dead.
        Disabled = "disabled",
    }
}

/// A person who signs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The `sub` of the user's tokens.
    pub id: UserId,
    /// Address, normalised by [`normalize_email`], unique.
    pub email: String,
    /// Name shown on pages.
    pub name: String,
    /// argon2id hash in PHC form; `None` for users who sign in upstream only.
    pub password_hash: Option<String>,
    /// What the user may do.
    pub role: UserRole,
    /// Whether the user may sign in.
    pub status: UserStatus,
    /// When the user was created.
    pub created_at: UnixMillis,
    /// When the user last changed.
    pub updated_at: UnixMillis,
}

/// The form in which addresses are stored and compared: trimmed, lower case, and in Unicode's
/// Normalization Form C, so that a letter with an accent is one however it was typed.
/// `None` when the text cannot be an address (no `@` inside, a control character, too long).
#[must_use]
pub fn normalize_email(text: &str) -> Option<String> {
    let email: String = text.trim().nfc().collect::<String>().to_lowercase();
    // The lower case of a composed letter may be in two parts.
    let email: String = email.nfc().collect();
    let (local, host) = email.rsplit_once('@')?;
    let plain = !email.chars().any(|c| c.is_control() || c.is_whitespace());
    (!local.is_empty() && !host.is_empty() && plain && email.len() <= 254).then_some(email)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_compare_without_case_and_blanks() {
        assert_eq!(
            normalize_email(" Ada@Example.COM "),
            Some("ada@example.com".into())
        );
        let accented = Some("jos\u{e9}@b\u{fc}cher.example".to_owned());
        for typed in [
            "jos\u{e9}@b\u{fc}cher.example",
            "Jose\u{301}@Bu\u{308}cher.example",
            "JOSE\u{301}@BÜCHER.EXAMPLE",
        ] {
            assert_eq!(normalize_email(typed), accented);
        }
        for bad in [
            "",
            "ada",
            "@x",
            "a@",
            "a b@c",
            "a@b\n",
            &format!("{}@x", "a".repeat(300)),
        ] {
            assert_eq!(
                normalize_email(&bad.replace('\n', "\u{7}")),
                None,
                "{bad:?}"
            );
        }
    }
}
