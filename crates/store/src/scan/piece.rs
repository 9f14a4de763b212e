//! What a query reads: a chunk of the head or a block of a part, described by what is known without reading.
//!
//! [`Piece`] has runs of streams ([`PieceRun`]); reading it gives [`PieceRows`], of which deleted and expired entries
//! are left out.

use crate::StoreError;
use crate::cache::result_cache::{KeptOfPart, KeptValue};
use crate::deletes::visibility::StreamHiding;
use crate::part::Part;
use skald_block::{Choose, FieldsAnswer, Tail, Wanted};
use skald_fields::Form;
use skald_model::{Batch, Columns, TimeRange};
use std::ops::Range;
use std::sync::Arc;

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
    pub(crate) hidden: Vec<(usize, Arc<StreamHiding>)>,
    /// Whether it is some rows of a block, apart from the others.
    pub(crate) partial: bool,
    pub(crate) source: Source,
}

/// A run of a piece. A head chunk may have several of one stream.
#[derive(Clone, Debug)]
pub struct PieceRun {
    /// Index into [`crate::Selected::streams`].
    pub stream: u32,
    /// Whether the entries, times and bytes told here are those a reader may see: `false` when a delete
    /// request or an expiry may hide some, which only reading tells.
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

/// Where its entries lie.
#[derive(Clone, Debug)]
pub(crate) enum Source {
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
            Source::Block { part, block } if self.hidden.is_empty() => {
                Some((part.kept.as_ref()?, *block))
            }
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
            Source::Block { part, block } => part.blocks[*block as usize]
                .meta
                .fields_answer(form, labels),
        }
    }

    /// Rows of the batch whose lines are not of this form, in order, where the answer was [`FieldsAnswer::Some`].
    pub fn rows_apart(&self, form: Form) -> Result<Vec<u32>, StoreError> {
        match &self.source {
            Source::Head(batch) => Ok((0..batch.len() as u32).collect()),
            Source::Block { part, block } => part.rows_apart(*block, form),
        }
    }

    /// Whether it is a block all of whose rows are to be seen, sorted by time in each stream and none of them twice:
    /// what [`Piece::read_chosen`] asks for.
    pub fn can_choose(&self) -> bool {
        self.sorted && self.hidden.is_empty() && !self.in_head()
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
        let tails = match &self.source {
            Source::Block { part, block } if self.hidden.is_empty() && !self.partial => {
                part.blocks[*block as usize].meta.newest_apart()
            }
            _ => None,
        };
        let older = tails.and_then(|tails| self.before(&tails));
        let newest = match &older {
            None => self,
            Some(older) => self.without(older),
        };
        [Some(newest), older].into_iter().flatten()
    }

    /// The rows that are older than the newest of each run; `None` when there are none.
    fn before(&self, tails: &[Tail]) -> Option<Piece> {
        let mut tails = tails.iter();
        let older = |run: &PieceRun| {
            // A piece has some of the block's runs, in order.
            let tail = tails.find(|tail| run.rows.start <= tail.row && tail.row < run.rows.end)?;
            let rows = run.rows.start..tail.row;
            let metadata_bytes = rows.len() as u64 * run.metadata_bytes / run.entries().max(1);
            let times = (run.min_time, tail.time);
            (!rows.is_empty()).then(|| run.part(rows, times, tail.line_bytes, metadata_bytes))
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
        Piece {
            min_time: runs
                .iter()
                .map(|run| run.min_time)
                .min()
                .unwrap_or(self.min_time),
            max_time: runs
                .iter()
                .map(|run| run.max_time)
                .max()
                .unwrap_or(self.max_time),
            partial: true,
            hidden: Vec::new(),
            source: self.source.clone(),
            runs,
            ..*self
        }
    }

    /// Reads what is wanted (or more) into the memory of rows that are no longer needed.
    pub fn read_over(
        &self,
        wanted: &Wanted<'_>,
        spare: Option<PieceRows>,
    ) -> Result<PieceRows, StoreError> {
        self.read_with(wanted, spare, None)
    }

    /// The same, of a piece of which [`Piece::can_choose`] holds; `choose` says by the times of all rows which of those wanted matter.
    /// Values of others may be left out.
    pub fn read_chosen(
        &self,
        wanted: &Wanted<'_>,
        spare: Option<PieceRows>,
        choose: Choose<'_>,
    ) -> Result<PieceRows, StoreError> {
        self.read_with(wanted, spare, Some(choose))
    }

    fn read_with(
        &self,
        wanted: &Wanted<'_>,
        spare: Option<PieceRows>,
        choose: Option<Choose<'_>>,
    ) -> Result<PieceRows, StoreError> {
        let mut wanted = *wanted;
        let mut columns = std::borrow::Cow::Borrowed(wanted.columns);
        if !self.hidden.is_empty() {
            // What hides rows looks at all lines.
            (wanted.rows, wanted.containing) = (None, &[]);
            self.hidden
                .iter()
                .for_each(|(_, hiding)| hiding.widen(columns.to_mut()));
        }
        let own: Vec<u32>;
        if self.partial && wanted.rows.is_none() {
            own = self.runs.iter().flat_map(|run| run.rows.clone()).collect();
            wanted.rows = Some(&own);
        }
        let batch = match &self.source {
            Source::Head(batch) => batch.clone(),
            Source::Block { part, block } => {
                let spare = spare
                    .and_then(|rows| Arc::try_unwrap(rows.batch).ok())
                    .unwrap_or_default();
                let wanted = Wanted {
                    columns: &columns,
                    ..wanted
                };
                Arc::new(part.read_block_over(*block, &wanted, spare, choose)?)
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
            match hidden.next_if(|(hidden, _)| *hidden == run) {
                Some((_, hiding)) => drop(hiding.visible(&batch, of.rows.clone(), add)),
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
    /// Index into [`crate::Selected::streams`].
    pub stream: u32,
    /// Rows of the batch.
    pub rows: Range<u32>,
}
