//! A part, open for reading: its directory in memory, its blocks read column by column.
//!
//! README.md has the layout. The directory is read once and kept; block bytes are read with positioned
//! reads, so that queries share one file, or fetched from object storage once the local file went. A part
//! that was replaced removes its file when the last reader lets go of it.

pub(crate) mod block_builder;
pub(crate) mod block_order;
pub(crate) mod lineage;
pub(crate) mod patterns;
pub(crate) mod stream_table;
pub(crate) mod writer;

use crate::StoreError;
use crate::bucket::Remote;
use crate::cache::result_cache::{Kept, KeptOfPart};
use crate::files::{FileHandle, Files};
use crate::part::block_order::{BlockOrder, BlockTimes};
use crate::part::lineage::About;
use crate::part::stream_table::StreamTable;
use crate::recovery::push_record::take_varint;
use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};
use skald_block::{BlockError, BlockMeta, ColumnMeta, ReadSpec, RunMeta};
use skald_fields::Form;
use skald_index::{ContentIndex, ContentRows};
use skald_model::{Batch, Budget, Held, MemoryUser};
use skald_patterns::StreamPatterns;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// Version of the part layout in README.md; older ones are read.
pub(crate) const PART_VERSION: u32 = 3;
/// The first version whose parts tell of themselves.
const WITH_ABOUT: u32 = 2;
/// Begins the footer.
pub(crate) const PART_MAGIC: [u8; 8] = *b"SKALDPRT";
/// Bytes of the footer.
pub(crate) const FOOTER_BYTES: usize = 64;
/// Bytes read from the end of a part to open it; most directories fit.
const TAIL_BYTES: u64 = 64 * 1024;

/// Bytes of an inflated directory: far above that of a million streams in as many runs (about 60 MB), and what
/// a damaged length may make a reader take.
const DIRECTORY_BYTES_MAX: u64 = 4 << 30;

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
    /// Its place in the order of arrival; its blocks have this and the numbers behind it.
    pub(crate) sequence: u64,
}

/// The fixed end of a part file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Footer {
    pub(crate) index_at: u64,
    pub(crate) index_bytes: u64,
    pub(crate) index_crc: u32,
    pub(crate) directory_at: u64,
    /// Compressed and plain.
    pub(crate) directory_bytes: u64,
    pub(crate) directory_plain: u64,
    pub(crate) directory_crc: u32,
    pub(crate) version: u32,
}

impl Footer {
    pub(crate) fn encode(&self) -> [u8; FOOTER_BYTES] {
        let mut out = Vec::with_capacity(FOOTER_BYTES);
        out.extend_from_slice(&PART_MAGIC);
        for number in [
            self.index_at,
            self.index_bytes,
            self.directory_at,
            self.directory_bytes,
            self.directory_plain,
        ] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        for number in [self.index_crc, self.directory_crc, self.version] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&crc32fast::hash(&out).to_le_bytes());
        out.try_into().expect("the fields add up to the footer")
    }

    fn decode(bytes: &[u8; FOOTER_BYTES]) -> Result<Footer, String> {
        let u32_at = |at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let u64_at = |at: usize| u64::from(u32_at(at)) | u64::from(u32_at(at + 4)) << 32;
        if bytes[..8] != PART_MAGIC || u32_at(60) != crc32fast::hash(&bytes[..60]) {
            return Err("its footer is damaged".to_owned());
        }
        if u32_at(56) > PART_VERSION {
            return Err(format!(
                "its format version {} is newer than {PART_VERSION}",
                u32_at(56)
            ));
        }
        Ok(Footer {
            index_at: u64_at(8),
            index_bytes: u64_at(16),
            directory_at: u64_at(24),
            directory_bytes: u64_at(32),
            directory_plain: u64_at(40),
            index_crc: u32_at(48),
            directory_crc: u32_at(52),
            version: u32_at(56),
        })
    }
}

/// A block's place and directory entry.
#[derive(Debug)]
pub(crate) struct BlockAt {
    pub(crate) at: u64,
    pub(crate) bytes: u64,
    pub(crate) meta: BlockMeta,
}

