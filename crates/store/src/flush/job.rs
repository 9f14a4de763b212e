//! Flush job: turns heads into parts and truncates the WAL.
//!
//! What a flush finished it keeps: parts of days that are durable are not written again when others
//! failed. What it did not finish it removes.

use crate::StoreError;
use crate::flush::progress::Progress;
use crate::flush::write_parts::{self, HeadParts};
use crate::head::SealedHead;
use crate::manifest::edit::ManifestEdit;
use crate::parallel;
use crate::part::PartMeta;
use crate::shared::Shared;
use crate::tenant::{Changes, Tenant};
use parking_lot::Mutex;
use skald_model::{Held, MemoryUser};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Heads of at most this many bytes are flushed several at once, when there are many: what takes
/// the time are then the disk's syncs.
const SMALL_HEAD_BYTES: usize = 256 << 10;
const MANY_HEADS: usize = 32;
const FLUSHES_AT_ONCE: usize = 16;
/// Bytes of the memory budget for each of them: where it is small, fewer run at once.
const FLUSH_MEMORY: usize = 16 << 20;

/// Flushes every tenant.
pub(crate) fn flush_all(shared: &Shared) -> Result<(), StoreError> {
    let tenants = shared.all_tenants();
    let mut failed = flush_each(shared, &tenants);
    let result = match failed.is_empty() {
        true => Ok(()),
        false => Err(failed.swap_remove(0).1),
    };
    let result = result.and(shared.truncate_wal());
    shared.note_unflushed(&tenants);
    result
}

/// Flushes these tenants in their order, small heads last; gives those that failed, and why.
pub(crate) fn flush_each<'a>(
    shared: &Shared,
    tenants: &'a [Arc<Tenant>],
) -> Vec<(&'a Tenant, StoreError)> {
    let is_small = |tenant: &&Arc<Tenant>| tenant.head_bytes() <= SMALL_HEAD_BYTES;
    let (small, large): (Vec<_>, Vec<_>) = tenants.iter().partition(is_small);
    let failed = Mutex::new(Vec::new());
    let run = |tenant: &'a Tenant| {
        let result = flush(shared, tenant);
        tenant.flushing.note(&result);
        if let Err(error) = result {
            shared.flush_failures.fetch_add(1, Ordering::Relaxed);
            failed.lock().push((tenant, error));
        }
    };
    large.into_iter().for_each(|tenant| run(tenant));
    let threads = match small.len() {
        MANY_HEADS.. => (shared.options.memory / FLUSH_MEMORY).clamp(1, FLUSHES_AT_ONCE),
        _ => 1,
    };
    parallel::for_each(small.len(), threads, &|at| run(small[at]));
    let mut failed = failed.into_inner();
    failed.sort_by(|a, b| a.0.id.cmp(&b.0.id));
    failed
}

/// Turns a tenant's head, and heads sealed by attempts that failed, into parts.
pub(crate) fn flush(shared: &Shared, tenant: &Tenant) -> Result<(), StoreError> {
    let mut changes = tenant.changes.lock();
    let mut has_sealed = false;
    loop {
        let sealed = {
            let mut state = tenant.state.lock();
            // What an earlier attempt left goes first, so that failing does not break the head into
            // crumbs.
            if state.sealed.is_empty() && !std::mem::replace(&mut has_sealed, true) {
                let sealed = state.head.seal();
                state.sealed.extend(sealed.map(Arc::new));
            }
            state.sealed.first().cloned()
        };
        let Some(sealed) = sealed else { return Ok(()) };
        flush_sealed(shared, tenant, &mut changes, &sealed)?;
        shared.apply_back_pressure();
        shared.flushes.fetch_add(1, Ordering::Relaxed);
    }
}

/// Turns the oldest sealed head into parts.
fn flush_sealed(
    shared: &Shared,
    tenant: &Tenant,
    changes: &mut Changes,
    sealed: &SealedHead,
) -> Result<(), StoreError> {
    if changes.next_part == 0 {
        begin_manifest(shared, tenant, changes)?;
    }
    let writing = Held::charged(
        shared.budget(),
        MemoryUser::Writers,
        write_parts::memory_bytes(&sealed.view),
    );
    let progress = Progress::of(&shared.flushed, sealed);
    let wrote = |bytes| {
        progress.add(bytes);
        shared.apply_back_pressure();
    };
    progress.add(changes.finished.iter().map(|m| m.line_bytes as usize).sum());
    let dir = shared.dir(&tenant.id);
    let parts = HeadParts {
        dir,
        head: &sealed.view,
        finished: &changes.finished.iter().map(|meta| meta.day).collect(),
        wrote: &wrote,
    };
    let (finished, failed) = parts.write(&mut changes.next_part);
    let retention = shared.options.retention.tenant(&tenant.id);
    let now = shared.options.clock.now();
    changes
        .finished
        .extend(finished.into_iter().map(|meta| PartMeta {
            arrived: retention.arrival(meta.day, now),
            ..meta
        }));
    if let Some(error) = failed {
        return Err(error);
    }
    let added = shared.env.open_all(&dir, &changes.finished)?;
    let edit = ManifestEdit {
        covered: Some(sealed.covered),
        added: &added,
        ..ManifestEdit::default()
    };
    shared.commit(tenant, changes, edit)?;
    changes.finished.clear();
    let mut state = tenant.state.lock();
    state.sealed.remove(0);
    state.covered = sealed.covered;
    state.swap_parts(&[], added);
    drop(state);
    drop(progress);
    drop(writing);
    shared.head_went(sealed);
    Ok(())
}

/// Writes a tenant's first manifest before its first part: parts without any manifest then always
/// mean that one was lost.
fn begin_manifest(
    shared: &Shared,
    tenant: &Tenant,
    changes: &mut Changes,
) -> Result<(), StoreError> {
    shared.dir(&tenant.id).create()?;
    shared.commit(tenant, changes, ManifestEdit::default())
}
