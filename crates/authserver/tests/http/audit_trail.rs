//! The audit trail as operators read it: in pages, as an export, live, and checked.

use crate::harness::{
    ADMIN_KEY, Browser, Database, PATIENCE, Process, Request, Server, Stream, on_both, run_cli,
    within,
};
use crate::races::cli;
use domain::{AuditAction, AuditEvent, Clock as _};
use std::time::Duration;

on_both!(
    the_query_of_the_guide_finds_the_token,
    what_cannot_be_read_is_named,
    pages_follow_each_other,
    an_export_has_every_event_once,
    an_export_is_whole_while_others_write,
    a_tail_shows_what_any_instance_records,
    a_tail_ends_with_its_server,
    a_chain_that_was_touched_is_named,
);

fn ask(query: &str) -> Request {
    Request::get(format!("/admin/audit{query}")).bearer(ADMIN_KEY)
}

async fn json(server: &Server, query: &str) -> serde_json::Value {
    server.send_admin(&ask(query)).await.expect(200).json()
}

async fn record(server: &Server, events: Vec<AuditEvent>) {
    server.engine.store().record(events).await.unwrap();
}

fn login(number: usize) -> AuditEvent {
    AuditEvent::new(AuditAction::UserLogin, format!("user-{number}"))
}

async fn the_query_of_the_guide_finds_the_token(database: Database) {
    let server = Server::start(&database).await;
    let app = server.public_app().await;
    app.tokens(&mut Browser::signed_in(&server).await).await;
    let as_printed = "?since=2026-06-01T00:00:00Z&kind=token_issued&user_id=user-42&limit=50";
    let nobody = json(&server, as_printed).await;
    assert_eq!(
        nobody,
        serde_json::json!({"events": [], "next_cursor": null})
    );
    let recorded = server.audit(AuditAction::TokenIssued).await.swap_remove(0);
    let user = recorded.event.user_id.clone().unwrap();
    let since = recorded.created_at.rfc3339();
    let query = |kind: &str| format!("?since={since}&{kind}&user_id={user}&limit=50");
    let found = json(&server, &query("kind=token_issued")).await;
    assert_eq!(found["events"].as_array().unwrap().len(), 1);
    let event = &found["events"][0];
    for (field, value) in [
        ("id", recorded.id.as_str()),
        ("action", "token.issued"),
        ("user_id", user.as_str()),
        ("client_id", app.client_id.as_str()),
        ("detail", recorded.event.detail.as_str()),
        ("ip", "127.0.0.1"),
        ("created_at", since.as_str()),
    ] {
        assert_eq!(event[field], value, "{field}");
    }
    for id in ["trace_id", "request_id", "actor_id", "resource"] {
        assert!(event[id].is_string(), "{id}");
    }
    for same in [
        "action=token.issued",
        "kind=consent_granted,token.issued&q=GRANT",
    ] {
        let again = json(&server, &query(same)).await;
        assert!(
            again["events"].as_array().unwrap().contains(event) || same.contains("GRANT"),
            "{same}: {again}"
        );
    }
    let both = json(&server, &query("kind=consent_granted,token_issued")).await;
    assert_eq!(both["events"].as_array().unwrap().len(), 2);
}

async fn what_cannot_be_read_is_named(database: Database) {
    let server = Server::start(&database).await;
    for (query, named) in [
        ("?since=yesterday", "since"),
        ("?until=2026-13-01T00:00:00Z", "until"),
        ("?kind=token", "kind"),
        ("?action=token.issued,", "action"),
        ("?limit=0", "limit"),
        ("?limit=1001", "limit"),
        ("?limit=many", "limit"),
        ("?offset=-1", "offset"),
        ("?cursor=first", "cursor"),
        ("?cursor=00000000-0000-0000-0000-000000000000", "cursor"),
        ("?colour=blue", "colour"),
        ("?q=%00", "NUL"),
        ("?q=%ff", "UTF-8"),
        ("/stream?limit=3", "limit"),
        ("/stream?until=1h", "until"),
        ("/stream?cursor=x", "cursor"),
    ] {
        let reply = server.send_admin(&ask(query)).await;
        let reply = reply.refused(400, "invalid_request");
        assert!(reply.body.contains(named), "{query}: {}", reply.body);
    }
    let stream = ask("/stream").header("last-event-id", "x");
    let reply = server.send_admin(&stream).await;
    let reply = reply.refused(400, "invalid_request");
    assert!(reply.body.contains("Last-Event-ID"), "{}", reply.body);
    let keyless = Request::get("/admin/audit");
    let reply = server.send_admin(&keyless).await;
    reply.refused(401, "invalid_admin_key");
}

