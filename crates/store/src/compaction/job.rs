//! Compaction job: merges parts until each day has few, and puts new parts in the place of old
//! ones.

use crate::StoreError;
use crate::compaction::merge::{self, Inputs, Merged};
use crate::compaction::policy::choose_compaction;
use crate::deletes::requests::{enforce_deletes, mergeable};
use crate::manifest::edit::ManifestEdit;
use crate::part::writer::WRITER_BYTES;
use crate::part::{Part, PartMeta};
use crate::shared::Shared;
use crate::stream_index::{self, Filled};
use crate::tenant::Tenant;
use crate::throttle::Throttle;
use skald_model::{Budget, Held, MemoryUser};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Part of the memory budget that a merge takes without asking, beside its writer, as a divisor.
const MERGE_SHARE: usize = 4;

/// Merges parts of every tenant until each day has at most `parts_a_day`, or `throttle` says stop.
pub(crate) fn compact_all(
    shared: &Shared,
    parts_a_day: usize,
    throttle: Throttle<'_>,
) -> Result<(), StoreError> {
    let _one_at_a_time = shared.compacting.lock();
    for tenant in shared.all_tenants().iter() {
        while compact_once(shared, tenant, parts_a_day, throttle)? {}
    }
    Ok(())
}

/// Puts the streams of large parts of every tenant into its stream index, unless `throttle` says
/// stop.
pub(crate) fn index_all(shared: &Shared, throttle: Throttle<'_>) {
    let _one_at_a_time = shared.indexing.lock();
    for tenant in shared.all_tenants().iter() {
        let (parts, current) = {
            let state = tenant.state.lock();
            (state.parts.clone(), state.stream_index.clone())
        };
        let filled = stream_index::fill(
            &shared.dir(&tenant.id),
            &parts,
            current.as_ref(),
            shared.options.indexed_streams,
            shared.budget(),
            throttle,
        );
        let next = match filled {
            Filled::Unchanged => continue,
            Filled::Index(index) => Some(index),
            Filled::Failed => None,
        };
        tenant.state.lock().stream_index = next;
    }
}

/// One merge; gives whether there was one to do. Flushes of the tenant go on meanwhile.
fn compact_once(
    shared: &Shared,
    tenant: &Tenant,
    parts_a_day: usize,
    throttle: Throttle<'_>,
) -> Result<bool, StoreError> {
    let all = tenant.state.lock().parts.clone();
    if all.len() < 2 {
        return Ok(false);
    }
    let (spoilt, requests) = {
        let changes = tenant.changes.lock();
        (changes.unmergeable.clone(), changes.deletes.clone())
    };
    let metas: Vec<PartMeta> = all
        .iter()
        .map(|p| p.meta.clone())
        .filter(|m| !spoilt.contains(&m.id))
        .collect();
    let groups = mergeable(metas, &requests);
    let Some(ids) = groups
        .iter()
        .find_map(|group| choose_compaction(group, parts_a_day))
    else {
        return Ok(false);
    };
    let parts: Vec<Arc<Part>> = ids
        .iter()
        .filter_map(|id| all.iter().find(|p| p.meta.id == *id).cloned())
        .collect();
    let inputs = Inputs {
        parts: &parts,
        id: tenant.changes.lock().next_part_number(),
    };
    let Some(_writing) = room_for_merge(shared.budget(), merge::memory_bytes(&parts)) else {
        return Ok(false);
    };
    let merged = merge::merge(&shared.dir(&tenant.id), inputs, throttle);
    if let Err(error @ StoreError::Damaged { .. }) = &merged {
        tracing::error!(tenant = %tenant.id, %error, "parts of a merge are damaged, they stay as they are");
        tenant.changes.lock().unmergeable.extend(&ids);
        return Ok(true);
    }
    let Merged::Part(meta) = merged? else {
        return Ok(false);
    };
    replace_parts(shared, tenant, &parts, &[meta], &[])?;
    shared.compactions.fetch_add(1, Ordering::Relaxed);
    Ok(true)
}

/// Memory of a merge. One that takes much waits for it: the parts can be read as they are.
fn room_for_merge(budget: &Arc<Budget>, bytes: usize) -> Option<Held> {
    match bytes <= budget.bytes() / MERGE_SHARE + WRITER_BYTES {
        true => Some(Held::charged(budget, MemoryUser::Writers, bytes)),
        false => Held::taken(budget, MemoryUser::Writers, bytes),
    }
}

/// Puts what was made of parts in their place; nothing is left in it of the requests in `applied`.
pub(crate) fn replace_parts(
    shared: &Shared,
    tenant: &Tenant,
    inputs: &[Arc<Part>],
    metas: &[PartMeta],
    applied: &[u32],
) -> Result<(), StoreError> {
    let ids: Vec<u64> = inputs.iter().map(|p| p.meta.id).collect();
    let arrived = inputs.iter().filter_map(|part| part.meta.arrived).max();
    let metas = metas.iter().cloned();
    let metas: Vec<PartMeta> = metas.map(|meta| PartMeta { arrived, ..meta }).collect();
    let mut changes = tenant.changes.lock();
    let added = shared.env.open_all(&shared.dir(&tenant.id), &metas)?;
    let mut requests = changes.deletes.clone();
    for request in requests.iter_mut().filter(|r| r.processed.is_none()) {
        let clean =
            applied.contains(&request.id) || !inputs.iter().any(|p| request.may_touch(&p.meta));
        request.clean.retain(|id| !ids.contains(id));
        let earlier: Vec<u64> = metas
            .iter()
            .filter(|m| clean && request.is_after(m.sequence))
            .map(|m| m.id)
            .collect();
        request.clean.extend(earlier);
    }
    let edit = ManifestEdit {
        added: &added,
        removed: &ids,
        deletes: Some(requests),
        ..ManifestEdit::default()
    };
    shared.commit_or_remove(tenant, &mut changes, edit)?;
    tenant.state.lock().swap_parts(&ids, added);
    if !changes.deletes.is_empty() {
        enforce_deletes(shared, tenant, &changes);
    }
    inputs.iter().for_each(|part| part.retire());
    Ok(())
}
