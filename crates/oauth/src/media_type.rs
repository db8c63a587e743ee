//! What the body of a request is said to be (RFC 9110 §8.3), before it is read.

use crate::error::{ErrorCode, Reason, Rejection, quote};

/// The media type of forms (RFC 6749 §4.1.3).
const FORM: &str = "application/x-www-form-urlencoded";

/// The media type of registrations (RFC 7591 §3.1).
const JSON: &str = "application/json";

/// Checks that a body is sent as a form. Parameters such as `charset` say nothing: what matters is
/// whether the form reads as UTF-8. A body without a media type may be a form if it looks like
/// one, since many a hand-written client forgets the header.
///
/// # Errors
/// `invalid_request`, naming what was sent and what to send.
pub fn check_form(content_type: Option<&[u8]>, body: &[u8]) -> Result<(), Rejection> {
    check(
        content_type,
        FORM,
        |essence| essence == FORM,
        looks_like_form(body),
    )
}

/// Checks that a body is sent as JSON, in the same way.
///
/// # Errors
/// `invalid_request`, naming what was sent and what to send.
pub fn check_json(content_type: Option<&[u8]>, body: &[u8]) -> Result<(), Rejection> {
    let is_json = |essence: &str| {
        essence == JSON || (essence.starts_with("application/") && essence.ends_with("+json"))
    };
    let object = body.trim_ascii_start().first();
    check(
        content_type,
        JSON,
        is_json,
        object.is_none_or(|first| *first == b'{'),
    )
}

fn check(
    content_type: Option<&[u8]>,
    expected: &str,
    is_expected: impl Fn(&str) -> bool,
    looks_as_expected: bool,
) -> Result<(), Rejection> {
    let sent = match content_type {
        None if looks_as_expected => return Ok(()),
        None => String::from("the request has no Content-Type"),
        Some(value) => {
            let essence = value.split(|byte| *byte == b';').next().unwrap_or_default();
            let essence = String::from_utf8_lossy(essence.trim_ascii()).to_ascii_lowercase();
            if is_expected(&essence) {
                return Ok(());
            }
            format!("the Content-Type of the body is {}", quote(&essence))
        }
    };
    Err(Rejection::new(
        ErrorCode::InvalidRequest,
        Reason::MediaType,
        format!("{sent}; send {expected}"),
    ))
}

/// Whether a body is empty or begins with a name and `=`, as forms do and neither JSON nor
/// multipart does.
fn looks_like_form(body: &[u8]) -> bool {
    let in_name = |byte: &u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'~' | b'+' | b'%')
    };
    match body.iter().position(|byte| !in_name(byte)) {
        Some(end) => end > 0 && body[end] == b'=' && !body.starts_with(b"--"),
        None => body.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_may_have_parameters_or_no_media_type_at_all() {
        for sent in [
            "application/x-www-form-urlencoded",
            "application/x-www-form-urlencoded;charset=UTF-8",
            "Application/X-WWW-Form-URLEncoded ; charset=ISO-8859-1",
        ] {
            assert_eq!(check_form(Some(sent.as_bytes()), b"a=b"), Ok(()), "{sent}");
        }
        for body in ["", "grant_type=x", "%61=b&c=d"] {
            assert_eq!(check_form(None, body.as_bytes()), Ok(()), "{body}");
        }
    }

    #[test]
    fn another_media_type_is_named_together_with_what_to_send() {
        for (sent, named) in [
            ("multipart/form-data; boundary=x", "'multipart/form-data'"),
            ("application/json", "'application/json'"),
            ("text/plain;charset=UTF-8", "'text/plain'"),
            ("", "''"),
            ("a\u{e4}\"b", "'a?'b'"),
        ] {
            let error = check_form(Some(sent.as_bytes()), b"a=b").unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidRequest);
            let description = error.description;
            assert!(description.contains(named), "{description}");
            assert!(description.contains(FORM), "{description}");
        }
        for body in [
            "{\"grant_type\":\"x=y\"}",
            "--x\r\nname=\"a\"",
            "hello",
            "=",
        ] {
            let error = check_form(None, body.as_bytes()).unwrap_err();
            assert!(error.description.contains("no Content-Type"), "{body}");
        }
    }

    #[test]
    fn a_registration_is_json() {
        for sent in [
            Some("application/json; charset=utf-8"),
            Some("application/scim+json"),
            None,
        ] {
            assert_eq!(
                check_json(sent.map(str::as_bytes), b" {}"),
                Ok(()),
                "{sent:?}"
            );
        }
        for sent in [
            Some("text/plain"),
            Some("application/x-www-form-urlencoded"),
            None,
        ] {
            let error = check_json(sent.map(str::as_bytes), b"a=b").unwrap_err();
            assert!(error.description.contains(JSON), "{}", error.description);
        }
    }
}
