//! The shell and the accept loop over real sockets, most of them handled by hand, because what
//! matters is what happens when a client does not behave.

#![allow(clippy::unwrap_used, reason = "what fails here fails a test")]

mod abuse;
mod answers;
mod cross_origin;
mod end;
mod limits;
mod log;
mod reports;
mod server;
mod tls;
