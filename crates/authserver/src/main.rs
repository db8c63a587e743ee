//! authserver
fn main() {}