async fn pages_follow_each_other(database: Database) {
    let server = Server::start(&database).await;
    record(&server, (0..250).map(login).collect()).await;
    let all = json(&server, "?limit=1000").await;
    assert!(all["next_cursor"].is_null());
    let all = all["events"].as_array().unwrap();
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = json(&server, &format!("?limit=100{cursor}")).await;
        seen.extend_from_slice(page["events"].as_array().unwrap());
        let Some(next) = page["next_cursor"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
        server.wait(Duration::from_millis(1));
        record(&server, vec![login(0)]).await;
    }
    assert!(&seen == all, "each once, in the same order");
    let page = json(&server, "?limit=5&offset=7&until=2100-01-01T00:00:00Z").await;
    assert_eq!(page["events"].as_array().unwrap().len(), 5);
}

async fn an_export_has_every_event_once(database: Database) {
    let server = Server::start(&database).await;
    let odd = "a,b;\"c\"\r\n=SUM(A1) \u{1f511} \u{202e}";
    let events = (0..2300).map(|number| login(number).resource(odd));
    record(&server, events.collect()).await;
    let query = "?kind=user_login";
    let export = async |accept: &str, query: &str| {
        let request = ask(query).header("accept", accept);
        let stream = Stream::open(server.admin, &request).await;
        stream.body().await
    };
    let lines = export("application/x-ndjson", query).await;
    let lines: Vec<serde_json::Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2300);
    let listed = json(&server, "?kind=user_login&limit=1000").await;
    assert_eq!(listed["events"].as_array().unwrap()[..], lines[..1000]);
    let table = export("text/html, text/csv;q=0.9, */*", query).await;
    let mut rows = csv::Reader::from_reader(table.as_bytes());
    let headings = rows.headers().unwrap().clone();
    let fields: Vec<_> = lines[0].as_object().unwrap().keys().collect();
    let mut sorted: Vec<_> = headings.iter().collect();
    sorted.sort_unstable();
    assert_eq!(sorted, fields, "the same fields in both");
    let mut count = 0;
    for (row, line) in rows.records().zip(&lines) {
        let row = row.unwrap();
        for (heading, value) in headings.iter().zip(&row) {
            assert_eq!(
                line[heading].as_str().unwrap_or_default(),
                value,
                "{heading}"
            );
        }
        assert_eq!(&row[5], odd);
        count += 1;
    }
    assert_eq!(count, 2300);
    let some = export(
        "application/x-ndjson",
        "?kind=user_login&limit=700&offset=1000",
    )
    .await;
    let some: Vec<serde_json::Value> = some
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(some, lines[1000..1700]);
    let none = export("text/csv", "?kind=user_logout").await;
    assert!(none.starts_with("id,action,actor_id,"), "{none}");
    assert_eq!(none.lines().count(), 1);
}

async fn an_export_is_whole_while_others_write(database: Database) {
    let server = Server::start(&database).await;
    let there: Vec<_> = (0..3000).map(login).collect();
    for part in there.chunks(500) {
        record(&server, part.to_vec()).await;
    }
    let request = ask("?kind=user_login").header("accept", "application/x-ndjson");
    let mut stream = Stream::open(server.admin, &request).await;
    stream.until("user-2999").await;
    for number in 3000..3100 {
        record(&server, vec![login(number)]).await;
    }
    let body = stream.body().await;
    let mut actors: Vec<_> = body
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"))
        .map(|event| event["actor_id"].as_str().expect("an actor").to_owned())
        .filter(|actor| actor.strip_prefix("user-").is_some_and(|own| own.len() < 5))
        .collect();
    let found = actors.len();
    actors.sort();
    actors.dedup();
    assert_eq!(actors.len(), found, "none twice");
    for event in &there {
        assert!(actors.contains(&event.actor_id), "{}", event.actor_id);
    }
}

