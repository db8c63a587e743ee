//! What is noted beside the keys of the database that they work with, so that a server finds out
//! when it is given another, or an older one.

use crate::Result;
use crate::directory::KeyDirectory;
use domain::UnixMillis;
use serde::{Deserialize, Serialize};

/// The name of the file that holds the note.
const FILE_NAME: &str = "database.note";

/// How far a database had come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseNote {
    /// Names the database.
    pub database_id: String,
    /// Its last sign of life.
    pub at: UnixMillis,
}

/// The note as it is written.
#[derive(Serialize, Deserialize)]
struct Written {
    database_id: String,
    last_heartbeat: String,
}

impl DatabaseNote {
    pub(crate) fn read(directory: &KeyDirectory) -> Result<Option<Self>> {
        let Some((content, _)) = directory.read(FILE_NAME)? else {
            return Ok(None);
        };
        let written = serde_json::from_slice::<Written>(&content).ok();
        Ok(written.and_then(|written| {
            Some(Self {
                database_id: written.database_id,
                at: UnixMillis::parse_rfc3339(&written.last_heartbeat)?,
            })
        }))
    }

    /// Not made durable: what a crash of the machine takes away is a second of it.
    pub(crate) fn write(&self, directory: &KeyDirectory) -> Result<()> {
        let written = Written {
            database_id: self.database_id.clone(),
            last_heartbeat: self.at.rfc3339(),
        };
        let content = serde_json::to_vec(&written).unwrap_or_default();
        directory.swap(&directory.lock()?, FILE_NAME, &content)
    }
}
