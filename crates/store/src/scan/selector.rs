//! The selector finds streams, parts and blocks for a query and prunes blocks by content.
//!
//! Nothing here reads lines. Work grows with the streams and runs that overlap the time range, not
//! with entries.

use crate::cache::index_cache::IndexCache;
use crate::deletes::visibility::Visibility;
use crate::head::HeadView;
use crate::part::Part;
use crate::part::block_order::BlockTimes;
use crate::scan::visible_runs::VisibleRuns;
use crate::stream_index::{IndexLookup, IndexedStreams};
use crate::tenant::View;
use crate::{Piece, PieceRun, Select, Selected, StoreError};
use hashbrown::HashTable;
use skald_model::{Charge, Direction, Labels, SelectedStream, Stop, StreamId, TimeRange};
use std::cell::Cell;
use std::sync::Arc;

/// A stream of a source that does not match.
const NOT_SELECTED: u32 = u32::MAX;
/// A stream that matches and has not been given a number yet.
const UNNUMBERED: u32 = u32::MAX - 1;

/// Finds pieces in order of time, newest or oldest first; callers may stop early.
pub struct Selector<'a> {
    /// `None` when the tenant is not known.
    view: Option<View>,
    select: Select<'a>,
    cache: &'a IndexCache,
    direction: Direction,
    /// Heads and parts that overlap the range, the next one last.
    rest: Vec<Rest>,
    lookup: IndexLookup,
    /// Warnings that go with the first pieces.
    warnings: Vec<String>,
}

/// A head or part that was not searched yet, or not to the end.
struct Rest {
    min_time: i64,
    max_time: i64,
    source: RestSource,
}

/// Where it is in the view.
enum RestSource {
    Head(usize),
    Part(usize, Option<PartProgress>),
}

/// A part some of whose blocks were searched, and what was computed for that.
struct PartProgress {
    /// How many, in order of time.
    blocks: usize,
    /// For each of its streams whether it matches.
    matching: Vec<bool>,
    /// For each block whether it may have the content, once that was asked.
    candidates: Option<Vec<bool>>,
}

impl<'a> Selector<'a> {
    /// Over a snapshot of a tenant.
    pub(crate) fn new(
        view: Option<View>,
        select: &Select<'a>,
        direction: Direction,
        cache: &'a IndexCache,
    ) -> Selector<'a> {
        let mut selector = Selector {
            view: None,
            select: select.clone(),
            cache,
            direction,
            rest: Vec::new(),
            lookup: IndexLookup::default(),
            warnings: Vec::new(),
        };
        let Some(view) = view else { return selector };
        let overlaps = |min_time, max_time| select.range.overlaps(min_time, max_time);
        let heads = view.heads.iter().enumerate().filter_map(|(at, head)| {
            let (min_time, max_time) = head.times()?;
            Some(Rest {
                min_time,
                max_time,
                source: RestSource::Head(at),
            })
        });
        let parts = view.parts.iter().map(|part| &part.meta).enumerate();
        let parts = parts
            .filter(|(_, part)| !view.visibility.expiry.ends_all(part.max_time, part.arrived))
            .map(|(at, part)| Rest {
                min_time: part.min_time,
                max_time: part.max_time,
                source: RestSource::Part(at, None),
            });
        selector.rest = heads
            .chain(parts)
            .filter(|rest| overlaps(rest.min_time, rest.max_time))
            .collect();
        selector.rest.sort_by_key(|rest| rest.rank(direction));
        let unreadable = view
            .unreadable
            .iter()
            .filter(|part| overlaps(part.meta.min_time, part.meta.max_time));
        selector.warnings = view
            .not_compiled
            .iter()
            .chain(unreadable.map(|part| &part.error))
            .cloned()
            .collect();
        selector.view = Some(view);
        selector
    }

    /// Adds a warning for the user.
    pub(crate) fn warn(&mut self, warning: String) {
        self.warnings.push(warning);
    }

    /// Goes on until there are at least `pieces` pieces, or nothing is left; `charge` holds what is
    /// found. Once that is refused there is nothing more to be had.
    pub fn next(&mut self, pieces: usize, charge: &mut Charge) -> Result<Selected, StoreError> {
        let warnings = std::mem::take(&mut self.warnings);
        let selected = Selected {
            warnings,
            ..Selected::default()
        };
        let Some(view) = &self.view else {
            return Ok(selected);
        };
        let (visibility, lookup) = (&view.visibility, &mut self.lookup);
        let mut collector = PieceCollector {
            cache: self.cache,
            visibility,
            selected,
            by_id: HashTable::new(),
            lookup,
            charge,
        };
        while collector.selected.pieces.len() < pieces
            && let Some(next) = self.rest.pop()
        {
            match next.source {
                RestSource::Head(at) => collector.add_head(&view.heads[at], &self.select)?,
                RestSource::Part(at, progress) => {
                    let part = &view.parts[at];
                    let progress = match progress {
                        Some(progress) => progress,
                        None => {
                            collector.begin(part, view.stream_index.as_deref(), &self.select)?
                        }
                    };
                    if let Some((nearest, progress)) = collector.add_blocks(
                        part,
                        &self.select,
                        progress,
                        pieces,
                        self.direction,
                    )? {
                        let source = RestSource::Part(at, Some(progress));
                        let rest = Rest {
                            min_time: nearest.min_time,
                            max_time: nearest.max_time,
                            source,
                        };
                        let rank = rest.rank(self.direction);
                        let before = self
                            .rest
                            .partition_point(|other| other.rank(self.direction) < rank);
                        self.rest.insert(before, rest);
                    }
                }
            }
        }
        Ok(collector.selected)
    }

    /// The newest (or oldest) time that there may be in what is left; `None` when nothing is.
    pub fn nearest(&self) -> Option<i64> {
        self.rest.last().map(|rest| match self.direction {
            Direction::Forward => rest.min_time,
            Direction::Backward => rest.max_time,
        })
    }
}

