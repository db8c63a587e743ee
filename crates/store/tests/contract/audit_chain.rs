//! The audit trail shows what was done to it.

use crate::database::Database;
use crate::on_both;
use crate::samples::{client, event, rich_event};
use domain::AuditAction;
use store::{ChainReport, Store};
use tokio::task::JoinSet;

on_both!(
    chains_of_several_instances_and_runs_hold,
    rows_of_a_writer_are_numbered_without_gaps,
    a_changed_row_shows,
    a_removed_row_shows,
    reordered_rows_show,
    a_row_that_was_put_in_shows,
    a_failed_write_leaves_no_gap,
);

async fn record(store: &Store, rows: usize) {
    let mut running = JoinSet::new();
    for index in 0..rows {
        let store = store.clone();
        let event = match index % 2 {
            0 => rich_event(),
            _ => event(AuditAction::UserLogin).user(index.to_string()),
        };
        running.spawn(async move { store.record(vec![event]).await.unwrap() });
    }
    running.join_all().await;
}

/// Twelve rows of one writer; the ids by place.
async fn one_chain(db: &Database) -> (Store, Vec<String>) {
    let store = db.open().await;
    for _ in 0..12 {
        store.record(vec![rich_event()]).await.unwrap();
    }
    let ids = db.texts("SELECT id FROM audit_events ORDER BY seq").await;
    assert_eq!(ids.len(), 12);
    (store, ids)
}

/// The place and the row at which the check finds the chain broken.
async fn broken(store: &Store) -> (i64, Option<String>) {
    let found = store.verify_audit_chain().await.unwrap().broken.unwrap();
    (found.seq, found.id)
}

async fn chains_of_several_instances_and_runs_hold(db: Database) {
    for _ in 0..2 {
        let (a, b) = (db.open().await, db.open().await);
        tokio::join!(record(&a, 150), record(&b, 150));
    }
    let report = db.open().await.verify_audit_chain().await.unwrap();
    assert_eq!(report.rows, 600);
    assert!(report.writers >= 4, "{}", report.writers);
    assert_eq!(report.broken, None);
    let empty = ChainReport {
        rows: 0,
        writers: 0,
        broken: None,
    };
    db.execute("DELETE FROM audit_events").await;
    let report = db.open().await.verify_audit_chain().await.unwrap();
    assert_eq!(report, empty);
}

async fn rows_of_a_writer_are_numbered_without_gaps(db: Database) {
    record(&db.open().await, 300).await;
    let gaps = "(SELECT writer FROM audit_events GROUP BY writer \
         HAVING COUNT(*) <> MAX(seq) OR MIN(seq) <> 1 OR COUNT(DISTINCT seq) <> COUNT(*)) AS gaps";
    assert_eq!(db.count(gaps).await, 0);
}

async fn a_changed_row_shows(db: Database) {
    let (store, ids) = one_chain(&db).await;
    for change in [
        "actor_id = 'someone'",
        "detail = ''",
        "action = 'user.login'",
        "action = 'no.such.action'",
        "user_id = NULL",
        "created_at = created_at + 1",
        "client_id = NULL, user_id = client_id",
        "hash = 'x'",
    ] {
        let columns = "actor_id, detail, action, user_id, client_id, created_at, hash";
        let keep = format!("CREATE TABLE kept AS SELECT {columns} FROM audit_events WHERE seq = 7");
        db.execute(&keep).await;
        db.execute(&format!("UPDATE audit_events SET {change} WHERE seq = 7"))
            .await;
        assert_eq!(broken(&store).await, (7, Some(ids[6].clone())), "{change}");
        let undo = format!(
            "UPDATE audit_events SET ({columns}) = (SELECT {columns} FROM kept) WHERE seq = 7"
        );
        db.execute(&undo).await;
        db.execute("DROP TABLE kept").await;
        assert_eq!(store.verify_audit_chain().await.unwrap().broken, None);
    }
}

async fn a_removed_row_shows(db: Database) {
    let (store, _) = one_chain(&db).await;
    db.execute("DELETE FROM audit_events WHERE seq = 5").await;
    assert_eq!(broken(&store).await, (5, None));
    // Closing the gap does not help.
    db.execute("UPDATE audit_events SET seq = seq - 1 WHERE seq > 5")
        .await;
    assert_eq!(broken(&store).await.0, 5);
    db.execute("DELETE FROM audit_events WHERE seq < 5").await;
    assert_eq!(broken(&store).await, (1, None));
}

async fn reordered_rows_show(db: Database) {
    let (store, ids) = one_chain(&db).await;
    db.execute(
        "UPDATE audit_events SET seq = CASE seq WHEN 3 THEN 9 ELSE 3 END WHERE seq IN (3, 9)",
    )
    .await;
    assert_eq!(broken(&store).await, (3, Some(ids[8].clone())));
}

async fn a_row_that_was_put_in_shows(db: Database) {
    let (store, _) = one_chain(&db).await;
    let rest = "user_id, client_id, resource, ip, detail, trace_id, request_id, created_at, writer";
    for (id, seq) in [("zzz", 4), ("000", 4), ("zzz", 13)] {
        let forge = format!(
            "INSERT INTO audit_events (id, action, actor_id, seq, hash, {rest}) \
             SELECT '{id}', action, actor_id, {seq}, hash, {rest} FROM audit_events WHERE seq = 4"
        );
        db.execute(&forge).await;
        assert_eq!(broken(&store).await.0, seq, "{id}");
        db.execute(&format!("DELETE FROM audit_events WHERE id = '{id}'"))
            .await;
    }
}

async fn a_failed_write_leaves_no_gap(db: Database) {
    let store = db.open().await;
    let taken = client();
    store
        .create_client(taken.clone(), vec![rich_event()])
        .await
        .unwrap();
    for _ in 0..5 {
        let again = store.create_client(taken.clone(), vec![rich_event()]);
        let (failed, ()) = tokio::join!(again, record(&store, 20));
        failed.unwrap_err();
    }
    let report = store.verify_audit_chain().await.unwrap();
    assert_eq!((report.rows, report.broken), (101, None));
}
