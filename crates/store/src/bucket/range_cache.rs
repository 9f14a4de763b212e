//! Range cache: keeps fetched ranges of objects, and local files of uploaded parts, on the local
//! disk.
//!
//! One budget for both; what was used least recently goes first. An *extent* is a run of chunks of
//! an object, a file each; every chunk has its checksum in front, so what a crash tore or a disk
//! lost is fetched again and never believed. Nothing is synced: losing all of it costs requests,
//! not data.

use crate::files::{Files, is_transient};
use crate::layout::UNFINISHED;
use crate::part::Part;
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::io::IoSlice;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

/// Unit of fetching and caching. Small, as a query of one stream needs little of many places; a
/// request costs as much as some hundred kilobytes anyway, so neighbours are fetched in one.
pub(crate) const CHUNK_BYTES: u64 = 16 << 10;
/// Bytes of a chunk's checksum.
const CRC_BYTES: usize = 4;
const SLOT_BYTES: u64 = CHUNK_BYTES + CRC_BYTES as u64;

/// A number for an object, from its name.
pub(crate) type ObjectKey = u64;

/// What is evicted as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {
    Extent(ObjectKey, u64),
    Part(ObjectKey),
}

#[derive(Debug)]
enum Cached {
    /// Chunks, by their number.
    Extent(u64),
    Part(Weak<Part>),
}

#[derive(Debug)]
struct Entry {
    cached: Cached,
    bytes: u64,
    used: u64,
}

#[derive(Debug, Default)]
struct Entries {
    entries: HashMap<Key, Entry>,
    /// Extents of each object by their first chunk.
    extents: HashMap<ObjectKey, BTreeMap<u64, u64>>,
    by_use: BTreeMap<u64, Key>,
    bytes: u64,
    uses: u64,
}

/// The cache.
#[derive(Debug)]
pub(crate) struct RangeCache {
    files: Arc<dyn Files>,
    folder: PathBuf,
    budget: u64,
    entries: Mutex<Entries>,
    pub(crate) hits: AtomicU64,
    pub(crate) misses: AtomicU64,
    /// Tells unfinished files of one extent apart.
    writes: AtomicU64,
}

impl RangeCache {
    /// Opens the folder and keeps what is in it of the objects that `wanted` names.
    pub(crate) fn open(files: Arc<dyn Files>, folder: PathBuf, budget: u64) -> RangeCache {
        let cache = RangeCache {
            files,
            folder,
            budget,
            entries: Mutex::default(),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            writes: AtomicU64::new(0),
        };
        if let Err(error) = cache.find_extents() {
            tracing::warn!(%error, folder = %cache.folder.display(), "what was cached of object storage is fetched again");
        }
        cache.shrink();
        cache
    }

    fn find_extents(&self) -> io::Result<()> {
        for object in self
            .files
            .list(&self.folder)?
            .into_iter()
            .filter(|f| f.is_folder)
        {
            let Ok(key) = u64::from_str_radix(&object.name, 16) else {
                continue;
            };
            for file in self.files.list(&self.folder.join(&object.name))? {
                let place = file.name.split_once('-').and_then(|(first, chunks)| {
                    Some((
                        u64::from_str_radix(first, 16).ok()?,
                        u64::from_str_radix(chunks, 16).ok()?,
                    ))
                });
                match place {
                    Some((first, chunks)) => self.entries.lock().add_extent(key, first, chunks),
                    None => self
                        .files
                        .remove(&self.folder.join(&object.name).join(&file.name))?,
                }
            }
        }
        Ok(())
    }

    /// The chunk if it is here, whole.
    pub(crate) fn get(&self, object: ObjectKey, chunk: u64, len: u64) -> Option<Vec<u8>> {
        let extent = self.entries.lock().find(object, chunk);
        let found = extent.and_then(|(first, chunks)| {
            let read = self.read_chunk(object, (first, chunks), chunk, len);
            match read {
                Err(error) if is_transient(&error) => None,
                Ok(Some(chunk)) => Some(chunk),
                Ok(None) | Err(_) => {
                    self.remove(Key::Extent(object, first));
                    None
                }
            }
        });
        let counter = if found.is_some() {
            &self.hits
        } else {
            &self.misses
        };
        counter.fetch_add(1, Ordering::Relaxed);
        found
    }

    /// The chunk; `None` when it is not whole.
    fn read_chunk(
        &self,
        object: ObjectKey,
        extent: (u64, u64),
        chunk: u64,
        len: u64,
    ) -> io::Result<Option<Vec<u8>>> {
        let file = self.files.open(&self.path(object, extent))?;
        let mut slot = file.read_new((chunk - extent.0) * SLOT_BYTES, CRC_BYTES + len as usize)?;
        let expected = slot.first_chunk().map(|crc| u32::from_le_bytes(*crc));
        slot.drain(..CRC_BYTES);
        Ok((Some(crc32fast::hash(&slot)) == expected).then_some(slot))
    }

