//! Part writer: writes blocks as they come, then index, directory and footer; durable when `finish`
//! returns.
//!
//! README.md has the layout. Memory held is one encoded block, the directory and the content index.

use crate::StoreError;
use crate::files::FileHandle;
use crate::layout::UNFINISHED;
use crate::part::format::{Directory, PART_VERSION};
use crate::part::lineage::Lineage;
use crate::part::patterns::PartMiner;
use crate::part::stream_table::StreamTable;
use crate::part::{BlockAt, Footer, Part, PartMeta, patterns};
use crate::sequence::Sequence;
use crate::tenant_dir::TenantDir;
use skald_block::{BlockMeta, Encoder};
use skald_index::{BlockFilter, ContentIndexBuilder};
use skald_model::Batch;
use skald_patterns::StreamPatterns;
use std::io::IoSlice;
use std::path::PathBuf;
use std::sync::Arc;

/// Rough bytes of memory that a writer holds: a block being gathered, encoded blocks, and buffers
/// of the encoders.
pub(crate) const WRITER_BYTES: usize = 8 << 20;
/// Bytes of finished blocks gathered for one write.
const WRITE_BYTES: usize = 1 << 20;
/// Bytes written after which the file is synced: a disk that has to take a whole part at once holds
/// up the syncs of the WAL meanwhile, and pushes wait for those.
const SYNC_BYTES: u64 = 4 << 20;
/// zstd level of the directory: it is small, read whole and mostly alike.
const DIRECTORY_LEVEL: i32 = 3;

/// Which part is to be written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewPart {
    pub(crate) id: u64,
    pub(crate) day: i32,
    pub(crate) sequence: Sequence,
}

/// A part being written.
pub(crate) struct PartWriter<'a> {
    dir: TenantDir<'a>,
    file: Arc<dyn FileHandle>,
    unfinished: PathBuf,
    meta: PartMeta,
    encoder: Encoder,
    index: ContentIndexBuilder,
    blocks: Vec<BlockAt>,
    lineage: Lineage,
    /// Templates of the lines, while they are found here.
    miner: Option<PartMiner>,
    /// Templates that were found before.
    patterns: Vec<StreamPatterns>,
    /// Encoded and not yet written.
    pending: Vec<u8>,
    written: u64,
    synced: u64,
    /// The finished file has its name.
    named: bool,
    finished: bool,
}

