//! The guarded client and what is fetched through it against servers on real sockets.

#![expect(
    clippy::unwrap_used,
    reason = "a test whose stage cannot be set should stop there"
)]

mod cimd;
mod guard;
mod jwks;
mod server;
mod tls;
