//! A data directory: WAL, head, flush, parts, compaction, recovery. README.md has the formats.
//!
//! Knows no LogQL and no HTTP. A write is visible to queries before it is acknowledged and durable when
//! its callback says so. A query sees what was written before it began, each entry's pieces exactly once
//! (equal entries may still occur in two pieces: readers drop repeats of (stream, time, line, metadata)
//! among pieces that overlap in time).
//!
//! Lock order: a tenant's `changes`, then its `state`, then the WAL's own locks. Queries take `state` for
//! as long as it takes to clone a few `Arc`s.

mod about;
pub mod clock;
mod compact;
mod content_cache;
mod count;
mod cursor;
mod cut;
mod deletes;
mod flush;
mod head;
mod inner;
mod inspect;
mod kept;
mod layout;
mod manifest;
mod names;
mod objects;
mod pace;
mod part;
mod patterns;
mod probe;
mod rebuild;
mod record;
mod recover;
mod repeats;
mod replay;
mod retention;
mod rewrite;
mod select;
mod store;
mod stream_index;
mod streams;
mod table;
mod tenant;
mod verify;
mod worker;
mod writer;

pub use count::PieceCounter;
pub use deletes::{CancelError, DeleteCompiler, DeleteError, DeletePredicate, DeleteRequest, Progress};
pub use inspect::{BlockInfo, ColumnInfo, PartInfo, inspect};
pub use kept::{KeptStatus, KeptValue};
pub use objects::{Address, Credentials, ObjectOptions, ObjectStatus, Place};
pub use retention::{Retention, RetentionOf, StreamRetention};
pub use skald_block::{Count, FieldsAnswer, RowsBytes, Wanted};
pub use skald_fields::Form;
pub use skald_patterns::{Pattern, StreamMiner};
pub use skald_wal::files;
pub use store::Store;
pub use verify::{Finding, Report, Severity, verify};

use clock::Clock;
use deletes::hiding::StreamHiding;
use files::Files;
use kept::KeptOfPart;
use part::Part;
use skald_model::{Batch, Columns, ContentQuery, Labels, Matcher, MemoryUser, SelectedStream, TenantId, TimeRange};
use std::path::PathBuf;
use std::sync::Arc;

/// How to open a store.
#[derive(Clone, Debug)]
pub struct Options {
    /// The data directory; created when missing.
    pub data: PathBuf,
    /// When a push is acknowledged.
    pub wal_sync: WalSync,
    /// Bytes of lines in the head that start a flush.
    pub flush_bytes: usize,
    /// Age of the oldest unflushed entry that starts a flush.
    pub flush_age: std::time::Duration,
    /// Bytes of memory for heads, flushes, merges, directories, caches and queries together.
    pub memory: usize,
    /// Bytes of this that readers may keep of blocks to answer again; 0 keeps nothing.
    pub kept_bytes: usize,
    /// Bytes of WAL on disk that start a flush.
    pub wal_bytes: u64,
    /// Whether flushes and compactions start by themselves; without, only when called for.
    pub background: bool,
    /// Bytes after which the WAL begins a new segment.
    pub wal_segment_bytes: u64,
    /// How long a full disk is believed full before a push tries it again.
    pub full_retry: std::time::Duration,
    /// Streams of a part from which on they are put into the tenant's stream index too.
    pub indexed_streams: usize,
    /// The file system.
    pub files: Arc<dyn Files>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// What each tenant keeps.
    pub retention: RetentionOf,
    /// What delete requests mean.
    pub delete_compiler: DeleteCompiler,
    /// How long a delete request can be taken back: until then nothing is rewritten for it.
    pub delete_cancel_period: std::time::Duration,
    /// Where parts go when they are to leave this disk; without, they stay.
    pub objects: Option<ObjectOptions>,
}

impl Options {
    /// Defaults for a data directory.
    pub fn new(data: impl Into<PathBuf>) -> Options {
        Options {
            data: data.into(),
            wal_sync: WalSync::Group,
            flush_bytes: 56 << 20,
            flush_age: std::time::Duration::from_secs(300),
            memory: 4 << 30,
            kept_bytes: 100 << 20,
            wal_bytes: 1 << 30,
            background: true,
            wal_segment_bytes: skald_wal::SEGMENT_BYTES,
            full_retry: std::time::Duration::from_secs(1),
            indexed_streams: 100_000,
            files: Arc::new(files::RealFiles),
            clock: Arc::new(clock::SystemClock),
            retention: RetentionOf::default(),
            delete_compiler: DeleteCompiler::default(),
            delete_cancel_period: std::time::Duration::from_secs(86_400),
            objects: None,
        }
    }
}