impl<'a> PartWriter<'a> {
    /// Begins a part.
    pub(crate) fn begin(
        dir: TenantDir<'a>,
        NewPart { id, day, sequence }: NewPart,
    ) -> Result<PartWriter<'a>, StoreError> {
        dir.create_day(day)?;
        let mut unfinished = dir.part(day, id).into_os_string();
        unfinished.push(UNFINISHED);
        let unfinished = PathBuf::from(unfinished);
        let file = dir
            .files
            .create(&unfinished)
            .map_err(StoreError::at("creating", &unfinished))?;
        let meta = PartMeta {
            id,
            day,
            min_time: i64::MAX,
            max_time: i64::MIN,
            rows: 0,
            line_bytes: 0,
            bytes: 0,
            streams: 0,
            sequence,
            content: None,
            arrived: None,
        };
        Ok(PartWriter {
            dir,
            file,
            unfinished,
            meta,
            encoder: Encoder::default(),
            index: ContentIndexBuilder::default(),
            blocks: Vec::new(),
            lineage: Lineage {
                sequence,
                ..Lineage::default()
            },
            miner: None,
            patterns: Vec::new(),
            pending: Vec::new(),
            written: 0,
            synced: 0,
            named: false,
            finished: false,
        })
    }

    /// Mines templates of the blocks that are added, which have about `rows` rows.
    pub(crate) fn mine(&mut self, rows: u64) {
        self.miner = Some(PartMiner::of_rows(rows));
    }

    /// Stores templates that were mined before.
    pub(crate) fn set_patterns(&mut self, patterns: Vec<StreamPatterns>) {
        self.patterns = patterns;
    }

    /// Notes in its lineage that it replaces these parts.
    pub(crate) fn supersedes(&mut self, parts: &[Arc<Part>]) {
        for part in parts {
            self.lineage.replaces.insert(part.meta.id);
            self.lineage.replaces.extend(&part.lineage.replaces);
        }
    }

    /// Adds a block, whose runs are sorted by (stream, time, arrival) and follow those of the last
    /// one.
    pub(crate) fn add_block(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let start = self.pending.len();
        let meta = self.encoder.encode(batch, &mut self.pending);
        let meta = meta.map_err(|e| {
            StoreError::damaged(
                format!("a block of {}", self.unfinished.display()),
                format!("can't be encoded: {e}"),
            )
        })?;
        self.index.add_block(batch);
        if let Some(miner) = &mut self.miner {
            miner.block(batch);
        }
        self.note_block(start, meta)
    }

    /// Adds block `block` of another part as it is: all of it is of the stream numbered `stream`
    /// here.
    pub(crate) fn copy_block(
        &mut self,
        part: &Part,
        block: usize,
        stream: u32,
        filter: BlockFilter,
    ) -> Result<(), StoreError> {
        let start = self.pending.len();
        part.copy_block(block, &mut self.pending)?;
        let mut meta = part.blocks[block].meta.clone();
        meta.runs.iter_mut().for_each(|run| run.stream = stream);
        self.index.add_copied(filter);
        self.note_block(start, meta)
    }

    /// Notes the block whose bytes were appended from `start` on.
    fn note_block(&mut self, start: usize, meta: BlockMeta) -> Result<(), StoreError> {
        self.meta.rows += u64::from(meta.rows);
        self.meta.line_bytes += meta.line_bytes;
        self.meta.min_time = self.meta.min_time.min(meta.min_time);
        self.meta.max_time = self.meta.max_time.max(meta.max_time);
        let at = self.written + start as u64;
        self.blocks.push(BlockAt {
            at,
            bytes: (self.pending.len() - start) as u64,
            meta,
        });
        if self.pending.len() >= WRITE_BYTES {
            self.write_pending()
        } else {
            Ok(())
        }
    }

    fn write_pending(&mut self) -> Result<(), StoreError> {
        let result = self.file.append(&[IoSlice::new(&self.pending)]);
        result.map_err(StoreError::at("writing", &self.unfinished))?;
        self.written += self.pending.len() as u64;
        self.pending.clear();
        if self.written - self.synced < SYNC_BYTES {
            return Ok(());
        }
        self.synced = self.written;
        self.file
            .sync()
            .map_err(StoreError::at("syncing", &self.unfinished))
    }

    /// Writes what comes after the blocks and makes file and name durable.
    pub(crate) fn finish(mut self, table: &StreamTable) -> Result<PartMeta, StoreError> {
        let failed = StoreError::at("writing", &self.unfinished);
        let index = std::mem::take(&mut self.index).finish();
        let mined = self.miner.take().map(PartMiner::finish);
        let (patterns, patterns_at) =
            patterns::seal(mined.as_ref().unwrap_or(&self.patterns)).map_err(&failed)?;
        self.lineage.patterns = patterns_at;
        let directory = Directory::encode(table, &self.blocks, &self.lineage);
        let compressed = zstd::bulk::compress(&directory, DIRECTORY_LEVEL).map_err(&failed)?;
        let index_at = self.written + self.pending.len() as u64;
        let footer = Footer {
            index_at,
            index_bytes: index.len() as u64,
            index_crc: crc32fast::hash(&index),
            directory_at: index_at + index.len() as u64 + patterns_at.bytes,
            directory_bytes: compressed.len() as u64,
            directory_plain: directory.len() as u64,
            directory_crc: crc32fast::hash(&compressed),
            version: PART_VERSION,
        };
        let footer_bytes = footer.encode();
        let slices = [
            &self.pending[..],
            &index,
            &patterns,
            &compressed,
            &footer_bytes,
        ]
        .map(IoSlice::new);
        self.file
            .append(&slices)
            .and_then(|()| self.file.sync())
            .map_err(&failed)?;
        self.meta.bytes = footer.directory_at + footer.directory_bytes + footer_bytes.len() as u64;
        self.meta.streams = table.len() as u32;
        self.meta.content = Some(footer.content());
        let path = self.dir.part(self.meta.day, self.meta.id);
        let day = self.dir.day(self.meta.day);
        let unsynced = StoreError::at("syncing", &day);
        let names = self.dir.files.open_folder(&day).map_err(&unsynced)?;
        self.dir
            .files
            .rename(&self.unfinished, &path)
            .map_err(&failed)?;
        self.named = true;
        // The names on the way to the day are durable before a manifest names the part.
        names.sync().map_err(&unsynced)?;
        self.finished = true;
        Ok(self.meta.clone())
    }
}

impl Drop for PartWriter<'_> {
    fn drop(&mut self) {
        if !self.finished {
            // Gives the space back at once on a full disk; otherwise the next start would sweep it.
            let path = match self.named {
                true => &self.dir.part(self.meta.day, self.meta.id),
                false => &self.unfinished,
            };
            let _ = self.dir.files.remove(path);
        }
    }
}
