//! The PostgreSQL connection URL.

use secrecy::{ExposeSecret, SecretString};

use super::{MASK, Value, kind};
use crate::schema::{Allowed, Kind};

/// A PostgreSQL connection URL. It may hold a password, so `Debug` shows nothing of it and
/// `config show` leaves the password out.
#[derive(Clone, Debug)]
pub struct PostgresDsn(SecretString);

impl PostgresDsn {
    /// The URL with its password.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// The URL with its password masked.
    pub fn masked(&self) -> String {
        <Self as Value>::mask(self.expose())
    }
}

impl Value for PostgresDsn {
    const KIND: Kind = Kind {
        secret: true,
        ..kind(Allowed::Words(
            "a URL such as postgres://user:password@host:5432/database",
        ))
    };

    fn parse(text: &str) -> Result<Self, String> {
        match scheme(text) {
            Some((_, rest)) if !rest.is_empty() => Ok(PostgresDsn(text.into())),
            _ => Err("is not a postgres:// URL".into()),
        }
    }

    fn render(&self) -> serde_json::Value {
        self.masked().into()
    }

    /// Masks the password where it can be told from the rest, and everything where it cannot.
    fn mask(text: &str) -> String {
        let Some((scheme, rest)) = scheme(text) else {
            return MASK.into();
        };
        let (address, query) = match rest.split_once('?') {
            Some((address, query)) => (address, Some(query)),
            None => (rest, None),
        };
        let (authority, path) = match address.split_once('/') {
            Some((authority, path)) => (authority, Some(path)),
            None => (address, None),
        };
        // What should have been encoded: the password may go on there.
        if path.is_some_and(|path| path.contains('@'))
            || query.is_some_and(|query| query.contains('@'))
        {
            return MASK.into();
        }
        let mut masked = String::from(scheme);
        match authority.rsplit_once('@') {
            Some((credentials, hosts)) => {
                let (user, password) = match credentials.split_once(':') {
                    Some((user, _)) => (user, Some(MASK)),
                    None => (credentials, None),
                };
                masked.push_str(user);
                if let Some(password) = password {
                    masked.push(':');
                    masked.push_str(password);
                }
                masked.push('@');
                masked.push_str(hosts);
            }
            None => masked.push_str(authority),
        }
        if let Some(path) = path {
            masked.push('/');
            masked.push_str(path);
        }
        if let Some(query) = query {
            let pairs: Vec<_> = query.split('&').map(mask_pair).collect();
            masked.push('?');
            masked.push_str(&pairs.join("&"));
        }
        masked
    }
}

/// The scheme of a URL of PostgreSQL, and what follows. Several hosts make it no URL by RFC 3986.
fn scheme(text: &str) -> Option<(&str, &str)> {
    ["postgres://", "postgresql://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme).map(|rest| (*scheme, rest)))
}

fn mask_pair(pair: &str) -> String {
    match pair.split_once('=') {
        Some((name, _)) if name.contains("password") => format!("{name}={MASK}"),
        _ => pair.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_masked_wherever_it_stands() {
        for (text, masked) in [
            (
                "postgres://u:hunter2@db:5432/a",
                "postgres://u:****@db:5432/a",
            ),
            ("postgresql://u@db/a", "postgresql://u@db/a"),
            (
                "postgres://db/a?user=u&password=hunter2&sslmode=require",
                "postgres://db/a?user=u&password=****&sslmode=require",
            ),
            (
                "postgres://u:hunter2@%2Frun%2Fpg/a",
                "postgres://u:****@%2Frun%2Fpg/a",
            ),
            (
                "postgres://u:hunter2@a:5432,b:5433/x?target_session_attrs=read-write",
                "postgres://u:****@a:5432,b:5433/x?target_session_attrs=read-write",
            ),
            ("postgres://u:hun/ter2@db/a", "****"),
            ("postgres://u:hun?ter2@db/a", "****"),
            ("host=db password=hunter2", "****"),
            ("mysql://u:hunter2@db/a", "****"),
        ] {
            assert_eq!(PostgresDsn::mask(text), masked);
        }
    }

    #[test]
    fn debug_shows_nothing_of_it() {
        let dsn = PostgresDsn::parse("postgres://u:hunter2@db/a").expect("valid");
        assert!(!format!("{dsn:?}").contains("hunter2"));
        assert_eq!(dsn.expose(), "postgres://u:hunter2@db/a");
    }
}
