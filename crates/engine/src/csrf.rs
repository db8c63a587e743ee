//! Signatures over what the browser carries for us: session cookies, form tokens, links.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::UnixMillis;
use std::time::Duration;

/// How long a form stays valid.
const FORM_LIFETIME: Duration = Duration::from_secs(3600);

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

    /// A token for one form (`form`), bound to the browser's cookie value and to the `content`
    /// the form will send back.
    #[must_use]
    pub fn issue(&self, form: &str, browser: &str, content: &str, now: UnixMillis) -> String {
        let ends = now.plus(FORM_LIFETIME).0.to_string();
        let mac = URL_SAFE_NO_PAD.encode(self.mac("form", &[form, browser, content, &ends]));
        format!("{ends}.{mac}")
    }

    /// Whether `token` was issued for this form, browser and content, and has not ended.
    #[must_use]
    pub fn accepts(
        &self,
        token: &str,
        form: &str,
        browser: &str,
        content: &str,
        now: UnixMillis,
    ) -> bool {
        let Some((ends, mac)) = token.split_once('.') else {
            return false;
        };
        self.verify("form", &[form, browser, content, ends], mac)
            && ends.parse::<i64>().is_ok_and(|ends| now.0 < ends)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_tokens_hold_for_their_form_browser_content_and_time_only() {
        let tokens = FormTokens::new(b"secret");
        let now = UnixMillis(1_000_000);
        let token = tokens.issue("consent", "browser", "content", now);
        assert!(tokens.accepts(&token, "consent", "browser", "content", now));
        assert!(!tokens.accepts(&token, "login", "browser", "content", now));
        assert!(!tokens.accepts(&token, "consent", "other", "content", now));
        assert!(!tokens.accepts(&token, "consent", "browser", "wider", now));
        assert!(!tokens.accepts(
            &token,
            "consent",
            "browser",
            "content",
            now.plus(FORM_LIFETIME)
        ));
        let later = format!("9{token}");
        assert!(!tokens.accepts(&later, "consent", "browser", "content", now));
        assert!(!tokens.accepts("", "consent", "browser", "content", now));
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
