//! Commit makes an edit of a tenant's manifest durable, and settles those of which it is unknown
//! whether they are.
//!
//! Invariant: whichever manifest a crash leaves in force, the parts it names are there and all else
//! is in the WAL: no file goes and no segment is cut before a manifest without it is durable.

use crate::StoreError;
use crate::manifest::edit::ManifestEdit;
use crate::manifest::{self, Manifest, ReplaceError};
use crate::part::Part;
use crate::shared::Shared;
use crate::tenant::{Changes, Tenant};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Where a manifest may go on a full disk: one that adds parts must not use up what lets others go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    Free,
    Reserve,
}

impl Shared {
    /// As [`Shared::commit`]; the files of new parts go when it fails.
    pub(crate) fn commit_or_remove(
        &self,
        tenant: &Tenant,
        changes: &mut Changes,
        edit: ManifestEdit<'_>,
    ) -> Result<(), StoreError> {
        let added = edit.added;
        self.commit(tenant, changes, edit).inspect_err(|_| {
            let is_named = |part: &Arc<Part>| {
                let unsettled = changes.unsettled.iter().flat_map(|u| &u.parts);
                changes.in_doubt.is_some() || unsettled.into_iter().any(|p| Arc::ptr_eq(p, part))
            };
            let unnamed = added.iter().filter(|part| !is_named(part));
            unnamed.for_each(|part| part.retire());
        })
    }

    /// Makes an edit of a tenant's manifest durable; the caller shows it to queries then. A failure
    /// that leaves unknown which manifest is in force stops the store, unless it may pass: both are
    /// true then, and the next edit settles it.
    pub(crate) fn commit(
        &self,
        tenant: &Tenant,
        changes: &mut Changes,
        edit: ManifestEdit<'_>,
    ) -> Result<(), StoreError> {
        if let Some(why) = &changes.in_doubt {
            return Err(StoreError::Unusable(why.clone()));
        }
        let manifest = edit.apply(tenant.manifest(changes));
        if !edit.added.is_empty() {
            // Folders of days that are new: their names come before that of a part in them.
            self.dir(&tenant.id).sync()?;
        }
        let room = match edit.added.is_empty() {
            true => Room::Reserve,
            false => Room::Free,
        };
        match self.replace_manifest(tenant, &manifest, room) {
            Ok(()) => {
                changes.uploaded = manifest.uploaded;
                changes.deletes = manifest.deletes;
                self.settled(tenant, changes, edit.added);
                Ok(())
            }
            Err(ReplaceError::NotReplaced(error)) => Err(error),
            Err(ReplaceError::Unknown(error)) if error.may_pass() => {
                tracing::warn!(tenant = %tenant.id, %error, "a manifest's name is not durable yet, it is written again");
                if changes.unsettled.is_none() {
                    self.unsettled.fetch_add(1, Ordering::Relaxed);
                }
                let unsettled = changes.unsettled.get_or_insert_default();
                unsettled.parts.extend(edit.added.iter().cloned());
                Err(error)
            }
            Err(ReplaceError::Unknown(error)) => {
                changes.in_doubt = Some(error.to_string());
                tracing::error!(tenant = %tenant.id, %error, "the manifest is in doubt, the store stops taking writes");
                if let Some(wal) = self.wal.get() {
                    wal.stop(&error.to_string());
                }
                Err(error)
            }
        }
    }

    /// Notes that a tenant's manifest is durable: parts that only an earlier attempt named go.
    fn settled(&self, tenant: &Tenant, changes: &mut Changes, added: &[Arc<Part>]) {
        let Some(unsettled) = changes.unsettled.take() else {
            return;
        };
        self.unsettled.fetch_sub(1, Ordering::Relaxed);
        let is_named = |part: &Arc<Part>| added.iter().any(|a| a.meta.id == part.meta.id);
        // A flush commits the same parts again, opened anew.
        let finished: Vec<u64> = changes.finished.iter().map(|meta| meta.id).collect();
        for part in unsettled.parts {
            if !is_named(&part) && !finished.contains(&part.meta.id) {
                part.retire();
            }
        }
        tracing::info!(tenant = %tenant.id, "the manifest is durable again");
    }

    /// Writes the manifest again of tenants for which it is unknown which one is in force.
    pub(crate) fn settle_manifests(&self) {
        if self.unsettled.load(Ordering::Relaxed) == 0 {
            return;
        }
        for tenant in self.all_tenants().iter() {
            let mut changes = tenant.changes.lock();
            if changes.unsettled.is_some()
                && let Err(error) = self.commit(tenant, &mut changes, ManifestEdit::default())
            {
                tracing::debug!(tenant = %tenant.id, %error, "the manifest can't be written yet");
            }
        }
    }

    /// Replaces a tenant's manifest.
    fn replace_manifest(
        &self,
        tenant: &Tenant,
        next: &Manifest,
        room: Room,
    ) -> Result<(), ReplaceError> {
        let dir = self.dir(&tenant.id);
        match manifest::replace(&dir, next) {
            Err(ReplaceError::NotReplaced(error))
                if room == Room::Reserve && error.is_disk_full() && self.reserve.give_up() =>
            {
                let replaced = manifest::replace(&dir, next);
                self.reserve.restore();
                replaced
            }
            replaced => replaced,
        }
    }
}