/// `ingester.wal.sync`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WalSync {
    /// One fsync shared by the pushes that wait for it.
    Group,
    /// One fsync a push.
    Always,
    /// An fsync a second; a push does not wait.
    Interval,
    /// Left to the operating system.
    None,
}

/// The store can't do it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk refused.
    #[error("{context}: {error}")]
    Io {
        /// What was being done.
        context: String,
        /// What the system said.
        error: Arc<std::io::Error>,
    },
    /// Data that can't be read; names the part and block.
    #[error("{0}")]
    Damaged(String),
    /// Data that can't be had now and may be had later; names the part.
    #[error("{0}")]
    Unavailable(String),
    /// Another process holds the directory, or its format is newer.
    #[error("{0}")]
    Unusable(String),
}

/// A write that was not accepted.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WriteError {
    /// The disk is full: try again later.
    #[error("no space left on the data disk")]
    DiskFull,
    /// Too much is waiting to be flushed: try again later.
    #[error("the server is out of memory for new entries, try again later")]
    Busy,
    /// The WAL is being replayed: try again in a moment.
    #[error("the server is starting and replays its write-ahead log, try again later")]
    Recovering,
    /// The store stopped taking writes for good; why.
    #[error("the store takes no writes: {0}")]
    Stopped(String),
}

/// What a query wants to read.
#[derive(Clone, Debug)]
pub struct Select<'a> {
    /// Streams.
    pub matchers: &'a [Matcher],
    /// Times.
    pub range: TimeRange,
    /// What lines must contain, for pruning.
    pub content: &'a ContentQuery,
}

/// Streams and pieces that may hold what was asked for.
#[derive(Clone, Debug, Default)]
pub struct Selected {
    /// The matching streams that have pieces; runs point here.
    pub streams: Vec<SelectedStream>,
    /// What to read, in no order.
    pub pieces: Vec<Piece>,
    /// Trouble the user should know of (damaged part and so on).
    pub warnings: Vec<String>,
    /// Blocks that were left out by their content index.
    pub blocks_pruned: u64,
}

/// Templates of lines that parts keep.
#[derive(Clone, Debug, Default)]
pub struct MinedStreams {
    /// A stream's labels and its templates in one part.
    pub streams: Vec<(Labels, Vec<Pattern>)>,
    /// Trouble the user should know of.
    pub warnings: Vec<String>,
}

/// One thing to read: a chunk of the head or a block of a part.
#[derive(Clone, Debug)]
pub struct Piece {
    /// Order of arrival among pieces: equal times are ordered by (sequence, row).
    pub sequence: u64,
    /// First time of the selected runs.
    pub min_time: i64,
    /// Last time of the selected runs.
    pub max_time: i64,
    /// The selected runs, by what is known without reading.
    pub runs: Vec<PieceRun>,
    /// Whether each run is sorted by time and holds no entry twice.
    pub sorted: bool,
    /// Runs of which not all is to be seen, by their places in `runs`.
    hidden: Vec<(usize, Arc<StreamHiding>)>,
    /// Whether it is some rows of a block, apart from the others.
    partial: bool,
    source: Source,
}

/// A run of a piece. A head chunk may have several of one stream.
#[derive(Clone, Debug)]
pub struct PieceRun {
    /// Index into [`Selected::streams`].
    pub stream: u32,
    /// Whether the entries, times and bytes told here are those a reader may see: `false` when a delete
    /// request or an expiry may hide some, which only reading tells.
    pub whole: bool,
    /// Rows of the batch as it is stored.
    pub(crate) rows: std::ops::Range<u32>,
    /// First time.
    pub min_time: i64,
    /// Last time.
    pub max_time: i64,
    /// Bytes of lines.
    pub line_bytes: u64,
    /// Bytes of metadata.
    pub metadata_bytes: u64,
}

#[derive(Clone, Debug)]
enum Source {
    Head(Arc<Batch>),
    Block { part: Arc<Part>, block: u32 },
}

impl Piece {
    /// Whether it lies in memory and not in a part.
    pub fn in_head(&self) -> bool {
        matches!(self.source, Source::Head(_))
    }

    /// Whether some entry may have structured metadata of this name.
    pub fn has_metadata(&self, name: &str) -> bool {
        match &self.source {
            Source::Head(batch) => batch.metadata.iter().any(|column| &*column.name == name),
            Source::Block { part, block } => part.blocks[*block as usize].meta.has_metadata(name),
        }
    }

    /// What was kept of the block under a key. It was made of all entries of the block that the key stands for:
    /// of a piece with runs that are not [`PieceRun::whole`], and of what lies in memory, there is nothing.
    pub fn kept(&self, key: u128) -> Option<KeptValue> {
        self.keeper().and_then(|(kept, block)| kept.get(block, key))
    }

