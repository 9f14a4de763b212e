//! Status figures of a store, for metrics and readiness.

use crate::cache::result_cache::CacheStatus;
use crate::shared::Shared;
use crate::{ObjectStatus, bucket::sync};
use skald_model::{Budget, MemoryUser, TenantId};
use std::sync::atomic::Ordering;

/// Tenants that have figures of their own in metrics, the first that came; those of the others are
/// summed up.
pub const NAMED_TENANTS: usize = 1000;

/// The name under which metrics have the sum of the others; no tenant can be called so.
pub const OTHER_TENANTS: &str = "|others|";

/// What `/metrics` and `/ready` report of a store.
#[derive(Clone, Debug, Default)]
pub struct StoreStatus {
    /// Whether the WAL is being replayed: no writes are taken yet.
    pub recovering: bool,
    /// Bytes of the WAL that replay has read, and of those there were.
    pub replayed: (u64, u64),
    /// Why it takes no writes, when it does not.
    pub stopped: Option<String>,
    /// Whether the disk of the WAL was full when last tried.
    pub disk_full: bool,
    /// Bytes in the head.
    pub head_bytes: u64,
    /// Bytes of memory for all users together.
    pub memory_budget: u64,
    /// Bytes of memory each user holds, and how often it was refused.
    pub memory: Vec<(MemoryUser, u64, u64)>,
    /// Results that readers cached by block.
    pub results: CacheStatus,
    /// Streams in the head, per tenant; `None` is all tenants beyond [`NAMED_TENANTS`].
    pub head_streams: Vec<(Option<TenantId>, u64)>,
    /// Bytes of WAL on disk.
    pub wal_bytes: u64,
    /// Parts on disk.
    pub parts: u64,
    /// Bytes of parts.
    pub part_bytes: u64,
    /// Flushes since start.
    pub flushes: u64,
    /// Flushes that failed since start.
    pub flush_failures: u64,
    /// Tenants whose last flush failed.
    pub failing_tenants: u64,
    /// Tenants that are known.
    pub tenants: u64,
    /// How many there may be.
    pub tenants_max: u64,
    /// Files of parts that are kept open.
    pub open_files: u64,
    /// How many may be.
    pub open_files_max: u64,
    /// Files of parts opened since start.
    pub opened_files: u64,
    /// Compactions since start.
    pub compactions: u64,
    /// Manifests that were damaged or lost and rebuilt at start.
    pub manifests_rebuilt: u64,
    /// Tenants whose data can't be read.
    pub unreadable_tenants: u64,
    /// fsyncs of the WAL since start.
    pub wal_syncs: u64,
    /// Parts rewritten without entries that were deleted or had expired, since start.
    pub rewrites: u64,
    /// Parts removed because all in them had expired, since start.
    pub expired_parts: u64,
    /// Entries that went with them or were left out of parts, since start.
    pub expired_entries: u64,
    /// Bytes of the lines of these.
    pub expired_bytes: u64,
    /// Entries left out of parts because they were deleted, since start.
    pub deleted_entries: u64,
    /// Delete requests that are not processed.
    pub pending_deletes: u64,
    /// Object storage, when parts go there.
    pub objects: Option<ObjectStatus>,
    /// Streams created since start, per tenant; `None` as above.
    pub streams_created: Vec<(Option<TenantId>, u64)>,
}

impl StoreStatus {
    /// The figures now.
    pub(crate) fn of(shared: &Shared) -> StoreStatus {
        let wal = shared.wal.get();
        let dropped = shared.dropped.get();
        let mut status = StoreStatus {
            recovering: shared.is_recovering(),
            replayed: (
                shared.replay_read.load(Ordering::Relaxed),
                shared.replay_bytes.load(Ordering::Relaxed),
            ),
            stopped: wal.and_then(|wal| wal.stopped()),
            disk_full: wal.is_some_and(|wal| wal.is_full()),
            head_bytes: shared.head_bytes() as u64,
            memory_budget: shared.env.budget.bytes() as u64,
            memory: memory_of(&shared.env.budget),
            results: shared.env.results.status(),
            wal_bytes: wal.map_or(0, |wal| wal.bytes()),
            flushes: shared.flushes.load(Ordering::Relaxed),
            flush_failures: shared.flush_failures.load(Ordering::Relaxed),
            failing_tenants: shared.unflushed.tenants.load(Ordering::Relaxed) as u64,
            tenants: shared.tenants.count() as u64,
            tenants_max: shared.options.tenants as u64,
            open_files: shared.env.open_files.open() as u64,
            open_files_max: shared.env.open_files.most() as u64,
            opened_files: shared.env.open_files.opened(),
            compactions: shared.compactions.load(Ordering::Relaxed),
            wal_syncs: wal.map_or(0, |wal| wal.syncs()),
            unreadable_tenants: shared.unreadable.load(Ordering::Relaxed) as u64,
            manifests_rebuilt: shared.manifests_rebuilt.load(Ordering::Relaxed),
            rewrites: shared.rewrites.load(Ordering::Relaxed),
            expired_parts: shared.expired_parts.load(Ordering::Relaxed),
            expired_entries: dropped.expired,
            expired_bytes: dropped.expired_bytes,
            deleted_entries: dropped.deleted,
            objects: shared.objects.as_ref().map(|o| o.status()),
            ..StoreStatus::default()
        };
        status.add_tenants(shared);
        status
    }

    fn add_tenants(&mut self, shared: &Shared) {
        let (mut other_head_streams, mut other_created) = (0, 0);
        for tenant in shared.all_tenants().iter() {
            if let Some(objects) = &mut self.objects {
                let (parts, bytes) = sync::waiting(tenant);
                objects.waiting_parts += parts;
                objects.waiting_bytes += bytes;
            }
            let state = tenant.state.lock();
            let streams =
                state.head.streams() + state.sealed.iter().map(|s| s.streams).sum::<usize>();
            let created = state.head.new_streams();
            if tenant.number < NAMED_TENANTS {
                self.head_streams
                    .push((Some(tenant.id.clone()), streams as u64));
                self.streams_created
                    .push((Some(tenant.id.clone()), created));
            } else {
                other_head_streams += streams as u64;
                other_created += created;
            }
            self.parts += state.parts.len() as u64;
            self.pending_deletes += (state.deletions.len() + state.not_compiled.len()) as u64;
            self.part_bytes += state.parts.iter().map(|p| p.meta.bytes).sum::<u64>();
        }
        if shared.all_tenants().len() > NAMED_TENANTS {
            self.head_streams.push((None, other_head_streams));
            self.streams_created.push((None, other_created));
        }
    }
}

/// Each user's bytes and refusals.
fn memory_of(budget: &Budget) -> Vec<(MemoryUser, u64, u64)> {
    MemoryUser::ALL
        .iter()
        .map(|user| (*user, budget.held(*user) as u64, budget.refusals(*user)))
        .collect()
}
