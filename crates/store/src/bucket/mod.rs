//! Parts in object storage: uploaded after a flush, fetched range by range once the local file went.
//!
//! `client` asks a bucket, `cache` keeps what was fetched, `remote` reads one object through both, `manifest`
//! is the list of a tenant's objects and how lists are merged, `sync` brings disk and bucket together. Only
//! `client` knows async. Invariant: a local file goes only when the bucket's manifest names its object.

pub(crate) mod client;
pub(crate) mod location;
pub(crate) mod manifest;
pub(crate) mod object;
pub(crate) mod open_part;
pub(crate) mod part_source;
pub(crate) mod range_cache;
pub(crate) mod sync;

pub(crate) use client::{ObjectError, backoff};
pub use location::{Address, Credentials, Place};
pub(crate) use object::Remote;
pub(crate) use open_part::open_part;
pub(crate) use sync::{first_look, sweep, sync_all, waiting};

use crate::StoreError;
use crate::files::Files;
use crate::layout::Layout;
use crate::part::Part;
use crate::shared::Inner;
use client::Client;
use parking_lot::Mutex;
use range_cache::Cache;
use serde::{Deserialize, Serialize};
use skald_model::TenantId;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// How parts are kept in object storage.
#[derive(Clone, Debug)]
pub struct ObjectOptions {
    /// Which bucket.
    pub place: Place,
    /// Bytes of uploaded parts and fetched ranges on the local disk.
    pub cache_bytes: u64,
    /// Longest time for an answer to a small request; large ones get longer.
    pub timeout: Duration,
    /// Attempts of one operation; uploads are begun anew later.
    pub attempts: u32,
    /// The wait before the second attempt; it doubles.
    pub backoff: Duration,
    /// How long an object stays after the manifest stopped naming it: readers elsewhere may have it open.
    pub removal_grace: Duration,
    /// Age of an object that no manifest names at which it counts as left over.
    pub leftover_grace: Duration,
    /// How often the manifests are read again to see what other writers did.
    pub refresh: Duration,
}

impl ObjectOptions {
    /// Defaults for a place.
    pub fn new(place: Place) -> ObjectOptions {
        ObjectOptions {
            place,
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

/// What `/metrics` tells of object storage.
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

/// What a tenant's manifest says of its objects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Uploaded {
    /// Objects of parts, by the parts' numbers: the bucket's manifest names them.
    #[serde(default)]
    pub(crate) parts: BTreeMap<u64, String>,
    /// Objects of parts that are no more, which the bucket's manifest may still name.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) removed: BTreeSet<String>,
}

impl Uploaded {
    /// Whether the bucket has nothing of it.
    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.removed.is_empty()
    }

    /// What it becomes when these parts go.
    pub(crate) fn without(&self, parts: &[u64]) -> Uploaded {
        let mut next = self.clone();
        next.removed
            .extend(parts.iter().filter_map(|id| next.parts.remove(id)));
        next
    }
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
    cache: Arc<Cache>,
    pub(crate) options: ObjectOptions,
    /// Objects that are open, by their full names.
    open: Mutex<HashMap<String, Weak<Remote>>>,
    retired: Mutex<Vec<Retired>>,
    /// Set while nobody knows what the bucket holds for a directory that was new at start.
    unknown: AtomicBool,
}

impl Objects {
    pub(crate) fn new(
        options: ObjectOptions,
        files: Arc<dyn Files>,
        layout: &Layout,
    ) -> Result<Objects, StoreError> {
        let client = Client::new(&options).map_err(StoreError::Unusable)?;
        let cache = Cache::open(files, layout.cache(), options.cache_bytes);
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
    fn remote(&self, tenant: &TenantId, object: &str, size: u64) -> Arc<Remote> {
        let name = object_path(tenant, object);
        let mut open = self.open.lock();
        if let Some(remote) = open.get(&name).and_then(Weak::upgrade) {
            return remote;
        }
        open.retain(|_, remote| remote.strong_count() > 0);
        let remote = Arc::new(Remote::new(
            self.client.clone(),
            self.cache.clone(),
            name.clone(),
            size,
        ));
        open.insert(name, Arc::downgrade(&remote));
        remote
    }

    /// Has an object deleted once nobody can be reading it.
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

    /// Takes the retired objects of a tenant whose time has come.
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

    /// Ends all that waits for the bucket.
    pub(crate) fn close(&self) {
        self.client.close();
    }

    /// Figures for metrics, but for what waits.
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
            cache_hits: load(&self.cache.hits),
            cache_misses: load(&self.cache.misses),
            cache_bytes: self.cache.bytes(),
            ..ObjectStatus::default()
        }
    }
}

/// Counts the local files of parts that the bucket has too.
pub(crate) fn count_local(inner: &Inner, parts: &[Arc<Part>]) {
    let Some(objects) = &inner.objects else {
        return;
    };
    for (part, remote) in parts
        .iter()
        .filter(|p| !p.is_remote())
        .filter_map(|p| Some((p, p.remote()?)))
    {
        objects.cache.add_part(remote.key(), part);
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
