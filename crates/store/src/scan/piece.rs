//! Piece: what a query reads in one go, a chunk of the head or a block of a part, described without
//! reading it.
//!
//! [`Piece`] has runs of streams ([`PieceRun`]); reading it gives [`PieceRows`], without deleted
//! and expired entries.

use crate::StoreError;
use crate::cache::result_cache::{CachedValue, PartResults};
use crate::deletes::visibility::StreamVisibility;
use crate::head::Chunk;
use crate::part::Part;
use skald_block::{FieldCoverage, NEWEST_ROWS_MIN, NewestRows, ReadSpec};
use skald_fields::Form;
use skald_model::{Batch, Columns, Direction, MetadataWanted, TimeRange};
use std::ops::Range;
use std::sync::Arc;

/// Bytes of a row beside its line: its time and where its line ends.
const ROW_BYTES: usize = 12;

/// Bytes of a row in a metadata column.
const CODE_BYTES: usize = 4;

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
    /// Whether each run is sorted by time (equal times by arrival) and holds no entry twice.
    pub sorted: bool,
    /// Runs with entries that may be hidden, in order.
    pub(crate) hidden: Vec<HiddenRun>,
    /// Whether it is some rows of a block, apart from the others.
    pub(crate) partial: bool,
    pub(crate) source: Source,
}

/// A run of a piece. A head chunk may have several of one stream.
#[derive(Clone, Debug)]
pub struct PieceRun {
    /// Index into [`crate::Selected::streams`].
    pub stream: u32,
    /// Whether the entries, times and bytes told here are those a reader may see: `false` when a
    /// delete request or an expiry may hide some, which only reading tells.
    pub whole: bool,
    /// Rows of the batch as it is stored.
    pub(crate) rows: Range<u32>,
    /// First time.
    pub min_time: i64,
    /// Last time.
    pub max_time: i64,
    /// Bytes of lines.
    pub line_bytes: u64,
    /// Bytes of metadata.
    pub metadata_bytes: u64,
}

/// A run of which not all may be visible.
#[derive(Clone, Debug)]
pub(crate) struct HiddenRun {
    /// Its place in [`Piece::runs`].
    pub(crate) run: usize,
    pub(crate) visibility: Arc<StreamVisibility>,
}

/// First and last time of runs.
fn times_of(runs: &[PieceRun]) -> Option<(i64, i64)> {
    let min = runs.iter().map(|run| run.min_time).min();
    min.zip(runs.iter().map(|run| run.max_time).max())
}

/// Where its entries lie.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    Head(Arc<Batch>),
    Block { part: Arc<Part>, block: u32 },
}

impl Piece {
    /// Some runs of a chunk of the head, not none, and visibility of those that are not all
    /// visible.
    pub(crate) fn of_chunk(chunk: &Chunk, runs: Vec<PieceRun>, hidden: Vec<HiddenRun>) -> Piece {
        let (min_time, max_time) = times_of(&runs).unwrap_or((chunk.min_time, chunk.max_time));
        Piece {
            sequence: chunk.sequence.to_u64(),
            min_time,
            max_time,
            runs,
            sorted: chunk.sorted,
            hidden,
            partial: false,
            source: Source::Head(chunk.batch.clone()),
        }
    }

    /// Some runs of a block, not none, likewise.
    pub(crate) fn of_block(
        part: &Arc<Part>,
        block: u32,
        runs: Vec<PieceRun>,
        hidden: Vec<HiddenRun>,
    ) -> Piece {
        let meta = &part.blocks[block as usize].meta;
        let (min_time, max_time) = times_of(&runs).unwrap_or((meta.min_time, meta.max_time));
        Piece {
            sequence: part.meta.sequence.of_block(block).to_u64(),
            min_time,
            max_time,
            runs,
            sorted: true,
            hidden,
            partial: false,
            source: Source::Block {
                part: part.clone(),
                block,
            },
        }
    }

    /// About the bytes that reading these columns takes, at most; none where they are in memory.
    pub fn decoded_bytes(&self, columns: &Columns) -> usize {
        let Source::Block { part, block } = &self.source else {
            return 0;
        };
        let meta = &part.blocks[*block as usize].meta;
        let (rows, mut bytes) = (meta.rows as usize, 0);
        if columns.lines {
            // Lines, and the fields or the frames that they are made of.
            bytes += 2 * meta.line_bytes as usize;
        }
        let (names, values) = match &columns.metadata {
            MetadataWanted::None => (0, false),
            MetadataWanted::All => (meta.columns.len(), true),
            MetadataWanted::Names(names) => (names.len(), true),
        };
        if values {
            let metadata = meta.runs.iter().map(|run| run.metadata_bytes);
            bytes += metadata.sum::<u64>() as usize;
        }
        bytes + rows * (ROW_BYTES + names * CODE_BYTES)
    }

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

