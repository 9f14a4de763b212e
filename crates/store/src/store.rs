//! Store: the public handle of an open data directory.

use crate::background::Workers;
use crate::bucket::sync::{self, Extent};
use crate::compaction::job::{compact_all, index_all};
use crate::deletes::requests;
use crate::flush::job::flush_all;
use crate::recovery::{self, push_record, wal_replay};
use crate::retention::sweep::sweep_all;
use crate::scan::selector::Selector;
use crate::scan::{labels, patterns};
use crate::shared::Shared;
use crate::tenant::Tenant;
use crate::{
    CancelError, DeleteError, DeleteRequest, MinedStreams, Options, Select, Selected, StoreError,
    StoreStatus, WriteError,
};
use parking_lot::Mutex;
use skald_model::{
    Budget, Charge, Direction, Held, Labels, Matcher, MemoryUser, TenantId, TimeRange, WriteBatch,
};
use std::sync::Arc;
use std::time::Duration;

/// A data directory, open. Cheap to share in an `Arc`.
pub struct Store {
    shared: Arc<Shared>,
    worker: Mutex<Option<Workers>>,
}

impl Store {
    /// Opens a directory: takes its lock, sweeps leftovers, replays the WAL.
    pub fn open(options: Options) -> Result<Store, StoreError> {
        let store = Store::open_parts(options)?;
        store.recover()?;
        Ok(store)
    }

    /// Opens a directory without its WAL: queries answer from parts, with a warning, and writes are
    /// refused until [`Store::recover`] has ended.
    pub fn open_parts(options: Options) -> Result<Store, StoreError> {
        Ok(Store {
            shared: Arc::new(recovery::open_parts(options)?),
            worker: Mutex::new(None),
        })
    }

    /// Replays the WAL in bounded memory, then starts the threads of the background. To be called
    /// once; the store can be queried meanwhile. Waits where the disk is full and memory too, until
    /// there is room. Closing the store ends it early, with an error.
    pub fn recover(&self) -> Result<(), StoreError> {
        if self.shared.options.background {
            *self.worker.lock() = Some(Workers::start_flushing(self.shared.clone())?);
        }
        wal_replay::replay(&self.shared)?;
        if self.shared.is_closing() {
            return self.close(false);
        }
        match &mut *self.worker.lock() {
            Some(workers) => workers.start_rest(),
            None => Ok(()),
        }
    }

    /// Appends to the WAL and the head. When this gives `Ok`, queries see the batch, and `done` is
    /// called once, from another thread, when it is as durable as `wal_sync` promises, or can't
    /// become so. When this gives an error nothing was taken and `done` is dropped.
    pub fn write(
        &self,
        tenant: &TenantId,
        batch: &WriteBatch<'_>,
        done: Box<dyn FnOnce(Result<(), WriteError>) + Send>,
    ) -> Result<(), WriteError> {
        let shared = &*self.shared;
        let Some(wal) = shared.wal.get() else {
            return Err(WriteError::Recovering);
        };
        shared.admit(wal)?;
        let tenant = shared.tenants.get_or_admit(tenant)?;
        tenant.check_readable()?;
        shared.admit_of(&tenant, wal)?;
        let encoded = wal.encode(&tenant.name, |out| push_record::encode(batch, out));
        // The record is a copy of the push until it is in the log.
        let held = Held::charged(shared.budget(), MemoryUser::Pushes, encoded.bytes());
        // Both under the tenant's lock: a seal then sees exactly the records up to one number, and
        // once a push is acknowledged its entries are in the head.
        let mut state = tenant.state.lock();
        let sequence = wal.append(
            encoded,
            Box::new(move |result| {
                drop(held);
                done(result.map_err(WriteError::from));
            }),
        )?;
        let grown = state.head.insert(sequence, batch);
        drop(state);
        shared.head_grew(grown);
        Ok(())
    }

    /// Whether a push of this tenant is taken as far as their number goes, and its own data.
    pub fn admits(&self, tenant: &TenantId) -> Result<(), WriteError> {
        match self.shared.tenant(tenant) {
            Some(tenant) => Ok(tenant.check_readable()?),
            None => self.shared.tenants.admits(tenant),
        }
    }

