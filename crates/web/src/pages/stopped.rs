//! The page for a request that ended before anybody signed in.

use askama::Template;

use super::text::{self, DETAIL_LENGTH, NAME_LENGTH};
use super::{ClientIdentity, Destination};

/// The answer to an authorization request of a client that registered itself, when it must be told
/// of an error and nobody is signed in: what is wrong, and a way on to the client. Nobody is sent
/// to an address that anybody could register (RFC 9700 §4.11.2).
#[derive(Debug, Clone, Template)]
#[template(path = "stopped.html")]
pub struct StoppedPage {
    /// Nonce of the response's Content-Security-Policy, for the style sheet.
    pub nonce: String,
    /// Host (and port) of the issuer, shown at the top so that people see where they are.
    pub issuer_host: String,
    /// HTTP status of the response.
    pub status: u16,
    /// Name of the client, as the client wrote it.
    pub client_name: String,
    /// What the server knows about the client besides its name.
    pub identity: ClientIdentity,
    /// Where the way on leads.
    pub destination: Destination,
    /// The error code that the client is told.
    pub error: &'static str,
    /// What it means, for whoever maintains the client; may quote the request.
    pub description: String,
    /// The client's address, with the error.
    pub to: String,
    /// Id of the request, which finds it in the logs.
    pub request_id: String,
}

impl StoppedPage {
    /// The client's name as the page shows it.
    fn client(&self) -> String {
        text::name_of_client(&self.client_name, NAME_LENGTH)
    }

    fn shown_description(&self) -> String {
        text::label(&self.description, DETAIL_LENGTH)
    }
}
