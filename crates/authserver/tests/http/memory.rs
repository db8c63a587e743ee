//! Memory is bounded in bytes: whatever strangers register, and whatever operators read at once.

use crate::harness::{ADMIN_KEY, Connection, Database, Process, Request, Server};
use serde_json::{Value, json};
use std::collections::HashSet;
use tokio::task::JoinSet;

const CLIENTS: usize = 2400;
const WORKERS: usize = 12;
const MIB: u64 = 1 << 20;

/// A registration of nearly 16 KiB, the largest that is accepted.
fn registration() -> Request {
    let uris: Vec<_> = (0..31)
        .map(|number| format!("https://app.example/{number}/{}", "x".repeat(480)))
        .collect();
    let metadata = json!({ "client_name": "Large", "redirect_uris": uris });
    assert!((15_500..16_384).contains(&metadata.to_string().len()));
    Request::json("/oauth/register", &metadata)
}

/// Registers clients and looks each up once.
async fn register(server: &Process, clients: usize) -> Vec<String> {
    let mut workers = JoinSet::new();
    for _ in 0..WORKERS {
        let public = server.public;
        workers.spawn(async move {
            let mut connection = Connection::open(public).await.expect("a connection");
            let mut ids = Vec::new();
            for _ in 0..clients / WORKERS {
                let made = connection.send(&registration()).await.expect(201);
                let id = made.json()["client_id"].as_str().unwrap().to_owned();
                let asked = Request::query("/oauth/authorize", &[("client_id", &id)]);
                connection.send(&asked).await.expect(400);
                ids.push(id);
            }
            ids
        });
    }
    workers.join_all().await.concat()
}

fn page(cursor: Option<&str>) -> Request {
    let mut target = String::from("/admin/clients?limit=1000");
    if let Some(cursor) = cursor {
        target = format!("{target}&cursor={cursor}");
    }
    Request::get(target).bearer(ADMIN_KEY)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_registrations_and_long_lists_of_them_take_bounded_memory() {
    let variables = [("AUTHPLANE_DCR_MODE", "open")];
    let database = Database::sqlite();
    let server = Process::start(&database, &variables).await;
    let mut ids = register(&server, 10 * WORKERS).await;
    server.send_admin(&page(None)).await.expect(200);
    let before = server.memory("VmRSS");

    ids.extend(register(&server, CLIENTS).await);
    let cached = server
        .metric("authserver_cache_bytes{cache=\"clients\"}")
        .await;
    assert!((16.0..=32.0).contains(&(cached / MIB as f64)), "{cached}");

    // Each row once, in parts that end before they are too large.
    let (mut seen, mut cursor, mut parts) = (HashSet::new(), None, 0);
    loop {
        let part = server
            .send_admin(&page(cursor.as_deref()))
            .await
            .expect(200);
        assert!((part.body.len() as u64) < 6 * MIB, "{}", part.body.len());
        let part = part.json();
        let rows = part["clients"].as_array().unwrap();
        for row in rows {
            let id = row["id"].as_str().unwrap().to_owned();
            assert!(seen.insert(id), "a row comes once");
        }
        parts += 1;
        cursor = part["next_cursor"].as_str().map(str::to_owned);
        assert!(rows.len() < 1000, "{}", rows.len());
        if cursor.is_none() {
            break;
        }
    }
    assert!(parts > 6 && ids.iter().all(|id| seen.contains(id)));
    let grown = server.memory("VmRSS").saturating_sub(before);
    assert!(grown < 128 * MIB, "{} MiB more", grown / MIB);

    // Many at once take turns.
    let mut lists = JoinSet::new();
    for _ in 0..16 {
        let admin = server.admin;
        lists.spawn(async move {
            let mut connection = Connection::open(admin).await.expect("a connection");
            let part = connection.send(&page(None)).await.expect(200);
            assert!(matches!(part.json()["next_cursor"], Value::String(_)));
        });
    }
    lists.join_all().await;
    let peak = server.memory("VmHWM").saturating_sub(before);
    assert!(peak < 224 * MIB, "{} MiB more", peak / MIB);
}

#[tokio::test]
async fn a_client_of_the_operator_has_a_bounded_size() {
    let server = Server::start(&Database::sqlite()).await;
    let client = |uris: usize| {
        let uris: Vec<_> = (0..uris)
            .map(|number| format!("https://app.example/{number}/{}", "x".repeat(900)))
            .collect();
        json!({ "client_name": "Large", "redirect_uris": uris })
    };
    let send = async |request: Request| server.send_admin(&request.bearer(ADMIN_KEY)).await;
    let made = send(Request::json("/admin/clients", &client(60)))
        .await
        .expect(201);
    let refused = send(Request::json("/admin/clients", &client(80))).await;
    let problem = refused.expect(422).json();
    assert_eq!(problem["field"], "redirect_uris", "{problem}");
    let own = format!(
        "/admin/clients/{}",
        made.json()["client_id"].as_str().unwrap()
    );
    let patch = json!({ "redirect_uris": client(80)["redirect_uris"] });
    let grown = Request::new("PATCH", &own).body(patch.to_string());
    send(grown).await.expect(422);
}
