//! Shared state of an open store: tenants, the WAL, memory, counters, and the wake-up of the
//! background threads.
//!
//! State only. The jobs that work on it are functions beside what they do: [`crate::flush::job`],
//! [`crate::compaction::job`], [`crate::retention::sweep`], [`crate::deletes::requests`],
//! [`crate::bucket::sync`].

use crate::bucket::Objects;
use crate::cache::index_cache::IndexCache;
use crate::cache::result_cache::ResultCache;
use crate::deletes::DeleteRecord;
use crate::deletes::drop_filter::DroppedCounters;
use crate::descriptors::{OpenFiles, PatientFiles};
use crate::files::Files;
use crate::head::backpressure::{BackPressure, Flushes, HeadBounds};
use crate::head::{Growth, Origin, SealedHead};
use crate::layout::Layout;
use crate::part::PartEnv;
use crate::reserve::Reserve;
use crate::retention::Expiry;
use crate::tenant::{Tenant, TenantState, View};
use crate::tenant_dir::TenantDir;
use crate::tenants::Tenants;
use crate::{Options, StoreError, WriteError};
use parking_lot::{Condvar, Mutex};
use skald_model::{Budget, MemoryUser, TenantId};
use skald_wal::Wal;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Bytes that may wait to be written to the WAL before pushes are refused.
const QUEUED_BYTES_MAX: u64 = 128 << 20;

/// No more of them wait than this part of the memory budget.
const QUEUED_SHARE: usize = 8;

/// Failures in a row after which a tenant's pushes are refused when it holds too much: one may be a
/// moment's.
const REFUSED_AFTER: u32 = 2;

/// What tenants hold whose flushes fail, as of the last round.
#[derive(Debug, Default)]
pub(crate) struct Unflushed {
    /// How many they are.
    pub(crate) tenants: AtomicUsize,
    /// Memory of their heads.
    pub(crate) head_bytes: AtomicUsize,
    /// Bytes of the WAL that were left when all others were flushed.
    pub(crate) wal_bytes: AtomicU64,
}

/// A data directory without its background threads.
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) layout: Layout,
    /// What open parts share; its budget is that of all memory, heads by rough figures and sealed
    /// ones included.
    pub(crate) env: PartEnv,
    /// Bytes of labels of streams in heads.
    head_labels: AtomicUsize,
    /// Set once replay has ended.
    pub(crate) wal: OnceLock<Wal>,
    pub(crate) tenants: Tenants,
    bounds: HeadBounds,
    pub(crate) flushes: AtomicU64,
    pub(crate) flush_failures: AtomicU64,
    /// What tenants hold whose flushes fail.
    pub(crate) unflushed: Unflushed,
    /// Memory of sealed heads that stands for what is in blocks already.
    pub(crate) flushed: AtomicUsize,
    /// Memory of sealed heads that replay made. It was taken from the budget and not from what heads
    /// may have: the server is ready before it is flushed.
    replayed: AtomicUsize,
    /// Bytes of the WAL that replay has read, and of those there are.
    pub(crate) replay_read: AtomicU64,
    pub(crate) replay_bytes: AtomicU64,
    /// Whether the last round of flushes met an error.
    flush_failed: AtomicBool,
    pub(crate) compactions: AtomicU64,
    /// Manifests that were lost and rebuilt at start.
    pub(crate) manifests_rebuilt: AtomicU64,
    /// Tenants for which it is unknown which manifest is in force.
    pub(crate) unsettled: AtomicUsize,
    /// Tenants whose data could not be read.
    pub(crate) unreadable: AtomicUsize,
    /// Held while replay ends, and while something depends on whether it has.
    pub(crate) replay_end: Mutex<()>,
    /// Set when something may have made room that a waiting replay should make use of.
    pub(crate) room_wanted: AtomicBool,
    closing: AtomicBool,
    /// The bucket, if parts go to one.
    pub(crate) objects: Option<Objects>,
    /// Room for manifests on a full disk.
    pub(crate) reserve: Reserve,
    /// Held while streams are indexed, which goes on beside merges.
    pub(crate) indexing: Mutex<()>,
    pub(crate) rewrites: AtomicU64,
    pub(crate) expired_parts: AtomicU64,
    /// Entries left out of parts.
    pub(crate) dropped: DroppedCounters,
    pub(crate) index_cache: IndexCache,
    /// Held while parts are merged or removed, which is done by one thread at a time.
    pub(crate) compacting: Mutex<()>,
    /// Wakes the background threads when there may be work.
    wake: Condvar,
    wakes: Mutex<u64>,
    /// What everything of the store goes to the disk through.
    disk: Arc<PatientFiles>,
    /// Held as long as the directory is ours.
    lock: Mutex<Option<Box<dyn Send + Sync>>>,
}

