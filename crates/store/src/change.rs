//! What one instance tells the others, and its own caches, when it has written.

/// Something that caches hold and that has just changed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Change {
    /// This client, or its tokens.
    Client(String),
    /// This user, or the user's tokens.
    User(String),
    /// The list of resources.
    Resources,
    /// Settings made at run time.
    Settings,
    /// The access token with this `jti` was revoked.
    Token(String),
    /// This family was revoked with its access tokens.
    Family(String),
    /// Anything may have changed.
    Everything,
}

impl Change {
    /// PostgreSQL refuses payloads of 8000 bytes and more.
    const LONGEST_ID: usize = 4000;

    /// The payload of a notification.
    #[must_use]
    pub fn encode(&self) -> String {
        match self {
            Self::Client(id) if id.len() <= Self::LONGEST_ID => format!("client {id}"),
            Self::User(id) if id.len() <= Self::LONGEST_ID => format!("user {id}"),
            Self::Client(_) | Self::User(_) => "everything".into(),
            Self::Resources => "resources".into(),
            Self::Settings => "settings".into(),
            Self::Token(jti) => format!("token {jti}"),
            Self::Family(id) => format!("family {id}"),
            Self::Everything => "everything".into(),
        }
    }

    /// Reads a payload; what is not known means that anything may have changed.
    #[must_use]
    pub fn decode(payload: &str) -> Self {
        match payload.split_once(' ') {
            Some(("client", id)) => Self::Client(id.to_owned()),
            Some(("user", id)) => Self::User(id.to_owned()),
            Some(("token", jti)) => Self::Token(jti.to_owned()),
            Some(("family", id)) => Self::Family(id.to_owned()),
            None if payload == "resources" => Self::Resources,
            None if payload == "settings" => Self::Settings,
            _ => Self::Everything,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Change;

    #[test]
    fn payloads_read_back() {
        for change in [
            Change::Client("https://a.example/c d".into()),
            Change::User("u".into()),
            Change::Resources,
            Change::Settings,
            Change::Token("t".into()),
            Change::Family("f".into()),
            Change::Everything,
        ] {
            assert_eq!(Change::decode(&change.encode()), change);
        }
        let long = Change::Client("x".repeat(8000)).encode();
        assert_eq!(Change::decode(&long), Change::Everything);
        assert_eq!(Change::decode("of a later version"), Change::Everything);
    }
}