    /// Caches consecutive chunks from `first` on; the last may be shorter. What does not fit is not
    /// cached.
    pub(crate) fn put(&self, object: ObjectKey, first: u64, bytes: &[u8]) {
        let chunks = (bytes.len() as u64).div_ceil(CHUNK_BYTES);
        if bytes.len() as u64 > self.budget || self.entries.lock().overlaps(object, first, chunks) {
            return;
        }
        match self.write(object, (first, chunks), bytes) {
            Ok(()) => self.entries.lock().add_extent(object, first, chunks),
            // A full disk: the query has its bytes all the same.
            Err(error) => tracing::debug!(%error, "a range of object storage is not cached"),
        }
        self.shrink();
    }

    fn write(&self, object: ObjectKey, extent: (u64, u64), bytes: &[u8]) -> io::Result<()> {
        let path = self.path(object, extent);
        self.files
            .create_folder(&self.folder.join(format!("{object:016x}")))?;
        let write = self.writes.fetch_add(1, Ordering::Relaxed);
        let unfinished = path.with_extension(format!("{write}{UNFINISHED}"));
        let crcs: Vec<[u8; CRC_BYTES]> = bytes
            .chunks(CHUNK_BYTES as usize)
            .map(|chunk| crc32fast::hash(chunk).to_le_bytes())
            .collect();
        let written = self.files.create(&unfinished).and_then(|file| {
            for (chunk, crc) in bytes.chunks(CHUNK_BYTES as usize).zip(&crcs) {
                file.append(&[IoSlice::new(crc), IoSlice::new(chunk)])?;
            }
            self.files.rename(&unfinished, &path)
        });
        if written.is_err() {
            let _ = self.files.remove(&unfinished);
        }
        written
    }

    /// Counts the local file of an uploaded part, which goes when its turn comes.
    pub(crate) fn add_part(&self, object: ObjectKey, part: &Arc<Part>) {
        let entry = Cached::Part(Arc::downgrade(part));
        self.entries
            .lock()
            .add(Key::Part(object), entry, part.meta.bytes);
        self.shrink();
    }

    /// Notes that a part's local file was read.
    pub(crate) fn touch_part(&self, object: ObjectKey) {
        self.entries.lock().touch(Key::Part(object));
    }

    /// Forgets all of an object that is no longer there.
    pub(crate) fn forget(&self, object: ObjectKey) {
        let mut keys = vec![Key::Part(object)];
        if let Some(extents) = self.entries.lock().extents.get(&object) {
            keys.extend(extents.keys().map(|first| Key::Extent(object, *first)));
        }
        for key in keys {
            self.remove(key);
        }
    }

    /// Bytes on disk.
    pub(crate) fn bytes(&self) -> u64 {
        self.entries.lock().bytes
    }

    /// Removes what was used least recently until the rest is within the budget. A part whose object
    /// can't be asked for keeps its file, and is tried again the next time.
    fn shrink(&self) {
        loop {
            let oldest = {
                let entries = self.entries.lock();
                if entries.bytes <= self.budget {
                    return;
                }
                entries.by_use.first_key_value().map(|(_, key)| *key)
            };
            let Some(key) = oldest else { return };
            if !self.remove(key) {
                return;
            }
        }
    }

    /// Removes an entry; gives false when it had to stay.
    fn remove(&self, key: Key) -> bool {
        let Some(entry) = self.entries.lock().remove(key) else {
            return true;
        };
        let removed = match (key, entry.cached) {
            (Key::Extent(object, first), Cached::Extent(chunks)) => {
                self.files.remove(&self.path(object, (first, chunks)))
            }
            (_, Cached::Part(part)) => {
                let evicted = part.upgrade().map_or(Ok(()), |part| part.evict());
                if let Err(error) = &evicted {
                    tracing::warn!(%error, "the local file of a part stays until its object is known to be there");
                    let bytes = entry.bytes;
                    self.entries.lock().add(key, Cached::Part(part), bytes);
                    return false;
                }
                evicted
            }
            (Key::Part(_), Cached::Extent(_)) => Ok(()),
        };
        if let Err(error) = removed {
            tracing::warn!(%error, "could not remove a file of the cache of object storage");
        }
        true
    }

    fn path(&self, object: ObjectKey, (first, chunks): (u64, u64)) -> PathBuf {
        self.folder
            .join(format!("{object:016x}"))
            .join(format!("{first:08x}-{chunks:x}"))
    }
}

impl Entries {
    fn add(&mut self, key: Key, cached: Cached, bytes: u64) {
        self.remove(key);
        self.uses += 1;
        self.by_use.insert(self.uses, key);
        self.bytes += bytes;
        self.entries.insert(
            key,
            Entry {
                cached,
                bytes,
                used: self.uses,
            },
        );
    }

