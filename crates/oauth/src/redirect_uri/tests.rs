//! The rules of redirect URIs, and the tricks that must not work.

use super::*;
use ApplicationType::{Native, Web};
use proptest::prelude::*;

fn check(text: &str, kind: ApplicationType) -> Result<RedirectUri, RedirectUriError> {
    RedirectUri::parse_for_registration(text, kind)
}

#[test]
fn only_the_port_of_a_loopback_redirect_may_vary() {
    for host in ["127.0.0.1", "[::1]", "localhost"] {
        let registered = format!("http://{host}:3000/callback?a=1");
        assert!(matches(
            &registered,
            &format!("http://{host}:65535/callback?a=1")
        ));
        assert!(matches(&registered, &format!("http://{host}/callback?a=1")));
        for other in [
            format!("http://{host}:3001/callback"),
            format!("http://{host}:3001/callback?a=2"),
            format!("http://{host}:3001/Callback?a=1"),
            format!("http://{host}:3001/callback/?a=1"),
            format!("http://{host}:3001/callback?a=1#x"),
            format!("https://{host}:3001/callback?a=1"),
            format!("HTTP://{host}:3001/callback?a=1"),
            format!("http://{host}:65536/callback?a=1"),
            format!("http://{host}:/callback?a=1"),
            format!("http://{host}:3001@evil.example/callback?a=1"),
            format!("http://{host}.evil.example:3001/callback?a=1"),
            format!("http://{host}:3001.evil.example/callback?a=1"),
            format!("http://x@{host}:3001/callback?a=1"),
            format!("http://{host}:3001\\@evil.example/callback?a=1"),
        ] {
            assert!(!matches(&registered, &other), "{other}");
        }
    }
    assert!(!matches("http://127.0.0.1:1/cb", "http://localhost:1/cb"));
    assert!(!matches("http://127.0.0.2:1/cb", "http://127.0.0.2:2/cb"));
    assert!(matches("http://127.0.0.1", "http://127.0.0.1:80"));
}

#[test]
fn everything_else_matches_character_for_character() {
    let registered = "https://app.example/cb?x=1";
    assert!(matches(registered, registered));
    for other in [
        "https://app.example:443/cb?x=1",
        "https://APP.example/cb?x=1",
        "https://app.example/cb",
        "https://app.example/cb?x=1&y=2",
        "https://app.example/cb/../cb?x=1",
        "https://app.example/c%62?x=1",
        "https://app.example.evil.example/cb?x=1",
        "https://app.example@evil.example/cb?x=1",
        " https://app.example/cb?x=1",
    ] {
        assert!(!matches(registered, other), "{other}");
    }
    assert!(!matches("cursor://a:1/cb", "cursor://a:2/cb"));
}

#[test]
fn native_clients_may_use_https_loopback_and_their_own_schemes() {
    for good in [
        "https://app.example/cb?x=1",
        "http://127.0.0.1/",
        "http://127.0.0.1:33418/callback",
        "http://[::1]:1/cb",
        "http://localhost:6274/oauth/callback/debug",
        "https://localhost:8443/cb",
        "cursor://anysphere.cursor-retrieval/oauth/callback",
        "vscode://ms.vscode/cb",
        "com.example.app:/oauth2redirect",
    ] {
        assert_eq!(check(good, Native).unwrap().as_str(), good);
    }
}

#[test]
fn web_clients_may_use_https_only_and_not_on_this_machine() {
    assert!(check("https://app.example/cb", Web).is_ok());
    for local in [
        "http://localhost:3000/cb",
        "http://127.0.0.1/cb",
        "https://localhost/cb",
        "https://127.9.9.9/cb",
        "https://[::1]/cb",
        "https://[::ffff:127.0.0.1]/cb",
        "https://x.localhost./cb",
        "https://0/cb",
    ] {
        assert_eq!(
            check(local, Web),
            Err(RedirectUriError::LoopbackForWeb),
            "{local}"
        );
    }
    assert_eq!(
        check("cursor://a/cb", Web),
        Err(RedirectUriError::CustomSchemeForWeb)
    );
    assert_eq!(
        check("http://app.example/cb", Web),
        Err(RedirectUriError::PlainHttp)
    );
}

