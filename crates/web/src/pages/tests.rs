//! What must hold on every page, whoever wrote the words on it.

use askama::Template;

use super::*;

const SCRIPT: &str = "<script>alert(1)</script>";
const BREAKOUT: &str = "\"'><img src=x onerror=alert(1)>";
const OVERRIDE: &str = "\u{202E}moc.live";

fn login() -> LoginPage {
    LoginPage {
        nonce: "bm9uY2U=".to_owned(),
        issuer_host: "auth.example.com".to_owned(),
        base_path: String::new(),
        csrf_token: "csrf".to_owned(),
        next: "/oauth/authorize?client_id=c".to_owned(),
        again: false,
        email: String::new(),
        error: None,
        client_name: Some("Claude Desktop".to_owned()),
        show_local: true,
        upstream: Vec::new(),
    }
}

fn consent() -> ConsentPage {
    ConsentPage {
        action: "/consent",
        nonce: "bm9uY2U=".to_owned(),
        issuer_host: "auth.example.com".to_owned(),
        base_path: String::new(),
        csrf_token: "csrf".to_owned(),
        sign_out_token: "csrf".to_owned(),
        after_sign_in: "/oauth/authorize?client_id=c".to_owned(),
        request: "handle".to_owned(),
        client_name: "Claude Desktop".to_owned(),
        identity: ClientIdentity::SelfRegistered,
        destination: Destination::Web {
            host: "claude.example".to_owned(),
        },
        resources: vec![ConsentResource {
            display_name: "Tickets".to_owned(),
            uri: "https://tickets.example.com/mcp".to_owned(),
            scopes: vec![ConsentScope {
                name: "tickets:read".to_owned(),
                description: "Read your tickets".to_owned(),
                already_granted: false,
            }],
        }],
        offline_access: false,
        user_email: "ada@example.com".to_owned(),
    }
}

fn error() -> ErrorPage {
    ErrorPage::for_status(
        400,
        "bm9uY2U=".to_owned(),
        "auth.example.com".to_owned(),
        "req-1".to_owned(),
    )
}

/// Every page, with `text` wherever a stranger or an operator can put words.
fn every_page_with(text: &str) -> Vec<String> {
    let hostile = || text.to_owned();
    let mut pages = Vec::new();
    for error in [
        None,
        Some(LoginError::InvalidCredentials),
        Some(LoginError::LockedOut {
            retry_after_minutes: 5,
        }),
        Some(LoginError::Busy),
        Some(LoginError::Expired),
    ] {
        let page = LoginPage {
            csrf_token: hostile(),
            next: hostile(),
            email: hostile(),
            error,
            client_name: Some(hostile()),
            upstream: vec![UpstreamLogin {
                label: hostile(),
                href: hostile(),
            }],
            ..login()
        };
        pages.push(page.render());
    }
    for (identity, destination) in [
        (
            ClientIdentity::Registered,
            Destination::Web { host: hostile() },
        ),
        (
            ClientIdentity::SelfRegistered,
            Destination::Loopback { host: hostile() },
        ),
        (
            ClientIdentity::Document { host: hostile() },
            Destination::App { scheme: hostile() },
        ),
    ] {
        let scope = ConsentScope {
            name: hostile(),
            description: hostile(),
            already_granted: true,
        };
        let page = ConsentPage {
            csrf_token: hostile(),
            sign_out_token: hostile(),
            after_sign_in: hostile(),
            request: hostile(),
            client_name: hostile(),
            identity,
            destination,
            resources: vec![ConsentResource {
                display_name: hostile(),
                uri: hostile(),
                scopes: vec![scope],
            }],
            offline_access: true,
            user_email: hostile(),
            ..consent()
        };
        pages.push(page.render());
    }
    let page = ErrorPage {
        title: hostile(),
        message: hostile(),
        detail: Some(hostile()),
        hint: Some(hostile()),
        request_id: hostile(),
        ..error()
    };
    pages.push(page.render());
    for (identity, destination) in [
        (
            ClientIdentity::SelfRegistered,
            Destination::Web { host: hostile() },
        ),
        (
            ClientIdentity::SelfRegistered,
            Destination::Loopback { host: hostile() },
        ),
        (
            ClientIdentity::Document { host: hostile() },
            Destination::App { scheme: hostile() },
        ),
    ] {
        let page = StoppedPage {
            nonce: "bm9uY2U=".to_owned(),
            issuer_host: hostile(),
            status: 400,
            client_name: hostile(),
            identity,
            destination,
            error: "invalid_scope",
            description: hostile(),
            to: hostile(),
            request_id: hostile(),
        };
        pages.push(page.render());
    }
    let page = HomePage {
        nonce: "bm9uY2U=".to_owned(),
        issuer_host: hostile(),
        base_path: String::new(),
        csrf_token: hostile(),
        user_email: hostile(),
        connections_href: Some(hostile()),
    };
    pages.push(page.render());
    let page = SignedOutPage {
        nonce: "bm9uY2U=".to_owned(),
        issuer_host: hostile(),
        sign_in_href: hostile(),
    };
    pages.push(page.render());
    for allowed in [true, false] {
        let page = AnsweredPage {
            nonce: "bm9uY2U=".to_owned(),
            issuer_host: hostile(),
            base_path: String::new(),
            allowed,
        };
        pages.push(page.render());
    }
    pages
        .into_iter()
        .map(|page| page.expect("the page renders"))
        .collect()
}