    /// The result cached for the block under a key. It was made of all entries of the block that
    /// the key stands for: a piece with runs that are not [`PieceRun::whole`], and one of the head,
    /// have none.
    pub fn cached(&self, key: u128) -> Option<CachedValue> {
        self.results()
            .and_then(|(results, block)| results.get(block, key))
    }

    /// Caches a result of `bytes` bytes for the block for as long as there is room.
    pub fn cache(&self, key: u128, value: CachedValue, bytes: usize) {
        if let Some((results, block)) = self.results() {
            results.put(block, key, value, bytes);
        }
    }

    /// Whether results can be cached for it.
    pub fn is_cacheable(&self) -> bool {
        self.results().is_some()
    }

    fn results(&self) -> Option<(&PartResults, u32)> {
        match &self.source {
            Source::Block { part, block } if self.hidden.is_empty() => {
                Some((part.results.as_ref()?, *block))
            }
            _ => None,
        }
    }

    /// The rows whose lines must be read, in order, where the values that a parser of this form
    /// finds for some labels are otherwise read from fields, as metadata ([`ReadSpec::fields`]).
    /// `None` when fields tell nothing, and where a delete request hides rows: it asks what lines
    /// give by itself.
    pub fn residual_rows(
        &self,
        form: Form,
        labels: &[String],
    ) -> Result<Option<Vec<u32>>, StoreError> {
        let Source::Block { part, block } = &self.source else {
            return Ok(None);
        };
        let meta = &part.blocks[*block as usize].meta;
        match meta.field_coverage(form, labels) {
            _ if !self.hidden.is_empty() => Ok(None),
            FieldCoverage::None => Ok(None),
            FieldCoverage::Some => part.residual_rows(*block, form).map(Some),
            FieldCoverage::All => Ok(Some(Vec::new())),
        }
    }

    /// Whether rows can be picked by their times ([`ReadSpec::pick`]): of a block all of whose rows
    /// are visible, sorted by time in each stream and none of them twice.
    pub fn can_pick(&self) -> bool {
        self.sorted && self.hidden.is_empty() && !self.in_head()
    }

    /// The first `limit` rows of each run, in the direction, of runs inside the range, and all rows
    /// of the others; `None` when that is every row.
    pub fn ends_of_runs(
        &self,
        range: &TimeRange,
        limit: usize,
        direction: Direction,
    ) -> Option<Vec<u32>> {
        if !self.sorted || !self.hidden.is_empty() {
            return None;
        }
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        let ends = |run: &PieceRun| {
            let rows = run.rows.clone();
            if !range.covers(run.min_time, run.max_time) {
                return rows;
            }
            match direction {
                Direction::Forward => rows.start..rows.start.saturating_add(limit).min(rows.end),
                Direction::Backward => rows.end.saturating_sub(limit).max(rows.start)..rows.end,
            }
        };
        let shortened = self.runs.iter().any(|run| ends(run) != run.rows);
        shortened.then(|| self.runs.iter().flat_map(ends).collect())
    }

    /// Splits the piece in two where its newest lines can be read alone: a newest-first reader that
    /// looks at `rows` rows of a piece may find enough in them. The piece stays as it is when lines
    /// are assembled from fields, and when the reader looks at so few rows that reading these
    /// decodes no older line anyway.
    pub fn split_newest(self, rows: usize) -> impl Iterator<Item = Piece> {
        let newest_rows = match &self.source {
            Source::Block { part, block }
                if rows > NEWEST_ROWS_MIN as usize && self.hidden.is_empty() && !self.partial =>
            {
                part.blocks[*block as usize].meta.separate_newest_rows()
            }
            _ => None,
        };
        let older = newest_rows.and_then(|newest| self.before(&newest));
        let newest = match &older {
            None => self,
            Some(older) => self.without(older),
        };
        [Some(newest), older].into_iter().flatten()
    }

    /// The rows that are older than the newest of each run; `None` when there are none.
    fn before(&self, newest: &[NewestRows]) -> Option<Piece> {
        let mut newest = newest.iter();
        let older = |run: &PieceRun| {
            // A piece has some of the block's runs, in order.
            let newest = newest
                .find(|newest| run.rows.start <= newest.first && newest.first < run.rows.end)?;
            let rows = run.rows.start..newest.first;
            let metadata_bytes = rows.len() as u64 * run.metadata_bytes / run.entries().max(1);
            let times = (run.min_time, newest.time);
            (!rows.is_empty()).then(|| run.part(rows, times, newest.older_bytes, metadata_bytes))
        };
        let runs: Vec<PieceRun> = self.runs.iter().filter_map(older).collect();
        (!runs.is_empty()).then(|| self.of_runs(runs))
    }

