//! Bucket: parts in object storage, uploaded after a flush and fetched range by range once the
//! local file went.
//!
//! [`client`] sends requests, [`range_cache`] keeps what was fetched, [`object`] reads one object
//! through both, [`part_source`] opens parts wherever their bytes are, [`manifest`] lists a
//! tenant's objects and merges lists, [`sync`] synchronises disk and bucket. Only `client` knows
//! async. Invariant: a local file goes only when the bucket's manifest names its object.

pub(crate) mod client;
pub(crate) mod location;
pub(crate) mod manifest;
pub(crate) mod object_range;
pub(crate) mod part_opener;
pub(crate) mod range_cache;
pub(crate) mod remote_object;
pub(crate) mod sync;
pub(crate) mod upload;

pub(crate) use client::ObjectError;
pub use location::{Address, BucketLocation, Credentials};
pub(crate) use part_opener::PartOpener;

use crate::StoreError;
use crate::files::Files;
use crate::layout::Layout;
use crate::part::Part;
use client::Client;
use parking_lot::Mutex;
use range_cache::RangeCache;
use remote_object::RemoteObject;
use skald_model::TenantId;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// How parts are kept in object storage.
#[derive(Clone, Debug)]
pub struct ObjectOptions {
    /// Which bucket.
    pub location: BucketLocation,
    /// Bytes of uploaded parts and fetched ranges on the local disk.
    pub cache_bytes: u64,
    /// Longest time for an answer to a small request; large ones get longer.
    pub timeout: Duration,
    /// Attempts of one operation; uploads are started over later.
    pub attempts: u32,
    /// The wait before the second attempt; it doubles.
    pub backoff: Duration,
    /// How long an object stays after the manifest stopped naming it: readers elsewhere may have it
    /// open.
    pub removal_grace: Duration,
    /// Age of an object that no manifest names at which it counts as left over.
    pub leftover_grace: Duration,
    /// How often the manifests are read again to see what other writers did.
    pub refresh: Duration,
}

impl ObjectOptions {
    /// Defaults for a bucket.
    pub fn new(location: BucketLocation) -> ObjectOptions {
        ObjectOptions {
            location,
            cache_bytes: 10 << 30,
            timeout: Duration::from_secs(10),
            attempts: 5,
            backoff: Duration::from_millis(100),
            removal_grace: Duration::from_secs(600),
            leftover_grace: Duration::from_secs(86_400),
            refresh: Duration::from_secs(60),
        }
    }
}

/// Figures of object storage, for metrics.
#[derive(Clone, Copy, Debug, Default)]
pub struct ObjectStatus {
    /// Requests, every attempt counted.
    pub requests: u64,
    /// Attempts after the first.
    pub retries: u64,
    /// Operations that failed for good.
    pub failures: u64,
    /// Bytes fetched.
    pub fetched_bytes: u64,
    /// Bytes uploaded.
    pub uploaded_bytes: u64,
    /// Manifests that another writer changed first.
    pub conflicts: u64,
    /// Objects of parts that were asked for and are gone or too short.
    pub lost: u64,
    /// Chunks that were asked for and were on disk.
    pub cache_hits: u64,
    /// Chunks that had to be fetched.
    pub cache_misses: u64,
    /// Bytes of the cache.
    pub cache_bytes: u64,
    /// Parts not uploaded yet.
    pub waiting_parts: u64,
    /// Their bytes.
    pub waiting_bytes: u64,
}

/// An object to delete later.
#[derive(Debug)]
struct Retired {
    tenant: TenantId,
    object: String,
    since: Instant,
}

/// The object storage of a data directory.
#[derive(Debug)]
pub(crate) struct Objects {
    client: Arc<Client>,
    cache: Arc<RangeCache>,
    pub(crate) options: ObjectOptions,
    /// Objects that are open, by their full names.
    open: Mutex<HashMap<String, Weak<RemoteObject>>>,
    retired: Mutex<Vec<Retired>>,
    /// Set while it is unknown what the bucket holds for a directory that was new at start.
    unknown: AtomicBool,
}