    fn add_extent(&mut self, object: ObjectKey, first: u64, chunks: u64) {
        self.add(
            Key::Extent(object, first),
            Cached::Extent(chunks),
            chunks * SLOT_BYTES,
        );
        self.extents
            .entry(object)
            .or_default()
            .insert(first, chunks);
    }

    fn remove(&mut self, key: Key) -> Option<Entry> {
        let entry = self.entries.remove(&key)?;
        self.by_use.remove(&entry.used);
        self.bytes -= entry.bytes;
        if let Key::Extent(object, first) = key
            && let Some(extents) = self.extents.get_mut(&object)
        {
            extents.remove(&first);
            if extents.is_empty() {
                self.extents.remove(&object);
            }
        }
        Some(entry)
    }

    fn touch(&mut self, key: Key) {
        self.uses += 1;
        if let Some(entry) = self.entries.get_mut(&key) {
            self.by_use.remove(&entry.used);
            entry.used = self.uses;
            self.by_use.insert(self.uses, key);
        }
    }

    /// The extent with a chunk, which counts as used.
    fn find(&mut self, object: ObjectKey, chunk: u64) -> Option<(u64, u64)> {
        let (first, chunks) = self
            .extents
            .get(&object)?
            .range(..=chunk)
            .next_back()
            .map(|(f, n)| (*f, *n))?;
        if chunk >= first + chunks {
            return None;
        }
        self.touch(Key::Extent(object, first));
        Some((first, chunks))
    }

    fn overlaps(&self, object: ObjectKey, first: u64, chunks: u64) -> bool {
        let before = self
            .extents
            .get(&object)
            .and_then(|e| e.range(..first + chunks).next_back());
        before.is_some_and(|(f, n)| f + n > first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skald_wal::sim::SimFiles;

    fn cache(files: &SimFiles, chunks: u64) -> RangeCache {
        RangeCache::open(
            Arc::new(files.clone()),
            PathBuf::from("/cache"),
            chunks * SLOT_BYTES,
        )
    }

    fn bytes(chunks: f64) -> Vec<u8> {
        (0..(CHUNK_BYTES as f64 * chunks) as usize)
            .map(|i| (i / 1000) as u8)
            .collect()
    }

    #[test]
    fn chunks_stay_until_others_need_their_room() {
        let files = SimFiles::default();
        let held = cache(&files, 4);
        held.put(7, 10, &bytes(1.5));
        assert_eq!(
            held.get(7, 10, CHUNK_BYTES).as_deref(),
            Some(&bytes(1.0)[..])
        );
        assert_eq!(
            held.get(7, 11, CHUNK_BYTES / 2).map(|b| b.len() as u64),
            Some(CHUNK_BYTES / 2)
        );
        assert_eq!(
            (held.get(7, 12, CHUNK_BYTES), held.get(8, 10, CHUNK_BYTES)),
            (None, None)
        );
        held.put(7, 20, &bytes(1.0));
        held.put(7, 10, &bytes(1.0));
        assert!(
            held.get(7, 11, CHUNK_BYTES / 2).is_some(),
            "an overlapping extent changes nothing"
        );
        held.put(9, 0, &bytes(2.0));
        assert!(
            held.get(7, 20, CHUNK_BYTES).is_none(),
            "the one used longest ago went"
        );
        assert!(held.get(7, 10, CHUNK_BYTES).is_some() && held.get(9, 1, CHUNK_BYTES).is_some());
        assert_eq!(held.bytes(), 4 * SLOT_BYTES);
        held.put(9, 50, &bytes(5.0));
        assert!(
            held.get(9, 50, CHUNK_BYTES).is_none(),
            "what is larger than the budget is not cached"
        );
        held.forget(9);
        assert_eq!(
            (held.bytes(), held.get(9, 0, CHUNK_BYTES)),
            (2 * SLOT_BYTES, None)
        );
    }

    #[test]
    fn a_cache_is_found_again_and_torn_chunks_are_not_believed() {
        let files = SimFiles::default();
        cache(&files, 9).put(7, 0, &bytes(2.0));
        let found = cache(&files, 9);
        assert!(found.get(7, 1, CHUNK_BYTES).is_some());
        files
            .truncate(
                &PathBuf::from("/cache/0000000000000007/00000000-2"),
                SLOT_BYTES + 100,
            )
            .expect("the file is there");
        assert!(found.get(7, 0, CHUNK_BYTES).is_some());
        assert!(found.get(7, 1, CHUNK_BYTES).is_none());
        assert_eq!(found.bytes(), 0);
        assert_eq!(cache(&files, 1).bytes(), 0);
    }
}