/// A part, open.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) meta: PartMeta,
    pub(crate) table: StreamTable,
    pub(crate) blocks: Vec<BlockAt>,
    pub(crate) order: BlockOrder,
    pub(crate) about: About,
    pub(crate) path: PathBuf,
    /// The local file; `None` once object storage alone has the bytes.
    pub(crate) file: RwLock<Option<Arc<dyn FileHandle>>>,
    /// Its object, once uploaded.
    pub(crate) remote: OnceLock<Arc<Remote>>,
    pub(crate) files: Arc<dyn Files>,
    pub(crate) footer: Footer,
    content: Mutex<Option<Arc<ContentIndex>>>,
    pub(crate) rows: Mutex<Option<Arc<ContentRows>>>,
    pub(crate) replaced: AtomicBool,
    /// Its directory's share of the memory budget.
    memory: Option<Held>,
    /// What readers keep of its blocks.
    pub(crate) kept: Option<KeptOfPart>,
}

/// Where a part's bytes are read from.
type ReadRange<'a> = &'a dyn Fn(Range<u64>) -> std::io::Result<Vec<u8>>;

impl Part {
    /// Opens a part from its local file.
    pub(crate) fn open(
        files: &Arc<dyn Files>,
        path: PathBuf,
        meta: PartMeta,
    ) -> Result<Part, StoreError> {
        let file = files
            .open(&path)
            .map_err(|e| StoreError::io(format!("opening part {}", path.display()), e))?;
        let size = file
            .size()
            .map_err(|e| StoreError::io(format!("reading part {}", path.display()), e))?;
        let part =
            Part::read_directory(files, path, meta, size, &|range| read_file(&*file, range))?;
        *part.file.write() = Some(file);
        Ok(part)
    }

    /// Opens a part whose bytes are in object storage; `read` gives those of its end.
    pub(crate) fn open_remote(
        files: &Arc<dyn Files>,
        path: PathBuf,
        meta: PartMeta,
        remote: Arc<Remote>,
        read: ReadRange<'_>,
    ) -> Result<Part, StoreError> {
        let size = meta.bytes;
        let part = Part::read_directory(files, path, meta, size, read)?;
        part.set_remote(remote);
        Ok(part)
    }

    fn read_directory(
        files: &Arc<dyn Files>,
        path: PathBuf,
        meta: PartMeta,
        size: u64,
        read: ReadRange<'_>,
    ) -> Result<Part, StoreError> {
        let damaged =
            |what: String| StoreError::Damaged(format!("part {}: {what}", path.display()));
        let failed = |e| StoreError::io(format!("reading part {}", path.display()), e);
        let tail_at = size.saturating_sub(TAIL_BYTES);
        let tail = read(tail_at..size).map_err(failed)?;
        let footer = tail
            .last_chunk()
            .ok_or_else(|| damaged("it is too short".to_owned()))?;
        let footer = Footer::decode(footer).map_err(damaged)?;
        let inside = |at: u64, bytes: u64| at.checked_add(bytes).is_some_and(|end| end <= size);
        if !inside(footer.directory_at, footer.directory_bytes)
            || !inside(footer.index_at, footer.index_bytes)
        {
            return Err(damaged("its footer points outside".to_owned()));
        }
        let compressed = if footer.directory_at >= tail_at {
            let from = (footer.directory_at - tail_at) as usize;
            tail[from..from + footer.directory_bytes as usize].to_vec()
        } else {
            read(footer.directory_at..footer.directory_at + footer.directory_bytes)
                .map_err(failed)?
        };
        if crc32fast::hash(&compressed) != footer.directory_crc {
            return Err(damaged("its directory is damaged".to_owned()));
        }
        // The frame and the footer must agree before memory is taken for what they claim.
        let claimed = zstd::zstd_safe::get_frame_content_size(&compressed)
            .ok()
            .flatten();
        if claimed != Some(footer.directory_plain) || footer.directory_plain > DIRECTORY_BYTES_MAX {
            return Err(damaged(format!(
                "its directory claims {} bytes",
                footer.directory_plain
            )));
        }
        let plain = zstd::bulk::decompress(&compressed, footer.directory_plain as usize);
        let plain = plain.map_err(|e| damaged(format!("its directory is damaged: {e}")))?;
        let (table, blocks, about) = decode_directory(&plain, &footer).ok_or_else(|| {
            damaged("its directory is not in the layout of its version".to_owned())
        })?;
        Ok(Part {
            meta,
            table,
            blocks,
            order: BlockOrder::default(),
            about,
            path,
            file: RwLock::new(None),
            remote: OnceLock::new(),
            files: files.clone(),
            footer,
            content: Mutex::new(None),
            rows: Mutex::new(None),
            replaced: AtomicBool::new(false),
            memory: None,
            kept: None,
        })
    }

