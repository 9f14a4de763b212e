//! Disk and bucket are brought together: new parts are uploaded, the bucket's manifest is changed, and what
//! other writers changed there is taken over.
//!
//! A merge of three: what this directory last knew of the bucket ([`crate::bucket::Uploaded`]), what it has now, and
//! what the bucket says. Order of steps: objects uploaded, manifest replaced, local manifest replaced; after a
//! crash between any two the same round leads to the same end, as objects are named by their content.
//! Nothing here holds a tenant's `changes` while it waits for the bucket.

use crate::StoreError;
use crate::bucket::client::UploadError;
use crate::bucket::manifest::{ObjectManifest, ObjectPart};
use crate::bucket::{Objects, TENANTS, Uploaded, manifest, object_path, open_part, tenant_path};
use crate::part::{Part, PartMeta};
use crate::shared::Inner;
use crate::tenant::Tenant;
use skald_model::TenantId;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{SystemTime, UNIX_EPOCH};

/// Parts uploaded between two replacements of the manifest: what a lost disk can cost beyond them is bounded.
const PARTS_A_ROUND: usize = 8;
/// Directories fetched at once when many parts are taken over.
const OPENS_AT_ONCE: usize = 8;

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

/// Looks at the bucket when a directory is opened: a new one is filled with all that is there. Without an
/// answer the directory opens with what it has.
pub(crate) fn first_look(inner: &Inner) {
    let Some(objects) = &inner.objects else {
        return;
    };
    let is_new = inner.all_tenants().is_empty();
    if (is_new || !inner.options.background)
        && let Err(error) = sync_all(inner, true)
    {
        objects.unknown.store(is_new, Ordering::Release);
        tracing::warn!(%error, "object storage does not answer at start, it is tried again in the background");
    }
}

/// Brings every tenant that has changes together with the bucket; with `everything` also those that have
/// none, and tenants that only the bucket has.
pub(crate) fn sync_all(inner: &Inner, everything: bool) -> Result<(), StoreError> {
    let Some(objects) = &inner.objects else {
        return Ok(());
    };
    if everything {
        for name in objects.client.folders(TENANTS)? {
            if let Ok(id) = TenantId::parse(&name) {
                inner.tenant_or_new(&id);
            }
        }
    }
    let mut result = Ok(());
    for tenant in inner.all_tenants() {
        if everything || Snapshot::of(&tenant).has_changes() {
            result = result.and(sync_tenant(inner, &tenant));
        }
    }
    if everything && result.is_ok() {
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
fn sync_tenant(inner: &Inner, tenant: &Tenant) -> Result<(), StoreError> {
    let Some(objects) = &inner.objects else {
        return Ok(());
    };
    let _one_at_a_time = tenant.syncing.lock();
    let before = Snapshot::of(tenant);
    if !before.has_changes() && before.uploaded.parts.is_empty() {
        // Nothing of ours is there; what others put there is taken over.
        let found = manifest::read(&objects.client, &tenant.id)?.0;
        return take_over(inner, objects, tenant, &before, Vec::new(), &found);
    }
    let exists = !before.uploaded.parts.is_empty();
    let mut sent: Vec<Arc<Part>> = Vec::new();
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
                object,
                meta: part.meta.clone(),
            });
            sent.push(part.clone());
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
    take_over(inner, objects, tenant, &before, sent, &found)?;
    delete_retired(objects, &tenant.id, &found)
}

fn not_sent(part: &Part, error: &UploadError) -> StoreError {
    StoreError::Unavailable(format!(
        "part {:016x} of day {} can't be uploaded: {error}",
        part.meta.id, part.meta.day
    ))
}

