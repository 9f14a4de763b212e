//! Files that a command is given: themselves, or those of directories.

use std::path::{Path, PathBuf};

/// The file itself, or those of a directory and its folders in order of their names. Hidden ones are
/// left out, as by the server.
pub(super) fn files_of(path: &Path) -> Result<Vec<PathBuf>, String> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            entries.push(entry.path());
        }
    }
    entries.sort();
    let mut files = Vec::new();
    for entry in entries {
        files.extend(files_of(&entry)?);
    }
    Ok(files)
}