impl Rest {
    /// The larger, the sooner it is looked through.
    fn rank(&self, direction: Direction) -> i64 {
        match direction {
            // The order of complements is the reverse.
            Direction::Forward => !self.min_time,
            Direction::Backward => self.max_time,
        }
    }
}

struct PieceCollector<'a> {
    cache: &'a IndexCache,
    visibility: &'a Visibility,
    selected: Selected,
    by_id: HashTable<u32>,
    lookup: &'a mut IndexLookup,
    charge: &'a mut Charge,
}

/// Bytes of flags and numbers for each stream of a source, while its pieces are looked for.
const NUMBER_BYTES: usize = size_of::<u32>() + 2;

/// What a selected stream takes beside its labels: its place in the list and in the table of
/// streams, and the counts that labels are shared by.
const STREAM_BYTES: usize = size_of::<SelectedStream>() + 24;

/// What a piece of runs takes.
fn piece_bytes(runs: &Vec<PieceRun>) -> usize {
    size_of::<Piece>() + runs.capacity() * size_of::<PieceRun>()
}

impl<'a> PieceCollector<'a> {
    fn add_head(&mut self, head: &HeadView, select: &Select<'_>) -> Result<(), Stop> {
        let chunks = || {
            head.chunks
                .iter()
                .filter(|c| select.range.overlaps(c.min_time, c.max_time))
        };
        if chunks().next().is_none() {
            return Ok(());
        }
        self.charge.room_for(head.streams.len() * NUMBER_BYTES)?;
        let flag = |matches: bool| if matches { UNNUMBERED } else { NOT_SELECTED };
        let numbers: Vec<Cell<u32>> = head
            .streams
            .matching(select.matchers)
            .into_iter()
            .map(flag)
            .map(Cell::new)
            .collect();
        for chunk in chunks() {
            let mut visible = VisibleRuns::new(self.visibility.of_chunk(
                chunk.sequence,
                chunk.min_time,
                chunk.max_time,
            ));
            for run in &chunk.runs {
                if numbers[run.stream as usize].get() == NOT_SELECTED
                    || !select.range.overlaps(run.min_time, run.max_time)
                {
                    continue;
                }
                let stream = self.number(&numbers[run.stream as usize], || {
                    head.streams.stream(run.stream)
                })?;
                let run = PieceRun {
                    stream,
                    whole: true,
                    rows: run.rows.clone(),
                    min_time: run.min_time,
                    max_time: run.max_time,
                    line_bytes: u64::from(run.line_bytes),
                    metadata_bytes: u64::from(run.metadata_bytes),
                };
                visible.add(run, &self.selected.streams);
            }
            if !visible.runs.is_empty() {
                visible.runs.shrink_to_fit();
                self.charge.add(piece_bytes(&visible.runs))?;
                self.selected
                    .pieces
                    .push(Piece::of_chunk(chunk, visible.runs, visible.hidden));
            }
        }
        Ok(())
    }

    /// Finds the streams of a part.
    fn begin(
        &mut self,
        part: &Part,
        indexed: Option<&IndexedStreams>,
        select: &Select<'_>,
    ) -> Result<PartProgress, Stop> {
        self.charge.room_for(part.table.len() * NUMBER_BYTES)?;
        let found = self.lookup.in_part(indexed, part, select.matchers);
        let matching = found.unwrap_or_else(|| part.table.matching(select.matchers));
        Ok(PartProgress {
            blocks: 0,
            matching,
            candidates: None,
        })
    }

    /// Adds blocks of a part until there are `pieces` pieces in all; gives what is left of it, and
    /// the times of the next block.
    fn add_blocks(
        &mut self,
        part: &Arc<Part>,
        select: &Select<'_>,
        mut progress: PartProgress,
        pieces: usize,
        direction: Direction,
    ) -> Result<Option<(BlockTimes, PartProgress)>, Stop> {
        if !progress.matching.contains(&true) {
            return Ok(None);
        }
        let flag = |matches: &bool| if *matches { UNNUMBERED } else { NOT_SELECTED };
        let numbers: Vec<Cell<u32>> = progress.matching.iter().map(flag).map(Cell::new).collect();
        // A caller that wants all gets them as they lie.
        if pieces == usize::MAX && progress.blocks == 0 {
            for (block, at) in (0..).zip(&part.blocks) {
                self.add_block(
                    part,
                    BlockTimes::of(block, &at.meta),
                    select,
                    &numbers,
                    &mut progress.candidates,
                )?;
            }
            return Ok(None);
        }
        let order = part.block_order(direction);
        while let Some(next) = order.get(progress.blocks) {
            if self.selected.pieces.len() >= pieces {
                return Ok(Some((*next, progress)));
            }
            self.add_block(part, *next, select, &numbers, &mut progress.candidates)?;
            progress.blocks += 1;
        }
        Ok(None)
    }