    /// Reads the templates of its lines; a part written before there were any has none.
    pub(crate) fn read_patterns(&self) -> Result<Vec<StreamPatterns>, StoreError> {
        let at = self.about.patterns;
        if at.bytes == 0 {
            return Ok(Vec::new());
        }
        let what = || format!("the patterns of part {}", self.path.display());
        let start = self.footer.index_at + self.footer.index_bytes;
        if at.bytes > self.footer.directory_at.saturating_sub(start) {
            return Err(StoreError::Damaged(format!("{} lie outside", what())));
        }
        let stored = self
            .read(start..start + at.bytes)
            .map_err(|e| self.read_error(&what(), e))?;
        patterns::open(&stored, &at, self.table.len())
            .map_err(|why| StoreError::Damaged(format!("{}: {why}", what())))
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
            sequence: if self.footer.version < WITH_ABOUT {
                self.meta.sequence
            } else {
                self.about.sequence
            },
            ..self.meta.clone()
        }
    }

    /// The part with its directory charged to a budget for as long as it is open.
    pub(crate) fn charged_to(mut self, budget: &Arc<Budget>) -> Part {
        self.memory = Some(Held::charged(
            budget,
            MemoryUser::Directories,
            self.directory_bytes(),
        ));
        self
    }

    /// The part with a place for what readers keep of its blocks.
    pub(crate) fn kept_in(mut self, kept: &Arc<Kept>) -> Part {
        self.kept = (kept.bytes_max() > 0).then(|| KeptOfPart::new(kept));
        self
    }

    /// Rough bytes of memory of the directory.
    fn directory_bytes(&self) -> usize {
        let block = |b: &BlockAt| {
            // In memory, and in two orders.
            size_of::<BlockAt>()
                + 2 * size_of::<BlockTimes>()
                + b.meta.runs.len() * size_of::<RunMeta>()
                + b.meta.columns.len() * size_of::<ColumnMeta>()
        };
        self.table.memory_bytes() + self.blocks.iter().map(block).sum::<usize>()
    }

    /// What went wrong with reading `what`.
    fn read_error(&self, what: &str, error: std::io::Error) -> StoreError {
        if self.is_remote() {
            StoreError::Unavailable(format!("{what} can't be fetched: {error}"))
        } else {
            StoreError::io(format!("reading {what}"), error)
        }
    }

    /// Reads bytes of the part.
    pub(crate) fn read(&self, range: Range<u64>) -> std::io::Result<Vec<u8>> {
        let file = self.file.read().clone();
        if let Some(file) = file {
            if let Some(remote) = self.remote.get() {
                remote.cache().touch_part(remote.key());
            }
            return read_file(&*file, range);
        }
        let remote = self.remote.get().ok_or(std::io::ErrorKind::NotFound)?;
        Ok(remote
            .read(std::slice::from_ref(&range))?
            .pop()
            .unwrap_or_default())
    }

    /// Decodes what `spec` asks for of a block into the memory of `buffer`, a batch that is no longer needed.
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
        match error {
            BlockError::Read(e) if self.is_remote() => {
                StoreError::Unavailable(format!(
                    "block {block} of part {} can't be fetched: {e}",
                    self.path.display()
                ))
                // Bytes that the disk can't give are lost as surely as wrong ones: the query goes on without them.
            }
            BlockError::Read(e) if is_lost(&e) => StoreError::Damaged(format!(
                "block {block} of part {} can't be read: {e}",
                self.path.display()
            )),
            BlockError::Read(e) => StoreError::io(
                format!("reading block {block} of part {}", self.path.display()),
                e,
            ),
            error => StoreError::Damaged(format!(
                "block {block} of part {}: {error}",
                self.path.display()
            )),
        }
    }

    /// Appends the bytes of a block, its checksums checked.
    pub(crate) fn copy_block(&self, block: usize, out: &mut Vec<u8>) -> Result<(), StoreError> {
        let (at, start) = (&self.blocks[block], out.len());
        let read = self.read(at.at..at.at + at.bytes);
        out.extend_from_slice(&read.map_err(|e| {
            self.read_error(&format!("block {block} of part {}", self.path.display()), e)
        })?);
        for column in &at.meta.columns {
            let bytes = column.bytes();
            let stored = out[start..].get(bytes.start as usize..bytes.end as usize);
            if stored.map(crc32fast::hash) != Some(column.crc) {
                let what = format!(
                    "block {block} of part {}: the checksum of a column is wrong",
                    self.path.display()
                );
                return Err(StoreError::Damaged(what));
            }
        }
        Ok(())
    }

    /// The content index, if it is in memory.
    pub(crate) fn held_content(&self) -> Option<Arc<ContentIndex>> {
        self.content.lock().clone()
    }

    /// The content index for one use: nobody's memory is charged with it.
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
        let bytes = bytes.map_err(|e| {
            self.read_error(&format!("the index of part {}", self.path.display()), e)
        })?;
        let damaged = |what: String| {
            StoreError::Damaged(format!("the index of part {}: {what}", self.path.display()))
        };
        if crc32fast::hash(&bytes) != self.footer.index_crc {
            return Err(damaged("its checksum is wrong".to_owned()));
        }
        ContentIndex::open(bytes)
            .map(Arc::new)
            .map_err(|e| damaged(e.to_string()))
    }

    /// Lets go of the content index; the next query reads it again.
    pub(crate) fn forget_content(&self) {
        *self.content.lock() = None;
    }

    /// Bytes of the content index.
    pub(crate) fn content_bytes(&self) -> u64 {
        self.footer.index_bytes
    }

    /// Says that no manifest names it any more: the file goes when the last reader does.
    pub(crate) fn replace(&self) {
        self.replaced.store(true, Ordering::Release);
    }
}