fn count(page: &str, part: &str) -> usize {
    page.matches(part).count()
}

#[test]
fn no_text_becomes_markup() {
    for page in every_page_with(SCRIPT)
        .into_iter()
        .chain(every_page_with(BREAKOUT))
    {
        assert_eq!(count(&page, "<script"), 0);
        assert_eq!(count(&page, "<img"), 0);
        assert!(page.contains("&#60;"));
    }
}

#[test]
fn no_page_refers_to_another_host_or_needs_more_than_the_policy_allows() {
    for page in every_page_with("plain") {
        assert_eq!(count(&page, " style="), 0);
        assert_eq!(count(&page, "<style nonce=\"bm9uY2U=\">"), 1);
        assert_eq!(count(&page, "<style"), 1);
        assert_eq!(count(&page, "<link"), 1);
        assert_eq!(count(&page, "href=\"data:image/svg+xml,"), 1);
        for part in [
            "url(",
            "@import",
            " src=",
            "href=\"http",
            "href=\"//",
            "action=\"http",
            " onclick",
        ] {
            assert_eq!(count(&page, part), 0, "{part}");
        }
    }
}

#[test]
fn a_direction_override_in_a_client_name_is_made_visible() {
    let name = Some(OVERRIDE.to_owned());
    let login = LoginPage {
        client_name: name,
        ..login()
    }
    .render()
    .expect("renders");
    let consent = ConsentPage {
        client_name: OVERRIDE.to_owned(),
        ..consent()
    }
    .render()
    .expect("renders");
    for page in [login, consent] {
        assert!(!page.contains('\u{202E}'));
        assert!(page.contains("<bdi class=\"name\">\u{FFFD}moc.live</bdi>"));
    }
}

#[test]
fn a_very_long_client_name_does_not_push_the_rest_off_the_page() {
    let name = "W".repeat(5_000);
    let page = ConsentPage {
        client_name: name,
        ..consent()
    }
    .render()
    .expect("renders");
    assert!(page.contains(&format!("{}…", "W".repeat(80))));
    assert!(!page.contains(&"W".repeat(81)));
}

#[test]
fn a_client_without_a_readable_name_is_called_so() {
    let page = ConsentPage {
        client_name: " \n ".to_owned(),
        ..consent()
    }
    .render()
    .expect("renders");
    assert!(page.contains("An app without a name"));
}

#[test]
fn consent_offers_allow_and_deny_of_equal_weight() {
    let page = consent().render().expect("renders");
    for decision in ["allow", "deny"] {
        let button = format!(
            "<button class=\"button\" id=\"{decision}\" type=\"submit\" name=\"decision\" value=\"{decision}\">"
        );
        assert_eq!(count(&page, &button), 1);
    }
    assert!(!page.contains("autofocus"));
    assert!(page.contains("action=\"/consent\""));
    assert!(page.contains("name=\"request\" value=\"handle\""));
}

#[test]
fn consent_warns_unless_the_answer_goes_to_a_website() {
    let warns = |destination| {
        let page = ConsentPage {
            destination,
            ..consent()
        }
        .render()
        .expect("renders");
        page.contains("id=\"destination-warning\"")
    };
    assert!(!warns(Destination::Web {
        host: "claude.example".to_owned()
    }));
    assert!(warns(Destination::Loopback {
        host: "127.0.0.1:33418".to_owned()
    }));
    assert!(warns(Destination::App {
        scheme: "cursor".to_owned()
    }));
}

