//! The FORMAT file says which layout a data directory has. It has one copy: where it is damaged or
//! lost, the manifests, parts and segments beside it tell instead, and it is written anew.
//!
//! A directory of a later version is refused, and so is one that shows no trace of Skald. A later
//! version of the directory comes with a later one of its manifests.

use crate::StoreError;
use crate::files::Files;
use crate::layout::Layout;
use crate::manifest::{self, ManifestRead, rebuild};
use crate::part::{Part, PartEnv};
use crate::tenant_dir::TenantDir;
use skald_model::TenantId;
use std::io::IoSlice;

/// Version of a data directory as a whole: which folders and files there are.
const FORMAT_VERSION: u32 = 1;
/// Begins the FORMAT file.
const FORMAT_WORD: &str = "skald-data";
/// Begins a segment of the WAL.
const SEGMENT_MAGIC: &[u8] = b"SKWL";
/// Longest FORMAT file that is read: a longer one is another program's.
const FORMAT_BYTES_MAX: u64 = 4096;

/// What the file says.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Said {
    /// This version, as this program writes it.
    Current,
    /// Another version.
    Version(u32),
    /// Nothing that can be read.
    Nothing,
}

/// What was found of a directory that this program reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Its file is whole.
    Whole,
    /// It is new: the file is not there yet.
    New,
    /// The file has to be written anew, and why.
    Damaged(String),
}

/// Whether this program reads the directory; an error says why not.
pub(crate) fn check(env: &PartEnv, layout: &Layout) -> Result<Found, StoreError> {
    let path = layout.format();
    let bytes = match read(&*env.files, layout)? {
        Some(bytes) => bytes,
        None if has_traces(env, layout)? => {
            return Ok(Found::Damaged(format!("{} is missing", path.display())));
        }
        None => return Ok(Found::New),
    };
    let damaged = || Found::Damaged(format!("{} is damaged", path.display()));
    match said(&bytes) {
        Said::Current => Ok(Found::Whole),
        // One flipped bit can make this text too. A person can tell, a program must not guess.
        Said::Version(version) if version > FORMAT_VERSION => Err(StoreError::Unusable(format!(
            "data directory {} has format version {version}, this program reads up to {FORMAT_VERSION} (if no later program wrote it and {} is damaged, remove that file: it is written anew)",
            layout.data().display(),
            path.display()
        ))),
        Said::Version(_) => Ok(damaged()),
        // A crash may leave an empty file in a directory that is new.
        Said::Nothing if has_traces(env, layout)? || bytes.is_empty() => Ok(damaged()),
        Said::Nothing => Err(StoreError::Unusable(format!(
            "{} is not a Skald data directory's format file",
            path.display()
        ))),
    }
}

/// Writes the file.
pub(crate) fn write(files: &dyn Files, layout: &Layout) -> Result<(), StoreError> {
    let path = layout.format();
    let unfinished = path.with_extension("tmp");
    let written = files.create(&unfinished).and_then(|file| {
        file.append(&[IoSlice::new(text().as_bytes())])?;
        file.sync()?;
        files.rename(&unfinished, &path)?;
        files.sync_folder(&layout.data())
    });
    written.map_err(StoreError::at("writing", &path))
}

fn text() -> String {
    format!("{FORMAT_WORD} {FORMAT_VERSION}\n")
}

/// The bytes of the file, or its first; `None` when there is none.
fn read(files: &dyn Files, layout: &Layout) -> Result<Option<Vec<u8>>, StoreError> {
    let path = layout.format();
    let failed = StoreError::at("reading", &path);
    let file = match files.open(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(&failed)?,
    };
    file.size()
        .and_then(|len| file.read_new(0, len.min(FORMAT_BYTES_MAX) as usize))
        .map(Some)
        .map_err(failed)
}

fn said(bytes: &[u8]) -> Said {
    if bytes == text().as_bytes() {
        return Said::Current;
    }
    let text = String::from_utf8_lossy(bytes);
    let version = text
        .strip_prefix(FORMAT_WORD)
        .and_then(|rest| rest.trim().parse::<u32>().ok());
    version.map_or(Said::Nothing, Said::Version)
}

/// Whether the directory holds a manifest, a part or a segment that this program wrote. A manifest
/// of a later version is an error.
fn has_traces(env: &PartEnv, layout: &Layout) -> Result<bool, StoreError> {
    let files = &*env.files;
    let list = |folder: &std::path::Path| match files.list(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        listed => listed.map_err(StoreError::at("listing", folder)),
    };
    let mut found = false;
    for folder in list(&layout.tenants())?.iter().filter(|f| f.is_folder) {
        let Ok(tenant) = TenantId::parse(&folder.name) else {
            continue;
        };
        let dir = TenantDir {
            files,
            layout,
            tenant: &tenant,
        };
        let read = match manifest::read(&dir) {
            // One that can't be read tells nothing, and another may.
            Err(StoreError::Io { .. }) => continue,
            read => read?,
        };
        found |= match read {
            ManifestRead::Whole(_) | ManifestRead::HalfDamaged(_) | ManifestRead::Foreign(_) => {
                true
            }
            ManifestRead::Missing | ManifestRead::Damaged => {
                let parts = rebuild::part_files(&dir)?;
                parts.iter().any(|(day, id)| {
                    let meta = rebuild::placeholder(*day, *id);
                    Part::open(env, dir.part(*day, *id), meta).is_ok()
                })
            }
        };
    }
    let wal = layout.wal();
    let is_segment = |name: &str| {
        let begin = files.open(&wal.join(name)).and_then(|f| f.read_new(0, 4));
        begin.is_ok_and(|begin| begin == SEGMENT_MAGIC)
    };
    Ok(found || list(&wal)?.iter().any(|file| is_segment(&file.name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_flipped_bit_is_seen_and_another_version_is_told_apart() {
        assert_eq!(said(text().as_bytes()), Said::Current);
        for (at, bit) in (0..text().len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
            let mut bytes = text().into_bytes();
            bytes[at] ^= 1 << bit;
            assert_ne!(said(&bytes), Said::Current, "byte {at}");
        }
        for (text, expected) in [
            ("skald-data 2\n", Said::Version(2)),
            ("skald-data 1", Said::Version(1)),
            ("", Said::Nothing),
            ("rocksdb\n", Said::Nothing),
        ] {
            assert_eq!(said(text.as_bytes()), expected, "{text}");
        }
    }
}
