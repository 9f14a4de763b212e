//! The public face of a data directory; what it does lies in `inner`, `select`, `names` and `recover`.

use crate::background::Workers;
use crate::recovery::{push_record, wal_replay};
use crate::scan::labels;
use crate::scan::selector::Selecting;
use crate::shared::Inner;
use crate::{
    CancelError, DeleteError, DeleteRequest, MinedStreams, Options, Select, Selected, StoreError,
    StoreStatus, WriteError, bucket, recovery,
};
use parking_lot::Mutex;
use skald_model::{Budget, Labels, Matcher, MemoryUser, TenantId, TimeRange, WriteBatch};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What a query is told while the WAL is being replayed.
const RECOVERING: &str = "the server is starting: entries that are only in the write-ahead log may be missing until it is replayed";

/// A data directory, open. Cheap to share behind an `Arc`.
pub struct Store {
    inner: Arc<Inner>,
    worker: Mutex<Option<Workers>>,
}

impl Store {
    /// Opens a directory: takes its lock, sweeps leftovers, replays the WAL.
    pub fn open(options: Options) -> Result<Store, StoreError> {
        let store = Store::open_parts(options)?;
        store.recover()?;
        Ok(store)
    }

    /// Opens a directory without its WAL: queries answer from parts, with a warning, and writes are refused
    /// until [`Store::recover`] has ended.
    pub fn open_parts(options: Options) -> Result<Store, StoreError> {
        Ok(Store {
            inner: Arc::new(recovery::open_parts(options)?),
            worker: Mutex::new(None),
        })
    }

    /// Replays the WAL in bounded memory, then starts the threads of the background. To be called once; the
    /// store can be queried meanwhile. Closing the store ends it early, with an error.
    pub fn recover(&self) -> Result<(), StoreError> {
        wal_replay::replay(&self.inner)?;
        if self.inner.is_closing() {
            return self.close(false);
        }
        if self.inner.options.background {
            *self.worker.lock() = Some(Workers::start(self.inner.clone())?);
        }
        Ok(())
    }

    /// Appends to the WAL and the head. When this gives `Ok`, queries see the batch, and `done` is called
    /// once, from another thread, when it is as durable as `wal_sync` promises, or can't become so.
    /// When this gives an error nothing was taken and `done` is dropped.
    pub fn write(
        &self,
        tenant: &TenantId,
        batch: &WriteBatch<'_>,
        done: Box<dyn FnOnce(Result<(), WriteError>) + Send>,
    ) -> Result<(), WriteError> {
        let inner = &*self.inner;
        let Some(wal) = inner.wal.get() else {
            return Err(WriteError::Recovering);
        };
        inner.admit(wal)?;
        let tenant = inner.tenant_or_new(tenant);
        let encoded = wal.encode(&tenant.name, |out| push_record::encode(batch, out));
        // Both under the tenant's lock: a seal then sees exactly the records up to one number, and whoever
        // hears of the acknowledgement finds the entries in the head.
        let mut state = tenant.state.lock();
        let sequence = wal.append(
            encoded,
            Box::new(move |result| done(result.map_err(WriteError::from))),
        )?;
        let grown = state.head.insert(sequence, batch);
        drop(state);
        inner.head_grew(grown);
        Ok(())
    }

    /// Finds what to read.
    pub fn select(&self, tenant: &TenantId, select: &Select<'_>) -> Result<Selected, StoreError> {
        Ok(self.selecting(tenant, select, true).next(usize::MAX))
    }

