//! The shell and the accept loop over real sockets, most of them handled by hand, because what
//! matters is what happens when a client does not behave.

mod abuse;
mod answers;
mod cross_origin;
mod end;
mod limits;
mod server;
mod tls;