/// Writes down what the bucket has now, and takes over what others changed.
fn take_over(
    inner: &Inner,
    objects: &Objects,
    tenant: &Tenant,
    before: &Snapshot,
    sent: Vec<Arc<Part>>,
    found: &ObjectManifest,
) -> Result<(), StoreError> {
    let names = found.names();
    let sent: Vec<(Arc<Part>, String)> = sent
        .into_iter()
        .map(|part| (part.clone(), part.object_name()))
        .collect();
    let reopened = reopen(inner, tenant, before, &names);
    let foreign = open_foreign(inner, tenant, before, &sent, found);
    let mut changes = tenant.changes.lock();
    let parts = tenant.state.lock().parts.clone();
    let mut next = changes.uploaded.clone();
    for (part, object) in &sent {
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
    let (mut added, mut unreadable) = (Vec::new(), Vec::new());
    for (object, meta, opened) in foreign {
        next.parts.insert(meta.id, object);
        match opened {
            Ok(part) => added.push(Arc::new(part)),
            Err(error) => unreadable.push((meta, error.to_string())),
        }
    }
    for (part, object) in &sent {
        part.set_remote(objects.remote(&tenant.id, object, part.meta.bytes));
    }
    if next != changes.uploaded {
        changes
            .unreadable
            .extend(unreadable.iter().map(|(meta, _)| meta.clone()));
        let covered = tenant.covered();
        inner.write_manifest(tenant, &mut changes, covered, (&added, &gone, next))?;
    }
    let back: Vec<u64> = reopened.iter().map(|p| p.meta.id).collect();
    let leaves = |id: &u64| gone.contains(id) || back.contains(id);
    changes.unreadable.retain(|m| !leaves(&m.id));
    let mut state = tenant.state.lock();
    let (kept, dropped): (Vec<_>, Vec<_>) = state
        .parts
        .iter()
        .cloned()
        .partition(|p| !gone.contains(&p.meta.id));
    state.parts = Arc::new(kept.into_iter().chain(reopened).chain(added).collect());
    let known = state
        .unreadable
        .iter()
        .filter(|(m, _)| !leaves(&m.id))
        .cloned();
    state.unreadable = Arc::new(known.chain(unreadable).collect());
    drop(state);
    drop(changes);
    dropped.iter().for_each(|part| part.replace());
    deleted
        .into_iter()
        .for_each(|object: String| objects.retire(&tenant.id, object));
    sent.iter()
        .filter_map(|(part, _)| Some((part.remote()?, part)))
        .for_each(|(r, part)| objects.cache.add_part(r.key(), part));
    Ok(())
}

/// Parts that could not be opened and now can.
fn reopen(
    inner: &Inner,
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
    let remote = before
        .unreadable
        .iter()
        .filter_map(|meta| Some((meta, object(meta)?)));
    remote
        .filter_map(|(meta, object)| open_part(inner, &tenant.id, meta, Some(object)).ok())
        .map(Arc::new)
        .collect()
}

/// Opens what the bucket has and this directory does not know, under numbers of its own.
fn open_foreign(
    inner: &Inner,
    tenant: &Tenant,
    before: &Snapshot,
    sent: &[(Arc<Part>, String)],
    found: &ObjectManifest,
) -> Vec<(String, PartMeta, Result<Part, StoreError>)> {
    let known: BTreeSet<&str> = before
        .uploaded
        .parts
        .values()
        .chain(&before.uploaded.removed)
        .map(String::as_str)
        .collect();
    let is_new = |p: &&ObjectPart| {
        !known.contains(p.object.as_str()) && !sent.iter().any(|(_, o)| *o == p.object)
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
    let open = |p: &ObjectPart| {
        (
            p.object.clone(),
            p.meta.clone(),
            open_part(inner, &tenant.id, &p.meta, Some(&p.object)),
        )
    };
    std::thread::scope(|scope| {
        let share = new.len().div_ceil(OPENS_AT_ONCE);
        let threads: Vec<_> = new
            .chunks(share)
            .map(|share| scope.spawn(move || share.iter().map(open).collect::<Vec<_>>()))
            .collect();
        // A thread that panicked opened nothing; the next round tries again.
        threads
            .into_iter()
            .filter_map(|t| t.join().ok())
            .flatten()
            .collect()
    })
}

/// Deletes objects that no manifest names and nobody reads any more.
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

/// Finds objects that no manifest names and that have been there for long: left by a crash, or by whoever
/// stopped between replacing a manifest and deleting.
pub(crate) fn sweep(inner: &Inner, tenant: &Tenant) -> Result<(), StoreError> {
    let Some(objects) = &inner.objects else {
        return Ok(());
    };
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
