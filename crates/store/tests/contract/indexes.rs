//! Each index has a statement that needs it, and the planner of either database finds it.

use crate::database::Database;
use crate::on_both;
use std::collections::BTreeSet;

on_both!(
    every_index_is_used_by_the_statement_that_it_is_for,
    every_index_has_a_statement_that_it_is_for,
);

/// An index, and the statement that it is there for, with values in place of its arguments.
const NEEDED: [(&str, &str); 31] = [
    // Lists of the admin API, newest first.
    (
        "clients_by_age",
        "SELECT id FROM clients WHERE (issued_at, id) < (9, 'x') ORDER BY issued_at DESC, id DESC LIMIT 51",
    ),
    (
        "clients_by_status",
        "SELECT id FROM clients WHERE status = 'active' ORDER BY issued_at DESC, id DESC LIMIT 51",
    ),
    (
        "clients_by_source",
        "SELECT id FROM clients WHERE source = 'dcr' ORDER BY issued_at DESC, id DESC LIMIT 51",
    ),
    (
        "users_by_age",
        "SELECT id FROM users WHERE (created_at, id) < (9, 'x') ORDER BY created_at DESC, id DESC LIMIT 51",
    ),
    (
        "users_by_status",
        "SELECT id FROM users WHERE status = 'active' ORDER BY created_at DESC, id DESC LIMIT 51",
    ),
    (
        "token_families_by_user",
        "SELECT id FROM token_families WHERE user_id = 'x' ORDER BY id DESC LIMIT 51",
    ),
    (
        "token_families_by_client",
        "SELECT id FROM token_families WHERE client_id = 'x' ORDER BY id DESC LIMIT 51",
    ),
    (
        "issuances_by_user",
        "SELECT jti FROM issuances WHERE subject_user_id = 'x' AND jti >= 'x' ORDER BY jti DESC LIMIT 51",
    ),
    (
        "issuances_by_client",
        "SELECT jti FROM issuances WHERE client_id = 'x' AND jti >= 'x' ORDER BY jti DESC LIMIT 51",
    ),
    (
        "audit_events_by_user",
        "SELECT id FROM audit_events WHERE user_id = 'x' ORDER BY id DESC LIMIT 51",
    ),
    (
        "audit_events_by_client",
        "SELECT id FROM audit_events WHERE client_id = 'x' ORDER BY id DESC LIMIT 51",
    ),
    (
        "audit_events_by_action",
        "SELECT id FROM audit_events WHERE action = 'x' ORDER BY id DESC LIMIT 51",
    ),
    // What ends with something else.
    (
        "clients_by_default_resource",
        "SELECT id FROM clients WHERE default_resource = 'x' ORDER BY id",
    ),
    (
        "sessions_by_user",
        "DELETE FROM sessions WHERE user_id = 'x'",
    ),
    (
        "authorization_codes_by_user",
        "DELETE FROM authorization_codes WHERE user_id = 'x'",
    ),
    (
        "consent_grants_by_client",
        "DELETE FROM consent_grants WHERE client_id = 'x'",
    ),
    (
        "issuances_by_family",
        "UPDATE issuances SET revoked_at = 9 WHERE family_id = 'x' AND revoked_at IS NULL AND expires_at > 9",
    ),
    (
        "issuances_by_parent",
        "SELECT jti FROM issuances WHERE parent_jti = 'x'",
    ),
    (
        "issuances_by_obtainer",
        "SELECT jti FROM issuances WHERE obtained_by = 'x'",
    ),
    (
        "fronting_links_by_target",
        "DELETE FROM fronting_links WHERE target_id = 'x'",
    ),
    // What a purge removes.
    (
        "authorization_codes_by_end",
        "SELECT digest FROM authorization_codes WHERE expires_at < 9 LIMIT 1000",
    ),
    (
        "sessions_by_end",
        "SELECT token_digest FROM sessions WHERE expires_at < 9 LIMIT 1000",
    ),
    (
        "token_families_by_end",
        "SELECT id FROM token_families WHERE expires_at < 9 LIMIT 1000",
    ),
    (
        "refresh_tokens_by_family",
        "SELECT 1 FROM refresh_tokens WHERE family_id = 'x'",
    ),
    (
        "dpop_proofs_by_end",
        "SELECT proof FROM dpop_proofs WHERE expires_at < 9 LIMIT 1000",
    ),
    (
        "client_assertions_by_end",
        "SELECT assertion FROM client_assertions WHERE expires_at < 9 LIMIT 1000",
    ),
    (
        "console_sign_outs_by_end",
        "SELECT session_digest FROM console_sign_outs WHERE expires_at < 9 LIMIT 1000",
    ),
    (
        "clients_unused",
        "SELECT id FROM clients WHERE source = 'dcr' AND used_at IS NULL AND updated_at = issued_at \
         AND issued_at < 9 ORDER BY issued_at, id LIMIT 100",
    ),
    (
        "clients_by_use",
        "SELECT id FROM clients WHERE source = 'dcr' AND used_at IS NOT NULL AND updated_at = issued_at \
         AND used_at < 9 ORDER BY used_at, id LIMIT 100",
    ),
    // What the overview counts.
    (
        "issuances_revoked",
        "SELECT COUNT(*) FROM issuances WHERE revoked_at IS NOT NULL",
    ),
    (
        "clients_by_status",
        "SELECT COUNT(*) FROM clients WHERE status = 'active'",
    ),
];

/// How the database goes about a statement.
async fn plan(db: &Database, statement: &str) -> String {
    if db.is_sqlite() {
        let file = db.file();
        let mut explained = file
            .prepare(&format!("EXPLAIN QUERY PLAN {statement}"))
            .unwrap();
        let rows = explained
            .query_map([], |row| row.get::<_, String>(3))
            .unwrap();
        return rows.map(Result::unwrap).collect::<Vec<_>>().join("\n");
    }
    // Of tables without rows the planner would read all, or sort what an index has in order: is
    // there another way?
    let client = db.client().await;
    let mut plans = Vec::new();
    for settings in ["SET enable_seqscan = off", "SET enable_sort = off"] {
        client.batch_execute(settings).await.unwrap();
        let rows = client.query(&format!("EXPLAIN {statement}"), &[]).await;
        plans.extend(rows.unwrap().iter().map(|row| row.get::<_, String>(0)));
    }
    plans.join("\n")
}

async fn every_index_is_used_by_the_statement_that_it_is_for(db: Database) {
    db.open().await.close().await;
    for (index, statement) in NEEDED {
        let plan = plan(&db, statement).await;
        assert!(plan.contains(index), "{index}: {statement}\n{plan}");
    }
}

async fn every_index_has_a_statement_that_it_is_for(db: Database) {
    db.open().await.close().await;
    // Those of primary keys and of unique columns are there for that.
    let made = match db.is_sqlite() {
        true => "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
        false => {
            "SELECT c.relname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
             JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND NOT i.indisunique"
        }
    };
    let made: BTreeSet<_> = db.texts(made).await.into_iter().collect();
    let needed: BTreeSet<_> = NEEDED
        .iter()
        .map(|(index, _)| String::from(*index))
        .collect();
    assert_eq!(made, needed);
}