impl Shared {
    pub(crate) fn new(
        options: Options,
        layout: Layout,
        lock: Box<dyn Send + Sync>,
        open_files: Arc<OpenFiles>,
        disk: Arc<PatientFiles>,
    ) -> Result<Shared, StoreError> {
        let objects = options
            .objects
            .clone()
            .map(|o| Objects::new(o, options.files.clone(), &layout))
            .transpose()?;
        let budget = Arc::new(Budget::new(options.memory));
        Ok(Shared {
            objects,
            index_cache: IndexCache::new(budget.clone()),
            env: PartEnv {
                files: options.files.clone(),
                open_files,
                results: Arc::new(ResultCache::new(budget.clone(), options.result_cache_bytes)),
                budget,
            },
            reserve: Reserve::take(options.files.clone(), &layout),
            bounds: HeadBounds::new(options.flush_bytes, options.memory),
            tenants: Tenants::new(options.tenants, options.own_tenant.clone()),
            options,
            layout,
            head_labels: AtomicUsize::new(0),
            wal: OnceLock::new(),
            flushes: AtomicU64::new(0),
            flush_failures: AtomicU64::new(0),
            unflushed: Unflushed::default(),
            flushed: AtomicUsize::new(0),
            replayed: AtomicUsize::new(0),
            replay_read: AtomicU64::new(0),
            replay_bytes: AtomicU64::new(0),
            flush_failed: AtomicBool::new(false),
            compactions: AtomicU64::new(0),
            manifests_rebuilt: AtomicU64::new(0),
            unsettled: AtomicUsize::new(0),
            unreadable: AtomicUsize::new(0),
            replay_end: Mutex::new(()),
            room_wanted: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            rewrites: AtomicU64::new(0),
            expired_parts: AtomicU64::new(0),
            dropped: DroppedCounters::default(),
            compacting: Mutex::new(()),
            indexing: Mutex::new(()),
            wake: Condvar::new(),
            wakes: Mutex::new(0),
            disk,
            lock: Mutex::new(Some(lock)),
        })
    }

    /// The file system.
    pub(crate) fn files(&self) -> &dyn Files {
        &*self.env.files
    }

    /// The memory of all.
    pub(crate) fn budget(&self) -> &Arc<Budget> {
        &self.env.budget
    }

    /// Whether the WAL is not replayed yet.
    pub(crate) fn is_recovering(&self) -> bool {
        self.wal.get().is_none()
    }

    /// The warning of queries while the WAL is not replayed.
    pub(crate) fn recovering_warning(&self) -> String {
        let left = self.replay_left().div_ceil(1 << 20);
        format!(
            "the server is starting: entries that are only in the write-ahead log may be missing until it is replayed ({left} MB of it are not loaded yet)"
        )
    }

    /// Ends a replay that is going on.
    pub(crate) fn stop_replay(&self) {
        self.closing.store(true, Ordering::Release);
    }

    /// Gives the directory up: nothing is changed in it any more, and another store may open it.
    pub(crate) fn give_up(&self) {
        self.disk.close();
        drop(self.lock.lock().take());
    }

    /// Whether the store is being closed.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// A tenant that is known.
    pub(crate) fn tenant(&self, id: &TenantId) -> Option<Arc<Tenant>> {
        self.tenants.get(id)
    }

    /// A tenant, known from now on.
    pub(crate) fn tenant_or_new(&self, id: &TenantId) -> Arc<Tenant> {
        self.tenants.get_or_add(id)
    }