#[test]
fn consent_shows_every_scope_of_every_resource() {
    let mut page = consent();
    let mut second = page.resources[0].clone();
    second.display_name = "Calendar".to_owned();
    second.scopes[0].description = String::new();
    second.scopes[0].name = "calendar:write".to_owned();
    second.scopes[0].already_granted = true;
    page.resources.push(second);
    page.offline_access = true;
    let page = page.render().expect("renders");
    for part in [
        "2 services",
        "Tickets",
        "tickets:read",
        "Read your tickets",
        "Calendar",
        "calendar:write",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert_eq!(count(&page, "Already allowed"), 1);
    assert!(page.contains("offline_access"));
}

#[test]
fn what_was_allowed_before_is_no_question_beside_what_is_new() {
    let mut page = consent();
    let mut known = page.resources[0].scopes[0].clone();
    known.name = "tickets:list".to_owned();
    known.description = "List your tickets".to_owned();
    known.already_granted = true;
    page.resources[0].scopes.push(known);
    let text = page.render().expect("renders");
    assert_eq!(count(&text, "Already allowed:"), 1);
    assert!(text.contains("tickets:list") && !text.contains("List your tickets"));
    assert!(text.contains("Read your tickets"));
    // Nothing is new: then all of it is asked.
    page.resources[0].scopes.remove(0);
    let text = page.render().expect("renders");
    assert!(text.contains("List your tickets") && !text.contains("Already allowed:"));
}

#[test]
fn both_forms_of_consent_carry_the_token_and_the_path_prefix() {
    let page = ConsentPage {
        base_path: "/auth".to_owned(),
        ..consent()
    }
    .render()
    .expect("renders");
    assert_eq!(count(&page, "name=\"csrf_token\" value=\"csrf\""), 2);
    assert_eq!(count(&page, "action=\"/auth/consent\""), 1);
    assert_eq!(count(&page, "action=\"/auth/logout\""), 1);
}

#[test]
fn the_cursor_starts_where_typing_is_needed() {
    let focused = |page: &LoginPage| {
        let page = page.render().expect("renders");
        assert_eq!(count(&page, "autofocus"), 1);
        let input = page
            .split("<input")
            .find(|input| input.contains("autofocus"));
        input
            .expect("a field has the focus")
            .contains("id=\"password\"")
    };
    assert!(!focused(&login()));
    assert!(focused(&LoginPage {
        email: "ada@example.com".to_owned(),
        ..login()
    }));
}

#[test]
fn a_failed_sign_in_is_announced_and_tied_to_both_fields() {
    let error = Some(LoginError::InvalidCredentials);
    let page = LoginPage { error, ..login() }.render().expect("renders");
    assert_eq!(count(&page, "role=\"alert\""), 1);
    assert_eq!(count(&page, "aria-describedby=\"sign-in-problem\""), 2);
    assert_eq!(count(&page, "id=\"sign-in-problem\""), 1);
    assert_eq!(count(&page, "aria-invalid=\"true\""), 2);
}

#[test]
fn a_lockout_says_how_long_it_lasts() {
    let shown = |retry_after_minutes| {
        let error = Some(LoginError::LockedOut {
            retry_after_minutes,
        });
        LoginPage { error, ..login() }.render().expect("renders")
    };
    assert!(shown(1).contains("Try again in 1 minute."));
    assert!(shown(15).contains("Try again in 15 minutes."));
}

#[test]
fn login_shows_only_the_ways_in_that_exist() {
    let provider = UpstreamLogin {
        label: "Example SSO".to_owned(),
        href: "/oidc/start".to_owned(),
    };
    let local = login().render().expect("renders");
    assert!(local.contains("id=\"password\"") && !local.contains("Continue with"));
    let page = LoginPage {
        show_local: false,
        upstream: vec![provider],
        ..login()
    };
    let upstream = page.render().expect("renders");
    assert!(!upstream.contains("id=\"password\"") && upstream.contains("href=\"/oidc/start\""));
    let none = LoginPage {
        show_local: false,
        ..login()
    }
    .render()
    .expect("renders");
    assert!(none.contains("No way to sign in is set up"));
}

#[test]
fn an_error_page_has_words_for_every_status() {
    for status in [400, 403, 404, 405, 429, 500, 502, 503] {
        let page = ErrorPage::for_status(status, "n".into(), "h".into(), "req-7".into());
        let page = page.render().expect("renders");
        assert!(page.contains(&format!("Error {status}")) && page.contains("req-7"));
    }
}