    /// Keeps something of the block for as long as there is room.
    pub fn keep(&self, key: u128, value: KeptValue, bytes: usize) {
        if let Some((kept, block)) = self.keeper() {
            kept.put(block, key, value, bytes);
        }
    }

    /// Whether something can be kept of it.
    pub fn can_be_kept(&self) -> bool {
        self.keeper().is_some()
    }

    fn keeper(&self) -> Option<(&KeptOfPart, u32)> {
        match &self.source {
            Source::Block { part, block } if self.hidden.is_empty() => Some((part.kept.as_ref()?, *block)),
            _ => None,
        }
    }

    /// Reads the columns asked for (or more), and says which rows there are to see. The same rows have the
    /// same numbers each time it is read.
    pub fn read(&self, columns: &Columns) -> Result<PieceRows, StoreError> {
        self.read_over(&Wanted::all(columns), None)
    }

    /// Of which lines of this form the values for some labels can be had without the lines: as metadata, with
    /// [`Wanted::fields`]. Of none where a delete request hides rows: it asks what lines give by itself.
    pub fn fields_answer(&self, form: Form, labels: &[String]) -> FieldsAnswer {
        match &self.source {
            _ if !self.hidden.is_empty() => FieldsAnswer::None,
            Source::Head(_) => FieldsAnswer::None,
            Source::Block { part, block } => part.blocks[*block as usize].meta.fields_answer(form, labels),
        }
    }

    /// Rows of the batch whose lines are not of this form, in order, where the answer was [`FieldsAnswer::Some`].
    pub fn rows_apart(&self, form: Form) -> Result<Vec<u32>, StoreError> {
        match &self.source {
            Source::Head(batch) => Ok((0..batch.len() as u32).collect()),
            Source::Block { part, block } => part.rows_apart(*block, form),
        }
    }

    /// Its rows but for those that the first or last `limit` rows of a run inside the range leave no room for;
    /// `None` when all of them count.
    pub fn ends_of_runs(&self, range: &TimeRange, limit: usize, last: bool) -> Option<Vec<u32>> {
        if !self.sorted || !self.hidden.is_empty() {
            return None;
        }
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        let cut = |run: &PieceRun| {
            let rows = run.rows.clone();
            match range.covers(run.min_time, run.max_time) {
                false => rows,
                true if last => rows.end.saturating_sub(limit).max(rows.start)..rows.end,
                true => rows.start..rows.start.saturating_add(limit).min(rows.end),
            }
        };
        let shortened = self.runs.iter().any(|run| cut(run) != run.rows);
        shortened.then(|| self.runs.iter().flat_map(cut).collect())
    }

    /// The piece in two where its newest lines can be read alone: a reader that goes back in time may find enough in
    /// them. Otherwise, and where lines are put together from columns, the piece as it is.
    pub fn newest_apart(self) -> impl Iterator<Item = Piece> {
        let tail = match (&self.source, &self.runs[..]) {
            (Source::Block { part, block }, [run]) if self.hidden.is_empty() => {
                let meta = &part.blocks[*block as usize].meta;
                let tail = meta.tail().filter(|_| !meta.lines_are_cut());
                tail.filter(|tail| run.rows.start < tail.row && tail.row < run.rows.end)
            }
            _ => None,
        };
        let Some(tail) = tail else { return [Some(self), None].into_iter().flatten() };
        let (mut older, mut newest) = (self.clone(), self);
        (older.partial, newest.partial) = (true, true);
        (older.max_time, newest.min_time) = (tail.time, tail.time);
        let (old, new) = (&mut older.runs[0], &mut newest.runs[0]);
        let share = u64::from(new.rows.end - tail.row) * new.metadata_bytes / new.entries().max(1);
        (old.rows.end, new.rows.start) = (tail.row, tail.row);
        (old.max_time, new.min_time) = (tail.time, tail.time);
        (old.metadata_bytes, new.metadata_bytes) = (old.metadata_bytes - share, share);
        (old.line_bytes, new.line_bytes) = (tail.line_bytes, new.line_bytes.saturating_sub(tail.line_bytes));
        [Some(newest), Some(older)].into_iter().flatten()
    }

