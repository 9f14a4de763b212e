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
use crate::files::Files;
use crate::head::backpressure::{BackPressure, HeadBounds};
use crate::layout::Layout;
use crate::manifest::edit::ManifestEdit;
use crate::manifest::{self, ReplaceError};
use crate::part::PartEnv;
use crate::retention::Expiry;
use crate::tenant::{Changes, Tenant, View};
use crate::tenant_dir::TenantDir;
use crate::{Options, StoreError, WriteError};
use hashbrown::HashMap;
use parking_lot::{Condvar, Mutex, RwLock};
use skald_model::{Budget, MemoryUser, TenantId};
use skald_wal::Wal;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Bytes that may wait to be written to the WAL before pushes are refused.
const QUEUED_BYTES_MAX: u64 = 128 << 20;

/// No more of them wait than this part of the memory budget.
const QUEUED_SHARE: usize = 8;

/// A data directory without its background threads.
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) layout: Layout,
    /// What open parts share; its budget is that of all memory, heads by rough figures and sealed
    /// ones included.
    pub(crate) env: PartEnv,
    /// Set once replay has ended.
    pub(crate) wal: OnceLock<Wal>,
    tenants: RwLock<HashMap<TenantId, Arc<Tenant>>>,
    bounds: HeadBounds,
    pub(crate) flushes: AtomicU64,
    /// Memory of sealed heads that stands for what is in blocks already.
    pub(crate) flushed: AtomicUsize,
    pub(crate) compactions: AtomicU64,
    /// Manifests that were lost and rebuilt at start.
    pub(crate) manifests_rebuilt: AtomicU64,
    closing: AtomicBool,
    /// The bucket, if parts go to one.
    pub(crate) objects: Option<Objects>,
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
    /// Held as long as the directory is ours.
    _lock: Box<dyn Send + Sync>,
}

impl Shared {
    pub(crate) fn new(
        options: Options,
        layout: Layout,
        lock: Box<dyn Send + Sync>,
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
                results: Arc::new(ResultCache::new(budget.clone(), options.result_cache_bytes)),
                budget,
            },
            bounds: HeadBounds::new(options.flush_bytes, options.memory),
            options,
            layout,
            wal: OnceLock::new(),
            tenants: RwLock::default(),
            flushes: AtomicU64::new(0),
            flushed: AtomicUsize::new(0),
            compactions: AtomicU64::new(0),
            manifests_rebuilt: AtomicU64::new(0),
            closing: AtomicBool::new(false),
            rewrites: AtomicU64::new(0),
            expired_parts: AtomicU64::new(0),
            dropped: DroppedCounters::default(),
            compacting: Mutex::new(()),
            indexing: Mutex::new(()),
            wake: Condvar::new(),
            wakes: Mutex::new(0),
            _lock: lock,
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

    /// Ends a replay that is going on.
    pub(crate) fn stop_replay(&self) {
        self.closing.store(true, Ordering::Release);
    }

    /// Whether the store is being closed.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// A tenant that is known.
    pub(crate) fn tenant(&self, id: &TenantId) -> Option<Arc<Tenant>> {
        self.tenants.read().get(id).cloned()
    }

    /// A tenant, known from now on.
    pub(crate) fn tenant_or_new(&self, id: &TenantId) -> Arc<Tenant> {
        if let Some(tenant) = self.tenant(id) {
            return tenant;
        }
        let mut tenants = self.tenants.write();
        tenants
            .entry(id.clone())
            .or_insert_with(|| Arc::new(Tenant::new(id.clone())))
            .clone()
    }

    /// Every tenant, sorted.
    pub(crate) fn all_tenants(&self) -> Vec<Arc<Tenant>> {
        let mut all: Vec<Arc<Tenant>> = self.tenants.read().values().cloned().collect();
        // In the same order each time, so that a simulated crash finds the same disk again.
        all.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        all
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
        if self.back_pressure() == BackPressure::Refuse
            || wal.queued_bytes() > self.queued_bytes_max()
        {
            self.budget().count_refusal(MemoryUser::Head);
            self.wake_workers();
            return Err(WriteError::Busy);
        }
        Ok(())
    }

    fn queued_bytes_max(&self) -> u64 {
        QUEUED_BYTES_MAX.min((self.options.memory / QUEUED_SHARE) as u64)
    }

    /// Notes memory taken by heads, and wakes the flushing thread when it has become much.
    pub(crate) fn head_grew(&self, bytes: usize) {
        let before = self.budget().charge(MemoryUser::Head, bytes);
        if self.bounds.is_step(before, before + bytes) {
            self.apply_back_pressure();
            self.wake_workers();
        }
    }

    /// Memory of all heads, sealed ones included.
    pub(crate) fn head_bytes(&self) -> usize {
        self.budget().held(MemoryUser::Head)
    }

    /// Bytes of heads that start a flush now.
    pub(crate) fn flush_at(&self) -> usize {
        self.bounds.flush_at(self.budget().pressure())
    }

    fn back_pressure(&self) -> BackPressure {
        let held = self.head_bytes();
        let left = held.saturating_sub(self.flushed.load(Ordering::Relaxed));
        self.bounds
            .back_pressure(held, left, self.budget().pressure())
    }

    /// Delays pushes while flushing lags, and no longer.
    pub(crate) fn apply_back_pressure(&self) {
        if let Some(wal) = self.wal.get() {
            wal.slow_down(match self.back_pressure() {
                BackPressure::Delay(wait) => wait,
                BackPressure::None | BackPressure::Refuse => Duration::ZERO,
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

    /// Makes an edit of a tenant's manifest durable; the caller shows it to queries then. A failure
    /// that leaves the manifest in doubt stops the store.
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
        match manifest::replace(&self.dir(&tenant.id), &manifest) {
            Ok(()) => {
                changes.uploaded = manifest.uploaded;
                changes.deletes = manifest.deletes;
                Ok(())
            }
            Err(ReplaceError::NotReplaced(error)) => {
                edit.added.iter().for_each(|part| part.retire());
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