async fn a_tail_shows_what_any_instance_records(database: Database) {
    let server = Server::start(&database).await;
    let other = server.beside(&database).await;
    record(&server, vec![login(0)]).await;
    server.wait(Duration::from_secs(5));
    let mut all = Stream::open(server.admin, &ask("/stream?kind=user_login")).await;
    let mut mine = Stream::open(server.admin, &ask("/stream?actor_id=user-2")).await;
    record(&server, vec![login(1)]).await;
    server.wait(Duration::from_millis(1));
    record(&other, vec![login(2)]).await;
    // Nothing is shown before all writers have had their time.
    server.wait(engine::admin::SETTLING + Duration::from_millis(1));
    let seen = all.until("user-2").await.to_owned();
    assert!(seen.contains("content-type: text/event-stream"), "{seen}");
    assert!(seen.contains("event: user.login\n"), "{seen}");
    assert!(!seen.contains("user-0"), "from now on: {seen}");
    assert!(seen.contains("user-1"), "{seen}");
    let only = mine.until("user-2").await;
    assert!(!only.contains("user-1"), "{only}");

    // Who was cut off goes on where it was.
    let first = server.audit(AuditAction::UserLogin).await;
    let first = first
        .iter()
        .find(|own| own.event.actor_id == "user-1")
        .unwrap();
    let again = ask("/stream?kind=user_login").header("last-event-id", &first.id);
    let mut again = Stream::open(server.admin, &again).await;
    let resumed = again.until("user-2").await;
    assert!(!resumed.contains("user-1"), "{resumed}");
    let earlier = format!(
        "/stream?kind=user_login&since={}",
        server.clock.now().minus(Duration::from_secs(60)).rfc3339()
    );
    let mut earlier = Stream::open(server.admin, &ask(&earlier)).await;
    assert!(earlier.until("user-2").await.contains("user-0"));

    // There are seats for sixteen; who leaves makes room.
    let mut seats = vec![all, mine, again, earlier];
    while seats.len() < 16 {
        seats.push(Stream::open(server.admin, &ask("/stream")).await);
    }
    let full = server.send_admin(&ask("/stream")).await;
    let full = full.refused(503, "temporarily_unavailable");
    assert!(full.header("retry-after").is_some());
    seats.pop();
    within(PATIENCE, "a free seat", async || {
        let probe = ask("/stream");
        let answer = tokio::time::timeout(Duration::from_millis(500), server.send_admin(&probe));
        answer.await.map_or(true, |reply| reply.status == 200)
    })
    .await;
}

async fn a_tail_ends_with_its_server(database: Database) {
    let process = Process::start(&database, &[]).await;
    let stream = Stream::open(process.admin, &ask("/stream")).await;
    process.terminate();
    // An answer that is cut off has no end.
    stream.body().await;
}

async fn a_chain_that_was_touched_is_named(database: Database) {
    let server = Server::start(&database).await;
    record(&server, (0..9).map(login).collect()).await;
    let report = cli(&database, &["audit", "verify", "--json"]);
    assert!(report["rows"].as_u64() >= Some(9), "{report}");
    assert!(report["broken"].is_null(), "{report}");
    let whole = run_cli(&database, &["audit", "verify"]);
    assert!(whole.status.success());
    assert!(String::from_utf8_lossy(&whole.stdout).contains("every chain holds"));
    database
        .execute("UPDATE audit_events SET actor_id = 'nobody' WHERE actor_id = 'user-4'")
        .await;
    let events = server.audit(AuditAction::UserLogin).await;
    let touched = events.iter().find(|own| own.event.actor_id == "nobody");
    let touched = &touched.unwrap().id;
    let broken = run_cli(&database, &["audit", "verify"]);
    assert_eq!(broken.status.code(), Some(1));
    let said = String::from_utf8_lossy(&broken.stderr).into_owned();
    assert!(said.contains(touched.as_str()), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    let broken = run_cli(&database, &["audit", "verify", "--json"]);
    assert_eq!(broken.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&broken.stdout).unwrap();
    assert_eq!(report["broken"]["id"], touched.as_str());
}
