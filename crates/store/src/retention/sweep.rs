//! The sweep removes expired parts and rewrites those with deleted entries, as [`policy`] decides.

use super::Retention;
use crate::StoreError;
use crate::compaction::job::replace_parts;
use crate::compaction::rewrite::Rewritten;
use crate::compaction::{merge, rewrite};
use crate::deletes::Deletion;
use crate::deletes::drop_filter::DropFilter;
use crate::deletes::requests::{end_deletes, enforce_deletes, mark_clean};
use crate::deletes::visibility::Dropped;
use crate::manifest::edit::ManifestEdit;
use crate::part::PartMeta;
use crate::retention::policy;
use crate::retention::policy::{Actions, PartFacts};
use crate::shared::Shared;
use crate::tenant::Tenant;
use crate::throttle::Throttle;
use skald_model::{Held, MemoryUser};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Removes and rewrites what is due in every tenant, until `throttle` says stop.
pub(crate) fn sweep_all(shared: &Shared, throttle: Throttle<'_>) -> Result<(), StoreError> {
    let _one_at_a_time = shared.compacting.lock();
    let mut result = Ok(());
    for tenant in shared.all_tenants().iter() {
        // What fails for one, as on a full disk, may make room for another.
        result = result.and(sweep(shared, tenant, throttle));
    }
    result
}

/// Removes and rewrites what is due while the WAL is replayed, until the store is closed.
pub(crate) fn make_room(shared: &Shared) -> Result<(), StoreError> {
    sweep_all(shared, &mut || !shared.is_closing())
}

fn sweep(shared: &Shared, tenant: &Tenant, throttle: Throttle<'_>) -> Result<(), StoreError> {
    let retention = shared.options.retention.tenant(&tenant.id);
    let due = due_deletes(shared, tenant);
    let actions = decide(shared, tenant, &retention, &due)?;
    remove_parts(shared, tenant, &actions.remove)?;
    let mut no_room = Ok(());
    for id in actions.rewrite {
        let filter = DropFilter::new(due_deletes(shared, tenant), shared.expiry(tenant));
        match rewrite_part(shared, tenant, id, &filter, throttle) {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            // A part of which nothing is left needs no room, and makes some.
            Err(error) if error.is_disk_full() => no_room = no_room.and(Err(error)),
            Err(error) => return Err(error),
        }
    }
    // What is still in the WAL alone may be what a request is for.
    if !shared.is_recovering() {
        end_deletes(shared, tenant)?;
    }
    no_room
}

/// Requests whose time to be taken back is over.
pub(crate) fn due_deletes(shared: &Shared, tenant: &Tenant) -> Vec<Arc<Deletion>> {
    let deletions = tenant.state.lock().deletions.clone();
    deletions
        .iter()
        .filter(|d| shared.is_due(tenant, &d.record))
        .cloned()
        .collect()
}

fn decide(
    shared: &Shared,
    tenant: &Tenant,
    retention: &Arc<Retention>,
    due: &[Arc<Deletion>],
) -> Result<Actions, StoreError> {
    if retention.keeps_all() && retention.size.is_none() && due.is_empty() {
        return Ok(Actions::default());
    }
    let parts = tenant.state.lock().parts.clone();
    let (unreadable, unmergeable) = {
        let changes = tenant.changes.lock();
        (changes.unreadable.clone(), changes.unmergeable.clone())
    };
    let mut clean = Vec::new();
    let mut facts = Vec::new();
    let mut periods = tenant.periods.lock();
    periods.retain(&parts);
    for part in parts.iter() {
        let touching = due.iter().filter(|d| d.record.may_touch(&part.meta));
        let (matching, other): (Vec<_>, Vec<_>) =
            touching.partition(|d| d.may_match(part, &shared.index_cache));
        clean.extend(other.iter().map(|d| (d.record.id, part.meta.id)));
        let readable = !unmergeable.contains(&part.meta.id);
        let periods = periods.of(retention, part);
        facts.push(PartFacts {
            periods,
            deletes: !matching.is_empty(),
            readable,
            ..facts_of(&part.meta, retention)
        });
    }
    drop(periods);
    for meta in &unreadable {
        facts.push(PartFacts {
            periods: retention.periods().collect(),
            ..facts_of(meta, retention)
        });
    }
    mark_clean(shared, tenant, &clean)?;
    Ok(policy::choose(
        &facts,
        retention.size,
        shared.options.clock.now(),
    ))
}

