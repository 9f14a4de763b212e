//! Part: an immutable file of blocks; its directory is in memory, its blocks are read by column.
//!
//! README.md has the layout. Blocks are read with positioned reads, so that queries share one file,
//! which is open while it is read and as long as descriptors are plenty, or fetched through a [`PartSource`] once the local file went. A retired part removes its file
//! when its last reader drops it.

pub(crate) mod block_builder;
pub(crate) mod block_order;
pub(crate) mod content;
pub(crate) mod env;
pub(crate) mod format;
pub(crate) mod lineage;
pub(crate) mod patterns;
pub(crate) mod source;
pub(crate) mod stream_table;
pub(crate) mod writer;

pub(crate) use env::PartEnv;
pub(crate) use format::{BlockAt, FOOTER_BYTES, Footer};
pub(crate) use source::{PartSource, directory_path};

use crate::StoreError;
use crate::cache::result_cache::PartResults;
use crate::descriptors::CachedFile;
use crate::files::{FileHandle, Files};
use crate::sequence::Sequence;
use block_order::{BlockOrder, BlockTimes};
use format::{Directory, ReadRange, WITH_LINEAGE};
use lineage::Lineage;
use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};
use skald_block::{BlockError, ReadSpec};
use skald_fields::Form;
use skald_index::{ContentIndex, ContentRows};
use skald_model::{Batch, Direction, Held, MemoryUser};
use skald_patterns::StreamPatterns;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use stream_table::StreamTable;

/// What the manifest says of a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PartMeta {
    /// Number in the tenant, never used twice; names the file.
    pub(crate) id: u64,
    /// UTC days since 1970.
    pub(crate) day: i32,
    pub(crate) min_time: i64,
    pub(crate) max_time: i64,
    pub(crate) rows: u64,
    pub(crate) line_bytes: u64,
    /// Bytes of the file.
    pub(crate) bytes: u64,
    pub(crate) streams: u32,
    /// Its place in the order of arrival; its blocks have this one and those that follow.
    pub(crate) sequence: Sequence,
    /// A hash of its footer, and so of all of its content. Manifests had none at first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) content: Option<u64>,
    /// When its entries came, nanoseconds since 1970, if that is what their retention counts from:
    /// they were late ([`crate::Retention::arrival`]). Of parts that were merged the latest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) arrived: Option<i64>,
}

impl PartMeta {
    /// Whether a part that says `found` of itself is the one this speaks of. What a rebuilt
    /// manifest says of a part that could not be opened is known to fit any.
    fn fits(&self, found: &PartMeta) -> bool {
        let found = PartMeta {
            content: self.content.and(found.content),
            ..found.clone()
        };
        self.bytes == 0 || *self == found
    }
}

/// A part, open.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) meta: PartMeta,
    pub(crate) table: StreamTable,
    pub(crate) blocks: Vec<BlockAt>,
    order: BlockOrder,
    pub(crate) lineage: Lineage,
    pub(crate) path: PathBuf,
    /// The local file; `None` once object storage alone has the bytes.
    file: RwLock<Option<Arc<CachedFile>>>,
    /// Its object, once uploaded.
    source: OnceLock<Arc<dyn PartSource>>,
    files: Arc<dyn Files>,
    pub(crate) footer: Footer,
    content: Mutex<Option<Arc<ContentIndex>>>,
    /// Places of the index's rows, for asking it by a few of them.
    index_rows: Mutex<Option<Arc<ContentRows>>>,
    /// Set when no manifest names it any more.
    retired: AtomicBool,
    /// Its directory's share of the memory budget.
    _memory: Held,
    /// Results that readers cached of its blocks; `None` where nothing is cached.
    pub(crate) results: Option<PartResults>,
}

impl Part {
    /// Opens a part from its local file.
    pub(crate) fn open(env: &PartEnv, path: PathBuf, meta: PartMeta) -> Result<Part, StoreError> {
        let file = env.file(path.clone());
        let handle = file
            .handle()
            .map_err(StoreError::at("opening part", &path))?;
        let size = handle
            .size()
            .map_err(StoreError::at("reading part", &path))?;
        let directory = Directory::read(&path, size, &|range| read_file(&*handle, range))?;
        let part = Part::new(env, path, meta, directory)?;
        *part.file.write() = Some(file);
        Ok(part)
    }

