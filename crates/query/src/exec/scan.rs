//! A scan lets threads take the selected pieces one by one and keeps the first error.
//!
//! Main type: [`Scan`]. Threads share nothing but the number of the next piece until they hand in
//! what they have; the first error ends the work of all.

use crate::error::QueryError;
use crate::exec::context::Context;
use crate::exec::interrupt::Interrupt;
use crate::sched::time_slice::{LightQuery, TimeSlice, TimeSlices};
use crate::stats::Stats;
use parking_lot::Mutex;
use skald_logql::pipeline::{ColumnPlan, ERROR, ERROR_DETAILS};
use skald_model::{Charge, Charged, Columns, MetadataWanted, SelectedStream, TimeRange};
use skald_store::{Piece, PieceRows, PieceRun, ReadSpec, Selected, StoreError};
use std::borrow::Cow;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Columns are read first where fewer than one row in this many is residual.
const RESIDUAL_SHARE: u64 = 2;

/// The pieces to read, and how far reading them is.
pub(crate) struct Scan {
    pub(crate) pieces: Vec<Piece>,
    pub(crate) streams: Vec<SelectedStream>,
    pub(crate) range: TimeRange,
    interrupt: Interrupt,
    now: i64,
    next: AtomicUsize,
    slices: Arc<TimeSlices>,
    /// Nanoseconds that all threads have worked.
    worked: AtomicU64,
    /// There until the query is heavy or over.
    light: Mutex<Option<LightQuery>>,
    outcome: Mutex<Outcome>,
    /// What the descriptions of pieces and streams hold.
    _selected: Charge,
}

/// What all threads together report.
#[derive(Debug, Default)]
struct Outcome {
    stats: Stats,
    warnings: Vec<String>,
    error: Option<QueryError>,
    /// Whether something ended the work of all.
    over: bool,
}

impl Scan {
    /// The selected pieces, in the order of their list.
    pub(crate) fn new(
        context: &Context<'_>,
        selected: Charged<Selected>,
        range: TimeRange,
    ) -> Scan {
        let Charged {
            value: selected,
            charge,
        } = selected;
        let slices = context.pool.slices();
        let stats = Stats {
            blocks_pruned: selected.blocks_pruned,
            streams: selected.streams.len() as u64,
            ..Stats::default()
        };
        Scan {
            pieces: selected.pieces,
            streams: selected.streams,
            range,
            interrupt: context.interrupt.clone(),
            now: context.now,
            next: AtomicUsize::new(0),
            slices: Arc::clone(slices),
            worked: AtomicU64::new(0),
            light: Mutex::new(Some(slices.light())),
            outcome: Mutex::new(Outcome {
                stats,
                warnings: selected.warnings,
                error: None,
                over: false,
            }),
            _selected: charge,
        }
    }

    /// Goes on from what earlier rounds of the query have worked.
    pub(crate) fn after(self, worked: Duration) -> Scan {
        self.worked
            .store(worked.as_nanos() as u64, Ordering::Relaxed);
        self
    }

    /// How long all threads of the query have worked.
    pub(crate) fn worked(&self) -> Duration {
        Duration::from_nanos(self.worked.load(Ordering::Relaxed))
    }

    /// Whether an error or a limit ended the work of all.
    pub(crate) fn is_over(&self) -> bool {
        self.outcome.lock().over
    }

