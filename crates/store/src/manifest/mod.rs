//! Manifest: names a tenant's parts and how much of the WAL they cover.
//!
//! One text file, replaced whole: written beside, synced, renamed, the folder synced. A line with a
//! checksum, then JSON, so that people can read it, and both once more: rot in one copy costs
//! nothing. README.md has an example. Without either copy, [`rebuild`] makes it from the parts.

pub(crate) mod edit;
pub(crate) mod rebuild;
pub(crate) mod uploaded;

pub(crate) use uploaded::Uploaded;

use crate::StoreError;
use crate::deletes::DeleteRecord;
use crate::layout::UNFINISHED;
use crate::part::PartMeta;
use crate::tenant_dir::TenantDir;
use serde::{Deserialize, Serialize};
use skald_model::TenantId;
use std::io::IoSlice;

/// Version of the manifest's layout; older ones are read.
const MANIFEST_VERSION: u32 = 2;
/// Begins a copy; the checksum and length of what follows the line come after it. Version 1 has one
/// copy, up to the end of the file, and no length.
const FIRST_WORD: &str = "skald-manifest";

/// What the file says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) version: u32,
    /// Whose it is. Manifests named nobody at first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tenant: Option<String>,
    /// WAL records of the tenant up to this one are in the parts.
    pub(crate) covered: u64,
    /// The next part's number.
    pub(crate) next_part: u64,
    pub(crate) parts: Vec<PartMeta>,
    /// Delete requests, in the order they were made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) deletes: Vec<DeleteRecord>,
    /// What of them the bucket has.
    #[serde(
        default,
        rename = "objects",
        skip_serializing_if = "Uploaded::is_empty"
    )]
    pub(crate) uploaded: Uploaded,
}

impl Manifest {
    /// Whose it is; nothing where it does not say so.
    pub(crate) fn tenant(&self) -> &str {
        self.tenant.as_deref().unwrap_or_default()
    }

    /// Whether it may be of this tenant.
    fn may_be_of(&self, tenant: &TenantId) -> bool {
        self.tenant
            .as_deref()
            .is_none_or(|of| of == tenant.as_str())
    }
}

/// What reading a manifest found.
#[derive(Debug)]
pub(crate) enum ManifestRead {
    /// Both copies are whole.
    Whole(Manifest),
    /// One copy is damaged: the file should be rewritten.
    HalfDamaged(Manifest),
    /// It is another tenant's.
    Foreign(Manifest),
    /// No such file.
    Missing,
    /// Nothing in it can be believed.
    Damaged,
}

/// A manifest could not be replaced.
#[derive(Debug)]
pub(crate) enum ReplaceError {
    /// The old one is in force; trying again is sound.
    NotReplaced(StoreError),
    /// Nobody knows which is in force after a crash: nothing may be built on either.
    Unknown(StoreError),
}

/// Reads a tenant's manifest.
pub(crate) fn read(dir: &TenantDir<'_>) -> Result<ManifestRead, StoreError> {
    let path = dir.manifest();
    let failed = StoreError::at("reading", &path);
    let file = match dir.files.open(&path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(ManifestRead::Missing),
        file => file.map_err(&failed)?,
    };
    let bytes = file
        .size()
        .and_then(|len| file.read_new(0, len as usize))
        .map_err(failed)?;
    let found = parse(&bytes, dir.tenant);
    if let ManifestRead::Whole(Manifest { version, .. })
    | ManifestRead::HalfDamaged(Manifest { version, .. }) = &found
        && *version > MANIFEST_VERSION
    {
        return Err(StoreError::Unusable(format!(
            "{} has format version {version}, this program reads up to {MANIFEST_VERSION}",
            path.display()
        )));
    }
    Ok(found)
}

/// Replaces a tenant's manifest, whose folder must exist.
pub(crate) fn replace(dir: &TenantDir<'_>, manifest: &Manifest) -> Result<(), ReplaceError> {
    let (files, folder) = (dir.files, dir.folder());
    // Opened before anything changes: want of a descriptor then leaves nothing in doubt.
    let names = files.open_folder(&folder);
    let names =
        names.map_err(|e| ReplaceError::NotReplaced(StoreError::at("opening", &folder)(e)))?;
    let unfinished = dir.beside_manifest(UNFINISHED);
    let bytes = print(manifest, dir.tenant);
    let written = files.create(&unfinished).and_then(|file| {
        file.append(&[IoSlice::new(&bytes)])?;
        file.sync()
    });
    let path = dir.manifest();
    if let Err(error) = written.and_then(|()| files.rename(&unfinished, &path)) {
        // Gives back what little it took; the next attempt starts over anyway.
        let _ = files.remove(&unfinished);
        return Err(ReplaceError::NotReplaced(StoreError::at("writing", &path)(
            error,
        )));
    }
    let synced = names.sync();
    synced.map_err(|e| ReplaceError::Unknown(StoreError::at("syncing", &folder)(e)))
}

