//! Where a database lies whose path leads over symbolic links.

use std::path::{Path, PathBuf};

/// Links in a row that are followed, as many as Linux follows.
const LINKS: u32 = 40;

/// The path of the file that `path` leads to, whether it is there or not. SQLite goes by the same
/// and keeps the log beside that file, so everything else that lies beside it has to as well.
pub(crate) fn resolve(path: &Path) -> PathBuf {
    let mut path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for _ in 0..LINKS {
        if let Ok(resolved) = path.canonicalize() {
            return resolved;
        }
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            break;
        };
        let folder = resolve(folder);
        match path.read_link() {
            Ok(target) => path = folder.join(target),
            Err(_) => return folder.join(name),
        }
    }
    path
}