    /// Calls `read` with piece after piece that no other thread has taken, until it breaks or fails
    /// or there are none.
    pub(crate) fn each(
        &self,
        mut read: impl FnMut(usize, &Piece) -> Result<ControlFlow<()>, QueryError>,
    ) {
        let mut slice: Option<TimeSlice<'_>> = None;
        let left = || self.next.load(Ordering::Relaxed) < self.pieces.len();
        loop {
            let worked = self.worked();
            slice = match slice {
                Some(slice) => slice.renewed(worked, left),
                None if TimeSlices::is_heavy(worked) => {
                    self.light.lock().take();
                    self.slices.wait(worked, left)
                }
                None => None,
            };
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(piece) = self.pieces.get(index) else {
                return;
            };
            let began = Instant::now();
            let taken = self.interrupt.check().and_then(|()| read(index, piece));
            self.worked
                .fetch_add(began.elapsed().as_nanos() as u64, Ordering::Relaxed);
            match taken {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(())) => return,
                Err(error) => return self.fail(error),
            }
        }
    }

    /// Ends the work of all threads: with an error, or where a limit may be answered in part with a
    /// warning.
    pub(crate) fn fail(&self, error: QueryError) {
        self.next.store(self.pieces.len(), Ordering::Relaxed);
        let mut outcome = self.outcome.lock();
        outcome.over = true;
        match self.interrupt.settle(error) {
            Ok(warning) => outcome.warnings.push(warning),
            Err(error) => drop(outcome.error.get_or_insert(error)),
        }
    }

    /// A charge on the query's account.
    pub(crate) fn charge(&self) -> Charge {
        self.interrupt.charge()
    }

    /// Whether the query goes on.
    pub(crate) fn check(&self) -> Result<(), QueryError> {
        self.interrupt.check()
    }

    /// Reads a piece into the memory of an earlier one; `None` when it is damaged, which the answer
    /// reports. `held` is what these rows are charged with, before they are there.
    pub(crate) fn read(
        &self,
        piece: &Piece,
        spec: &ReadSpec<'_>,
        buffer: Option<PieceRows>,
        held: &mut Charge,
    ) -> Result<Option<PieceRows>, QueryError> {
        let columns = with_errors(piece, spec.columns);
        held.cover(piece.decoded_bytes(&columns).max(held.bytes()))?;
        let spec = ReadSpec {
            columns: &columns,
            ..*spec
        };
        match piece.read(&spec, buffer) {
            Ok(rows) => {
                if !piece.in_head() {
                    held.cover(rows.batch.memory_bytes())?;
                }
                Ok(Some(rows))
            }
            Err(error @ StoreError::Damaged { .. }) => {
                self.outcome.lock().warnings.push(error.to_string());
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The rows of a piece whose lines have to be read although fields have what a column plan
    /// looks at, in order. `None` when fields tell nothing, or of so few lines that all may as well
    /// be read.
    pub(crate) fn residual_rows<P>(
        &self,
        piece: &Piece,
        plan: &ColumnPlan<P>,
    ) -> Result<Option<Vec<u32>>, QueryError> {
        if piece.has_metadata(ERROR) {
            return Ok(None);
        }
        match piece.residual_rows(plan.form, &plan.labels) {
            Ok(rows) => {
                let entries: u64 = piece.runs.iter().map(PieceRun::entries).sum();
                let is_few = |rows: &Vec<u32>| {
                    rows.is_empty() || rows.len() as u64 * RESIDUAL_SHARE < entries
                };
                Ok(rows.filter(is_few))
            }
            // Reading the lines instead reports it.
            Err(StoreError::Damaged { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// `now` of the whole query, nanoseconds since 1970.
    pub(crate) fn now(&self) -> i64 {
        self.now
    }

    /// Adds what a thread counted.
    pub(crate) fn count(&self, stats: &Stats) {
        self.outcome.lock().stats.merge(stats);
    }

    /// Counts and warnings, once all threads have left; or why they did.
    pub(crate) fn finish(&self) -> Result<(Stats, Vec<String>), QueryError> {
        self.light.lock().take();
        let Outcome {
            stats,
            warnings,
            error,
            ..
        } = std::mem::take(&mut *self.outcome.lock());
        error.map_or(Ok((stats, warnings)), Err)
    }
}

/// Columns with those of errors that entries of the piece came with: they concern every query.
fn with_errors<'c>(piece: &Piece, columns: &'c Columns) -> Cow<'c, Columns> {
    if columns.metadata == MetadataWanted::All || !piece.has_metadata(ERROR) {
        return Cow::Borrowed(columns);
    }
    let mut names = match &columns.metadata {
        MetadataWanted::Names(names) => names.clone(),
        MetadataWanted::None | MetadataWanted::All => Vec::new(),
    };
    names.extend([ERROR, ERROR_DETAILS].map(str::to_owned));
    Cow::Owned(Columns {
        metadata: MetadataWanted::Names(names),
        ..columns.clone()
    })
}
