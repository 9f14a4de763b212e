//! Bucket client: sends requests to object storage for threads that wait, with retries, time limits
//! and counters.
//!
//! The only module that runs async code, on a small runtime of its own. Every operation here may be
//! repeated without harm: objects are immutable under names of their content, and a manifest is
//! replaced on a condition and read again when the condition fails. Not a cache.

use crate::bucket::location::BucketLocation;
use crate::bucket::object_range::{TooShort, get_range};
use crate::bucket::{ObjectOptions, location};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    Error, GetOptions, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, UpdateVersion,
};
use std::future::Future;
use std::hash::{BuildHasher, Hasher};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::Notify;

/// Threads of the runtime: they move bytes between sockets and memory, nothing else.
const RUNTIME_THREADS: usize = 2;
/// Ranges of one read that are fetched at once.
const RANGES_AT_ONCE: usize = 16;
/// Bytes that an answer of unknown length may have at the slowest rate before it counts as late.
const MANIFEST_BYTES: u64 = 256 << 10;
/// The wait between attempts grows up to this.
const BACKOFF_MAX: Duration = Duration::from_secs(20);

/// Object storage did not do it.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum ObjectError {
    /// There is no such object.
    #[error("object {0} is missing")]
    Missing(String),
    /// The object ends before what was asked for.
    #[error("object {name} has {size} bytes and should have {expected} at least")]
    Short {
        /// The object.
        name: String,
        /// What it has.
        size: u64,
        /// Where the range ends.
        expected: u64,
    },
    /// Somebody else changed the object first.
    #[error("object {0} was changed by another writer")]
    Conflict(String),
    /// An answer that asking again does not change.
    #[error("object storage refused {name}: {why}")]
    Refused {
        /// The object.
        name: String,
        /// What it said.
        why: String,
    },
    /// No good answer in the attempts allowed.
    #[error("object storage does not answer for {name} ({attempts} attempts): {why}")]
    Unreachable {
        /// The object.
        name: String,
        /// How often it was asked.
        attempts: u32,
        /// What went wrong last.
        why: String,
    },
    /// The store is closing.
    #[error("the store is closing")]
    Closing,
}

/// What has been asked of object storage since start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) requests: AtomicU64,
    pub(crate) retries: AtomicU64,
    pub(crate) failures: AtomicU64,
    pub(crate) fetched_bytes: AtomicU64,
    pub(crate) uploaded_bytes: AtomicU64,
    pub(crate) conflicts: AtomicU64,
    /// Open objects that are gone or cut short.
    pub(crate) lost: AtomicU64,
}

/// An object's bytes and the version that a conditional put names.
#[derive(Clone, Debug)]
pub(crate) struct Versioned {
    pub(crate) bytes: Bytes,
    pub(crate) version: UpdateVersion,
}

/// A name in object storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListedObject {
    /// Below the prefix of the store.
    pub(crate) name: String,
    /// When it was written, by the storage's clock, in seconds since 1970.
    pub(crate) written_at: i64,
}

#[derive(Debug)]
pub(super) struct Connection {
    storage: Arc<dyn ObjectStore>,
    prefix: Path,
    timeout: Duration,
    attempts: u32,
    backoff: Duration,
    pub(super) counters: Counters,
    closing: AtomicBool,
    closed: Notify,
}

/// A bucket, and a place in it.
#[derive(Debug)]
pub(crate) struct Client {
    pub(super) connection: Arc<Connection>,
    runtime: Option<Runtime>,
}

type Operation<T> =
    dyn Fn(Arc<dyn ObjectStore>) -> BoxFuture<'static, object_store::Result<T>> + Send + Sync;

