//! Why the program ends with an error.

use std::fmt;
use std::process::ExitCode;

/// A failed command: one line on standard error, and an exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    usage: bool,
}

impl Failure {
    /// Something could not be done (exit code 1).
    pub fn new(message: impl fmt::Display) -> Self {
        Self {
            message: message.to_string(),
            usage: false,
        }
    }

    /// The command was not called in the right way (exit code 2).
    pub fn usage(message: impl fmt::Display) -> Self {
        Self {
            message: message.to_string(),
            usage: true,
        }
    }

    /// What the process returns.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(if self.usage { 2 } else { 1 })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// The result of a command.
pub(crate) type Result<T = (), E = Failure> = std::result::Result<T, E>;
