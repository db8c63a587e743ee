//! Which URLs are the same, which are not, and which are none.

use super::*;
use proptest::prelude::*;

const OURS: &str = "https://as.example.com/t/oauth/token";

fn htu(text: &str) -> Htu {
    Htu::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn equivalent_urls_are_equal() {
    for (url, same) in [
        (OURS, "HTTPS://as.example.com/t/oauth/token"),
        (OURS, "https://AS.Example.COM/t/oauth/token"),
        (OURS, "https://as.example.com:443/t/oauth/token"),
        (OURS, "https://as.example.com:/t/oauth/token"),
        (OURS, "https://as.example.com:00443/t/oauth/token"),
        (OURS, "https://as.example.com/t/oauth/token?"),
        (OURS, "https://as.example.com/t/oauth/token?x=1#y"),
        (OURS, "https://as.example.com/t/oauth/token#a?b/../c"),
        (OURS, "https://as.example.com/t/oauth/%74oken"),
        (OURS, "https://%61s.example.com/t/oauth/token"),
        (OURS, "https://%41s.example.com/t/oauth/token"),
        (OURS, "https://as.example.com/t/./oauth/token"),
        (OURS, "https://as.example.com/t/x/../oauth/token"),
        (OURS, "https://as.example.com/t/%2E/x/%2e%2E/oauth/token"),
        (OURS, "https://as.example.com/../../t/oauth/token"),
        ("https://a", "https://a/"),
        ("https://a", "https://a?x"),
        ("https://a/", "https://a/."),
        ("https://a/", "https://a/.."),
        ("https://a/b/", "https://a/b/c/.."),
        ("https://a/b/", "https://a/b/."),
        ("https://a/~x", "https://a/%7Ex"),
        ("https://a/~x", "https://a/%7ex"),
        ("https://a/%2f", "https://a/%2F"),
        ("https://a%c3%a4/", "https://A%C3%A4/"),
        ("http://a:80/", "http://a/"),
        ("http://a:443/", "HTTP://A:443/"),
        ("http://[::1]:9000/x", "http://[0:0::0:1]:9000/x"),
        ("http://[::1]/x", "http://[::1]:80/x"),
        ("http://[2001:DB8::a]/", "http://[2001:db8:0:0::A]/"),
    ] {
        assert_eq!(htu(url), htu(same), "{url} and {same}");
    }
}

#[test]
fn other_urls_differ() {
    for (url, other) in [
        (OURS, "http://as.example.com/t/oauth/token"),
        (OURS, "https://as.example.com:8443/t/oauth/token"),
        (OURS, "https://as.example.com:80/t/oauth/token"),
        (OURS, "https://as.example.com./t/oauth/token"),
        (OURS, "https://as.example.com.evil/t/oauth/token"),
        (OURS, "https://as.example/t/oauth/token"),
        (OURS, "https://as.example.com/t/oauth/token/"),
        (OURS, "https://as.example.com/t/oauth/Token"),
        (OURS, "https://as.example.com/t//oauth/token"),
        (OURS, "https://as.example.com/t/oauth%2Ftoken"),
        (OURS, "https://as.example.com/t/oauth/token%3F"),
        (OURS, "https://as.example.com/t/oauth/token;x"),
        (OURS, "https://as.example.com/oauth/token"),
        (OURS, "https://as.example.com/"),
        (OURS, "https://as.example.com"),
        ("https://a//", "https://a/"),
        ("https://a/b", "https://a/b/."),
        ("https://a/...", "https://a/"),
        ("https://a/%25%37%45", "https://a/~"),
        ("http://127.0.0.1/", "http://localhost/"),
        ("http://127.0.0.1/", "http://127.1/"),
        ("http://[::1]/", "http://[::2]/"),
    ] {
        assert_ne!(htu(url), htu(other), "{url} and {other}");
    }
}

#[test]
fn what_is_no_plain_http_url_is_refused() {
    let long = format!("https://a/{}", "x".repeat(2048));
    for bad in [
        "",
        "/oauth/token",
        "as.example.com/oauth/token",
        "//as.example.com/oauth/token",
        "https:as.example.com",
        "https:/as.example.com",
        "https:\\\\as.example.com/",
        "ftp://as.example.com/",
        "wss://as.example.com/",
        "https ://as.example.com/",
        "https://",
        "https:///oauth/token",
        "https://:443/",
        "https://user@as.example.com/",
        "https://user:pass@as.example.com/",
        "https://@as.example.com/",
        "https://as.example.com@evil/",
        "https://as.example.com\\@evil/",
        "https://as.example.com:x/",
        "https://as.example.com:+443/",
        "https://as.example.com:65536/",
        "https://as.example.com:4430000000000/",
        "https://a:b:443/",
        "https://[::1/",
        "https://[::1]x/",
        "https://[::1]]/",
        "https://[::g]/",
        "https://[fe80::1%25eth0]/",
        "https://::1/",
        "https://a/%",
        "https://a/%4",
        "https://a/%zz",
        "https://a%zz/",
        "https://a/\u{e4}",
        "https://\u{e4}/",
        "https://a/ b",
        "https://a/b\n",
        "https://a/\"",
        "https://a/<x>",
        "https://a/\\b",
        "https://a/{b}",
        long.as_str(),
    ] {
        assert!(
            matches!(Htu::parse(bad), Err(DpopError::Htu(_))),
            "{bad} is {:?}",
            Htu::parse(bad)
        );
    }
}

#[test]
fn the_normal_form_is_that_of_rfc_3986() {
    // The example of RFC 3986 §6.2.2, with a scheme that is read here.
    assert_eq!(
        htu("HTTP://a/./b/../b/%63/%7bfoo%7d").as_str(),
        "http://a/b/c/%7Bfoo%7D"
    );
    assert_eq!(htu("http://h/a/b/c/./../../g?y#s").as_str(), "http://h/a/g");
    assert_eq!(
        htu("http://h/mid/content=5/../6").as_str(),
        "http://h/mid/6"
    );
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in any::<String>(), tail in any::<String>()) {
        let _ = Htu::parse(&text);
        let _ = Htu::parse(&format!("https://{tail}"));
        let _ = Htu::parse(&format!("https://a/{tail}"));
    }

    #[test]
    fn the_normal_form_is_its_own_normal_form(
        tail in "[a-zA-Z0-9.:\\[\\]%/~?#@_-]{0,40}",
        path in "(/|\\.|%2[eEfF]|[a-c]|%7[eE]|%[a-fA-F0-9]{2}){0,12}",
    ) {
        for text in [format!("https://{tail}"), format!("http://A:080/{path}")] {
            if let Ok(once) = Htu::parse(&text) {
                prop_assert_eq!(&Htu::parse(once.as_str()).unwrap(), &once);
                let path = once.as_str().splitn(4, '/').nth(3).unwrap();
                prop_assert!(path.split('/').all(|segment| segment != "." && segment != ".."));
            }
        }
    }

    #[test]
    fn escaping_unreserved_characters_changes_nothing(
        path in "[a-zA-Z0-9_~-]{1,20}",
        which in any::<u32>(),
        upper in any::<bool>(),
    ) {
        let escaped: String = path.bytes().enumerate().map(|(at, b)| {
            match (which >> (at % 32) & 1, upper) {
                (0, _) => char::from(b).to_string(),
                (_, true) => format!("%{b:02X}"),
                (_, false) => format!("%{b:02x}"),
            }
        }).collect();
        prop_assert_eq!(htu(&format!("https://a/{path}")), htu(&format!("https://a/{escaped}")));
    }
}