impl Client {
    pub(crate) fn new(options: &ObjectOptions) -> Result<Client, String> {
        let (storage, prefix) = match &options.location {
            BucketLocation::Address(address) => location::connect(address, options.timeout)?,
            BucketLocation::Given(storage) => (storage.clone(), Path::default()),
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(RUNTIME_THREADS)
            .thread_name("objects")
            .enable_all()
            .build()
            .map_err(|e| format!("starting threads for object storage: {e}"))?;
        let connection = Connection {
            storage,
            prefix,
            timeout: options.timeout,
            attempts: options.attempts.max(1),
            backoff: options.backoff,
            counters: Counters::default(),
            closing: AtomicBool::new(false),
            closed: Notify::new(),
        };
        Ok(Client {
            connection: Arc::new(connection),
            runtime: Some(runtime),
        })
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.connection.counters
    }

    /// Fails all operations, those that wait and later ones.
    pub(crate) fn close(&self) {
        self.connection.closing.store(true, Ordering::Release);
        self.connection.closed.notify_waiters();
    }

    /// An object, if there is one.
    pub(crate) fn get(&self, name: &str) -> Result<Option<Versioned>, ObjectError> {
        let path = self.path(name)?;
        let found = self.repeat(name, MANIFEST_BYTES, move |storage| {
            let path = path.clone();
            Box::pin(async move {
                let result = storage.get_opts(&path, GetOptions::default()).await?;
                let version = UpdateVersion {
                    e_tag: result.meta.e_tag.clone(),
                    version: result.meta.version.clone(),
                };
                let size = result.meta.size;
                let bytes = result.bytes().await?;
                if bytes.len() as u64 != size {
                    Err(incomplete())
                } else {
                    Ok(Versioned { bytes, version })
                }
            })
        });
        match found {
            Ok(found) => {
                self.connection
                    .counters
                    .fetched_bytes
                    .fetch_add(found.bytes.len() as u64, Ordering::Relaxed);
                Ok(Some(found))
            }
            Err(ObjectError::Missing(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Ranges of an object, fetched together.
    pub(crate) fn get_ranges(
        &self,
        name: &str,
        ranges: &[Range<u64>],
    ) -> Result<Vec<Bytes>, ObjectError> {
        let path = self.path(name)?;
        let (ranges, connection, named) =
            (ranges.to_vec(), self.connection.clone(), name.to_owned());
        let fetched: Vec<Bytes> = self.wait(async move {
            let one = |range: Range<u64>| {
                let (path, connection, named) = (path.clone(), connection.clone(), named.clone());
                let len = range.end - range.start;
                async move {
                    let operation = move |storage: Arc<dyn ObjectStore>| -> BoxFuture<
                        'static,
                        object_store::Result<Bytes>,
                    > { Box::pin(get_range(storage, path.clone(), range.clone())) };
                    connection.repeat(&named, len, &operation).await
                }
            };
            futures_util::stream::iter(ranges.into_iter().map(one))
                .buffered(RANGES_AT_ONCE)
                .try_collect()
                .await
        })?;
        let bytes = fetched.iter().map(|b| b.len() as u64).sum();
        self.connection
            .counters
            .fetched_bytes
            .fetch_add(bytes, Ordering::Relaxed);
        Ok(fetched)
    }

    /// Writes an object if it is still at that version, or, without one, if there is none.
    pub(crate) fn put_if(
        &self,
        name: &str,
        bytes: Vec<u8>,
        version: Option<UpdateVersion>,
    ) -> Result<(), ObjectError> {
        let mode = version.map_or(PutMode::Create, PutMode::Update);
        self.put(name, Bytes::from(bytes), mode)
    }

    pub(super) fn put(&self, name: &str, bytes: Bytes, mode: PutMode) -> Result<(), ObjectError> {
        let path = self.path(name)?;
        let len = bytes.len() as u64;
        self.repeat(name, len, move |storage| {
            let (path, bytes, options) =
                (path.clone(), bytes.clone(), PutOptions::from(mode.clone()));
            Box::pin(async move {
                storage
                    .put_opts(&path, PutPayload::from_bytes(bytes), options)
                    .await
                    .map(|_| ())
            })
        })?;
        self.connection
            .counters
            .uploaded_bytes
            .fetch_add(len, Ordering::Relaxed);
        Ok(())
    }

    /// Removes an object; one that is gone already is fine.
    pub(crate) fn delete(&self, name: &str) -> Result<(), ObjectError> {
        let path = self.path(name)?;
        let deleted = self.repeat(name, 0, move |storage| {
            let path = path.clone();
            Box::pin(async move { storage.delete(&path).await })
        });
        match deleted {
            Err(ObjectError::Missing(_)) => Ok(()),
            deleted => deleted,
        }
    }

    /// All objects below a folder.
    pub(crate) fn list(&self, folder: &str) -> Result<Vec<ListedObject>, ObjectError> {
        let path = self.path(folder)?;
        let found = self.repeat(folder, MANIFEST_BYTES, move |storage| {
            let path = path.clone();
            Box::pin(async move { storage.list(Some(&path)).try_collect::<Vec<_>>().await })
        })?;
        let listed = found.iter().filter_map(|meta| {
            let name = self.below_prefix(&meta.location)?;
            Some(ListedObject {
                name,
                written_at: meta.last_modified.timestamp(),
            })
        });
        Ok(listed.collect())
    }

    /// Names of the folders in a folder.
    pub(crate) fn folders(&self, folder: &str) -> Result<Vec<String>, ObjectError> {
        let path = self.path(folder)?;
        let found = self.repeat(folder, MANIFEST_BYTES, move |storage| {
            let path = path.clone();
            Box::pin(async move { storage.list_with_delimiter(Some(&path)).await })
        })?;
        Ok(found
            .common_prefixes
            .iter()
            .filter_map(|p| p.filename().map(str::to_owned))
            .collect())
    }

    /// The path of a name, as it is: names of ours need no escapes.
    pub(super) fn path(&self, name: &str) -> Result<Path, ObjectError> {
        let whole = format!("{}/{name}", self.connection.prefix);
        Path::parse(whole).map_err(|e| ObjectError::Refused {
            name: name.to_owned(),
            why: e.to_string(),
        })
    }

    fn below_prefix(&self, path: &Path) -> Option<String> {
        let parts: Vec<String> = path
            .prefix_match(&self.connection.prefix)?
            .map(|p| p.as_ref().to_owned())
            .collect();
        Some(parts.join("/"))
    }

    pub(super) fn repeat<T: Send + 'static>(
        &self,
        name: &str,
        bytes: u64,
        operation: impl Fn(Arc<dyn ObjectStore>) -> BoxFuture<'static, object_store::Result<T>>
        + Send
        + Sync
        + 'static,
    ) -> Result<T, ObjectError> {
        let (connection, name) = (self.connection.clone(), name.to_owned());
        self.wait(async move { connection.repeat(&name, bytes, &operation).await })
    }

    /// Runs a future on the runtime while this thread waits.
    pub(super) fn wait<T: Send + 'static>(
        &self,
        future: impl Future<Output = Result<T, ObjectError>> + Send + 'static,
    ) -> Result<T, ObjectError> {
        let (sender, receiver) = mpsc::sync_channel(1);
        let connection = self.connection.clone();
        let runtime = self.runtime.as_ref().ok_or(ObjectError::Closing)?;
        runtime.spawn(async move {
            // Made before looking at the flag, so that no call of `close` falls between the two.
            let mut closed = std::pin::pin!(connection.closed.notified());
            closed.as_mut().enable();
            let result = if connection.closing.load(Ordering::Acquire) {
                Err(ObjectError::Closing)
            } else {
                tokio::select! { result = future => result, () = closed => Err(ObjectError::Closing) }
            };
            // This fails only when the waiting thread is gone.
            let _ = sender.send(result);
        });
        receiver.recv().unwrap_or(Err(ObjectError::Closing))
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.close();
        if let Some(runtime) = self.runtime.take() {
            // The last owner may be a thread of another runtime, which must not wait.
            runtime.shutdown_background();
        }
    }
}

impl Connection {
    /// One attempt, within the time that `bytes` bytes may take.
    pub(super) async fn attempt<T>(
        &self,
        bytes: u64,
        future: impl Future<Output = object_store::Result<T>>,
    ) -> object_store::Result<T> {
        /// Bytes a second that even a bad line moves.
        const SLOWEST: f64 = (1 << 20) as f64;
        self.counters.requests.fetch_add(1, Ordering::Relaxed);
        let limit = self.timeout + Duration::from_secs_f64(bytes as f64 / SLOWEST);
        let late = |_| Error::Generic {
            store: "objects",
            source: format!("no answer within {limit:?}").into(),
        };
        tokio::time::timeout(limit, future)
            .await
            .unwrap_or_else(|elapsed| Err(late(elapsed)))
    }

    async fn repeat<T>(
        &self,
        name: &str,
        bytes: u64,
        operation: &Operation<T>,
    ) -> Result<T, ObjectError> {
        let mut tried = 0;
        loop {
            let result = self.attempt(bytes, operation(self.storage.clone())).await;
            tried += 1;
            let error = match result {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            if !may_pass(&error) || tried >= self.attempts {
                let error = last_error(name, error, tried);
                if matches!(
                    error,
                    ObjectError::Refused { .. } | ObjectError::Unreachable { .. }
                ) {
                    self.counters.failures.fetch_add(1, Ordering::Relaxed);
                }
                return Err(error);
            }
            self.counters.retries.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(backoff(self.backoff, tried)).await;
        }
    }
}

/// The wait before attempt `tried + 1`: twice as long each time, half of it left to chance, so that
/// many that failed together do not come back together.
pub(crate) fn backoff(first: Duration, tried: u32) -> Duration {
    let most = first
        .saturating_mul(1 << tried.saturating_sub(1).min(16))
        .min(BACKOFF_MAX);
    let chance = std::hash::RandomState::new().build_hasher().finish() as f64 / u64::MAX as f64;
    most.mul_f64(0.5 + chance / 2.0)
}

/// Whether an answer of "not found" speaks of the bucket as a whole: then nothing is known of the
/// object.
fn is_about_bucket(error: &(dyn std::error::Error + 'static)) -> bool {
    let text = error.to_string();
    [
        "NoSuchBucket",
        "ContainerNotFound",
        "specified bucket does not exist",
    ]
    .iter()
    .any(|words| text.contains(words))
}

/// Whether asking again may help.
pub(super) fn may_pass(error: &Error) -> bool {
    matches!(error, Error::Generic { .. } | Error::JoinError { .. })
}

pub(super) fn incomplete() -> Error {
    Error::Generic {
        store: "objects",
        source: "the answer ended early".into(),
    }
}

pub(super) fn last_error(name: &str, error: Error, attempts: u32) -> ObjectError {
    let name = name.to_owned();
    match error {
        Error::NotFound { source, .. } => match source.downcast_ref::<TooShort>() {
            Some(TooShort { size, expected }) => ObjectError::Short {
                name,
                size: *size,
                expected: *expected,
            },
            None if is_about_bucket(&*source) => ObjectError::Refused {
                name,
                why: source.to_string(),
            },
            None => ObjectError::Missing(name),
        },
        Error::AlreadyExists { .. } | Error::Precondition { .. } => ObjectError::Conflict(name),
        error if may_pass(&error) => ObjectError::Unreachable {
            name,
            attempts,
            why: error.to_string(),
        },
        error => ObjectError::Refused {
            name,
            why: error.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_differ() {
        let first = Duration::from_millis(100);
        for tried in 1..40 {
            let most = first
                .saturating_mul(1 << (tried - 1).min(16))
                .min(BACKOFF_MAX);
            let wait = backoff(first, tried);
            assert!(wait >= most / 2 && wait <= most, "{tried}: {wait:?}");
        }
    }
}
