//! The operator's side: the admin listener with its API ([`rest`]) and its pages (`console`), and
//! the command line ([`cli`]), which asks the API: three faces of the same engine functions.

pub mod cli;
mod console;
#[allow(
    unused_qualifications,
    reason = "what describes the parameters of a handler writes their types in full"
)]
pub mod rest;
pub mod views;
