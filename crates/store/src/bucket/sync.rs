//! Sync: uploads new parts, changes the bucket's manifest, and adopts what other writers changed
//! there.
//!
//! A three-way merge: what this directory last knew of the bucket ([`Uploaded`]), what it has now,
//! and what the bucket says. Order of steps: objects uploaded, manifest replaced, local manifest
//! replaced; after a crash between any two the same round leads to the same end, as objects are
//! named by their content. Nothing here holds a tenant's `changes` while it waits for the bucket.

use crate::StoreError;
use crate::bucket::manifest::{ObjectManifest, ObjectPart};
use crate::bucket::upload::UploadError;
use crate::bucket::{Objects, PartOpener, TENANTS, manifest, object_path, tenant_path};
use crate::manifest::Uploaded;
use crate::manifest::edit::ManifestEdit;
use crate::parallel;
use crate::part::{Part, PartMeta};
use crate::shared::Shared;
use crate::tenant::{Tenant, UnreadablePart};
use parking_lot::Mutex;
use skald_model::TenantId;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{SystemTime, UNIX_EPOCH};

/// Parts uploaded between two replacements of the manifest: what a lost disk can cost beyond them
/// is bounded.
const PARTS_A_ROUND: usize = 8;
/// Directories fetched at once when many parts are adopted.
const OPENS_AT_ONCE: usize = 8;

/// Which tenants are synchronised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Those with changes here.
    Changed,
    /// All, and those that only the bucket has.
    Everything,
}

/// A part that was uploaded just now.
struct SentPart {
    part: Arc<Part>,
    object: String,
}

/// A part that another writer uploaded, under a number of this directory.
struct ForeignPart {
    object: String,
    meta: PartMeta,
    opened: Result<Part, StoreError>,
}

/// What a tenant has at one moment.
struct Snapshot {
    uploaded: Uploaded,
    /// Parts without an object, in order of arrival.
    waiting: Vec<Arc<Part>>,
    unreadable: Vec<PartMeta>,
}

impl Snapshot {
    fn of(tenant: &Tenant) -> Snapshot {
        let changes = tenant.changes.lock();
        let parts = tenant.state.lock().parts.clone();
        let mut waiting: Vec<Arc<Part>> = parts
            .iter()
            .filter(|p| !changes.uploaded.parts.contains_key(&p.meta.id))
            .cloned()
            .collect();
        waiting.sort_by_key(|p| (p.meta.sequence, p.meta.id));
        Snapshot {
            uploaded: changes.uploaded.clone(),
            waiting,
            unreadable: changes.unreadable.clone(),
        }
    }

    fn has_changes(&self) -> bool {
        !self.waiting.is_empty() || !self.uploaded.removed.is_empty()
    }
}

/// Synchronises when a directory is opened: a new one is filled with all that is there. Without an
/// answer the directory opens with what it has.
pub(crate) fn sync_at_start(shared: &Shared) {
    let Some(objects) = &shared.objects else {
        return;
    };
    let is_new = shared.all_tenants().is_empty();
    if (is_new || !shared.options.background)
        && let Err(error) = sync_all(shared, Extent::Everything)
    {
        objects.unknown.store(is_new, Ordering::Release);
        tracing::warn!(%error, "object storage does not answer at start, it is tried again in the background");
    }
}

/// Synchronises tenants with the bucket.
pub(crate) fn sync_all(shared: &Shared, extent: Extent) -> Result<(), StoreError> {
    let Some(objects) = &shared.objects else {
        return Ok(());
    };
    if extent == Extent::Everything {
        for name in objects.client.folders(TENANTS)? {
            if let Ok(id) = TenantId::parse(&name) {
                shared.tenant_or_new(&id);
            }
        }
    }
    let mut result = Ok(());
    let tenants = shared.all_tenants();
    for tenant in tenants.iter().filter(|tenant| !tenant.is_unreadable()) {
        if extent == Extent::Everything || Snapshot::of(tenant).has_changes() {
            result = result.and(sync_tenant(shared, tenant));
        }
    }
    if extent == Extent::Everything && result.is_ok() {
        objects.unknown.store(false, Ordering::Release);
    }
    result
}

/// Parts of a tenant that are not in the bucket yet, and their bytes.
pub(crate) fn waiting(tenant: &Tenant) -> (u64, u64) {
    let waiting = Snapshot::of(tenant).waiting;
    (
        waiting.len() as u64,
        waiting.iter().map(|p| p.meta.bytes).sum(),
    )
}

