//! The pages that a person sees in a browser: sign-in, consent, errors.
//!
//! Each page is a plain struct with everything that it shows, and a template of the same
//! name in `templates/`. A handler fills in the struct and calls `askama::Template::render`;
//! no page reads anything else. All text is escaped by the template engine.
//!
//! What every page promises (spec: http.md, "Login and consent pages"):
//! - It works without scripts, and has none.
//! - It asks for nothing but itself: one inline style sheet that carries the nonce of the
//!   response's Content-Security-Policy, inline drawings, and an icon in a `data:` URL. So
//!   `default-src 'none'; style-src 'nonce-…'; img-src data:` is enough.
//! - Text that a client chose for itself stays in its place: `text::label` bounds its length
//!   and shows invisible characters, `<bdi>` keeps its direction from spreading.

mod consent;
mod error;
mod home;
mod login;
mod stopped;
pub mod text;

#[cfg(test)]
mod tests;

pub use consent::{ClientIdentity, ConsentPage, ConsentResource, ConsentScope, Destination};
pub use error::ErrorPage;
pub use home::{AnsweredPage, HomePage, SignedOutPage};
pub use login::{LoginError, LoginPage, UpstreamLogin};
pub use stopped::StoppedPage;
