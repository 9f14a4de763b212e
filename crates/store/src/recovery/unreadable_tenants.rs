//! Unreadable tenants: those whose folder can't be read are left out, and taken in once it can be.
//!
//! One bad sector must not take the others down. Until its manifest is read nobody knows which of
//! the tenant's records in the WAL are in parts: they stay there, pushes and queries of the tenant
//! are refused, and every now and then it is tried again.

use crate::StoreError;
use crate::flush::job::flush;
use crate::recovery::open_tenant;
use crate::recovery::wal_replay::insert_of;
use crate::shared::Shared;
use crate::tenant::Tenant;
use skald_model::TenantId;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// Leaves a tenant out.
pub(super) fn leave_out(shared: &Shared, id: &TenantId, error: &StoreError) {
    tracing::error!(tenant = %id, %error, "a tenant can't be read: its pushes and queries are refused, those of others go on");
    let tenant = shared.tenant_or_new(id);
    tenant.set_unreadable(Some(error.to_string()));
    shared.unreadable.fetch_add(1, Ordering::Relaxed);
}

/// Tries tenants that were left out, when it is time.
pub(crate) fn take_in(shared: &Shared, next: &mut Instant) {
    let is_time = Instant::now() >= *next && !shared.is_recovering();
    if !is_time || shared.unreadable.load(Ordering::Relaxed) == 0 {
        return;
    }
    *next = Instant::now() + shared.options.unreadable_retry;
    let tenants = shared.all_tenants();
    for tenant in tenants.iter().filter(|tenant| tenant.is_unreadable()) {
        match open_tenant(shared, &tenant.id).and_then(|()| replay(shared, tenant)) {
            Ok(()) => {
                tenant.set_unreadable(None);
                shared.unreadable.fetch_sub(1, Ordering::Relaxed);
                tracing::info!(tenant = %tenant.id, "a tenant that could not be read is there again");
            }
            Err(error) => {
                tracing::debug!(tenant = %tenant.id, %error, "a tenant still can't be read");
            }
        }
    }
}

/// Puts the tenant's records that no part covers into its head. None came since the start.
fn replay(shared: &Shared, tenant: &Tenant) -> Result<(), StoreError> {
    let mut result = Ok(());
    let mut on_record = |record: skald_wal::Replayed<'_>| {
        if result.is_ok() && record.tenant == tenant.id.as_str() {
            insert_of(shared, tenant, record);
            if tenant.head_bytes() > shared.flush_at() {
                result = flush(shared, tenant);
            }
        }
    };
    skald_wal::read(shared.files(), &shared.layout.wal(), &mut on_record)?;
    let mut state = tenant.state.lock();
    if !state.deletions.is_empty() || !state.not_compiled.is_empty() {
        state.seal();
    }
    drop(state);
    result
}
