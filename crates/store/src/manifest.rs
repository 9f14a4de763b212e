//! A tenant's manifest: which parts there are and how much of the WAL they cover.
//!
//! One text file, replaced whole: written beside, synced, renamed, the folder synced. A first line with
//! a checksum, then JSON, so that people can read it. README.md has an example.

use crate::StoreError;
use crate::files::{Files, is_full};
use crate::layout::{Layout, MANIFEST, UNFINISHED};
use crate::part::PartMeta;
use serde::{Deserialize, Serialize};
use skald_model::TenantId;
use std::io::IoSlice;

/// Version of the manifest's layout.
const MANIFEST_VERSION: u32 = 1;
/// Begins the file; the checksum of what follows the line stands behind it.
const FIRST_WORD: &str = "skald-manifest";

/// What the file says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) version: u32,
    /// WAL records of the tenant up to this one are in the parts.
    pub(crate) covered: u64,
    /// The next part's number.
    pub(crate) next_part: u64,
    pub(crate) parts: Vec<PartMeta>,
}

/// A manifest could not be replaced.
#[derive(Debug)]
pub(crate) enum ReplaceError {
    /// The old one is in force; trying again is sound.
    Kept(StoreError),
    /// Nobody knows which is in force after a crash: nothing may be built on either.
    Unknown(StoreError),
}

/// Reads a tenant's manifest; an empty one when there is none.
pub(crate) fn read(files: &dyn Files, layout: &Layout, tenant: &TenantId) -> Result<Manifest, StoreError> {
    let path = layout.manifest(tenant);
    let failed = |e| StoreError::io(format!("reading {}", path.display()), e);
    let file = match files.open(&path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Manifest::default()),
        file => file.map_err(failed)?,
    };
    let mut bytes = vec![0; file.size().map_err(failed)? as usize];
    file.read_at(0, &mut bytes).map_err(failed)?;
    let manifest = parse(&bytes).ok_or_else(|| StoreError::Damaged(format!("{} is damaged", path.display())))?;
    if manifest.version > MANIFEST_VERSION {
        let found = manifest.version;
        return Err(StoreError::Unusable(format!(
            "{} has format version {found}, this program reads up to {MANIFEST_VERSION}",
            path.display()
        )));
    }
    Ok(manifest)
}

/// Replaces a tenant's manifest, whose folder must exist.
pub(crate) fn replace(files: &dyn Files, layout: &Layout, tenant: &TenantId, manifest: &Manifest) -> Result<(), ReplaceError> {
    let folder = layout.tenant(tenant);
    let unfinished = folder.join(format!("{MANIFEST}{UNFINISHED}"));
    let bytes = print(manifest);
    let written = files.create(&unfinished).and_then(|file| {
        file.append(&[IoSlice::new(&bytes)])?;
        file.sync()
    });
    let path = layout.manifest(tenant);
    if let Err(error) = written.and_then(|()| files.rename(&unfinished, &path)) {
        if is_full(&error) {
            // Gives back what little it took; the next attempt begins anew anyway.
            let _ = files.remove(&unfinished);
        }
        return Err(ReplaceError::Kept(StoreError::io(format!("writing {}", path.display()), error)));
    }
    let synced = files.sync_folder(&folder);
    synced.map_err(|e| ReplaceError::Unknown(StoreError::io(format!("syncing {}", folder.display()), e)))
}

fn print(manifest: &Manifest) -> Vec<u8> {
    let manifest = Manifest { version: MANIFEST_VERSION, ..manifest.clone() };
    let json = serde_json::to_vec_pretty(&manifest).expect("numbers and lists are always JSON");
    let mut bytes = format!("{FIRST_WORD} {:08x}\n", crc32fast::hash(&json)).into_bytes();
    bytes.extend_from_slice(&json);
    bytes
}

fn parse(bytes: &[u8]) -> Option<Manifest> {
    let end = bytes.iter().position(|b| *b == b'\n')?;
    let line = std::str::from_utf8(&bytes[..end]).ok()?;
    let crc = u32::from_str_radix(line.strip_prefix(FIRST_WORD)?.trim(), 16).ok()?;
    let json = &bytes[end + 1..];
    if crc != crc32fast::hash(json) {
        return None;
    }
    serde_json::from_slice(json).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_comes_back_and_a_changed_one_does_not() {
        let part = PartMeta {
            id: 3,
            day: 20_000,
            min_time: i64::MIN,
            max_time: i64::MAX,
            rows: 5,
            line_bytes: 100,
            bytes: 300,
            streams: 2,
            sequence: 1 << 20,
        };
        let manifest = Manifest { version: MANIFEST_VERSION, covered: 9, next_part: 4, parts: vec![part] };
        let good = print(&manifest);
        assert_eq!(parse(&good), Some(manifest));
        for at in 0..good.len() {
            let mut bytes = good.clone();
            bytes[at] ^= 1;
            assert_eq!(parse(&bytes), None, "byte {at}");
        }
    }
}
