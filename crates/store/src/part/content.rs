//! Content index of a part: which blocks may hold a literal; kept in memory while it is in use.

use crate::StoreError;
use crate::part::Part;
use skald_index::{ContentIndex, ContentRows, IndexError};
use skald_model::ContentQuery;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

impl Part {
    /// The content index, if it is in memory.
    pub(crate) fn held_content(&self) -> Option<Arc<ContentIndex>> {
        self.content.lock().clone()
    }

    /// The content index for one use, not charged to the memory budget.
    pub(crate) fn load_content(&self) -> Result<Arc<ContentIndex>, StoreError> {
        self.held_content().map_or_else(|| self.read_index(), Ok)
    }

    /// Reads the content index and keeps it.
    pub(crate) fn read_content(&self) -> Result<Arc<ContentIndex>, StoreError> {
        let index = self.read_index()?;
        *self.content.lock() = Some(index.clone());
        Ok(index)
    }

    fn read_index(&self) -> Result<Arc<ContentIndex>, StoreError> {
        let bytes = self.read(self.footer.index_at..self.footer.index_at + self.footer.index_bytes);
        let bytes = bytes.map_err(|e| self.read_error(&self.index_name(), e))?;
        let damaged = |why: String| StoreError::damaged(self.index_name(), why);
        if crc32fast::hash(&bytes) != self.footer.index_crc {
            return Err(damaged("its checksum is wrong".to_owned()));
        }
        ContentIndex::open(bytes)
            .map(Arc::new)
            .map_err(|e| damaged(e.to_string()))
    }

    /// Drops the content index from memory; the next query reads it again.
    pub(crate) fn forget_content(&self) {
        *self.content.lock() = None;
    }

    /// Bytes of the content index.
    pub(crate) fn content_bytes(&self) -> u64 {
        self.footer.index_bytes
    }

    /// One flag a block, from the few rows of the index that the query needs; `None` when fetching
    /// them costs more than the `wanted` bytes of blocks they might save. For parts that object
    /// storage alone has.
    pub(crate) fn candidates_by_rows(
        &self,
        query: &ContentQuery,
        wanted: u64,
    ) -> Result<Option<Vec<bool>>, StoreError> {
        let failed = |e| self.read_error(&self.index_name(), e);
        let damaged = |e: IndexError| StoreError::damaged(self.index_name(), e);
        let source = self
            .source
            .get()
            .ok_or_else(|| failed(std::io::ErrorKind::NotFound.into()))?;
        let fetch_bytes = source.fetch_bytes();
        if wanted <= fetch_bytes {
            return Ok(None);
        }
        let held = self.index_rows.lock().clone();
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
                self.index_rows.lock().insert(rows).clone()
            }
        };
        let probe = rows.probe(query);
        let in_part = |r: &Range<u64>| self.footer.index_at + r.start..self.footer.index_at + r.end;
        let ranges: Vec<Range<u64>> = probe.ranges().iter().map(in_part).collect();
        let chunks = ranges
            .iter()
            .flat_map(|r| r.start / fetch_bytes..r.end.div_ceil(fetch_bytes));
        let cost = chunks.collect::<BTreeSet<u64>>().len() as u64 * fetch_bytes;
        if cost >= wanted {
            return Ok(None);
        }
        probe
            .candidates(&source.read(&ranges).map_err(failed)?)
            .map(Some)
            .map_err(damaged)
    }

    /// Its name in errors.
    fn index_name(&self) -> String {
        format!("the index of part {}", self.path.display())
    }
}
