//! What writes, flushes and compactions share: tenants, the WAL, memory in use, counters.

use crate::bucket::{Objects, Uploaded};
use crate::cache::index_cache::ContentCache;
use crate::cache::result_cache::Kept;
use crate::compaction::merge;
use crate::compaction::merge::{Merged, Pace, choose_compaction};
use crate::deletes::drop_filter::LeftOut;
use crate::deletes::requests::mergeable;
use crate::files::Files;
use crate::flush::backpressure::{HeadBounds, Pace as PushPace};
use crate::flush::progress::Progress;
use crate::flush::sort;
use crate::layout::Layout;
use crate::manifest::{Manifest, ReplaceError};
use crate::part::{Part, PartMeta};
use crate::scan::stream_index;
use crate::tenant::{Changes, Tenant, View};
use crate::{Options, StoreError, WriteError, manifest};
use hashbrown::HashMap;
use parking_lot::{Condvar, Mutex, RwLock};
use skald_model::{Budget, Held, MemoryUser, TenantId};
use skald_wal::Wal;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Bytes that may wait to be written to the WAL before pushes are refused.
const QUEUED_BYTES_MAX: u64 = 128 << 20;

/// A data directory without its background threads.
pub(crate) struct Inner {
    pub(crate) options: Options,
    pub(crate) files: Arc<dyn Files>,
    pub(crate) layout: Layout,
    /// Set once replay has ended.
    pub(crate) wal: OnceLock<Wal>,
    tenants: RwLock<HashMap<TenantId, Arc<Tenant>>>,
    /// Memory of all, heads (sealed ones included) by rough figures.
    pub(crate) budget: Arc<Budget>,
    bounds: HeadBounds,
    pub(crate) flushes: AtomicU64,
    /// Memory of sealed heads that stands for what is in blocks already.
    flushed: AtomicUsize,
    pub(crate) compactions: AtomicU64,
    /// Manifests that were lost and made anew at start.
    pub(crate) manifests_rebuilt: AtomicU64,
    closing: AtomicBool,
    /// The bucket, if parts go to one.
    pub(crate) objects: Option<Objects>,
    /// Held while streams are indexed, which goes on beside merges.
    indexing: Mutex<()>,
    pub(crate) rewrites: AtomicU64,
    pub(crate) expired_parts: AtomicU64,
    /// Entries left out of parts.
    pub(crate) left_out: LeftOut,
    pub(crate) content_cache: ContentCache,
    /// What readers keep of blocks.
    pub(crate) kept: Arc<Kept>,
    /// Held while parts are merged or removed, which is done by one thread at a time.
    pub(crate) compacting: Mutex<()>,
    /// Tells the workers that there may be something to do.
    wake: Condvar,
    wakes: Mutex<u64>,
    /// Held as long as the directory is ours.
    _lock: Box<dyn Send + Sync>,
}

impl Inner {
    pub(crate) fn new(
        options: Options,
        layout: Layout,
        lock: Box<dyn Send + Sync>,
    ) -> Result<Inner, StoreError> {
        let objects = options
            .objects
            .clone()
            .map(|o| Objects::new(o, options.files.clone(), &layout))
            .transpose()?;
        let budget = Arc::new(Budget::new(options.memory));
        Ok(Inner {
            objects,
            files: options.files.clone(),
            content_cache: ContentCache::new(budget.clone()),
            kept: Arc::new(Kept::new(budget.clone(), options.kept_bytes)),
            budget,
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
            left_out: LeftOut::default(),
            compacting: Mutex::new(()),
            indexing: Mutex::new(()),
            wake: Condvar::new(),
            wakes: Mutex::new(0),
            _lock: lock,
        })
    }

    /// Whether the WAL is not replayed yet.
    pub(crate) fn is_recovering(&self) -> bool {
        self.wal.get().is_none()
    }

    /// Lets a replay that is going on end.
    pub(crate) fn stop_replay(&self) {
        self.closing.store(true, Ordering::Release);
    }

