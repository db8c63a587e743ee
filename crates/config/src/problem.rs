//! What keeps a configuration from being used.

use std::fmt;

use crate::schema::Allowed;
use crate::value::Refusal;

/// Longest part of a value that a message repeats, in characters.
const LONGEST_VALUE: usize = 120;

/// One thing that is wrong, told in one line: the key, where it was set, the value (masked when
/// secret), what is allowed, and the nearest known key where one was not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    key: String,
    place: Option<String>,
    message: String,
}

impl Problem {
    /// A problem of a key, wherever it was set.
    pub(crate) fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Problem {
            key: key.into(),
            place: None,
            message: message.into(),
        }
    }

    /// Adds where the key was set.
    pub(crate) fn at(mut self, place: impl fmt::Display) -> Self {
        self.place = Some(place.to_string());
        self
    }

    /// A value that was refused; `refusal.value` is masked already.
    pub(crate) fn refused(key: &str, refusal: Refusal, allowed: Allowed) -> Self {
        let Refusal { value, why } = refusal;
        Problem::new(key, format!("{} {why}; allowed: {allowed}", quote(&value)))
    }

    /// Dotted path of the key, with the indices of list elements; a file name for a problem of the
    /// file itself.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What is wrong and what to do about it.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "{} ({place}): {}", self.key, self.message),
            None => write!(f, "{}: {}", self.key, self.message),
        }
    }
}

/// Everything that is wrong, one line each; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(pub(crate) Vec<Problem>);

impl Problems {
    /// The problems, those of single values before those of how values fit together.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.iter().map(Problem::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for Problems {}

/// A value for a message: quoted, on one line, of bearable length.
pub(crate) fn quote(value: &str) -> String {
    match value.char_indices().nth(LONGEST_VALUE) {
        Some((end, _)) => format!("{:?}…", &value[..end]),
        None => format!("{value:?}"),
    }
}