/// One round for a tenant.
fn sync_tenant(shared: &Shared, tenant: &Tenant) -> Result<(), StoreError> {
    let Some(objects) = &shared.objects else {
        return Ok(());
    };
    let _one_at_a_time = tenant.syncing.lock();
    let before = Snapshot::of(tenant);
    if !before.has_changes() && before.uploaded.parts.is_empty() {
        // Nothing of ours is there; what others put there is adopted.
        let found = manifest::read(&objects.client, &tenant.id)?.0;
        return adopt(shared, objects, tenant, &before, Vec::new(), &found);
    }
    let exists = !before.uploaded.parts.is_empty();
    let mut sent: Vec<SentPart> = Vec::new();
    let mut found = None;
    for round in before.waiting.chunks(PARTS_A_ROUND) {
        let mut added = Vec::with_capacity(round.len());
        for part in round {
            let object = part.object_name();
            let name = object_path(&tenant.id, &object);
            objects
                .client
                .upload(&name, part.meta.bytes, &|range| part.read(range))
                .map_err(|e| not_sent(part, &e))?;
            added.push(ObjectPart {
                object: object.clone(),
                meta: part.meta.clone(),
            });
            sent.push(SentPart {
                part: part.clone(),
                object,
            });
        }
        // The old goes when all of the new is there.
        let is_last = sent.len() == before.waiting.len();
        let removed = if is_last {
            before.uploaded.removed.clone()
        } else {
            BTreeSet::new()
        };
        found = Some(manifest::change(
            &objects.client,
            &tenant.id,
            &added,
            &removed,
            exists,
        )?);
    }
    let found = match found {
        Some(found) => found,
        None => manifest::change(
            &objects.client,
            &tenant.id,
            &[],
            &before.uploaded.removed,
            exists,
        )?,
    };
    adopt(shared, objects, tenant, &before, sent, &found)?;
    delete_retired(objects, &tenant.id, &found)
}

fn not_sent(part: &Part, error: &UploadError) -> StoreError {
    StoreError::unavailable(
        format!(
            "the bucket for part {:016x} of day {}",
            part.meta.id, part.meta.day
        ),
        error,
    )
}

/// Makes what the bucket has now durable here, and adopts what other writers changed.
fn adopt(
    shared: &Shared,
    objects: &Objects,
    tenant: &Tenant,
    before: &Snapshot,
    sent: Vec<SentPart>,
    found: &ObjectManifest,
) -> Result<(), StoreError> {
    let names = found.names();
    let reopened = reopen(shared, tenant, before, &names);
    let foreign = open_foreign(shared, tenant, before, &sent, found);
    let mut changes = tenant.changes.lock();
    let Merged {
        mut next,
        gone,
        deleted,
    } = merge(tenant, &changes.uploaded, &sent, &names);
    let (mut added, mut unreadable) = (Vec::new(), Vec::new());
    for ForeignPart {
        object,
        meta,
        opened,
    } in foreign
    {
        next.parts.insert(meta.id, object);
        match opened {
            Ok(part) => added.push(Arc::new(part)),
            Err(error) => unreadable.push(UnreadablePart {
                meta,
                error: error.to_string(),
            }),
        }
    }
    for SentPart { part, object } in &sent {
        part.set_source(objects.remote(&tenant.id, object, part.meta.bytes));
    }
    if next != changes.uploaded {
        let added_unreadable: Vec<PartMeta> = unreadable.iter().map(|u| u.meta.clone()).collect();
        let edit = ManifestEdit {
            added: &added,
            added_unreadable: &added_unreadable,
            removed: &gone,
            uploaded: Some(next),
            ..ManifestEdit::default()
        };
        shared.commit_or_remove(tenant, &mut changes, edit)?;
        changes.unreadable.extend(added_unreadable);
    }
    let back: Vec<u64> = reopened.iter().map(|p| p.meta.id).collect();
    let leaves = |id: u64| gone.contains(&id) || back.contains(&id);
    changes.unreadable.retain(|m| !leaves(m.id));
    let mut state = tenant.state.lock();
    let dropped = state.swap_parts(&gone, reopened.into_iter().chain(added).collect());
    state.forget_unreadable(leaves);
    Arc::make_mut(&mut state.unreadable).extend(unreadable);
    drop(state);
    drop(changes);
    dropped.iter().for_each(|part| part.retire());
    deleted
        .into_iter()
        .for_each(|object| objects.retire(&tenant.id, object));
    for SentPart { part, .. } in &sent {
        if let Some(source) = part.source() {
            source.count_local_file(part);
        }
    }
    Ok(())
}

/// Three states brought together.
struct Merged {
    /// What the bucket has of this directory.
    next: Uploaded,
    /// Numbers of parts that other writers removed.
    gone: Vec<u64>,
    /// Objects that the bucket's manifest named before and no longer does.
    deleted: BTreeSet<String>,
}

/// Merges what this directory knew of the bucket, what it sent, and the names in the bucket's
/// manifest.
fn merge(tenant: &Tenant, known: &Uploaded, sent: &[SentPart], names: &BTreeSet<&str>) -> Merged {
    let parts = tenant.state.lock().parts.clone();
    let mut next = known.clone();
    for SentPart { part, object } in sent {
        if parts.iter().any(|p| p.meta.id == part.meta.id) {
            next.parts.insert(part.meta.id, object.clone());
        } else {
            // It was merged while it was sent.
            next.removed.insert(object.clone());
        }
    }
    let gone: Vec<u64> = next
        .parts
        .iter()
        .filter(|(_, o)| !names.contains(o.as_str()))
        .map(|(id, _)| *id)
        .collect();
    gone.iter().for_each(|id| drop(next.parts.remove(id)));
    let (still_there, deleted) = std::mem::take(&mut next.removed)
        .into_iter()
        .partition(|o| names.contains(o.as_str()));
    next.removed = still_there;
    Merged {
        next,
        gone,
        deleted,
    }
}