    /// A tenant that is known, whose data can be read.
    fn readable(&self, tenant: &TenantId) -> Result<Option<Arc<Tenant>>, StoreError> {
        let tenant = self.shared.tenant(tenant);
        tenant.as_ref().map_or(Ok(()), |t| t.check_readable())?;
        Ok(tenant)
    }

    /// Whether there is room for a push; what it would be refused with otherwise, until entries were
    /// flushed or memory was given back.
    pub fn room(&self) -> Result<(), WriteError> {
        match self.shared.wal.get() {
            Some(wal) => self.shared.room(wal),
            None => Ok(()),
        }
    }

    /// How long a push may wait for room before it is refused.
    pub fn push_wait(&self) -> Duration {
        self.shared.options.push_wait
    }

    /// Finds what to read.
    pub fn select(&self, tenant: &TenantId, select: &Select<'_>) -> Result<Selected, StoreError> {
        self.selector(tenant, select, Direction::Backward)?
            .next(usize::MAX, &mut Charge::default())
    }

    /// Finds what to read in steps, newest or oldest first, of a snapshot taken now.
    pub fn selector<'a>(
        &'a self,
        tenant: &TenantId,
        select: &Select<'a>,
        direction: Direction,
    ) -> Result<Selector<'a>, StoreError> {
        let view = self
            .readable(tenant)?
            .map(|tenant| self.shared.view(&tenant));
        let mut selector = Selector::new(view, select, direction, &self.shared.index_cache);
        if self.shared.is_recovering() {
            selector.warn(self.shared.recovering_warning());
        }
        if let Some(warning) = self
            .shared
            .objects
            .as_ref()
            .and_then(|objects| objects.warning())
        {
            selector.warn(warning);
        }
        Ok(selector)
    }

    /// Templates of the lines of matching streams in parts that overlap the range, a list for each
    /// stream and part; `charge` holds what they take. What is in the head has none yet.
    pub fn patterns(
        &self,
        tenant: &TenantId,
        matchers: &[Matcher],
        range: TimeRange,
        charge: &mut Charge,
    ) -> Result<MinedStreams, StoreError> {
        let Some(tenant) = self.readable(tenant)? else {
            return Ok(MinedStreams::default());
        };
        let view = self.shared.view(&tenant);
        Ok(patterns::mined(&view, matchers, range, charge)?)
    }

    /// Labels of streams that match any of the groups (all streams when there is none) and have
    /// entries in the range; `charge` holds what they take.
    pub fn streams(
        &self,
        tenant: &TenantId,
        groups: &[Vec<Matcher>],
        range: TimeRange,
        charge: &mut Charge,
    ) -> Result<Vec<Labels>, StoreError> {
        let Some(tenant) = self.readable(tenant)? else {
            return Ok(Vec::new());
        };
        let view = self.shared.view(&tenant);
        Ok(labels::streams(&view, groups, range, charge)?)
    }

    /// Sorted names of labels of matching streams with entries in the range; `charge` holds what
    /// they take.
    pub fn label_names(
        &self,
        tenant: &TenantId,
        matchers: &[Matcher],
        range: TimeRange,
        charge: &mut Charge,
    ) -> Result<Vec<String>, StoreError> {
        let Some(tenant) = self.readable(tenant)? else {
            return Ok(Vec::new());
        };
        let view = self.shared.view(&tenant);
        Ok(labels::label_names(&view, matchers, range, charge)?)
    }

    /// Sorted values of one label of matching streams with entries in the range; `charge` holds what
    /// they take.
    pub fn label_values(
        &self,
        tenant: &TenantId,
        name: &str,
        matchers: &[Matcher],
        range: TimeRange,
        charge: &mut Charge,
    ) -> Result<Vec<String>, StoreError> {
        let Some(tenant) = self.readable(tenant)? else {
            return Ok(Vec::new());
        };
        let view = self.shared.view(&tenant);
        Ok(labels::label_values(&view, name, matchers, range, charge)?)
    }

    /// Tenants that have data, sorted.
    pub fn tenants(&self) -> Vec<TenantId> {
        let all = self.shared.all_tenants();
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
        flush_all(&self.shared)
    }

    /// Synchronises the directory and object storage and waits for it: what was flushed is
    /// uploaded, what other writers did there is adopted, leftovers there are removed. Does nothing
    /// without object storage.
    pub fn upload(&self) -> Result<(), StoreError> {
        sync::sync_all(&self.shared, Extent::Everything)?;
        self.shared
            .all_tenants()
            .iter()
            .try_for_each(|tenant| sync::sweep(&self.shared, tenant))
    }

    /// Merges parts until nothing is left to merge and waits for it.
    pub fn compact(&self) -> Result<(), StoreError> {
        compact_all(&self.shared, 1, &mut || true)?;
        index_all(&self.shared, &mut || true);
        Ok(())
    }

    /// Removes and rewrites what retention and delete requests that are due leave over, and waits
    /// for it.
    pub fn sweep(&self) -> Result<(), StoreError> {
        sweep_all(&self.shared, &mut || true)
    }

    /// Makes a delete request for entries that are there now and have times in `start..=end`; gives
    /// its id. What it matches is hidden from now on, also after a crash.
    pub fn delete(
        &self,
        tenant: &TenantId,
        query: &str,
        start: i64,
        end: i64,
    ) -> Result<String, DeleteError> {
        requests::request_delete(&self.shared, tenant, query, (start, end))
    }

    /// A tenant's delete requests by the time they were made.
    pub fn deletes(&self, tenant: &TenantId) -> Result<Vec<DeleteRequest>, StoreError> {
        Ok(match self.readable(tenant)? {
            Some(tenant) => requests::delete_requests(&self.shared, &tenant),
            None => Vec::new(),
        })
    }

    /// Takes a delete request back. Once parts may have been rewritten for it that takes `force`,
    /// and brings back only what is left.
    pub fn cancel_delete(
        &self,
        tenant: &TenantId,
        id: &str,
        force: bool,
    ) -> Result<(), CancelError> {
        requests::cancel_delete(&self.shared, tenant, id, force)
    }

    /// Figures for metrics.
    pub fn status(&self) -> StoreStatus {
        StoreStatus::of(&self.shared)
    }

    /// The memory that the store and those who read it share.
    pub fn budget(&self) -> &Arc<Budget> {
        self.shared.budget()
    }

    /// Bytes of results that readers may cache by block when nothing else needs the memory.
    pub fn result_cache_bytes_max(&self) -> usize {
        self.shared.env.results.bytes_max()
    }

    /// Stops background work and gives the directory up, so that it can be opened again while this
    /// value is still held; what is in the head stays in the WAL (and is flushed when `flush`, or
    /// when the WAL may have lost some of it). Later writes are refused.
    pub fn close(&self, flush: bool) -> Result<(), StoreError> {
        self.shared.stop_replay();
        if let Some(objects) = &self.shared.objects {
            objects.close();
        }
        if let Some(worker) = self.worker.lock().take() {
            worker.stop();
        }
        let mut is_unsure = false;
        if let Some(wal) = self.shared.wal.get() {
            wal.close();
            is_unsure = wal.unsure() > 0;
        }
        let flushed = match flush || is_unsure {
            true => flush_all(&self.shared),
            false => Ok(()),
        };
        self.shared.give_up();
        flushed
    }
}

impl Store {
    /// Makes the WAL durable and waits for nothing else: a flush or merge under way is left as a
    /// crash would leave it. Later writes are refused. The store must not be dropped before the
    /// process ends, as that would wait.
    pub fn close_at_once(&self) {
        self.shared.stop_replay();
        if let Some(wal) = self.shared.wal.get() {
            wal.close();
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Some(objects) = &self.shared.objects {
            objects.close();
        }
        if let Some(worker) = self.worker.get_mut().take() {
            worker.stop();
        }
        if let Some(wal) = self.shared.wal.get() {
            wal.close();
        }
    }
}
