//! The operator's side: the admin listener ([`rest`]) and the command line ([`cli`]), two faces
//! of the same engine functions, showing the same [`views`].

pub mod cli;
pub mod rest;
pub mod views;
