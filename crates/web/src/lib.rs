//! The public side of the server: connections, the shell around every request, and the routes.

pub mod serve;
pub mod shell;
