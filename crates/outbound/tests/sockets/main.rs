//! The guarded client and the metadata resolver against servers on real sockets.

#![expect(
    clippy::unwrap_used,
    reason = "a test whose stage cannot be set should stop there"
)]

mod cimd;
mod guard;
mod server;
mod tls;