impl<'a> PartOpener<'a> {
    /// For parts of a tenant.
    pub(crate) fn of(shared: &'a Shared, tenant: &'a Tenant) -> PartOpener<'a> {
        PartOpener {
            dir: shared.dir(&tenant.id),
            env: &shared.env,
            objects: shared.objects.as_ref(),
        }
    }
}

/// Parts that could not be opened and now can.
fn reopen(
    shared: &Shared,
    tenant: &Tenant,
    before: &Snapshot,
    names: &BTreeSet<&str>,
) -> Vec<Arc<Part>> {
    let object = |meta: &PartMeta| {
        before
            .uploaded
            .parts
            .get(&meta.id)
            .filter(|o| names.contains(o.as_str()))
    };
    let opener = PartOpener::of(shared, tenant);
    let remote = before
        .unreadable
        .iter()
        .filter_map(|meta| Some((meta, object(meta)?)));
    remote
        .filter_map(|(meta, object)| opener.open(meta, Some(object)).ok())
        .map(Arc::new)
        .collect()
}

/// Opens what the bucket has and this directory does not know, under numbers of its own.
fn open_foreign(
    shared: &Shared,
    tenant: &Tenant,
    before: &Snapshot,
    sent: &[SentPart],
    found: &ObjectManifest,
) -> Vec<ForeignPart> {
    let known: BTreeSet<&str> = before
        .uploaded
        .parts
        .values()
        .chain(&before.uploaded.removed)
        .map(String::as_str)
        .collect();
    let is_new = |p: &&ObjectPart| {
        !known.contains(p.object.as_str()) && !sent.iter().any(|s| s.object == p.object)
    };
    let mut new: Vec<ObjectPart> = found.parts.iter().filter(is_new).cloned().collect();
    if new.is_empty() {
        return Vec::new();
    }
    {
        let mut changes = tenant.changes.lock();
        for part in &mut new {
            part.meta.id = changes.next_part;
            changes.next_part += 1;
        }
    }
    let opener = PartOpener::of(shared, tenant);
    let open = |p: &ObjectPart| ForeignPart {
        object: p.object.clone(),
        meta: p.meta.clone(),
        opened: opener.open(&p.meta, Some(&p.object)),
    };
    let opened = Mutex::new(Vec::with_capacity(new.len()));
    parallel::for_each(new.len(), OPENS_AT_ONCE, &|at| {
        let part = open(&new[at]);
        opened.lock().push(part);
    });
    let mut opened = opened.into_inner();
    opened.sort_unstable_by_key(|part: &ForeignPart| part.meta.id);
    opened
}

/// Deletes objects that no manifest names and nothing reads any more.
fn delete_retired(
    objects: &Objects,
    tenant: &TenantId,
    found: &ObjectManifest,
) -> Result<(), StoreError> {
    let names = found.names();
    let mut result = Ok(());
    for object in objects
        .due(tenant)
        .into_iter()
        .filter(|o| !names.contains(o.as_str()))
    {
        if let Err(error) = objects.client.delete(&object_path(tenant, &object)) {
            objects.retire(tenant, object);
            result = Err(error.into());
        }
    }
    result
}

/// Finds objects that no manifest names and that have been there for long: left by a crash between
/// replacing a manifest and deleting.
pub(crate) fn sweep(shared: &Shared, tenant: &Tenant) -> Result<(), StoreError> {
    let Some(objects) = &shared.objects else {
        return Ok(());
    };
    if tenant.is_unreadable() {
        // What it has not uploaded yet is not known.
        return Ok(());
    }
    let listed = objects.client.list(&tenant_path(&tenant.id))?;
    let (found, _) = manifest::read(&objects.client, &tenant.id)?;
    let before = Snapshot::of(tenant);
    let waiting: BTreeSet<String> = before.waiting.iter().map(|p| p.object_name()).collect();
    let names = found.names();
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_secs() as i64);
    let oldest = now - objects.options.leftover_grace.as_secs() as i64;
    let prefix = format!("{}/", tenant_path(&tenant.id));
    for object in listed.iter().filter(|o| o.written_at <= oldest) {
        let Some(name) = object
            .name
            .strip_prefix(&prefix)
            .filter(|n| n.ends_with(".part"))
        else {
            continue;
        };
        if !names.contains(name) && !waiting.contains(name) {
            tracing::info!(
                object = object.name,
                "an object that no manifest names is to be deleted"
            );
            objects.retire(&tenant.id, name.to_owned());
        }
    }
    delete_retired(objects, &tenant.id, &found)
}