/// Whether the file is too short or its sectors can't be read (EIO).
fn is_lost(error: &std::io::Error) -> bool {
    const EIO: i32 = 5;
    error.kind() == std::io::ErrorKind::UnexpectedEof || error.raw_os_error() == Some(EIO)
}

impl Drop for Part {
    fn drop(&mut self) {
        if !*self.replaced.get_mut() {
            return;
        }
        let held = if self.file.get_mut().is_some() {
            self.path.clone()
        } else {
            directory_path(&self.path)
        };
        if let Err(error) = self.files.remove(&held) {
            // The next start sweeps it.
            tracing::warn!(part = %self.path.display(), %error, "could not remove a replaced part");
        }
        if let Some(remote) = self.remote.get() {
            remote.forget();
        }
    }
}

/// Where the directory of a part lies that object storage alone has.
pub(crate) fn directory_path(part: &Path) -> PathBuf {
    part.with_extension("dir")
}

fn read_file(file: &dyn FileHandle, range: Range<u64>) -> std::io::Result<Vec<u8>> {
    let len = range
        .end
        .checked_sub(range.start)
        .ok_or(std::io::ErrorKind::UnexpectedEof)?;
    file.read_new(range.start, len as usize)
}

/// The plain bytes of a directory.
pub(crate) fn encode_directory(table: &StreamTable, blocks: &[BlockAt], about: &About) -> Vec<u8> {
    let mut out = Vec::new();
    table.encode(&mut out);
    crate::recovery::push_record::put_varint(&mut out, blocks.len() as u64);
    for block in blocks {
        crate::recovery::push_record::put_varint(&mut out, block.at);
        crate::recovery::push_record::put_varint(&mut out, block.bytes);
        block.meta.encode(&mut out);
    }
    about.encode(&mut out);
    out
}

/// Reads what [`encode_directory`] made; blocks lie before the content index and name streams of the table.
fn decode_directory(
    mut bytes: &[u8],
    footer: &Footer,
) -> Option<(StreamTable, Vec<BlockAt>, About)> {
    let table = StreamTable::decode(&mut bytes)?;
    let mut blocks = Vec::new();
    for _ in 0..take_varint(&mut bytes)? {
        let at = take_varint(&mut bytes)?;
        let len = take_varint(&mut bytes)?;
        let meta = BlockMeta::decode(&mut bytes).ok()?;
        let fits = at
            .checked_add(len)
            .is_some_and(|end| end <= footer.index_at);
        if !fits || meta.runs.iter().any(|r| r.stream as usize >= table.len()) {
            return None;
        }
        blocks.push(BlockAt {
            at,
            bytes: len,
            meta,
        });
    }
    let about = if footer.version < WITH_ABOUT {
        About::default()
    } else {
        About::decode(&mut bytes, footer.version)?
    };
    bytes.is_empty().then_some((table, blocks, about))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_footer_is_believed_only_whole() {
        let footer = Footer {
            index_at: 1,
            index_bytes: 2,
            index_crc: 3,
            directory_at: 4,
            ..Footer::default()
        };
        let good = footer.encode();
        assert_eq!(Footer::decode(&good), Ok(footer));
        for at in 0..FOOTER_BYTES {
            let mut bytes = good;
            bytes[at] ^= 0x10;
            assert!(Footer::decode(&bytes).is_err(), "byte {at}");
        }
    }
}
