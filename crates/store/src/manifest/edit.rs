//! Manifest edit: parts that come and go and what is known of them, made durable in one step.

use crate::deletes::DeleteRecord;
use crate::manifest::{Manifest, Uploaded};
use crate::part::{Part, PartMeta};
use std::sync::Arc;

/// A change of a tenant's manifest. The default changes nothing.
#[derive(Debug, Default)]
pub(crate) struct ManifestEdit<'a> {
    /// WAL records up to this one are in parts; `None` leaves it.
    pub(crate) covered: Option<u64>,
    /// Parts that are new.
    pub(crate) added: &'a [Arc<Part>],
    /// Parts that are new and can't be opened: named all the same.
    pub(crate) added_unreadable: &'a [PartMeta],
    /// Numbers of the parts that go.
    pub(crate) removed: &'a [u64],
    /// All delete requests; `None` leaves them.
    pub(crate) deletes: Option<Vec<DeleteRecord>>,
    /// What the bucket has afterwards; `None` is what follows from `removed`.
    pub(crate) uploaded: Option<Uploaded>,
}

impl ManifestEdit<'_> {
    /// The manifest after the edit.
    pub(crate) fn apply(&self, mut manifest: Manifest) -> Manifest {
        if let Some(covered) = self.covered {
            manifest.covered = covered;
        }
        manifest
            .parts
            .retain(|part| !self.removed.contains(&part.id));
        let added = self.added.iter().map(|part| &part.meta);
        manifest
            .parts
            .extend(self.added_unreadable.iter().chain(added).cloned());
        if let Some(deletes) = &self.deletes {
            manifest.deletes.clone_from(deletes);
        }
        manifest.uploaded = match &self.uploaded {
            Some(uploaded) => uploaded.clone(),
            None => manifest.uploaded.without(self.removed),
        };
        manifest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    fn part(id: u64) -> PartMeta {
        crate::manifest::rebuild::placeholder(3, id)
    }

    fn manifest() -> Manifest {
        Manifest {
            covered: 5,
            next_part: 9,
            parts: vec![part(1), part(2)],
            uploaded: Uploaded {
                parts: BTreeMap::from([(1, "one".to_owned())]),
                ..Uploaded::default()
            },
            ..Manifest::default()
        }
    }

    #[test]
    fn the_default_changes_nothing() {
        assert_eq!(ManifestEdit::default().apply(manifest()), manifest());
    }

    #[test]
    fn parts_come_and_go_and_their_objects_with_them() {
        let edit = ManifestEdit {
            covered: Some(8),
            added_unreadable: &[part(7)],
            removed: &[1],
            ..ManifestEdit::default()
        };
        let edited = edit.apply(manifest());
        assert_eq!(
            edited,
            Manifest {
                covered: 8,
                parts: vec![part(2), part(7)],
                uploaded: Uploaded {
                    parts: BTreeMap::new(),
                    removed: BTreeSet::from(["one".to_owned()]),
                },
                ..manifest()
            }
        );
    }
}
