//! How long an answer may be kept (RFC 9111 §4.2).

use std::time::{Duration, UNIX_EPOCH};

use domain::UnixMillis;
use http::HeaderMap;
use http::header::{AGE, CACHE_CONTROL, DATE, EXPIRES};

/// How long the answer with these headers, received at `now`, stays fresh; `None` when the headers
/// do not say. An answer that asks not to be kept is fresh for no time at all.
pub(crate) fn lifetime(headers: &HeaderMap, now: UnixMillis) -> Option<Duration> {
    let mut max_age = None;
    let mut shared_max_age = None;
    for (name, value) in directives(headers) {
        // RFC 9111 §4.2.1: a value that cannot be read makes the answer stale.
        let seconds = || Duration::from_secs(value.trim_matches('"').parse().unwrap_or(0));
        match name.to_ascii_lowercase().as_str() {
            "no-store" | "no-cache" => return Some(Duration::ZERO),
            "max-age" => max_age = max_age.or_else(|| Some(seconds())),
            "s-maxage" => shared_max_age = shared_max_age.or_else(|| Some(seconds())),
            _ => {}
        }
    }
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    // This cache serves every user of the server: it is a shared one, RFC 9111 §5.2.2.10.
    if let Some(lifetime) = shared_max_age.or(max_age) {
        let age = text(AGE)
            .and_then(|age| age.trim().parse().ok())
            .unwrap_or(0);
        return Some(lifetime.saturating_sub(Duration::from_secs(age)));
    }
    let expires = headers.get(EXPIRES)?;
    // RFC 9111 §5.3: an invalid date, `0` above all, is in the past.
    let Some(expires) = expires.to_str().ok().and_then(parse_date) else {
        return Some(Duration::ZERO);
    };
    let date = text(DATE).and_then(parse_date).unwrap_or(now);
    Some(expires.since(date))
}

fn directives(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    headers
        .get_all(CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|directive| match directive.split_once('=') {
            Some((name, value)) => (name.trim(), value.trim()),
            None => (directive.trim(), ""),
        })
}

fn parse_date(text: &str) -> Option<UnixMillis> {
    let time = httpdate::parse_http_date(text.trim()).ok()?;
    let since_epoch = time.duration_since(UNIX_EPOCH).ok()?;
    Some(UnixMillis(i64::try_from(since_epoch.as_millis()).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::{HeaderName, HeaderValue};

    fn seconds(headers: &[(HeaderName, &str)]) -> Option<u64> {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()))
            .collect();
        // 1994-11-06T08:49:37Z, the date of RFC 9110 §5.6.7
        lifetime(&headers, UnixMillis(784_111_777_000)).map(|lifetime| lifetime.as_secs())
    }

    #[test]
    fn lifetimes_follow_rfc_9111() {
        let date = (DATE, "Sun, 06 Nov 1994 08:49:37 GMT");
        let later = (EXPIRES, "Sun, 06 Nov 1994 08:59:37 GMT");
        assert_eq!(seconds(&[]), None);
        assert_eq!(seconds(&[(CACHE_CONTROL, "public")]), None);
        assert_eq!(seconds(&[(CACHE_CONTROL, "max-age=60")]), Some(60));
        assert_eq!(seconds(&[(CACHE_CONTROL, "Max-Age=\"60\"")]), Some(60));
        assert_eq!(
            seconds(&[(CACHE_CONTROL, "max-age=60"), (AGE, "50")]),
            Some(10)
        );
        assert_eq!(
            seconds(&[(CACHE_CONTROL, "max-age=60"), (AGE, "70")]),
            Some(0)
        );
        assert_eq!(
            seconds(&[(CACHE_CONTROL, "max-age=60, s-maxage=5")]),
            Some(5)
        );
        assert_eq!(seconds(&[(CACHE_CONTROL, "max-age=60, no-store")]), Some(0));
        assert_eq!(seconds(&[(CACHE_CONTROL, "no-cache")]), Some(0));
        assert_eq!(seconds(&[(CACHE_CONTROL, "max-age=soon")]), Some(0));
        assert_eq!(seconds(&[date.clone(), later.clone()]), Some(600));
        assert_eq!(seconds(std::slice::from_ref(&later)), Some(600));
        assert_eq!(seconds(&[(EXPIRES, "0")]), Some(0));
        assert_eq!(seconds(&[(CACHE_CONTROL, "max-age=60"), later]), Some(60));
    }
}