    /// What is left when older rows of its runs are taken away.
    fn without(self, older: &Piece) -> Piece {
        let mut older = older.runs.iter().peekable();
        let newest =
            |run: &PieceRun| match older.next_if(|older| older.rows.start == run.rows.start) {
                None => run.clone(),
                Some(older) => {
                    let times = (older.max_time, run.max_time);
                    let (line_bytes, metadata_bytes) = (
                        run.line_bytes.saturating_sub(older.line_bytes),
                        run.metadata_bytes - older.metadata_bytes,
                    );
                    run.part(
                        older.rows.end..run.rows.end,
                        times,
                        line_bytes,
                        metadata_bytes,
                    )
                }
            };
        let runs = self.runs.iter().map(newest).collect();
        self.of_runs(runs)
    }

    /// Some rows of its block, apart from the others.
    fn of_runs(&self, runs: Vec<PieceRun>) -> Piece {
        let (min_time, max_time) = times_of(&runs).unwrap_or((self.min_time, self.max_time));
        Piece {
            min_time,
            max_time,
            partial: true,
            hidden: Vec::new(),
            source: self.source.clone(),
            runs,
            ..*self
        }
    }

    /// Reads what `spec` asks for (or more), and says which rows are visible. `buffer` are rows
    /// that are no longer needed: their memory is used again. Rows have the same numbers each time.
    /// Rows are picked only where [`Piece::can_pick`] says so.
    pub fn read(
        &self,
        spec: &ReadSpec<'_>,
        buffer: Option<PieceRows>,
    ) -> Result<PieceRows, StoreError> {
        let mut spec = *spec;
        let mut columns = std::borrow::Cow::Borrowed(spec.columns);
        if !self.hidden.is_empty() {
            // What hides rows looks at all lines.
            (spec.rows, spec.must_contain, spec.pick) = (None, &[], None);
            self.hidden
                .iter()
                .for_each(|hidden| hidden.visibility.widen(columns.to_mut()));
        }
        let own: Vec<u32>;
        if self.partial && spec.rows.is_none() {
            own = self.runs.iter().flat_map(|run| run.rows.clone()).collect();
            spec.rows = Some(&own);
        }
        let batch = match &self.source {
            Source::Head(batch) => batch.clone(),
            Source::Block { part, block } => {
                let buffer = buffer
                    .and_then(|rows| Arc::try_unwrap(rows.batch).ok())
                    .unwrap_or_default();
                let spec = ReadSpec {
                    columns: &columns,
                    ..spec
                };
                Arc::new(part.read_block(*block, &spec, buffer)?)
            }
        };
        let mut runs = Vec::with_capacity(self.runs.len());
        let mut hidden = self.hidden.iter().peekable();
        for (run, of) in self.runs.iter().enumerate() {
            let mut add = |rows| {
                runs.push(RunRows {
                    run,
                    stream: of.stream,
                    rows,
                })
            };
            match hidden.next_if(|hidden| hidden.run == run) {
                Some(hidden) => drop(hidden.visibility.visible(&batch, of.rows.clone(), add)),
                None => add(of.rows.clone()),
            }
        }
        Ok(PieceRows { batch, runs })
    }
}

impl PieceRun {
    /// Some of its rows.
    fn part(
        &self,
        rows: Range<u32>,
        (min_time, max_time): (i64, i64),
        line_bytes: u64,
        metadata_bytes: u64,
    ) -> PieceRun {
        PieceRun {
            stream: self.stream,
            whole: self.whole,
            rows,
            min_time,
            max_time,
            line_bytes,
            metadata_bytes,
        }
    }

    /// How many entries are stored.
    pub fn entries(&self) -> u64 {
        u64::from(self.rows.end - self.rows.start)
    }

    /// Rows of the batch that are its entries.
    pub fn rows(&self) -> Range<u32> {
        self.rows.clone()
    }

    /// Whether a row of the batch is one of its entries.
    pub fn holds(&self, row: u32) -> bool {
        self.rows.contains(&row)
    }
}

/// What reading a [`Piece`] gave. Rows of the batch that are in none of `runs` are not the
/// reader's: they belong to other streams, or were deleted. The batch's own stream numbers mean
/// nothing to the reader.
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
    /// Index into [`crate::Selected::streams`].
    pub stream: u32,
    /// Rows of the batch.
    pub rows: Range<u32>,
}