fn print(manifest: &Manifest, tenant: &TenantId) -> Vec<u8> {
    let manifest = Manifest {
        version: MANIFEST_VERSION,
        tenant: Some(tenant.as_str().to_owned()),
        ..manifest.clone()
    };
    let mut json = serde_json::to_vec_pretty(&manifest).expect("numbers and lists are always JSON");
    json.push(b'\n');
    let mut copy = format!(
        "{FIRST_WORD} {:08x} {}\n",
        crc32fast::hash(&json),
        json.len()
    )
    .into_bytes();
    copy.extend_from_slice(&json);
    copy.repeat(2)
}

/// The first whole copy that may be of this tenant.
fn parse(bytes: &[u8], tenant: &TenantId) -> ManifestRead {
    let begins = |at: &usize| bytes[*at..].starts_with(FIRST_WORD.as_bytes());
    let copies = (0..bytes.len())
        .filter(begins)
        .filter_map(|at| parse_copy(&bytes[at..]));
    let mut foreign = None;
    let own = copies.into_iter().find_map(|copy| {
        if copy.may_be_of(tenant) {
            return Some(copy);
        }
        foreign.get_or_insert(copy);
        None
    });
    let Some(manifest) = own else {
        return foreign.map_or(ManifestRead::Damaged, ManifestRead::Foreign);
    };
    let (first, second) = bytes.split_at(bytes.len() / 2);
    if manifest.version == 1 || first == second {
        ManifestRead::Whole(manifest)
    } else {
        ManifestRead::HalfDamaged(manifest)
    }
}

fn parse_copy(bytes: &[u8]) -> Option<Manifest> {
    let end = bytes.iter().position(|b| *b == b'\n')?;
    let line = std::str::from_utf8(&bytes[..end]).ok()?;
    let mut words = line.strip_prefix(FIRST_WORD)?.split_ascii_whitespace();
    let crc = u32::from_str_radix(words.next()?, 16).ok()?;
    let rest = &bytes[end + 1..];
    let json = match words.next() {
        Some(len) => rest.get(..len.parse().ok()?)?,
        None => rest,
    };
    if crc != crc32fast::hash(json) {
        return None;
    }
    serde_json::from_slice(json).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Manifest {
        let part = PartMeta {
            id: 3,
            day: 20_000,
            min_time: i64::MIN,
            max_time: i64::MAX,
            rows: 5,
            line_bytes: 100,
            bytes: 300,
            streams: 2,
            sequence: crate::sequence::Sequence::first_of(1),
            content: None,
            arrived: None,
        };
        let delete = DeleteRecord {
            id: 7,
            query: "{a=\"b\"}".to_owned(),
            start: 1,
            end: 2,
            created: 3,
            arrived: 8,
            clean: vec![3],
            processed: None,
        };
        Manifest {
            version: MANIFEST_VERSION,
            tenant: Some(TenantId::fake().as_str().to_owned()),
            covered: 9,
            next_part: 4,
            parts: vec![part],
            deletes: vec![delete],
            ..Manifest::default()
        }
    }

    #[test]
    fn rot_in_one_copy_costs_nothing() {
        let good = print(&sample(), &TenantId::fake());
        assert!(
            matches!(parse(&good, &TenantId::fake()), ManifestRead::Whole(manifest) if manifest == sample())
        );
        for at in 0..good.len() {
            let mut bytes = good.clone();
            bytes[at] ^= 1;
            assert!(
                matches!(parse(&bytes, &TenantId::fake()), ManifestRead::HalfDamaged(manifest) if manifest == sample()),
                "byte {at}"
            );
        }
        assert!(
            matches!(parse(&good[..good.len() / 2], &TenantId::fake()), ManifestRead::HalfDamaged(manifest) if manifest == sample())
        );
        assert!(
            matches!(parse(&good[good.len() / 2..], &TenantId::fake()), ManifestRead::HalfDamaged(manifest) if manifest == sample())
        );
    }

    #[test]
    fn rot_in_both_copies_is_seen() {
        let good = print(&sample(), &TenantId::fake());
        for at in 0..good.len() / 2 {
            let mut bytes = good.clone();
            bytes[at] ^= 1;
            bytes[good.len() - 1 - at] ^= 1;
            assert!(
                matches!(parse(&bytes, &TenantId::fake()), ManifestRead::Damaged),
                "byte {at}"
            );
        }
        assert!(matches!(
            parse(b"", &TenantId::fake()),
            ManifestRead::Damaged
        ));
    }

    #[test]
    fn version_1_is_read() {
        let json = br#"{"version": 1, "covered": 9, "next_part": 4, "parts": []}"#;
        let bytes = [
            format!("{FIRST_WORD} {:08x}\n", crc32fast::hash(json)).as_bytes(),
            json,
        ]
        .concat();
        assert!(matches!(
            parse(&bytes, &TenantId::fake()),
            ManifestRead::Whole(Manifest {
                covered: 9,
                next_part: 4,
                ..
            })
        ));
        assert!(matches!(
            parse(&bytes[..bytes.len() - 1], &TenantId::fake()),
            ManifestRead::Damaged
        ));
    }
}