    /// Adds a block if it may have wanted entries.
    fn add_block(
        &mut self,
        part: &Arc<Part>,
        times: BlockTimes,
        select: &Select<'_>,
        numbers: &[Cell<u32>],
        candidates: &mut Option<Vec<bool>>,
    ) -> Result<(), Stop> {
        let block = times.block as usize;
        let has_runs = || match times.only_stream {
            Some(stream) => numbers[stream as usize].get() != NOT_SELECTED,
            None => block_runs(part, block, select.range, numbers)
                .next()
                .is_some(),
        };
        if !select.range.overlaps(times.min_time, times.max_time) || !has_runs() {
            return Ok(());
        }
        if !select.content.is_empty() {
            let candidates =
                candidates.get_or_insert_with(|| self.candidates(part, select, numbers));
            if candidates.get(block) == Some(&false) {
                self.selected.blocks_pruned += 1;
                return Ok(());
            }
        }
        let labels_of = |stream: u32| {
            let labels = part.table.labels(stream);
            (StreamId::of(&labels), labels)
        };
        let mut visible = VisibleRuns::new(self.visibility.of_part(&part.meta));
        for mut run in block_runs(part, block, select.range, numbers) {
            run.stream = self.number(&numbers[run.stream as usize], || labels_of(run.stream))?;
            visible.add(run, &self.selected.streams);
        }
        let VisibleRuns {
            mut runs, hidden, ..
        } = visible;
        if runs.is_empty() {
            return Ok(());
        }
        runs.shrink_to_fit();
        self.charge.add(piece_bytes(&runs))?;
        self.selected
            .pieces
            .push(Piece::of_block(part, times.block, runs, hidden));
        Ok(())
    }

    /// Which blocks may hold the content; all of them, with a warning, when the index can't be
    /// read.
    fn candidates(
        &mut self,
        part: &Arc<Part>,
        select: &Select<'_>,
        numbers: &[Cell<u32>],
    ) -> Vec<bool> {
        let candidates = if part.is_remote() && part.held_content().is_none() {
            part.candidates_by_rows(select.content, wanted_bytes(part, select.range, numbers))
        } else {
            self.cache
                .get(part)
                .map(|index| Some(index.candidates(select.content)))
        };
        match candidates {
            // Without flags every block is read.
            Ok(flags) => flags.unwrap_or_default(),
            Err(error) => {
                self.selected.warnings.push(error.to_string());
                Vec::new()
            }
        }
    }

    /// The number in the selection of a source's stream, which is known from then on.
    fn number(
        &mut self,
        known: &Cell<u32>,
        labels: impl FnOnce() -> (StreamId, Labels),
    ) -> Result<u32, Stop> {
        if known.get() != UNNUMBERED {
            return Ok(known.get());
        }
        let (id, labels) = labels();
        let streams = &mut self.selected.streams;
        let found = self.by_id.find(id.0 as u64, |n| {
            streams[*n as usize].id == id && streams[*n as usize].labels == labels
        });
        let number = match found {
            Some(number) => *number,
            None => {
                let number = streams.len() as u32;
                self.charge.add(STREAM_BYTES + labels.as_bytes().len())?;
                streams.push(SelectedStream { id, labels });
                self.by_id
                    .insert_unique(id.0 as u64, number, |n| streams[*n as usize].id.0 as u64);
                number
            }
        };
        known.set(number);
        Ok(number)
    }
}

/// Stored bytes of the blocks with selected runs.
fn wanted_bytes(part: &Part, range: TimeRange, numbers: &[Cell<u32>]) -> u64 {
    let has_runs = |block: &usize| block_runs(part, *block, range, numbers).next().is_some();
    (0..part.blocks.len())
        .filter(has_runs)
        .map(|block| part.blocks[block].bytes)
        .sum()
}

/// The runs of a block that are selected, with the part's stream numbers.
fn block_runs<'a>(
    part: &'a Part,
    block: usize,
    range: TimeRange,
    numbers: &'a [Cell<u32>],
) -> impl Iterator<Item = PieceRun> + 'a {
    let mut row = 0;
    part.blocks[block].meta.runs.iter().filter_map(move |run| {
        let rows = row..row + run.rows;
        row = rows.end;
        let is_selected = numbers[run.stream as usize].get() != NOT_SELECTED
            && range.overlaps(run.min_time, run.max_time);
        is_selected.then_some(PieceRun {
            stream: run.stream,
            whole: true,
            rows,
            min_time: run.min_time,
            max_time: run.max_time,
            line_bytes: run.line_bytes,
            metadata_bytes: run.metadata_bytes,
        })
    })
}