    /// Every tenant, sorted.
    pub(crate) fn all_tenants(&self) -> Arc<Vec<Arc<Tenant>>> {
        self.tenants.all()
    }

    /// A tenant's files.
    pub(crate) fn dir<'a>(&'a self, tenant: &'a TenantId) -> TenantDir<'a> {
        TenantDir {
            files: self.files(),
            layout: &self.layout,
            tenant,
        }
    }

    /// What queries see of a tenant now.
    pub(crate) fn view(&self, tenant: &Tenant) -> View {
        tenant.view(self.expiry(tenant))
    }

    /// What of the tenant has expired by now.
    pub(crate) fn expiry(&self, tenant: &Tenant) -> Expiry {
        Expiry::new(
            self.options.retention.tenant(&tenant.id),
            self.options.clock.now(),
        )
    }

    /// Whether parts may be rewritten for a delete request.
    pub(crate) fn is_due(&self, tenant: &Tenant, request: &DeleteRecord) -> bool {
        let is_over = request.is_due(self.options.clock.now(), self.options.delete_cancel_period);
        is_over && !self.options.retention.tenant(&tenant.id).keep_deleted
    }

    /// Whether a push may come in now.
    pub(crate) fn admit(&self, wal: &Wal) -> Result<(), WriteError> {
        self.room(wal).inspect_err(|_| {
            self.budget().count_refusal(MemoryUser::Head);
            self.wake_workers();
        })
    }

    /// Whether there is room for a push.
    pub(crate) fn room(&self, wal: &Wal) -> Result<(), WriteError> {
        let queued_max = QUEUED_BYTES_MAX.min((self.options.memory / QUEUED_SHARE) as u64);
        match self.back_pressure() {
            BackPressure::OutOfMemory => Err(WriteError::OutOfMemory),
            BackPressure::Behind => Err(WriteError::Busy),
            BackPressure::None | BackPressure::Delay(_) if wal.queued_bytes() > queued_max => {
                Err(WriteError::Busy)
            }
            BackPressure::None | BackPressure::Delay(_) => Ok(()),
        }
    }

    /// Whether a push of this tenant may come in, as far as its own flushes go: while they fail, its
    /// entries get a head's worth of memory and no more of the WAL than its bound, so that others
    /// can go on.
    pub(crate) fn admit_of(&self, tenant: &Tenant, wal: &Wal) -> Result<(), WriteError> {
        let failing = tenant.flushing.failing();
        let Some(failing) = failing.filter(|f| f.times >= REFUSED_AFTER) else {
            return Ok(());
        };
        let held = self.unflushed.head_bytes.load(Ordering::Relaxed);
        let is_full = held.max(tenant.head_bytes()) > self.flush_at();
        if is_full || wal.bytes() > self.options.wal_bytes {
            return Err(WriteError::NotFlushed(failing.why));
        }
        Ok(())
    }

    /// Notes what tenants hold whose flushes fail, after a round of flushes.
    pub(crate) fn note_unflushed(&self, tenants: &[Arc<Tenant>]) {
        let failing = tenants
            .iter()
            .filter_map(|t| Some((t, t.flushing.failing()?)));
        let (mut count, mut bytes) = (0, 0);
        for (tenant, _) in failing {
            count += 1;
            bytes += tenant.head_bytes();
        }
        let wal = match count + self.unreadable.load(Ordering::Relaxed) {
            0 => 0,
            _ => self.wal.get().map_or(0, |wal| wal.bytes()),
        };
        self.unflushed.tenants.store(count, Ordering::Relaxed);
        self.unflushed.head_bytes.store(bytes, Ordering::Relaxed);
        self.unflushed.wal_bytes.store(wal, Ordering::Relaxed);
    }

    /// Notes memory taken by heads, and wakes the flushing thread when it has become much.
    pub(crate) fn head_grew(&self, Growth { bytes, label_bytes }: Growth) {
        self.head_labels.fetch_add(label_bytes, Ordering::Relaxed);
        let before = self.budget().charge(MemoryUser::Head, bytes);
        if self.bounds.is_step(before, before + bytes) {
            self.apply_back_pressure();
            self.wake_workers();
        }
    }