    /// Whether the store is being closed.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    pub(crate) fn tenant(&self, id: &TenantId) -> Option<Arc<Tenant>> {
        self.tenants.read().get(id).cloned()
    }

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

    pub(crate) fn all_tenants(&self) -> Vec<Arc<Tenant>> {
        let mut all: Vec<Arc<Tenant>> = self.tenants.read().values().cloned().collect();
        // In the same order each time, so that a simulated crash finds the same disk again.
        all.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        all
    }

    /// What queries see of a tenant now.
    pub(crate) fn view(&self, tenant: &Tenant) -> View {
        tenant.view(self.expiry(tenant))
    }

    /// Whether a push may come in now.
    pub(crate) fn admit(&self, wal: &Wal) -> Result<(), WriteError> {
        if self.push_pace() == PushPace::Refused || wal.queued_bytes() > QUEUED_BYTES_MAX {
            self.budget.count_refusal(MemoryUser::Head);
            self.wake_workers();
            return Err(WriteError::Busy);
        }
        Ok(())
    }

    /// Notes memory taken and wakes the worker when it has become much.
    pub(crate) fn head_grew(&self, bytes: usize) {
        let before = self.budget.charge(MemoryUser::Head, bytes);
        if self.bounds.is_step(before, before + bytes) {
            self.set_pace();
            self.wake_workers();
        }
    }

    /// Memory of all heads, sealed ones included.
    pub(crate) fn head_bytes(&self) -> usize {
        self.budget.held(MemoryUser::Head)
    }

    /// Bytes of heads that start a flush now.
    pub(crate) fn flush_at(&self) -> usize {
        self.bounds.flush_at(self.budget.pressure())
    }

    fn push_pace(&self) -> PushPace {
        let held = self.head_bytes();
        let left = held.saturating_sub(self.flushed.load(Ordering::Relaxed));
        self.bounds.pace(held, left, self.budget.pressure())
    }

    /// Lets the background threads look for work now.
    pub(crate) fn wake_workers(&self) {
        *self.wakes.lock() += 1;
        self.wake.notify_all();
    }

    /// Waits until the workers were woken more than `seen` times, or so long; gives how often they were.
    pub(crate) fn wait_for_work(&self, seen: u64, at_most: Duration) -> u64 {
        let mut wakes = self.wakes.lock();
        if *wakes == seen {
            self.wake.wait_for(&mut wakes, at_most);
        }
        *wakes
    }

    /// Slows pushes down while flushing lags behind.
    pub(crate) fn set_pace(&self) {
        if let Some(wal) = self.wal.get() {
            wal.slow_down(match self.push_pace() {
                PushPace::Slowed(wait) => wait,
                PushPace::Free | PushPace::Refused => Duration::ZERO,
            });
        }
    }

    /// Flushes every tenant.
    pub(crate) fn flush_all(&self) -> Result<(), StoreError> {
        let mut result = Ok(());
        for tenant in self.all_tenants() {
            result = self.flush(&tenant).and(result);
        }
        result.and(self.cut_wal())
    }

    /// Turns a tenant's head, and heads sealed by attempts that failed, into parts.
    pub(crate) fn flush(&self, tenant: &Tenant) -> Result<(), StoreError> {
        let mut changes = tenant.changes.lock();
        let mut has_sealed = false;
        loop {
            let sealed = {
                let mut state = tenant.state.lock();
                // What an earlier attempt left goes first, so that failing does not cut the head into crumbs.
                if state.sealed.is_empty() && !std::mem::replace(&mut has_sealed, true) {
                    let sealed = state.head.seal();
                    state.sealed.extend(sealed.map(Arc::new));
                }
                state.sealed.first().cloned()
            };
            let Some(sealed) = sealed else { return Ok(()) };
            if changes.next_part == 0 {
                self.begin_manifest(tenant, &mut changes)?;
            }
            let _writing = Held::charged(
                &self.budget,
                MemoryUser::Writers,
                sort::memory_bytes(&sealed.view),
            );
            let progress = Progress::of(&self.flushed, &sealed);
            let wrote = |bytes| {
                progress.add(bytes);
                self.set_pace();
            };
            let metas = sort::write_parts(
                &*self.files,
                &self.layout,
                &tenant.id,
                &sealed.view,
                changes.next_part,
                &wrote,
            )?;
            changes.next_part += metas.len() as u64;
            let parts = self.open_parts(tenant, &metas)?;
            self.replace_manifest(tenant, &mut changes, sealed.covered, &parts, &[])?;
            let mut state = tenant.state.lock();
            state.sealed.remove(0);
            state.covered = sealed.covered;
            let all = state.parts.iter().cloned().chain(parts).collect();
            state.parts = Arc::new(all);
            drop(state);
            drop(progress);
            self.budget.release(MemoryUser::Head, sealed.memory_bytes);
            self.set_pace();
            self.flushes.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Writes a tenant's first manifest before its first part: parts without any manifest then always mean that
    /// one was lost.
    fn begin_manifest(&self, tenant: &Tenant, changes: &mut Changes) -> Result<(), StoreError> {
        let folder = self.layout.tenant(&tenant.id);
        let made = self.files.create_folder(&folder);
        made.map_err(|e| StoreError::io(format!("creating {}", folder.display()), e))?;
        self.replace_manifest(tenant, changes, tenant.covered(), &[], &[])
    }

    /// Opens parts just written.
    pub(crate) fn open_parts(
        &self,
        tenant: &Tenant,
        metas: &[PartMeta],
    ) -> Result<Vec<Arc<Part>>, StoreError> {
        let open = |meta: &PartMeta| {
            let path = self.layout.part(&tenant.id, meta.day, meta.id);
            Part::open(&self.files, path, meta.clone())
                .map(|part| Arc::new(part.charged_to(&self.budget).kept_in(&self.kept)))
        };
        metas.iter().map(open).collect()
    }

    /// Makes durable that `added` stand for the WAL up to `covered`, and that the parts numbered `removed`
    /// are gone. A failure that leaves the manifest in doubt stops the store.
    pub(crate) fn replace_manifest(
        &self,
        tenant: &Tenant,
        changes: &mut Changes,
        covered: u64,
        added: &[Arc<Part>],
        removed: &[u64],
    ) -> Result<(), StoreError> {
        let uploaded = changes.uploaded.without(removed);
        self.write_manifest(tenant, changes, covered, (added, removed, uploaded))
    }

    /// The same, with what the bucket has afterwards.
    pub(crate) fn write_manifest(
        &self,
        tenant: &Tenant,
        changes: &mut Changes,
        covered: u64,
        (added, removed, uploaded): (&[Arc<Part>], &[u64], Uploaded),
    ) -> Result<(), StoreError> {
        let old = tenant.state.lock().parts.clone();
        let kept = old
            .iter()
            .map(|p| &p.meta)
            .chain(&changes.unreadable)
            .filter(|m| !removed.contains(&m.id));
        let parts = kept.chain(added.iter().map(|p| &p.meta)).cloned().collect();
        let deletes = changes.deletes.clone();
        let manifest = Manifest {
            covered,
            next_part: changes.next_part,
            parts,
            deletes,
            uploaded,
            ..Manifest::default()
        };
        if let Some(why) = &changes.in_doubt {
            return Err(StoreError::Unusable(why.clone()));
        }
        match manifest::replace(&*self.files, &self.layout, &tenant.id, &manifest) {
            Ok(()) => {
                changes.uploaded = manifest.uploaded;
                Ok(())
            }
            Err(ReplaceError::Kept(error)) => {
                added.iter().for_each(|part| part.replace());
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

    /// Removes WAL segments that nobody needs any more.
    pub(crate) fn cut_wal(&self) -> Result<(), StoreError> {
        let Some(wal) = self.wal.get() else {
            return Ok(());
        };
        let covered = |name: &str| {
            let tenant = TenantId::parse(name).ok().and_then(|id| self.tenant(&id));
            tenant.map_or(0, |t| t.covered())
        };
        wal.cut(&covered).map_err(StoreError::from)
    }

    /// Merges parts of every tenant until each day has at most so many, or `pace` says stop.
    pub(crate) fn compact_all(&self, parts_a_day: usize, pace: Pace<'_>) -> Result<(), StoreError> {
        let _one_at_a_time = self.compacting.lock();
        for tenant in self.all_tenants() {
            while self.compact_once(&tenant, parts_a_day, pace)? {}
        }
        Ok(())
    }

    /// Puts the streams of large parts of every tenant into its stream index, unless `pace` says stop.
    pub(crate) fn index_all(&self, pace: Pace<'_>) {
        let _one_at_a_time = self.indexing.lock();
        for tenant in self.all_tenants() {
            stream_index::index_streams(self, &tenant, pace);
        }
    }

    /// One merge; gives whether there was one to do. Flushes of the tenant go on meanwhile.
    fn compact_once(
        &self,
        tenant: &Tenant,
        parts_a_day: usize,
        pace: Pace<'_>,
    ) -> Result<bool, StoreError> {
        let all = tenant.state.lock().parts.clone();
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
        let inputs: Vec<Arc<Part>> = ids
            .iter()
            .filter_map(|id| all.iter().find(|p| p.meta.id == *id).cloned())
            .collect();
        let id = tenant.changes.lock().take_number();
        let _writing = Held::charged(
            &self.budget,
            MemoryUser::Writers,
            merge::memory_bytes(&inputs),
        );
        let merged = merge::merge(&*self.files, &self.layout, &tenant.id, (&inputs, id), pace);
        if let Err(StoreError::Damaged(why)) = &merged {
            tracing::error!(tenant = %tenant.id, why, "parts of a merge are damaged, they stay as they are");
            tenant.changes.lock().unmergeable.extend(&ids);
            return Ok(true);
        }
        let Merged::Part(meta) = merged? else {
            return Ok(false);
        };
        self.replace_parts(tenant, &inputs, &[meta], &[])?;
        self.compactions.fetch_add(1, Ordering::Relaxed);
        Ok(true)
    }

    /// Puts what was made of parts in their place; nothing is left in it of the requests in `applied`.
    pub(crate) fn replace_parts(
        &self,
        tenant: &Tenant,
        inputs: &[Arc<Part>],
        metas: &[PartMeta],
        applied: &[u32],
    ) -> Result<(), StoreError> {
        let ids: Vec<u64> = inputs.iter().map(|p| p.meta.id).collect();
        let mut changes = tenant.changes.lock();
        let added = self.open_parts(tenant, metas)?;
        let covered = tenant.covered();
        let requests = changes.deletes.clone();
        for request in changes.deletes.iter_mut().filter(|r| r.processed.is_none()) {
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
        if let Err(error) = self.replace_manifest(tenant, &mut changes, covered, &added, &ids) {
            changes.deletes = requests;
            return Err(error);
        }
        let mut state = tenant.state.lock();
        let kept = state
            .parts
            .iter()
            .filter(|p| !ids.contains(&p.meta.id))
            .cloned();
        state.parts = Arc::new(kept.chain(added).collect());
        drop(state);
        if !changes.deletes.is_empty() {
            self.enforce_deletes(tenant, &changes);
        }
        inputs.iter().for_each(|part| part.replace());
        Ok(())
    }
}

impl From<skald_wal::WalError> for StoreError {
    fn from(error: skald_wal::WalError) -> StoreError {
        match error {
            skald_wal::WalError::Io { context, error } => StoreError::Io { context, error },
            error => StoreError::Unusable(error.to_string()),
        }
    }
}
