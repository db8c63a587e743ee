//! Scopes (RFC 6749 §3.3).

use std::fmt;

/// The scope that stands for "while the user is away"; never part of a catalog.
pub const OFFLINE_ACCESS: &str = "offline_access";

/// One scope token: `1*( %x21 / %x23-5B / %x5D-7E )`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(transparent)]
pub struct Scope(String);

/// Why a text is not a scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// A character outside RFC 6749 §3.3.
    #[error("scope {0:?} has a character that RFC 6749 section 3.3 does not allow")]
    Character(String),
    /// Longer than [`Scope::MAX_LENGTH`].
    #[error("a scope may have at most {max} characters", max = Scope::MAX_LENGTH)]
    TooLong,
    /// More than [`ScopeSet::MAX_SCOPES`].
    #[error("at most {max} scopes may be named at once", max = ScopeSet::MAX_SCOPES)]
    TooMany,
}

impl Scope {
    /// The longest scope that is accepted, in characters.
    pub const MAX_LENGTH: usize = 256;

    /// Reads one scope token.
    ///
    /// # Errors
    /// When it is empty, too long or has a character that the RFC does not allow.
    pub fn parse(text: &str) -> Result<Self, ScopeError> {
        if text.len() > Self::MAX_LENGTH {
            return Err(ScopeError::TooLong);
        }
        let allowed = |b: u8| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        if text.is_empty() || !text.bytes().all(allowed) {
            return Err(ScopeError::Character(text.chars().take(64).collect()));
        }
        Ok(Self(text.to_owned()))
    }

    /// The token as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl crate::Weigh for Scope {
    fn heap_bytes(&self) -> usize {
        self.0.heap_bytes()
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Scopes without repetition, in the order in which they were named.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
#[serde(transparent)]
pub struct ScopeSet(Vec<Scope>);

impl ScopeSet {
    /// The most scopes one request or registration may name.
    pub const MAX_SCOPES: usize = 256;

    /// Reads the space-separated form; empty text is the empty set.
    ///
    /// # Errors
    /// When one of them is not a scope, or there are too many.
    pub fn parse(text: &str) -> Result<Self, ScopeError> {
        let mut set = Self::default();
        for token in text.split(' ').filter(|token| !token.is_empty()) {
            set.insert(Scope::parse(token)?);
            if set.0.len() > Self::MAX_SCOPES {
                return Err(ScopeError::TooMany);
            }
        }
        Ok(set)
    }

    /// Reads what this server itself has stored; anything that is not a scope is left out.
    #[must_use]
    pub fn from_stored(text: &str) -> Self {
        text.split(' ')
            .filter_map(|token| Scope::parse(token).ok())
            .collect()
    }

    /// Adds a scope unless it is there.
    pub fn insert(&mut self, scope: Scope) {
        if !self.contains(scope.as_str()) {
            self.0.push(scope);
        }
    }

    /// Whether `scope` is in the set.
    #[must_use]
    pub fn contains(&self, scope: &str) -> bool {
        self.0.iter().any(|own| own.as_str() == scope)
    }

    /// Whether every scope of this set is in `other`.
    #[must_use]
    pub fn is_subset_of(&self, other: &Self) -> bool {
        self.0.iter().all(|scope| other.contains(scope.as_str()))
    }

    /// The scopes of this set that are also in `other`.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.0
            .iter()
            .filter(|scope| other.contains(scope.as_str()))
            .cloned()
            .collect()
    }

    /// The first scope of this set that `allowed` refuses.
    pub fn first_outside(&self, allowed: impl Fn(&str) -> bool) -> Option<&Scope> {
        self.0.iter().find(|scope| !allowed(scope.as_str()))
    }

    /// This set without `scope`.
    #[must_use]
    pub fn without(&self, scope: &str) -> Self {
        self.0
            .iter()
            .filter(|own| own.as_str() != scope)
            .cloned()
            .collect()
    }

    /// Both sets together.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.0.iter().chain(&other.0).cloned().collect()
    }

    /// How many scopes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The scopes, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.0.iter()
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        let mut set = Self::default();
        for scope in scopes {
            set.insert(scope);
        }
        set
    }
}

impl crate::Weigh for ScopeSet {
    fn heap_bytes(&self) -> usize {
        self.0.heap_bytes()
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope.as_str())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str) -> ScopeSet {
        ScopeSet::parse(text).unwrap()
    }

    #[test]
    fn repeats_fall_away_and_order_stays() {
        assert_eq!(set("b a  b").to_string(), "b a");
        assert_eq!(set("").to_string(), "");
    }

    #[test]
    fn characters_outside_the_rfc_are_refused() {
        for bad in ["a\"b", "a\\b", "\u{e4}", "a\tb", "a\nb", "a\u{0}"] {
            assert!(ScopeSet::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Scope::parse("").is_err());
        assert!(Scope::parse(&"x".repeat(257)).is_err());
    }

    #[test]
    fn subsets_and_intersections() {
        assert!(set("a").is_subset_of(&set("b a")));
        assert!(!set("a c").is_subset_of(&set("b a")));
        assert_eq!(set("a b c").intersection(&set("c a")).to_string(), "a c");
        assert_eq!(
            set("a b").first_outside(|s| s == "a").unwrap().as_str(),
            "b"
        );
    }
}
