//! The public listener: accepting connections ([`serve`]), what holds for every request
//! ([`shell`]), what the browser is shown ([`pages`]), and the endpoints themselves
//! ([`routes`]), which only translate between HTTP and the engine.

pub mod pages;
pub mod routes;
pub mod serve;
pub mod shell;
