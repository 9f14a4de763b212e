//! A remote object reads byte ranges of a part in the bucket, through the range cache.

use crate::bucket::client::{Client, ObjectError};
use crate::bucket::range_cache::{CHUNK_BYTES, ObjectKey, RangeCache};
use crate::bucket::upload::UploadError;
use crate::part::{Part, PartSource};
use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Missing chunks with at most this many unwanted ones between them are fetched by one request: 64
/// KiB take less time than a request does.
const GAP_CHUNKS: u64 = 4;

/// How long an object that is lost is not asked for again.
const LOST_FOR: Duration = Duration::from_secs(1);

/// A part's object.
#[derive(Debug)]
pub(crate) struct RemoteObject {
    client: Arc<Client>,
    cache: Arc<RangeCache>,
    name: String,
    key: ObjectKey,
    size: u64,
    /// Since when the object is known to be lost, and how.
    lost: Mutex<Option<Lost>>,
}

/// What was said of an object that is gone or cut short.
#[derive(Clone, Debug)]
struct Lost {
    asked: Instant,
    error: ObjectError,
}

impl RemoteObject {
    pub(crate) fn new(
        client: Arc<Client>,
        cache: Arc<RangeCache>,
        name: String,
        size: u64,
    ) -> RemoteObject {
        let key = xxhash_rust::xxh3::xxh3_64(name.as_bytes());
        RemoteObject {
            client,
            cache,
            name,
            key,
            size,
            lost: Mutex::default(),
        }
    }

    /// Fetches ranges. That the object is lost is logged and counted once, until it is back; a query
    /// of many blocks asks for it once.
    fn fetch(&self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, ObjectError> {
        let before = self.lost.lock().clone();
        if let Some(lost) = &before
            && lost.asked.elapsed() < LOST_FOR
        {
            return Err(lost.error.clone());
        }
        let fetched = self.client.get_ranges(&self.name, ranges);
        let counter = &self.client.counters().lost;
        match &fetched {
            Err(error @ (ObjectError::Missing(_) | ObjectError::Short { .. })) => {
                let lost = Lost {
                    asked: Instant::now(),
                    error: error.clone(),
                };
                if self.lost.lock().replace(lost).is_none() {
                    counter.fetch_add(1, Ordering::Relaxed);
                    tracing::error!(%error, "an object is lost, queries answer without it");
                }
            }
            Ok(_) if before.is_some() && self.lost.lock().take().is_some() => {
                counter.fetch_sub(1, Ordering::Relaxed);
                tracing::info!(object = self.name, "an object that was lost is back");
            }
            _ => {}
        }
        fetched
    }

    /// Its name below the store's prefix.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Runs of chunks to fetch, none of which is in the cache.
    fn missing_runs(&self, chunks: &BTreeMap<u64, Option<Vec<u8>>>) -> Vec<Range<u64>> {
        let mut runs: Vec<Range<u64>> = Vec::new();
        for (chunk, _) in chunks.iter().filter(|(_, bytes)| bytes.is_none()) {
            match runs.last_mut() {
                Some(run)
                    if chunk - run.end <= GAP_CHUNKS
                        && chunks.range(run.end..*chunk).next().is_none() =>
                {
                    run.end = chunk + 1;
                }
                _ => runs.push(*chunk..chunk + 1),
            }
        }
        runs
    }

    fn chunk_bytes(&self, chunk: u64) -> u64 {
        CHUNK_BYTES.min(self.size.saturating_sub(chunk * CHUNK_BYTES))
    }
}

impl PartSource for RemoteObject {
    fn fetch_bytes(&self) -> u64 {
        CHUNK_BYTES
    }