    /// Reads what is wanted (or more) into the memory of rows that are no longer needed.
    pub fn read_over(&self, wanted: &Wanted<'_>, spare: Option<PieceRows>) -> Result<PieceRows, StoreError> {
        let mut wanted = *wanted;
        let mut columns = std::borrow::Cow::Borrowed(wanted.columns);
        if !self.hidden.is_empty() {
            // What hides rows looks at all lines.
            (wanted.rows, wanted.containing) = (None, &[]);
            self.hidden.iter().for_each(|(_, hiding)| hiding.widen(columns.to_mut()));
        }
        let own: Vec<u32>;
        if self.partial && wanted.rows.is_none() {
            own = self.runs.iter().flat_map(|run| run.rows.clone()).collect();
            wanted.rows = Some(&own);
        }
        let batch = match &self.source {
            Source::Head(batch) => batch.clone(),
            Source::Block { part, block } => {
                let spare = spare.and_then(|rows| Arc::try_unwrap(rows.batch).ok());
                Arc::new(part.read_block_over(*block, &Wanted { columns: &columns, ..wanted }, spare.unwrap_or_default())?)
            }
        };
        let mut runs = Vec::with_capacity(self.runs.len());
        let mut hidden = self.hidden.iter().peekable();
        for (run, of) in self.runs.iter().enumerate() {
            let mut add = |rows| runs.push(RunRows { run, stream: of.stream, rows });
            match hidden.next_if(|(hidden, _)| *hidden == run) {
                Some((_, hiding)) => drop(hiding.visible(&batch, of.rows.clone(), add)),
                None => add(of.rows.clone()),
            }
        }
        Ok(PieceRows { batch, runs })
    }
}

impl PieceRun {
    /// How many entries are stored.
    pub fn entries(&self) -> u64 {
        u64::from(self.rows.end - self.rows.start)
    }

    /// Rows of the batch that are its entries.
    pub fn rows(&self) -> std::ops::Range<u32> {
        self.rows.clone()
    }

    /// Whether a row of the batch is one of its entries.
    pub fn holds(&self, row: u32) -> bool {
        self.rows.contains(&row)
    }
}

/// What reading a [`Piece`] gave. Rows of the batch that are in none of `runs` are not the reader's: they
/// belong to other streams, or were deleted. The batch's own stream numbers mean nothing to the reader.
#[derive(Clone, Debug)]
pub struct PieceRows {
    /// The columns.
    pub batch: Arc<Batch>,
    /// Rows to see, in order; a run with deleted entries in its middle comes in several.
    pub runs: Vec<RunRows>,
}

/// Consecutive rows of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRows {
    /// Index into [`Piece::runs`].
    pub run: usize,
    /// Index into [`Selected::streams`].
    pub stream: u32,
    /// Rows of the batch.
    pub rows: std::ops::Range<u32>,
}

/// What `/metrics` and `/ready` tell of a store.
#[derive(Clone, Debug, Default)]
pub struct StoreStatus {
    /// Whether the WAL is being replayed: no writes are taken yet.
    pub recovering: bool,
    /// Why it takes no writes, when it does not.
    pub stopped: Option<String>,
    /// Whether the disk of the WAL was full when last tried.
    pub disk_full: bool,
    /// Bytes in the head.
    pub head_bytes: u64,
    /// Bytes of memory there are for all users together.
    pub memory_budget: u64,
    /// Bytes of memory each user holds, and how often it was refused.
    pub memory: Vec<(MemoryUser, u64, u64)>,
    /// What readers keep of blocks.
    pub kept: KeptStatus,
    /// Streams in the head, per tenant.
    pub head_streams: Vec<(TenantId, u64)>,
    /// Bytes of WAL on disk.
    pub wal_bytes: u64,
    /// Parts on disk.
    pub parts: u64,
    /// Bytes of parts.
    pub part_bytes: u64,
    /// Flushes since start.
    pub flushes: u64,
    /// Compactions since start.
    pub compactions: u64,
    /// Manifests that were damaged or lost and made anew at start.
    pub manifests_rebuilt: u64,
    /// fsyncs of the WAL since start.
    pub wal_syncs: u64,
    /// Parts rewritten without entries that were deleted or had expired, since start.
    pub rewrites: u64,
    /// Parts removed because all in them had expired, since start.
    pub expired_parts: u64,
    /// Entries that went with them or were left out of parts, since start.
    pub expired_entries: u64,
    /// Bytes of the lines of these.
    pub expired_bytes: u64,
    /// Entries left out of parts because they were deleted, since start.
    pub deleted_entries: u64,
    /// Delete requests that are not processed.
    pub pending_deletes: u64,
    /// Object storage, when parts go there.
    pub objects: Option<ObjectStatus>,
    /// Streams created since start, per tenant.
    pub streams_created: Vec<(TenantId, u64)>,
}

impl From<objects::ObjectError> for StoreError {
    fn from(error: objects::ObjectError) -> StoreError {
        StoreError::Unavailable(error.to_string())
    }
}

impl StoreError {
    /// An error of the disk with what was being done.
    pub(crate) fn io(context: impl Into<String>, error: std::io::Error) -> StoreError {
        StoreError::Io { context: context.into(), error: Arc::new(error) }
    }
}