/// Takes parts out of the manifest and removes them.
fn remove_parts(shared: &Shared, tenant: &Tenant, ids: &[u64]) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    let mut changes = tenant.changes.lock();
    let mut deletes = changes.deletes.clone();
    deletes
        .iter_mut()
        .for_each(|record| record.clean.retain(|id| !ids.contains(id)));
    let edit = ManifestEdit {
        removed: ids,
        deletes: Some(deletes),
        ..ManifestEdit::default()
    };
    shared.commit(tenant, &mut changes, edit)?;
    let (gone, unreadable): (Vec<PartMeta>, _) = changes
        .unreadable
        .drain(..)
        .partition(|m| ids.contains(&m.id));
    changes.unreadable = unreadable;
    enforce_deletes(shared, tenant, &changes);
    let mut state = tenant.state.lock();
    let removed = state.swap_parts(ids, Vec::new());
    state.forget_unreadable(|id| ids.contains(&id));
    drop(state);
    for meta in removed.iter().map(|p| &p.meta).chain(&gone) {
        shared.dropped.add(Dropped {
            expired: meta.rows,
            expired_bytes: meta.line_bytes,
            deleted: 0,
        });
        shared.expired_parts.fetch_add(1, Ordering::Relaxed);
        tracing::info!(tenant = %tenant.id, part = meta.id, day = crate::layout::date(meta.day), "a part expired");
    }
    removed.iter().for_each(|part| part.retire());
    for meta in gone {
        let path = shared.dir(&tenant.id).part(meta.day, meta.id);
        if let Err(error) = shared.files().remove(&path) {
            tracing::warn!(part = %path.display(), %error, "could not remove an expired part");
        }
    }
    Ok(())
}

/// Rewrites one part; gives whether to go on.
fn rewrite_part(
    shared: &Shared,
    tenant: &Tenant,
    id: u64,
    filter: &DropFilter,
    throttle: Throttle<'_>,
) -> Result<bool, StoreError> {
    let part = tenant
        .state
        .lock()
        .parts
        .iter()
        .find(|p| p.meta.id == id)
        .cloned();
    let Some(part) = part else { return Ok(true) };
    let number = tenant.changes.lock().next_part_number();
    let _writing = Held::charged(
        shared.budget(),
        MemoryUser::Writers,
        merge::memory_bytes(std::slice::from_ref(&part)),
    );
    let dir = shared.dir(&tenant.id);
    let rewritten = rewrite::rewrite(&dir, &part, number, filter, throttle);
    if let Err(error @ StoreError::Damaged { .. }) = &rewritten {
        tracing::error!(tenant = %tenant.id, %error, "a part with deleted or expired entries is damaged, it stays as it is");
        tenant.changes.lock().unmergeable.push(id);
        return Ok(true);
    }
    let metas = match rewritten? {
        Rewritten::Part(meta) => vec![meta],
        Rewritten::Nothing => Vec::new(),
        Rewritten::Abandoned => return Ok(false),
    };
    replace_parts(shared, tenant, &[part], &metas, &filter.ids())?;
    shared.dropped.add(filter.dropped());
    shared.rewrites.fetch_add(1, Ordering::Relaxed);
    Ok(true)
}

fn facts_of(meta: &PartMeta, retention: &Retention) -> PartFacts {
    PartFacts {
        id: meta.id,
        day: meta.day,
        max_time: meta.max_time,
        arrived: retention.counted(meta.arrived),
        bytes: meta.bytes,
        ..PartFacts::default()
    }
}
