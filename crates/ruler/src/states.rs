//! The state store keeps the alerts of every group on disk: a log of snapshots, the last of each
//! group counts. README.md is the format.
//!
//! A snapshot in which no alert has moved says no more than the one before it but the slot: one
//! that is lost with the last second before a crash is no harm, so its fsync is shared with others
//! ([`Durable::Soon`]). A log that can't be written is given up for a new one, which
//! begins with all that is in memory.

use crate::snapshot::{Durable, GroupSnapshot};
use crate::spec::GroupId;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use skald_model::TenantId;
use skald_wal::files::{FileHandle, Files};
use std::collections::HashMap;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Begins every log: the name of the format and its version.
const MAGIC: &[u8; 8] = b"SKALDAL1";
/// Nanoseconds between fsyncs.
const SYNC_INTERVAL: i64 = 1_000_000_000;
/// A log of this many bytes that is mostly overwritten snapshots is written anew.
const REWRITE_BYTES_MIN: u64 = 1 << 20;
/// How many times what counts a log may hold before it is written anew.
const REWRITE_FACTOR: u64 = 4;
/// Bytes of one snapshot that are believed when a log is read.
const RECORD_BYTES_MAX: usize = 256 << 20;
/// Snapshots that no group has asked for are forgotten when they are this old, nanoseconds.
const UNCLAIMED_MAX: i64 = 24 * 3600 * 1_000_000_000;

/// The disk did not take the state of alerts.
#[derive(Debug, thiserror::Error)]
#[error("{context} {path}: {error}")]
pub struct StateError {
    /// What was being done.
    pub context: &'static str,
    /// With which file.
    pub path: PathBuf,
    /// What the system said.
    pub error: io::Error,
}

/// The alerts of every group, on disk.
#[derive(Debug)]
pub struct StateStore {
    files: Arc<dyn Files>,
    folder: PathBuf,
    log: Mutex<Log>,
}

#[derive(Debug, Default)]
struct Log {
    /// The file that is appended to; `None` when it has to be written anew.
    file: Option<Arc<dyn FileHandle>>,
    generation: u64,
    bytes: u64,
    /// The last record of each group.
    live: HashMap<GroupId, Vec<u8>>,
    live_bytes: u64,
    synced_at: i64,
}

#[derive(Serialize, Deserialize)]
struct Record {
    tenant: String,
    namespace: String,
    group: String,
    /// Absent when the group is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    state: Option<GroupSnapshot>,
}

/// What a state store held when it was opened.
pub type Restored = HashMap<GroupId, GroupSnapshot>;

impl StateStore {
    /// Opens the store in a folder and gives what it holds. A torn end of the log is left out.
    pub fn open(
        files: Arc<dyn Files>,
        folder: &Path,
        now: i64,
    ) -> Result<(StateStore, Restored), StateError> {
        let failed = |context, path: &Path| {
            let path = path.to_owned();
            move |error| StateError {
                context,
                path,
                error,
            }
        };
        files
            .create_folder(folder)
            .and_then(|()| files.sync_folder(folder.parent().unwrap_or(folder)))
            .map_err(failed("creating", folder))?;
        let listed = files.list(folder).map_err(failed("listing", folder))?;
        let newest = listed.iter().filter_map(|l| generation_of(&l.name)).max();
        let mut log = Log::default();
        let mut restored = Restored::new();
        if let Some(generation) = newest {
            let path = folder.join(file_name(generation));
            let bytes = read_whole(&*files, &path).map_err(failed("reading", &path))?;
            restored = read_log(&bytes).map_err(failed("reading", &path))?;
            log.generation = generation;
        }
        restored.retain(|_, state| now.saturating_sub(state.slot) < UNCLAIMED_MAX);
        for (id, state) in &restored {
            log.put(id.clone(), Some(record(id, Some(state.clone()))));
        }
        let store = StateStore {
            files,
            folder: folder.to_owned(),
            log: Mutex::new(log),
        };
        Ok((store, restored))
    }

    /// Stores what a group is at; `None` when the group is gone. Once a save has failed, the next
    /// one writes everything again.
    pub fn save(
        &self,
        id: &GroupId,
        state: Option<GroupSnapshot>,
        durable: Durable,
        now: i64,
    ) -> Result<(), StateError> {
        let record = record(id, state.clone());
        let mut log = self.log.lock();
        log.put(id.clone(), state.map(|_| record.clone()));
        let is_wasteful = log.bytes > REWRITE_BYTES_MIN
            && log.bytes > log.live_bytes.saturating_mul(REWRITE_FACTOR);
        let Some(file) = log.file.clone().filter(|_| !is_wasteful) else {
            return self.rewrite(&mut log, now);
        };
        let written = file.append(&[IoSlice::new(&record)]);
        log.bytes += record.len() as u64;
        self.checked(&mut log, "writing", written)?;
        let since = now - log.synced_at;
        if durable == Durable::Now || !(0..SYNC_INTERVAL).contains(&since) {
            let synced = file.sync();
            self.checked(&mut log, "synchronising", synced)?;
            log.synced_at = now;
        }
        Ok(())
    }

    /// Makes everything that was saved durable.
    pub fn sync(&self, now: i64) -> Result<(), StateError> {
        let mut log = self.log.lock();
        let Some(file) = log.file.clone() else {
            return self.rewrite(&mut log, now);
        };
        let synced = file.sync();
        self.checked(&mut log, "synchronising", synced)
    }

