//! What a part can do once the bucket has it too: go without its local file, and be pruned by few bytes.

use crate::StoreError;
use crate::bucket::object::Remote;
use crate::bucket::range_cache::CHUNK_BYTES;
use crate::part::{Part, directory_path};
use skald_index::{ContentRows, IndexError};
use skald_model::ContentQuery;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl Part {
    /// Says which object has its bytes too.
    pub(crate) fn set_remote(&self, remote: Arc<Remote>) {
        // An object is named by its content, so whoever came first said the same.
        let _ = self.remote.set(remote);
    }

    /// Its object, once uploaded.
    pub(crate) fn remote(&self) -> Option<&Arc<Remote>> {
        self.remote.get()
    }

    /// Whether object storage alone has its bytes.
    pub(crate) fn is_remote(&self) -> bool {
        self.file.read().is_none()
    }

    /// The name its object has: of its number and its content, so that two parts that are not the same never
    /// share one, and what was uploaded before a crash is recognised after it.
    pub(crate) fn object_name(&self) -> String {
        let content = xxhash_rust::xxh3::xxh3_64(&self.footer.encode());
        format!(
            "{}/{:016x}-{content:016x}.part",
            crate::layout::date(self.meta.day),
            self.meta.id
        )
    }

    /// Gives up the local file of an uploaded part; its directory stays on disk.
    pub(crate) fn evict(&self) -> std::io::Result<()> {
        if self.remote.get().is_none() || self.is_remote() || self.replaced.load(Ordering::Acquire)
        {
            return Ok(());
        }
        self.keep_directory(&self.read(self.footer.directory_at..self.meta.bytes)?)?;
        *self.file.write() = None;
        self.files.remove(&self.path)
    }

    /// Writes the bytes from the directory on beside where the part would be. Not synced: what a crash
    /// tears is fetched again.
    pub(crate) fn keep_directory(&self, bytes: &[u8]) -> std::io::Result<()> {
        let path = directory_path(&self.path);
        let unfinished = path.with_extension(format!("dir{}", crate::layout::UNFINISHED));
        let file = self.files.create(&unfinished)?;
        file.append(&[std::io::IoSlice::new(bytes)])?;
        self.files.rename(&unfinished, &path)
    }

    /// Where the directory begins.
    pub(crate) fn directory_at(&self) -> u64 {
        self.footer.directory_at
    }

    /// One flag a block, from the few rows of the index that the query needs; `None` when fetching them costs
    /// more than the `wanted` bytes of blocks they might save. For parts that object storage alone has.
    pub(crate) fn candidates_by_rows(
        &self,
        query: &ContentQuery,
        wanted: u64,
    ) -> Result<Option<Vec<bool>>, StoreError> {
        let what = || format!("the index of part {}", self.path.display());
        let failed = |e| StoreError::Unavailable(format!("{} can't be fetched: {e}", what()));
        let damaged = |e: IndexError| StoreError::Damaged(format!("{}: {e}", what()));
        let remote = self
            .remote
            .get()
            .ok_or_else(|| failed(std::io::ErrorKind::NotFound.into()))?;
        if wanted <= CHUNK_BYTES {
            return Ok(None);
        }
        let held = self.rows.lock().clone();
        let rows = match held {
            Some(rows) => rows,
            None => {
                let at = self.footer.index_at;
                let mut read = |range: Range<u64>| self.read(at + range.start..at + range.end);
                let rows = ContentRows::open(self.footer.index_bytes, &mut read);
                let rows = Arc::new(rows.map_err(|e| match e {
                    IndexError::Io(e) => failed(e),
                    e => damaged(e),
                })?);
                self.rows.lock().insert(rows).clone()
            }
        };
        let probe = rows.probe(query);
        let in_part = |r: &Range<u64>| self.footer.index_at + r.start..self.footer.index_at + r.end;
        let ranges: Vec<Range<u64>> = probe.ranges().iter().map(in_part).collect();
        let chunks = ranges
            .iter()
            .flat_map(|r| r.start / CHUNK_BYTES..r.end.div_ceil(CHUNK_BYTES));
        let cost = chunks.collect::<BTreeSet<u64>>().len() as u64 * CHUNK_BYTES;
        if cost >= wanted {
            return Ok(None);
        }
        probe
            .candidates(&remote.read(&ranges).map_err(failed)?)
            .map(Some)
            .map_err(damaged)
    }
}
