//! Flush job: turns a tenant's head into parts and truncates the WAL.

use crate::StoreError;
use crate::flush::progress::Progress;
use crate::flush::write_parts;
use crate::manifest::edit::ManifestEdit;
use crate::shared::Shared;
use crate::tenant::{Changes, Tenant};
use skald_model::{Held, MemoryUser};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Flushes every tenant.
pub(crate) fn flush_all(shared: &Shared) -> Result<(), StoreError> {
    let mut result = Ok(());
    for tenant in shared.all_tenants() {
        result = flush(shared, &tenant).and(result);
    }
    result.and(shared.truncate_wal())
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
        if changes.next_part == 0 {
            begin_manifest(shared, tenant, &mut changes)?;
        }
        let _writing = Held::charged(
            shared.budget(),
            MemoryUser::Writers,
            write_parts::memory_bytes(&sealed.view),
        );
        let progress = Progress::of(&shared.flushed, &sealed);
        let wrote = |bytes| {
            progress.add(bytes);
            shared.apply_back_pressure();
        };
        let dir = shared.dir(&tenant.id);
        let metas = write_parts::write_parts(&dir, &sealed.view, changes.next_part, &wrote)?;
        changes.next_part += metas.len() as u64;
        let added = shared.env.open_all(&dir, &metas)?;
        let edit = ManifestEdit {
            covered: Some(sealed.covered),
            added: &added,
            ..ManifestEdit::default()
        };
        shared.commit(tenant, &mut changes, edit)?;
        let mut state = tenant.state.lock();
        state.sealed.remove(0);
        state.covered = sealed.covered;
        state.swap_parts(&[], added);
        drop(state);
        drop(progress);
        shared
            .budget()
            .release(MemoryUser::Head, sealed.memory_bytes);
        shared.apply_back_pressure();
        shared.flushes.fetch_add(1, Ordering::Relaxed);
    }
}

/// Writes a tenant's first manifest before its first part: parts without any manifest then always
/// mean that one was lost.
fn begin_manifest(
    shared: &Shared,
    tenant: &Tenant,
    changes: &mut Changes,
) -> Result<(), StoreError> {
    let folder = shared.dir(&tenant.id).folder();
    shared
        .files()
        .create_folder(&folder)
        .map_err(StoreError::at("creating", &folder))?;
    shared.commit(tenant, changes, ManifestEdit::default())
}