#[test]
fn what_never_leads_to_a_client_is_refused_for_all() {
    use RedirectUriError::*;
    let long = format!("https://a.example/{}", "x".repeat(MAX_LENGTH));
    for (bad, why) in [
        ("javascript:alert(1)", Scheme("javascript".into())),
        ("JavaScript://a/%0aalert(1)", Scheme("javascript".into())),
        ("data:text/html,x", Scheme("data".into())),
        ("vbscript:x", Scheme("vbscript".into())),
        ("file:///etc/passwd", Scheme("file".into())),
        ("blob:https://a/x", Scheme("blob".into())),
        ("about:blank", Scheme("about".into())),
        ("view-source:https://a/", Scheme("view-source".into())),
        ("http://app.example/cb", PlainHttp),
        ("http://127.1/cb", PlainHttp),
        ("http://localhost.evil.example/cb", PlainHttp),
        ("http://127.0.0.2/cb", PlainHttp),
        ("https://app.example/cb#x", Fragment),
        ("https://app.example/cb#", Fragment),
        ("https://user@app.example/cb", UserInfo),
        ("https://@app.example/cb", UserInfo),
        ("cursor://a:b@c/cb", UserInfo),
        ("http://localhost:80@evil.example/", UserInfo),
        ("https://app.example/c b", Character),
        ("https://app.example/\tcb", Character),
        (" https://app.example/cb", Character),
        ("https://app.example\\@evil.example/cb", Character),
        ("https://\u{e4}.example/cb", Character),
        ("https://app.example/\"", Character),
        ("/cb", NotAbsolute),
        ("", NotAbsolute),
        ("https:app.example/cb", NotAbsolute),
        ("https:/app.example/cb", NotAbsolute),
        ("https:///app.example/cb", NotAbsolute),
        ("https://", NotAbsolute),
        ("cursor:", NotAbsolute),
        ("cursor://", NotAbsolute),
        ("https://a;script-src=x/cb", Host),
        ("https://a,b/cb", Host),
        (long.as_str(), TooLong),
    ] {
        assert_eq!(check(bad, Native), Err(why), "{bad}");
    }
}

#[test]
fn the_type_is_inferred_only_when_it_was_not_declared() {
    let loopback = ["https://app.example/cb", "http://localhost:1/cb"];
    assert_eq!(infer_application_type(None, &loopback), Native);
    assert_eq!(infer_application_type(None, &["cursor://x/cb"]), Native);
    assert_eq!(
        infer_application_type(None, &["https://app.example/cb"]),
        Web
    );
    assert_eq!(infer_application_type(Some(Web), &loopback), Web);
    assert_eq!(
        infer_application_type(Some(Native), &["https://a.example/"]),
        Native
    );
}

#[test]
fn the_consent_page_names_host_or_scheme() {
    let show = |uri: &str| {
        let shown = host_for_display(uri);
        (shown.host, shown.is_local, shown.is_custom_scheme)
    };
    assert_eq!(
        show("https://app.example/cb"),
        ("app.example".into(), false, false)
    );
    assert_eq!(
        show("https://app.example:8443/"),
        ("app.example:8443".into(), false, false)
    );
    assert_eq!(
        show("http://127.0.0.1:3/cb"),
        ("127.0.0.1:3".into(), true, false)
    );
    assert_eq!(
        show("cursor://app.example/cb"),
        ("cursor:".into(), true, true)
    );
    assert_eq!(
        show("https://g\u{f6}\u{f6}gle.example/").0,
        "xn--ggle-5qaa.example"
    );
    assert!(!show("nonsense").1);
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in any::<String>(), other in any::<String>()) {
        let _ = (check(&text, Web), check(&text, Native), matches(&text, &other));
        let _ = host_for_display(&text);
    }

    #[test]
    fn what_is_registered_is_kept_and_matches_itself(
        text in "(https?|cursor|HTTPS)://(localhost|127\\.0\\.0\\.1|a\\.example|[a-z@:;%0-9.\\[\\]]{1,12})(:[0-9]{1,6})?(/[!-~]{0,12})?"
    ) {
        if let Ok(uri) = check(&text, Native) {
            prop_assert_eq!(uri.as_str(), &text);
            prop_assert!(matches(&text, &text));
            prop_assert!(!text.contains(['#', '\\', '"', ' ']));
            prop_assert!(Url::parse(&text).unwrap().username().is_empty());
        }
        let _ = check(&text, Web);
    }

    #[test]
    fn a_match_never_changes_the_host(registered in "http://(localhost|127\\.0\\.0\\.1|\\[::1\\])(:[0-9]{1,5})?(/[a-z]{0,3})?", requested in "http://(localhost|127\\.0\\.0\\.1|\\[::1\\])[:0-9@.a-z/\\\\?#]{0,8}") {
        if matches(&registered, &requested) {
            let (a, b) = (Url::parse(&registered), Url::parse(&requested));
            if let (Ok(a), Ok(b)) = (a, b) {
                prop_assert_eq!(a.host_str(), b.host_str());
                prop_assert_eq!(a.path(), b.path());
                prop_assert!(b.username().is_empty());
            }
        }
    }
}