    /// Gives the log up when something failed: after a failed fsync nobody knows what it holds.
    fn checked(
        &self,
        log: &mut Log,
        context: &'static str,
        done: io::Result<()>,
    ) -> Result<(), StateError> {
        done.map_err(|error| {
            log.file = None;
            StateError {
                context,
                path: self.folder.join(file_name(log.generation)),
                error,
            }
        })
    }

    /// Writes a new log of what counts beside the old one, and puts it in its place.
    fn rewrite(&self, log: &mut Log, now: i64) -> Result<(), StateError> {
        log.file = None;
        let old = log.generation;
        let path = self.folder.join(file_name(old + 1));
        let unfinished = self.folder.join(UNFINISHED);
        let written = self.write_new(log, &unfinished, &path);
        let (file, bytes) = written.map_err(|error| StateError {
            context: "writing",
            path: path.clone(),
            error,
        })?;
        log.file = Some(file);
        log.bytes = bytes;
        log.generation = old + 1;
        log.synced_at = now;
        for listed in self.files.list(&self.folder).unwrap_or_default() {
            if generation_of(&listed.name).is_some_and(|g| g <= old) {
                // What stays is removed by a later rewrite.
                let _ = self.files.remove(&self.folder.join(&listed.name));
            }
        }
        Ok(())
    }

    fn write_new(
        &self,
        log: &Log,
        unfinished: &Path,
        path: &Path,
    ) -> io::Result<(Arc<dyn FileHandle>, u64)> {
        let folder = self.files.open_folder(&self.folder)?;
        let file = self.files.create(unfinished)?;
        let mut slices = vec![IoSlice::new(MAGIC)];
        slices.extend(log.live.values().map(|record| IoSlice::new(record)));
        for some in slices.chunks(SLICES_AT_ONCE) {
            file.append(some)?;
        }
        file.sync()?;
        self.files.rename(unfinished, path)?;
        folder.sync()?;
        Ok((file, MAGIC.len() as u64 + log.live_bytes))
    }
}

/// The file that is being written.
const UNFINISHED: &str = "alerts.tmp";
/// Slices of one write; systems take 1,024.
const SLICES_AT_ONCE: usize = 512;

impl Log {
    fn put(&mut self, id: GroupId, record: Option<Vec<u8>>) {
        let added = record.as_ref().map_or(0, Vec::len);
        let old = match record {
            Some(record) => self.live.insert(id, record),
            None => self.live.remove(&id),
        };
        self.live_bytes += added as u64;
        self.live_bytes -= old.map_or(0, |old| old.len() as u64);
    }
}

fn file_name(generation: u64) -> String {
    format!("alerts-{generation:016x}.log")
}

fn generation_of(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("alerts-")?.strip_suffix(".log")?;
    let generation = u64::from_str_radix(digits, 16).ok()?;
    (file_name(generation) == name).then_some(generation)
}

fn read_whole(files: &dyn Files, path: &Path) -> io::Result<Vec<u8>> {
    let file = files.open(path)?;
    let len = usize::try_from(file.size()?).map_err(io::Error::other)?;
    file.read_new(0, len)
}

/// A record with its length and checksum before it.
fn record(id: &GroupId, state: Option<GroupSnapshot>) -> Vec<u8> {
    let record = Record {
        tenant: id.tenant.to_string(),
        namespace: id.namespace.to_string(),
        group: id.name.to_string(),
        state,
    };
    let payload = serde_json::to_vec(&record).expect("texts and numbers can be written as JSON");
    let mut bytes = Vec::with_capacity(payload.len() + 8);
    bytes.extend((payload.len() as u32).to_le_bytes());
    bytes.extend(crc32fast::hash(&payload).to_le_bytes());
    bytes.extend(payload);
    bytes
}

/// The last snapshot of each group, up to where the log is torn.
fn read_log(bytes: &[u8]) -> io::Result<Restored> {
    let mut restored = Restored::new();
    let Some(mut rest) = bytes.strip_prefix(MAGIC) else {
        let known = String::from_utf8_lossy(MAGIC);
        return Err(io::Error::other(format!(
            "the file does not begin with {known}: it is of another version"
        )));
    };
    while let Some((record, tail)) = next_record(rest) {
        rest = tail;
        let Ok(tenant) = TenantId::parse(&record.tenant) else {
            continue;
        };
        let id = GroupId {
            tenant,
            namespace: Arc::from(record.namespace),
            name: Arc::from(record.group),
        };
        match record.state {
            Some(state) => restored.insert(id, state),
            None => restored.remove(&id),
        };
    }
    Ok(restored)
}

fn next_record(bytes: &[u8]) -> Option<(Record, &[u8])> {
    let (len, rest) = bytes.split_first_chunk::<4>()?;
    let (crc, rest) = rest.split_first_chunk::<4>()?;
    let len = u32::from_le_bytes(*len) as usize;
    let (payload, rest) = rest.split_at_checked(len.min(RECORD_BYTES_MAX))?;
    if crc32fast::hash(payload) != u32::from_le_bytes(*crc) {
        return None;
    }
    Some((serde_json::from_slice(payload).ok()?, rest))
}
