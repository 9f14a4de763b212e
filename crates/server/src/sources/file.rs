//! The file that keeps sources over a restart (README.md).

use crate::sources::table::Source;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// The file's name in the data directory.
const FILE: &str = "sources.json";

/// Version of the file's layout.
const VERSION: u32 = 1;

/// A larger file is not one of ours.
const FILE_BYTES_MAX: u64 = 256 << 20;

#[derive(Serialize, Deserialize)]
struct Contents {
    version: u32,
    sources: Vec<Source>,
}

/// What the file has; nothing when there is none.
pub(crate) fn read(folder: &Path) -> io::Result<Vec<Source>> {
    let path = folder.join(FILE);
    let length = match fs::metadata(&path) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let invalid = |why: &str| Err(io::Error::new(io::ErrorKind::InvalidData, why));
    if length > FILE_BYTES_MAX {
        return invalid("it is too large");
    }
    let contents: Contents = serde_json::from_slice(&fs::read(&path)?)?;
    match contents.version {
        VERSION => Ok(contents.sources),
        _ => invalid("it is of another version"),
    }
}

/// Replaces the file.
pub(crate) fn write(folder: &Path, sources: Vec<Source>) -> io::Result<()> {
    let version = VERSION;
    let bytes = serde_json::to_vec(&Contents { version, sources })?;
    let beside = folder.join(format!("{FILE}.new"));
    let mut file = File::create(&beside)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    fs::rename(&beside, folder.join(FILE))?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::table::{Refusal, SourceKey};
    use std::collections::BTreeMap;

    #[test]
    fn what_is_written_is_read_again_and_what_is_broken_is_said() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(read(folder.path()).expect("none yet"), []);
        let text = |text: &str| text.to_owned();
        let source = Source {
            key: SourceKey {
                receiver: text("falco"),
                client: text("::1"),
                user_agent: text("x\"\n"),
                tenant: text("t"),
            },
            first_seen: -1,
            last_seen: i64::MAX,
            pushes: 1,
            entries: 2,
            bytes: 3,
            newest_entry: None,
            refused: BTreeMap::from([(
                text("r"),
                Refusal {
                    count: 1,
                    last_seen: 2,
                    sample: text("s"),
                    message: text(""),
                },
            )]),
        };
        write(folder.path(), vec![source.clone()]).expect("written");
        assert_eq!(read(folder.path()).expect("read"), [source]);
        fs::write(
            folder.path().join(FILE),
            "{\"version\": 2, \"sources\": []}",
        )
        .expect("written");
        assert!(read(folder.path()).is_err());
        fs::write(folder.path().join(FILE), "{").expect("written");
        assert!(read(folder.path()).is_err());
    }
}