    /// Finds what to read piece by piece, newest or oldest first, all of it as it is now.
    pub fn selecting<'a>(
        &'a self,
        tenant: &TenantId,
        select: &Select<'a>,
        newest_first: bool,
    ) -> Selecting<'a> {
        let view = self
            .inner
            .tenant(tenant)
            .map(|tenant| self.inner.view(&tenant));
        let mut selecting = Selecting::new(view, select, newest_first, &self.inner.content_cache);
        if self.inner.is_recovering() {
            selecting.warn(RECOVERING.to_owned());
        }
        if let Some(warning) = self
            .inner
            .objects
            .as_ref()
            .and_then(|objects| objects.warning())
        {
            selecting.warn(warning);
        }
        selecting
    }

    /// Templates of the lines of matching streams in parts that overlap the range, a list for each stream and
    /// part. What is in the head has none yet.
    pub fn patterns(
        &self,
        tenant: &TenantId,
        matchers: &[Matcher],
        range: TimeRange,
    ) -> MinedStreams {
        let Some(tenant) = self.inner.tenant(tenant) else {
            return MinedStreams::default();
        };
        let view = self.inner.view(&tenant);
        let mut mined = MinedStreams::default();
        for part in view
            .parts
            .iter()
            .filter(|p| range.overlaps(p.meta.min_time, p.meta.max_time))
        {
            let matching = part.table.matching(matchers);
            if !matching.contains(&true) {
                continue;
            }
            match part.read_patterns() {
                Ok(streams) => {
                    // Templates of a stream with hidden entries may be made of these.
                    let hiding = view.hiding.of_part(&part.meta);
                    let whole = |stream| {
                        hiding.is_empty() || hiding.of_stream(&part.table.labels(stream)).is_empty()
                    };
                    let streams = streams
                        .into_iter()
                        .filter(|s| matching[s.stream as usize] && whole(s.stream));
                    mined
                        .streams
                        .extend(streams.map(|s| (part.table.labels(s.stream), s.patterns)));
                }
                Err(error) => mined.warnings.push(error.to_string()),
            }
        }
        mined
    }

    /// Labels of streams that match any of the groups (all streams when there is none) and have
    /// entries in the range.
    pub fn streams(
        &self,
        tenant: &TenantId,
        groups: &[Vec<Matcher>],
        range: TimeRange,
    ) -> Result<Vec<Labels>, StoreError> {
        let Some(tenant) = self.inner.tenant(tenant) else {
            return Ok(Vec::new());
        };
        Ok(labels::streams(&self.inner.view(&tenant), groups, range))
    }

    /// Sorted names of labels of matching streams with entries in the range.
    pub fn label_names(
        &self,
        tenant: &TenantId,
        matchers: &[Matcher],
        range: TimeRange,
    ) -> Result<Vec<String>, StoreError> {
        let Some(tenant) = self.inner.tenant(tenant) else {
            return Ok(Vec::new());
        };
        Ok(labels::label_names(
            &self.inner.view(&tenant),
            matchers,
            range,
        ))
    }

    /// Sorted values of one label of matching streams with entries in the range.
    pub fn label_values(
        &self,
        tenant: &TenantId,
        name: &str,
        matchers: &[Matcher],
        range: TimeRange,
    ) -> Result<Vec<String>, StoreError> {
        let Some(tenant) = self.inner.tenant(tenant) else {
            return Ok(Vec::new());
        };
        Ok(labels::label_values(
            &self.inner.view(&tenant),
            name,
            matchers,
            range,
        ))
    }

    /// Tenants that have data, sorted.
    pub fn tenants(&self) -> Vec<TenantId> {
        let all = self.inner.all_tenants();
        let mut tenants: Vec<TenantId> = all
            .iter()
            .filter(|t| t.has_data())
            .map(|t| t.id.clone())
            .collect();
        tenants.sort();
        tenants
    }

    /// Turns the whole head into parts and waits for it.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.inner.flush_all()
    }

    /// Brings the directory and object storage together and waits for it: what was flushed is uploaded, what
    /// other writers did there is seen, what is left over there is removed. Without object storage nothing.
    pub fn upload(&self) -> Result<(), StoreError> {
        bucket::sync_all(&self.inner, true)?;
        self.inner
            .all_tenants()
            .iter()
            .try_for_each(|tenant| bucket::sweep(&self.inner, tenant))
    }

    /// Merges parts until nothing is left to merge and waits for it.
    pub fn compact(&self) -> Result<(), StoreError> {
        self.inner.compact_all(1, &mut || true)?;
        self.inner.index_all(&mut || true);
        Ok(())
    }

    /// Removes and rewrites what retention and delete requests that are due leave over, and waits for it.
    pub fn sweep(&self) -> Result<(), StoreError> {
        self.inner.sweep_all(&mut || true)
    }

    /// Makes a delete request for entries that are there now and have times in `start..=end`; gives its id.
    /// What it matches is hidden from now on, also after a crash.
    pub fn delete(
        &self,
        tenant: &TenantId,
        query: &str,
        start: i64,
        end: i64,
    ) -> Result<String, DeleteError> {
        self.inner.request_delete(tenant, query, (start, end))
    }

    /// A tenant's delete requests by the time they were made.
    pub fn deletes(&self, tenant: &TenantId) -> Vec<DeleteRequest> {
        self.inner.delete_requests(tenant)
    }

    /// Takes a delete request back. Once parts may have been rewritten for it that takes `force`, and brings
    /// back only what is left.
    pub fn cancel_delete(
        &self,
        tenant: &TenantId,
        id: &str,
        force: bool,
    ) -> Result<(), CancelError> {
        self.inner.cancel_delete(tenant, id, force)
    }

    /// Figures for metrics.
    pub fn status(&self) -> StoreStatus {
        let inner = &*self.inner;
        let wal = inner.wal.get();
        let left_out = inner.left_out.get();
        let mut status = StoreStatus {
            recovering: inner.is_recovering(),
            stopped: wal.and_then(|wal| wal.stopped()),
            disk_full: wal.is_some_and(|wal| wal.is_full()),
            head_bytes: inner.head_bytes() as u64,
            memory_budget: inner.budget.bytes() as u64,
            memory: memory_of(&inner.budget),
            kept: inner.kept.status(),
            wal_bytes: wal.map_or(0, |wal| wal.bytes()),
            flushes: inner.flushes.load(Ordering::Relaxed),
            compactions: inner.compactions.load(Ordering::Relaxed),
            wal_syncs: wal.map_or(0, |wal| wal.syncs()),
            manifests_rebuilt: inner.manifests_rebuilt.load(Ordering::Relaxed),
            rewrites: inner.rewrites.load(Ordering::Relaxed),
            expired_parts: inner.expired_parts.load(Ordering::Relaxed),
            expired_entries: left_out.expired,
            expired_bytes: left_out.expired_bytes,
            deleted_entries: left_out.deleted,
            objects: inner.objects.as_ref().map(|o| o.status()),
            ..StoreStatus::default()
        };
        for tenant in inner.all_tenants() {
            if let Some(objects) = &mut status.objects {
                let (parts, bytes) = bucket::waiting(&tenant);
                objects.waiting_parts += parts;
                objects.waiting_bytes += bytes;
            }
            let state = tenant.state.lock();
            let streams =
                state.head.streams() + state.sealed.iter().map(|s| s.streams).sum::<usize>();
            status
                .head_streams
                .push((tenant.id.clone(), streams as u64));
            status
                .streams_created
                .push((tenant.id.clone(), state.head.new_streams()));
            status.parts += state.parts.len() as u64;
            status.pending_deletes += (state.deletions.len() + state.not_compiled.len()) as u64;
            status.part_bytes += state.parts.iter().map(|p| p.meta.bytes).sum::<u64>();
        }
        status
    }

    /// The memory that the store and those who read it share.
    pub fn budget(&self) -> &Arc<Budget> {
        &self.inner.budget
    }

    /// Bytes that readers may keep of blocks when nothing else needs the memory.
    pub fn kept_bytes_max(&self) -> usize {
        self.inner.kept.bytes_max()
    }

    /// Stops background work; what is in the head stays in the WAL (and is flushed when `flush`). Later
    /// writes are refused.
    pub fn close(&self, flush: bool) -> Result<(), StoreError> {
        self.inner.stop_replay();
        if let Some(objects) = &self.inner.objects {
            objects.close();
        }
        if let Some(worker) = self.worker.lock().take() {
            worker.stop();
        }
        if let Some(wal) = self.inner.wal.get() {
            wal.close();
        }
        if flush {
            self.inner.flush_all()
        } else {
            Ok(())
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Some(objects) = &self.inner.objects {
            objects.close();
        }
        if let Some(worker) = self.worker.get_mut().take() {
            worker.stop();
        }
        if let Some(wal) = self.inner.wal.get() {
            wal.close();
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

impl From<skald_wal::WalError> for WriteError {
    fn from(error: skald_wal::WalError) -> WriteError {
        match error {
            skald_wal::WalError::DiskFull => WriteError::DiskFull,
            skald_wal::WalError::Stopped(why) => WriteError::Stopped(why),
            error => WriteError::Stopped(error.to_string()),
        }
    }
}
