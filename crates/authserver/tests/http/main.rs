//! The whole server over HTTP: every rule of the public surface, and every abuse of it, has a
//! test here whose name states the rule. Where the database has a part in it, the test runs on
//! SQLite and on PostgreSQL.

#![expect(
    clippy::unwrap_used,
    reason = "a test whose stage cannot be set should stop there"
)]

mod admin_listener;
mod admin_rest;
mod audiences;
mod audit_actions;
mod audit_trail;
mod authorize;
mod bodies;
mod bound_code;
mod browser_session;
mod cimd;
mod client_assertions;
mod code;
mod commands;
mod console;
mod crash;
mod database_file;
mod database_lost;
mod discovery;
mod errors;
mod exchange;
mod exhaustion;
mod growth;
mod harness;
mod head;
mod host;
mod issuer_path;
mod logs;
mod long_lists;
mod memory;
mod newcomer;
mod odd_bytes;
mod operator;
mod otlp;
mod outage;
mod probes;
mod races;
mod readiness;
mod redirect_uri;
mod refresh;
mod refresh_retry;
mod refusals;
mod register;
mod reload;
mod remote_commands;
mod resource_uris;
mod scopes;
mod several_tabs;
mod signing_keys;
mod tokens;