    /// Compares the end, where the footer with its checksums lies: an object that is gone, shorter,
    /// or another is seen by it.
    fn secure(&self, part: &Part) -> io::Result<()> {
        let end = self.size.saturating_sub(CHUNK_BYTES)..self.size;
        let here = part.read(end.clone())?;
        match self.client.get_ranges(&self.name, &[end]) {
            Ok(there) if there.first().is_some_and(|there| *there == here) => return Ok(()),
            Ok(_) | Err(ObjectError::Missing(_) | ObjectError::Short { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        tracing::warn!(
            object = self.name,
            "an object was lost while its part is still on this disk: it is uploaded again"
        );
        let sent = self
            .client
            .upload(&self.name, self.size, &|range| part.read(range));
        sent.map_err(|error| match error {
            UploadError::Object(error) => error.into(),
            UploadError::Read(error) => error,
        })?;
        if self.lost.lock().take().is_some() {
            self.client.counters().lost.fetch_sub(1, Ordering::Relaxed);
        }
        Ok(())
    }

    fn count_local_file(&self, part: &Arc<Part>) {
        self.cache.add_part(self.key, part);
    }

    fn touch_local_file(&self) {
        self.cache.touch_part(self.key);
    }

    fn forget(&self) {
        self.cache.forget(self.key);
    }

    /// Reads ranges: from the cache what is there, the rest in as few requests as make sense, at
    /// once.
    fn read(&self, ranges: &[Range<u64>]) -> io::Result<Vec<Vec<u8>>> {
        if ranges.iter().any(|r| r.start > r.end || r.end > self.size) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut chunks: BTreeMap<u64, Option<Vec<u8>>> = BTreeMap::new();
        for range in ranges.iter().filter(|r| !r.is_empty()) {
            for chunk in range.start / CHUNK_BYTES..range.end.div_ceil(CHUNK_BYTES) {
                chunks
                    .entry(chunk)
                    .or_insert_with(|| self.cache.get(self.key, chunk, self.chunk_bytes(chunk)));
            }
        }
        let runs = self.missing_runs(&chunks);
        let wanted: Vec<Range<u64>> = runs
            .iter()
            .map(|r| r.start * CHUNK_BYTES..(r.end * CHUNK_BYTES).min(self.size))
            .collect();
        let fetched = if wanted.is_empty() {
            Vec::new()
        } else {
            self.fetch(&wanted)?
        };
        for (run, bytes) in runs.iter().zip(&fetched) {
            self.cache.put(self.key, run.start, bytes);
            for (chunk, bytes) in run.clone().zip(bytes.chunks(CHUNK_BYTES as usize)) {
                chunks.insert(chunk, Some(bytes.to_vec()));
            }
        }
        let assemble = |range: &Range<u64>| {
            let mut out = Vec::with_capacity((range.end - range.start) as usize);
            let mut at = range.start;
            while at < range.end {
                let chunk = at / CHUNK_BYTES;
                let bytes = chunks
                    .get(&chunk)
                    .and_then(|c| c.as_deref())
                    .unwrap_or_default();
                let inside = (at % CHUNK_BYTES) as usize
                    ..((range.end - chunk * CHUNK_BYTES).min(CHUNK_BYTES)) as usize;
                out.extend_from_slice(bytes.get(inside).ok_or(io::ErrorKind::UnexpectedEof)?);
                at = (chunk + 1) * CHUNK_BYTES;
            }
            Ok(out)
        };
        ranges.iter().map(assemble).collect()
    }
}

impl Drop for RemoteObject {
    fn drop(&mut self) {
        if self.lost.get_mut().is_some() {
            self.client.counters().lost.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl From<ObjectError> for io::Error {
    fn from(error: ObjectError) -> io::Error {
        let kind = match &error {
            ObjectError::Missing(_) => io::ErrorKind::NotFound,
            ObjectError::Short { .. } => io::ErrorKind::UnexpectedEof,
            ObjectError::Unreachable { .. } | ObjectError::Closing => io::ErrorKind::NotConnected,
            ObjectError::Conflict(_) | ObjectError::Refused { .. } => {
                io::ErrorKind::PermissionDenied
            }
        };
        io::Error::new(kind, error)
    }
}
