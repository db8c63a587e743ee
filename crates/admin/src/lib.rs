//! The operator's side: the admin listener with its API ([`rest`]) and its pages (`console`), and
//! the command line ([`cli`]): three faces of the same engine functions.

pub mod cli;
mod console;
pub mod rest;
pub mod views;