    /// Opens a part whose bytes are in object storage; `read` gives those of its end.
    pub(crate) fn open_remote(
        env: &PartEnv,
        path: PathBuf,
        meta: PartMeta,
        source: Arc<dyn PartSource>,
        read: ReadRange<'_>,
    ) -> Result<Part, StoreError> {
        let directory = Directory::read(&path, meta.bytes, read)?;
        let part = Part::new(env, path, meta, directory)?;
        part.set_source(source);
        Ok(part)
    }

    /// Of its directory, once that is known to be of the part that the manifest names: another's
    /// file may lie under its name.
    fn new(
        env: &PartEnv,
        path: PathBuf,
        meta: PartMeta,
        directory: Directory,
    ) -> Result<Part, StoreError> {
        let bytes = directory.memory_bytes();
        let part = Part {
            meta,
            _memory: Held::charged(&env.budget, MemoryUser::Directories, bytes),
            table: directory.table,
            blocks: directory.blocks,
            order: BlockOrder::default(),
            lineage: directory.lineage,
            path,
            file: RwLock::new(None),
            source: OnceLock::new(),
            files: env.files.clone(),
            footer: directory.footer,
            content: Mutex::new(None),
            index_rows: Mutex::new(None),
            retired: AtomicBool::new(false),
            results: PartResults::new(&env.results),
        };
        if part.meta.fits(&part.describe()) {
            Ok(part)
        } else {
            let what = format!("part {}", part.path.display());
            let why = "its directory is not what the manifest says of it: it is another part";
            Err(StoreError::damaged(what, why))
        }
    }

    /// Reads the templates of its lines; a part written before there were any has none.
    pub(crate) fn read_patterns(&self) -> Result<Vec<StreamPatterns>, StoreError> {
        let at = self.lineage.patterns;
        if at.bytes == 0 {
            return Ok(Vec::new());
        }
        let what = || format!("the patterns of part {}", self.path.display());
        let start = self.footer.index_at + self.footer.index_bytes;
        if at.bytes > self.footer.directory_at.saturating_sub(start) {
            return Err(StoreError::damaged(what(), "they lie outside"));
        }
        let stored = self
            .read(start..start + at.bytes)
            .map_err(|e| self.read_error(&what(), e))?;
        patterns::open(&stored, &at, self.table.len())
            .map_err(|why| StoreError::damaged(what(), why))
    }

    /// What a manifest says of it, from the part itself.
    pub(crate) fn describe(&self) -> PartMeta {
        let metas = || self.blocks.iter().map(|b| &b.meta);
        PartMeta {
            min_time: metas()
                .map(|m| m.min_time)
                .min()
                .unwrap_or(self.meta.min_time),
            max_time: metas()
                .map(|m| m.max_time)
                .max()
                .unwrap_or(self.meta.max_time),
            rows: metas().map(|m| u64::from(m.rows)).sum(),
            line_bytes: metas().map(|m| m.line_bytes).sum(),
            bytes: self.footer.directory_at + self.footer.directory_bytes + FOOTER_BYTES as u64,
            streams: self.table.len() as u32,
            sequence: if self.footer.version < WITH_LINEAGE {
                self.meta.sequence
            } else {
                self.lineage.sequence
            },
            content: Some(self.footer.content()),
            ..self.meta.clone()
        }
    }

    /// What went wrong with reading `what`.
    fn read_error(&self, what: &str, error: std::io::Error) -> StoreError {
        match (self.is_remote(), is_lost(&error)) {
            // The whole object is: one warning says it, however many of its blocks are asked for.
            (true, true) => StoreError::damaged(format!("part {}", self.path.display()), error),
            (true, false) => StoreError::unavailable(what, error),
            // Bytes that the disk can't give are lost as surely as wrong ones: the query goes on
            // without them.
            (false, true) => StoreError::damaged(what, format!("can't be read: {error}")),
            (false, false) => StoreError::io(format!("reading {what}"), error),
        }
    }

    /// Reads bytes of the part.
    pub(crate) fn read(&self, range: Range<u64>) -> std::io::Result<Vec<u8>> {
        let file = self.file.read().clone();
        if let Some(file) = file {
            if let Some(source) = self.source.get() {
                source.touch_local_file();
            }
            match file.handle() {
                // Given up meanwhile: object storage has the bytes.
                Err(error) if error.kind() == ErrorKind::NotFound && self.is_remote() => {}
                file => return read_file(&*file?, range),
            }
        }
        let source = self.source.get().ok_or(std::io::ErrorKind::NotFound)?;
        Ok(source
            .read(std::slice::from_ref(&range))?
            .pop()
            .unwrap_or_default())
    }

