//! The PostgreSQL connection URL.

use secrecy::{ExposeSecret, SecretString};
use url::Url;

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
        let url = Url::parse(text).map_err(|_| "is not a URL")?;
        match url.scheme() {
            "postgres" | "postgresql" => Ok(PostgresDsn(text.into())),
            _ => Err("is not a postgres:// URL".into()),
        }
    }

    fn render(&self) -> serde_json::Value {
        self.masked().into()
    }

    /// Masks the password where it can be told from the rest, and everything where it cannot.
    fn mask(text: &str) -> String {
        let Ok(mut url) = Url::parse(text) else {
            return MASK.into();
        };
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return MASK.into();
        }
        if url.password().is_some() && url.set_password(Some(MASK)).is_err() {
            return MASK.into();
        }
        if url.query().is_some() {
            let pairs: Vec<_> = url
                .query_pairs()
                .map(|(name, value)| match name.contains("password") {
                    true => (name.into_owned(), MASK.into()),
                    false => (name.into_owned(), value.into_owned()),
                })
                .collect();
            url.query_pairs_mut().clear().extend_pairs(pairs);
        }
        url.to_string()
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