    /// Seals a head that replay filled; its memory is no reason to slow pushes down later.
    pub(crate) fn seal_replayed(&self, state: &mut TenantState) {
        let bytes = state.seal_replayed();
        self.replayed.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Notes that a head's memory was given back.
    pub(crate) fn head_went(&self, head: &SealedHead) {
        if head.origin == Origin::Replay {
            self.replayed
                .fetch_sub(head.memory_bytes, Ordering::Relaxed);
        }
        self.head_labels
            .fetch_sub(head.label_bytes, Ordering::Relaxed);
        self.budget().release(MemoryUser::Head, head.memory_bytes);
    }

    /// Memory of heads but for those that replay sealed.
    pub(crate) fn pushed_bytes(&self) -> usize {
        let replayed = self.replayed.load(Ordering::Relaxed);
        self.head_bytes().saturating_sub(replayed)
    }

    /// How flushes fare.
    pub(crate) fn flushes(&self) -> Flushes {
        match self.flush_failed.load(Ordering::Relaxed) {
            true => Flushes::Fail,
            false => Flushes::GoOn,
        }
    }

    /// Notes how a flush of the flushing thread ended.
    pub(crate) fn note_flushes(&self, flushes: Flushes) {
        let failed = flushes == Flushes::Fail;
        self.flush_failed.store(failed, Ordering::Relaxed);
    }

    /// Bytes of the WAL that replay has not read yet.
    pub(crate) fn replay_left(&self) -> u64 {
        let read = self.replay_read.load(Ordering::Relaxed);
        self.replay_bytes
            .load(Ordering::Relaxed)
            .saturating_sub(read)
    }

    /// Bytes of heads at which replay waits for flushes.
    pub(crate) fn replay_until(&self, flushes: Flushes) -> usize {
        self.bounds.replay_until(flushes)
    }

    /// Memory of all heads, sealed ones included.
    pub(crate) fn head_bytes(&self) -> usize {
        self.budget().held(MemoryUser::Head)
    }

    /// Bytes of heads that start a flush now.
    pub(crate) fn flush_at(&self) -> usize {
        let flush_at = self.bounds.flush_at(self.budget().pressure());
        match self.labels_max() / 2 {
            half if self.head_labels.load(Ordering::Relaxed) > half => flush_at.min(half),
            _ => flush_at,
        }
    }

    fn labels_max(&self) -> usize {
        self.bounds
            .labels_max(self.budget().held(MemoryUser::Directories))
    }

    fn back_pressure(&self) -> BackPressure {
        if self.head_labels.load(Ordering::Relaxed) > self.labels_max() {
            return BackPressure::Behind;
        }
        let held = self.pushed_bytes();
        let left = held.saturating_sub(self.flushed.load(Ordering::Relaxed));
        self.bounds
            .back_pressure(held, left, self.budget().pressure())
    }

    /// Delays pushes while flushing lags, and no longer.
    pub(crate) fn apply_back_pressure(&self) {
        if let Some(wal) = self.wal.get() {
            wal.slow_down(match self.back_pressure() {
                BackPressure::Delay(wait) => wait,
                BackPressure::None | BackPressure::Behind | BackPressure::OutOfMemory => {
                    Duration::ZERO
                }
            });
        }
    }

    /// Makes the background threads look for work now.
    pub(crate) fn wake_workers(&self) {
        *self.wakes.lock() += 1;
        self.wake.notify_all();
    }

    /// Waits until the workers were woken more than `seen` times, or `at_most` has passed; gives
    /// how often they were.
    pub(crate) fn wait_for_work(&self, seen: u64, at_most: Duration) -> u64 {
        let mut wakes = self.wakes.lock();
        if *wakes == seen {
            self.wake.wait_for(&mut wakes, at_most);
        }
        *wakes
    }

    /// Removes WAL segments that parts cover.
    pub(crate) fn truncate_wal(&self) -> Result<(), StoreError> {
        let Some(wal) = self.wal.get() else {
            return Ok(());
        };
        let covered = |name: &str| {
            let tenant = TenantId::parse(name).ok().and_then(|id| self.tenant(&id));
            tenant.map_or(0, |t| t.covered())
        };
        wal.truncate(&covered).map_err(StoreError::from)
    }
}
