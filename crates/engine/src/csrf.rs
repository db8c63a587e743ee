//! Signatures over what the browser carries for us: session cookies, form tokens, links.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::UnixMillis;
use std::time::Duration;

/// How long a form stays valid.
const FORM_LIFETIME: Duration = Duration::from_secs(3600);

/// What the token of a form says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FormToken {
    /// This server did not issue it for this form in this browser.
    Forged,
    /// It did, more than an hour ago.
    Ended,
    /// It did, and the form may be acted upon.
    Good,
}

/// Signs and checks cookies and form tokens.
pub struct FormTokens {
    key: hmac::Key,
}

impl FormTokens {
    /// With the session secret.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, secret),
        }
    }

    fn mac(&self, purpose: &str, parts: &[&str]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.key);
        for part in std::iter::once(&purpose).chain(parts) {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        context.sign()
    }

    fn verify(&self, purpose: &str, parts: &[&str], mac: &str) -> bool {
        let Ok(given) = URL_SAFE_NO_PAD.decode(mac) else {
            return false;
        };
        aws_lc_rs::constant_time::verify_slices_are_equal(self.mac(purpose, parts).as_ref(), &given)
            .is_ok()
    }

    /// A signature over the parts of a link.
    #[must_use]
    pub(crate) fn sign_link(&self, parts: &[&str]) -> String {
        URL_SAFE_NO_PAD.encode(self.mac("link", parts))
    }

    /// Whether this server signed the parts of a link.
    #[must_use]
    pub(crate) fn is_signed_link(&self, parts: &[&str], signature: &str) -> bool {
        self.verify("link", parts, signature)
    }

    /// `value.signature`, for a cookie.
    #[must_use]
    pub fn sign_cookie(&self, name: &str, value: &str) -> String {
        format!(
            "{value}.{}",
            URL_SAFE_NO_PAD.encode(self.mac("cookie", &[name, value]))
        )
    }

    /// The value of a cookie that this server signed under the same name.
    #[must_use]
    pub fn read_cookie<'a>(&self, name: &str, cookie: &'a str) -> Option<&'a str> {
        let (value, mac) = cookie.rsplit_once('.')?;
        self.verify("cookie", &[name, value], mac).then_some(value)
    }

    /// A token for one form (`form`), bound to the browser that it is shown in and to the
    /// `content` that the form will send back.
    #[must_use]
    pub fn issue(&self, form: &str, browser: &str, content: &[&str], now: UnixMillis) -> String {
        let ends = now.plus(FORM_LIFETIME).0.to_string();
        let mac = self.form_mac(form, browser, content, &ends);
        format!("{ends}.{}", URL_SAFE_NO_PAD.encode(mac))
    }

    /// What `token` says of the form that it came back with.
    #[must_use]
    pub fn read(
        &self,
        token: &str,
        form: &str,
        browser: &str,
        content: &[&str],
        now: UnixMillis,
    ) -> FormToken {
        let genuine = |ends: &str, mac: &str| {
            let given = URL_SAFE_NO_PAD.decode(mac).ok()?;
            let own = self.form_mac(form, browser, content, ends);
            aws_lc_rs::constant_time::verify_slices_are_equal(own.as_ref(), &given).ok()?;
            ends.parse::<i64>().ok()
        };
        match token
            .split_once('.')
            .and_then(|(ends, mac)| genuine(ends, mac))
        {
            Some(ends) if now.0 < ends => FormToken::Good,
            Some(_) => FormToken::Ended,
            None => FormToken::Forged,
        }
    }

    /// Whether `token` was issued for this form, browser and content, and has not ended.
    #[must_use]
    pub fn accepts(
        &self,
        token: &str,
        form: &str,
        browser: &str,
        content: &[&str],
        now: UnixMillis,
    ) -> bool {
        self.read(token, form, browser, content, now) == FormToken::Good
    }

    fn form_mac(&self, form: &str, browser: &str, content: &[&str], ends: &str) -> hmac::Tag {
        let parts: Vec<_> = [form, browser, ends]
            .iter()
            .chain(content)
            .copied()
            .collect();
        self.mac("form", &parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_tokens_hold_for_their_form_browser_content_and_time_only() {
        let tokens = FormTokens::new(b"secret");
        let now = UnixMillis(1_000_000);
        let token = tokens.issue("consent", "browser", &["who", "what"], now);
        let read = |token: &str, form, browser, content: &[&str]| {
            tokens.read(token, form, browser, content, now)
        };
        let own = ["who", "what"];
        assert_eq!(read(&token, "consent", "browser", &own), FormToken::Good);
        assert!(tokens.accepts(&token, "consent", "browser", &own, now));
        for (form, browser, content) in [
            ("login", "browser", &own[..]),
            ("consent", "other", &own),
            ("consent", "browser", &["who", "more"]),
            ("consent", "browser", &["whow", "hat"]),
            ("consent", "browser", &["who"]),
        ] {
            assert_eq!(read(&token, form, browser, content), FormToken::Forged);
        }
        for forged in [&format!("9{token}"), "", "1.", "."] {
            assert_eq!(read(forged, "consent", "browser", &own), FormToken::Forged);
        }
        let later = now.plus(FORM_LIFETIME);
        let read = tokens.read(&token, "consent", "browser", &own, later);
        assert_eq!(read, FormToken::Ended);
        assert!(!tokens.accepts(&token, "consent", "browser", &own, later));
    }

    #[test]
    fn cookies_of_another_name_or_secret_are_not_read() {
        let tokens = FormTokens::new(b"secret");
        let cookie = tokens.sign_cookie("session", "v");
        assert_eq!(tokens.read_cookie("session", &cookie), Some("v"));
        assert_eq!(tokens.read_cookie("other", &cookie), None);
        assert_eq!(FormTokens::new(b"x").read_cookie("session", &cookie), None);
        assert_eq!(tokens.read_cookie("session", "v."), None);
    }
}
