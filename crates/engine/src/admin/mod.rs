//! What operators do: the same functions for the command line and the admin API.

mod clients;
mod resources;
mod users;

pub use clients::{ClientChange, ClientWithSecret, NewClient};
pub use resources::{NewResource, ResourceChange};
pub use users::{NewUser, UserChange};

/// The actor of everything done here.
const ACTOR: &str = "admin";