    /// Decodes what `spec` asks for of a block into the memory of `buffer`, a batch that is no
    /// longer needed.
    pub(crate) fn read_block(
        &self,
        block: u32,
        spec: &ReadSpec<'_>,
        buffer: Batch,
    ) -> Result<Batch, StoreError> {
        let mut read = |range: Range<u64>| self.read_range(block, range);
        let meta = &self.blocks[block as usize].meta;
        let decoded = skald_block::decode(meta, spec, buffer, &mut read);
        decoded.map_err(|error| self.block_error(block, error))
    }

    /// Rows of a block whose lines are not of this form.
    pub(crate) fn residual_rows(&self, block: u32, form: Form) -> Result<Vec<u32>, StoreError> {
        let mut read = |range: Range<u64>| self.read_range(block, range);
        let rows = skald_block::residual_rows(&self.blocks[block as usize].meta, form, &mut read);
        rows.map_err(|error| self.block_error(block, error))
    }

    /// Bytes of a block.
    pub(crate) fn read_range(&self, block: u32, range: Range<u64>) -> std::io::Result<Vec<u8>> {
        let at = &self.blocks[block as usize];
        if range.start > range.end || range.end > at.bytes {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        self.read(at.at + range.start..at.at + range.end)
    }

    /// What went wrong with a block, with its name.
    pub(crate) fn block_error(&self, block: u32, error: BlockError) -> StoreError {
        let what = self.block_name(block);
        match error {
            BlockError::Read(e) => self.read_error(&what, e),
            error => StoreError::damaged(what, error),
        }
    }

    /// Appends the bytes of a block, its checksums checked.
    pub(crate) fn copy_block(&self, block: usize, out: &mut Vec<u8>) -> Result<(), StoreError> {
        let (at, start) = (&self.blocks[block], out.len());
        let read = self.read(at.at..at.at + at.bytes);
        let failed = |error| self.block_error(block as u32, BlockError::Read(error));
        out.extend_from_slice(&read.map_err(failed)?);
        for column in &at.meta.columns {
            let bytes = column.bytes();
            let stored = out[start..].get(bytes.start as usize..bytes.end as usize);
            if stored.map(crc32fast::hash) != Some(column.crc) {
                return Err(StoreError::damaged(
                    self.block_name(block as u32),
                    "the checksum of a column is wrong",
                ));
            }
        }
        Ok(())
    }

    /// A block's name in errors.
    fn block_name(&self, block: u32) -> String {
        format!("block {block} of part {}", self.path.display())
    }

    /// Its blocks in order of time.
    pub(crate) fn block_order(&self, direction: Direction) -> &[BlockTimes] {
        let metas = self.blocks.iter().map(|block| &block.meta);
        self.order.of(metas, direction)
    }

    /// Bytes of lines of each stream.
    pub(crate) fn stream_line_bytes(&self) -> Vec<u64> {
        let mut bytes = vec![0; self.table.len()];
        for run in self.blocks.iter().flat_map(|block| &block.meta.runs) {
            bytes[run.stream as usize] += run.line_bytes;
        }
        bytes
    }

    /// Says that no manifest names it any more: its file goes when the last reader does.
    pub(crate) fn retire(&self) {
        self.retired.store(true, Ordering::Release);
    }
}

/// Whether the file or object is gone or too short, or its sectors can't be read (EIO): asking
/// again gives the same.
fn is_lost(error: &std::io::Error) -> bool {
    const EIO: i32 = 5;
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::UnexpectedEof)
        || error.raw_os_error() == Some(EIO)
}

impl Drop for Part {
    fn drop(&mut self) {
        if !*self.retired.get_mut() {
            return;
        }
        let held = if self.file.get_mut().is_some() {
            self.path.clone()
        } else {
            directory_path(&self.path)
        };
        if let Err(error) = self.files.remove(&held) {
            // The next start sweeps it.
            tracing::warn!(part = %self.path.display(), %error, "could not remove a retired part");
        }
        if let Some(source) = self.source.get() {
            source.forget();
        }
    }
}

fn read_file(file: &dyn FileHandle, range: Range<u64>) -> std::io::Result<Vec<u8>> {
    let len = range
        .end
        .checked_sub(range.start)
        .ok_or(std::io::ErrorKind::UnexpectedEof)?;
    file.read_new(range.start, len as usize)
}
