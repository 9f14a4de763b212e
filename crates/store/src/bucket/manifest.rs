//! Bucket manifest: names the objects that are a tenant's parts.
//!
//! It is replaced on the condition that no other writer replaced it meanwhile; the one that comes
//! second reads it again and applies the same change.

use crate::StoreError;
use crate::bucket::client::{Client, ObjectError};
use crate::bucket::tenant_path;
use crate::layout::MANIFEST;
use crate::part::PartMeta;
use object_store::UpdateVersion;
use serde::{Deserialize, Serialize};
use skald_model::TenantId;
use std::collections::BTreeSet;

/// Version of the manifest's layout.
const MANIFEST_VERSION: u32 = 1;
/// Begins the object; the checksum of what follows the line comes after it.
const FIRST_WORD: &str = "skald-objects";
/// Times in a row that another writer may come first before the change is left for the next round.
const CONFLICTS_MAX: u32 = 20;

/// A part in the bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::bucket) struct ObjectPart {
    /// Name of the object below the tenant's folder.
    pub(in crate::bucket) object: String,
    /// What its writer's manifest says of it; the number is that writer's.
    #[serde(flatten)]
    pub(in crate::bucket) meta: PartMeta,
}

/// What the object says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::bucket) struct ObjectManifest {
    version: u32,
    /// Whose it is. Manifests named nobody at first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    /// By name.
    pub(in crate::bucket) parts: Vec<ObjectPart>,
}

impl ObjectManifest {
    /// The names of its objects.
    pub(in crate::bucket) fn names(&self) -> BTreeSet<&str> {
        self.parts.iter().map(|p| p.object.as_str()).collect()
    }

    /// The manifest after a change. What others added stays; what others removed already is not
    /// missed.
    fn changed(&self, added: &[ObjectPart], removed: &BTreeSet<String>) -> ObjectManifest {
        let known = self.names();
        let new = added.iter().filter(|p| !known.contains(p.object.as_str()));
        let kept = self.parts.iter().filter(|p| !removed.contains(&p.object));
        let mut parts: Vec<ObjectPart> = kept.chain(new).cloned().collect();
        parts.sort_by(|a, b| a.object.cmp(&b.object));
        ObjectManifest {
            version: MANIFEST_VERSION,
            tenant: self.tenant.clone(),
            parts,
        }
    }

    fn print(&self) -> Vec<u8> {
        let json = serde_json::to_vec_pretty(self).expect("numbers and lists are always JSON");
        let mut bytes = format!("{FIRST_WORD} {:08x}\n", crc32fast::hash(&json)).into_bytes();
        bytes.extend_from_slice(&json);
        bytes
    }

    fn parse(bytes: &[u8]) -> Option<ObjectManifest> {
        let end = bytes.iter().position(|b| *b == b'\n')?;
        let line = std::str::from_utf8(&bytes[..end]).ok()?;
        let crc = u32::from_str_radix(line.strip_prefix(FIRST_WORD)?.trim(), 16).ok()?;
        let json = &bytes[end + 1..];
        if crc == crc32fast::hash(json) {
            serde_json::from_slice(json).ok()
        } else {
            None
        }
    }
}

fn name(tenant: &TenantId) -> String {
    format!("{}/{MANIFEST}", tenant_path(tenant))
}

/// Reads a tenant's manifest; an empty one without a version when there is none.
pub(in crate::bucket) fn read(
    client: &Client,
    tenant: &TenantId,
) -> Result<(ObjectManifest, Option<UpdateVersion>), StoreError> {
    let Some(found) = client.get(&name(tenant))? else {
        return Ok((ObjectManifest::default(), None));
    };
    let manifest = ObjectManifest::parse(&found.bytes).ok_or_else(|| {
        StoreError::damaged(format!("object {}", name(tenant)), "its checksum is wrong")
    })?;
    if manifest.version > MANIFEST_VERSION {
        let version = manifest.version;
        return Err(StoreError::Unusable(format!(
            "object {} has format version {version}, this program reads up to {MANIFEST_VERSION}",
            name(tenant)
        )));
    }
    if let Some(of) = manifest.tenant.as_ref().filter(|of| *of != tenant.as_str()) {
        let what = format!("object {}", name(tenant));
        return Err(StoreError::damaged(what, format!("it is of tenant {of}")));
    }
    Ok((manifest, Some(found.version)))
}

/// Applies a change to a manifest, whatever other writers do at the same time; gives what it says
/// then. With `exists` the manifest must be there.
pub(in crate::bucket) fn change(
    client: &Client,
    tenant: &TenantId,
    added: &[ObjectPart],
    removed: &BTreeSet<String>,
    exists: bool,
) -> Result<ObjectManifest, StoreError> {
    for _ in 0..CONFLICTS_MAX {
        let (manifest, version) = read(client, tenant)?;
        if exists && version.is_none() {
            // Taking it for a list without parts would remove them here too.
            return Err(StoreError::Unusable(format!(
                "object {} is not there although parts were uploaded beside it: is this the right bucket?",
                name(tenant)
            )));
        }
        let next = ObjectManifest {
            tenant: Some(tenant.as_str().to_owned()),
            ..manifest.changed(added, removed)
        };
        // An answer that got lost counts as a conflict; the change is then found made.
        if next.parts == manifest.parts {
            return Ok(manifest);
        }
        match client.put_if(&name(tenant), next.print(), version) {
            Ok(()) => return Ok(next),
            Err(ObjectError::Conflict(_)) => {
                client
                    .counters()
                    .conflicts
                    .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(StoreError::unavailable(
        format!("object {}", name(tenant)),
        "other writers keep changing it",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(object: &str) -> ObjectPart {
        let meta = PartMeta {
            id: 3,
            day: 20_000,
            min_time: i64::MIN,
            max_time: i64::MAX,
            rows: 5,
            line_bytes: 100,
            bytes: u64::MAX,
            streams: 2,
            sequence: crate::sequence::Sequence::first_of(1),
            content: None,
            arrived: None,
        };
        ObjectPart {
            object: object.to_owned(),
            meta,
        }
    }

    fn manifest(objects: &[&str]) -> ObjectManifest {
        ObjectManifest {
            version: MANIFEST_VERSION,
            tenant: None,
            parts: objects.iter().map(|o| part(o)).collect(),
        }
    }

    #[test]
    fn a_change_keeps_what_others_did() {
        let check = |before: &[&str], added: &[&str], removed: &[&str], expected: &[&str]| {
            let added: Vec<ObjectPart> = added.iter().map(|o| part(o)).collect();
            let removed = removed.iter().map(|o| (*o).to_owned()).collect();
            assert_eq!(
                manifest(before).changed(&added, &removed),
                manifest(expected)
            );
        };
        check(&[], &["b", "a"], &[], &["a", "b"]);
        check(&["a", "other"], &["c"], &["a", "b"], &["c", "other"]);
        check(&["a"], &["a"], &[], &["a"]);
    }

    #[test]
    fn a_manifest_comes_back_and_a_changed_one_does_not() {
        let good = manifest(&["a", "b"]).print();
        assert_eq!(ObjectManifest::parse(&good), Some(manifest(&["a", "b"])));
        for at in 0..good.len() {
            let mut bytes = good.clone();
            bytes[at] ^= 1;
            assert_eq!(ObjectManifest::parse(&bytes), None, "byte {at}");
        }
    }
}