impl Objects {
    pub(crate) fn new(
        options: ObjectOptions,
        files: Arc<dyn Files>,
        layout: &Layout,
    ) -> Result<Objects, StoreError> {
        let client = Client::new(&options).map_err(StoreError::Unusable)?;
        let cache = RangeCache::open(files, layout.cache(), options.cache_bytes);
        Ok(Objects {
            client: Arc::new(client),
            cache: Arc::new(cache),
            options,
            open: Mutex::default(),
            retired: Mutex::default(),
            unknown: AtomicBool::new(false),
        })
    }

    /// An object of a tenant, for reading.
    fn remote(&self, tenant: &TenantId, object: &str, size: u64) -> Arc<RemoteObject> {
        let name = object_path(tenant, object);
        let mut open = self.open.lock();
        if let Some(remote) = open.get(&name).and_then(Weak::upgrade) {
            return remote;
        }
        open.retain(|_, remote| remote.strong_count() > 0);
        let remote = Arc::new(RemoteObject::new(
            self.client.clone(),
            self.cache.clone(),
            name.clone(),
            size,
        ));
        open.insert(name, Arc::downgrade(&remote));
        remote
    }

    /// Schedules an object for deletion once nothing can be reading it.
    fn retire(&self, tenant: &TenantId, object: String) {
        let mut retired = self.retired.lock();
        if !retired
            .iter()
            .any(|r| r.object == object && r.tenant == *tenant)
        {
            retired.push(Retired {
                tenant: tenant.clone(),
                object,
                since: Instant::now(),
            });
        }
    }

    /// Takes the retired objects of a tenant that can be deleted now.
    fn due(&self, tenant: &TenantId) -> Vec<String> {
        let open = self.open.lock();
        let in_use = |name: &str| {
            open.get(name)
                .is_some_and(|remote| remote.strong_count() > 0)
        };
        let (due, later) = std::mem::take(&mut *self.retired.lock())
            .into_iter()
            .partition(|r| {
                r.tenant == *tenant
                    && r.since.elapsed() >= self.options.removal_grace
                    && !in_use(&object_path(tenant, &r.object))
            });
        *self.retired.lock() = later;
        due.into_iter().map(|r: Retired| r.object).collect()
    }

    /// Why answers may lack what is in the bucket, if they may.
    pub(crate) fn warning(&self) -> Option<String> {
        let unknown = self.unknown.load(Ordering::Acquire);
        unknown.then(|| {
            "object storage has not answered since start: parts that only it has are missing"
                .to_owned()
        })
    }

    /// Fails all requests that wait for the bucket.
    pub(crate) fn close(&self) {
        self.client.close();
    }

    /// Figures for metrics, without parts that wait for their upload.
    pub(crate) fn status(&self) -> ObjectStatus {
        let (counters, load) = (
            self.client.counters(),
            |c: &std::sync::atomic::AtomicU64| c.load(Ordering::Relaxed),
        );
        ObjectStatus {
            requests: load(&counters.requests),
            retries: load(&counters.retries),
            failures: load(&counters.failures),
            fetched_bytes: load(&counters.fetched_bytes),
            uploaded_bytes: load(&counters.uploaded_bytes),
            conflicts: load(&counters.conflicts),
            lost: load(&counters.lost),
            cache_hits: load(&self.cache.hits),
            cache_misses: load(&self.cache.misses),
            cache_bytes: self.cache.bytes(),
            ..ObjectStatus::default()
        }
    }
}

/// Counts the local files of parts that the bucket has too as cached.
pub(crate) fn count_local_files(parts: &[Arc<Part>]) {
    for part in parts.iter().filter(|part| !part.is_remote()) {
        if let Some(source) = part.source() {
            source.count_local_file(part);
        }
    }
}

/// Folder of a tenant in the bucket.
fn tenant_path(tenant: &TenantId) -> String {
    format!("{TENANTS}/{}", tenant.as_str())
}

fn object_path(tenant: &TenantId, object: &str) -> String {
    format!("{}/{object}", tenant_path(tenant))
}

/// Folder of the tenants in the bucket.
const TENANTS: &str = "tenants";

impl From<ObjectError> for StoreError {
    fn from(error: ObjectError) -> StoreError {
        StoreError::unavailable("object storage", error)
    }
}
