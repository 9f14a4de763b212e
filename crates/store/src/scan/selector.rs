//! Finding what to read: streams by matchers, parts and blocks by time, blocks by content.
//!
//! Nothing here reads lines. Work grows with streams and runs of what overlaps the time range, not with
//! entries.

use crate::cache::index_cache::ContentCache;
use crate::deletes::visibility::{Hiding, Seen, Sight, SourceHiding, StreamHiding};
use crate::head::HeadView;
use crate::part::Part;
use crate::part::block_order::BlockTimes;
use crate::scan::piece::Source;
use crate::scan::stream_index::{Found, IndexedStreams};
use crate::tenant::View;
use crate::{Piece, PieceRun, Select, Selected};
use hashbrown::HashTable;
use skald_model::{Labels, SelectedStream, StreamId, TimeRange};
use std::cell::Cell;
use std::sync::Arc;

/// A stream of a source that does not match.
const NOT_SELECTED: u32 = u32::MAX;
/// A stream that matches and has not been given a number yet.
const UNNUMBERED: u32 = u32::MAX - 1;

/// What is still to be looked through for a query, newest or oldest first: who finds enough in front leaves the rest.
pub struct Selecting<'a> {
    /// `None` of a tenant that is not known.
    view: Option<View>,
    select: Select<'a>,
    cache: &'a ContentCache,
    newest_first: bool,
    /// Heads and parts that overlap the range, the next one last.
    rest: Vec<Rest>,
    found: Found,
    /// What is to be told with the first pieces.
    warnings: Vec<String>,
}

/// A head or part that was not looked through, or not to the end.
struct Rest {
    min_time: i64,
    max_time: i64,
    place: Place,
}

/// Where it is in the view.
enum Place {
    Head(usize),
    Part(usize, Option<Begun>),
}

/// A part some of whose blocks were looked at, and what was found out for that.
struct Begun {
    /// How many, in order of time.
    blocks: usize,
    /// For each of its streams whether it matches.
    matching: Vec<bool>,
    /// For each block whether it may have the content, once that was asked.
    candidates: Option<Vec<bool>>,
}

impl<'a> Selecting<'a> {
    /// What a view has for a query.
    pub(crate) fn new(
        view: Option<View>,
        select: &Select<'a>,
        newest_first: bool,
        cache: &'a ContentCache,
    ) -> Selecting<'a> {
        let mut selecting = Selecting {
            view: None,
            select: select.clone(),
            cache,
            newest_first,
            rest: Vec::new(),
            found: Found::default(),
            warnings: Vec::new(),
        };
        let Some(view) = view else { return selecting };
        let overlaps = |min_time, max_time| select.range.overlaps(min_time, max_time);
        let heads = view.heads.iter().enumerate().filter_map(|(at, head)| {
            let (min_time, max_time) = head.times()?;
            Some(Rest {
                min_time,
                max_time,
                place: Place::Head(at),
            })
        });
        let parts = view.parts.iter().map(|part| &part.meta).enumerate();
        let parts = parts
            .filter(|(_, part)| !view.hiding.expiry.ends_all(part.max_time))
            .map(|(at, part)| Rest {
                min_time: part.min_time,
                max_time: part.max_time,
                place: Place::Part(at, None),
            });
        selecting.rest = heads
            .chain(parts)
            .filter(|rest| overlaps(rest.min_time, rest.max_time))
            .collect();
        selecting.rest.sort_by_key(|rest| rest.rank(newest_first));
        let unreadable = view
            .unreadable
            .iter()
            .filter(|(part, _)| overlaps(part.min_time, part.max_time));
        selecting.warnings = view
            .not_compiled
            .iter()
            .chain(unreadable.map(|(_, why)| why))
            .cloned()
            .collect();
        selecting.view = Some(view);
        selecting
    }

    /// Adds what the user should know of.
    pub(crate) fn warn(&mut self, warning: String) {
        self.warnings.push(warning);
    }

    /// Goes on until there are so many pieces or nothing is left.
    pub fn next(&mut self, pieces: usize) -> Selected {
        let warnings = std::mem::take(&mut self.warnings);
        let selected = Selected {
            warnings,
            ..Selected::default()
        };
        let Some(view) = &self.view else {
            return selected;
        };
        let (hiding, found) = (&view.hiding, &mut self.found);
        let mut selection = Selection {
            cache: self.cache,
            hiding,
            selected,
            by_id: HashTable::new(),
            found,
        };
        while selection.selected.pieces.len() < pieces
            && let Some(next) = self.rest.pop()
        {
            match next.place {
                Place::Head(at) => selection.add_head(&view.heads[at], &self.select),
                Place::Part(at, begun) => {
                    let part = &view.parts[at];
                    let begun = match begun {
                        Some(begun) => begun,
                        None => selection.begin(part, view.stream_index.as_deref(), &self.select),
                    };
                    if let Some((nearest, begun)) =
                        selection.add_blocks(part, &self.select, begun, pieces, self.newest_first)
                    {
                        let place = Place::Part(at, Some(begun));
                        let rest = Rest {
                            min_time: nearest.min_time,
                            max_time: nearest.max_time,
                            place,
                        };
                        let rank = rest.rank(self.newest_first);
                        let before = self
                            .rest
                            .partition_point(|other| other.rank(self.newest_first) < rank);
                        self.rest.insert(before, rest);
                    }
                }
            }
        }
        selection.selected
    }

    /// The newest (or oldest) time that there may be in what is left; `None` when nothing is.
    pub fn nearest(&self) -> Option<i64> {
        self.rest.last().map(|rest| {
            if self.newest_first {
                rest.max_time
            } else {
                rest.min_time
            }
        })
    }
}

impl Rest {
    /// The larger, the sooner it is looked through.
    fn rank(&self, newest_first: bool) -> i64 {
        // The order of complements is the reverse.
        if newest_first {
            self.max_time
        } else {
            !self.min_time
        }
    }
}

struct Selection<'a> {
    cache: &'a ContentCache,
    hiding: &'a Hiding,
    selected: Selected,
    by_id: HashTable<u32>,
    found: &'a mut Found,
}

impl<'a> Selection<'a> {
    fn add_head(&mut self, head: &HeadView, select: &Select<'_>) {
        let chunks = || {
            head.chunks
                .iter()
                .filter(|c| select.range.overlaps(c.min_time, c.max_time))
        };
        if chunks().next().is_none() {
            return;
        }
        let flag = |matches: bool| if matches { UNNUMBERED } else { NOT_SELECTED };
        let numbers: Vec<Cell<u32>> = head
            .streams
            .matching(select.matchers)
            .into_iter()
            .map(flag)
            .map(Cell::new)
            .collect();
        for chunk in chunks() {
            let mut seen = SeenRuns::new(self.hiding.of_chunk(
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
                });
                let run = PieceRun {
                    stream,
                    whole: true,
                    rows: run.rows.clone(),
                    min_time: run.min_time,
                    max_time: run.max_time,
                    line_bytes: u64::from(run.line_bytes),
                    metadata_bytes: u64::from(run.metadata_bytes),
                };
                seen.add(run, &self.selected.streams);
            }
            if !seen.runs.is_empty() {
                self.selected
                    .pieces
                    .push(chunk.piece(seen.runs, seen.hidden));
            }
        }
    }

    /// Finds the streams of a part.
    fn begin(
        &mut self,
        part: &Part,
        indexed: Option<&IndexedStreams>,
        select: &Select<'_>,
    ) -> Begun {
        let found = self.found.in_part(indexed, part, select.matchers);
        let matching = found.unwrap_or_else(|| part.table.matching(select.matchers));
        Begun {
            blocks: 0,
            matching,
            candidates: None,
        }
    }

    /// Adds blocks of a part until there are so many pieces in all; gives what is left of it, and the times of the next
    /// block.
    fn add_blocks(
        &mut self,
        part: &Arc<Part>,
        select: &Select<'_>,
        mut begun: Begun,
        pieces: usize,
        newest_first: bool,
    ) -> Option<(BlockTimes, Begun)> {
        if !begun.matching.contains(&true) {
            return None;
        }
        let flag = |matches: &bool| if *matches { UNNUMBERED } else { NOT_SELECTED };
        let numbers: Vec<Cell<u32>> = begun.matching.iter().map(flag).map(Cell::new).collect();
        // Who wants all reads them as they lie.
        if pieces == usize::MAX && begun.blocks == 0 {
            for (block, at) in (0..).zip(&part.blocks) {
                self.add_block(
                    part,
                    BlockTimes::of(block, at),
                    select,
                    &numbers,
                    &mut begun.candidates,
                );
            }
            return None;
        }
        let order = part.order.of(&part.blocks, newest_first);
        while let Some(next) = order.get(begun.blocks) {
            if self.selected.pieces.len() >= pieces {
                return Some((*next, begun));
            }
            self.add_block(part, *next, select, &numbers, &mut begun.candidates);
            begun.blocks += 1;
        }
        None
    }

    /// Adds a block if it has something of what is wanted.
    fn add_block(
        &mut self,
        part: &Arc<Part>,
        times: BlockTimes,
        select: &Select<'_>,
        numbers: &[Cell<u32>],
        candidates: &mut Option<Vec<bool>>,
    ) {
        let block = times.block as usize;
        let has_runs = || match times.only_stream {
            Some(stream) => numbers[stream as usize].get() != NOT_SELECTED,
            None => block_runs(part, block, select.range, numbers)
                .next()
                .is_some(),
        };
        if !select.range.overlaps(times.min_time, times.max_time) || !has_runs() {
            return;
        }
        if !select.content.is_empty() {
            let candidates =
                candidates.get_or_insert_with(|| self.candidates(part, select, numbers));
            if candidates.get(block) == Some(&false) {
                self.selected.blocks_pruned += 1;
                return;
            }
        }
        let labels_of = |stream: u32| {
            let labels = part.table.labels(stream);
            (StreamId::of(&labels), labels)
        };
        let mut seen = SeenRuns::new(self.hiding.of_part(&part.meta));
        for mut run in block_runs(part, block, select.range, numbers) {
            run.stream = self.number(&numbers[run.stream as usize], || labels_of(run.stream));
            seen.add(run, &self.selected.streams);
        }
        let SeenRuns { runs, hidden, .. } = seen;
        if runs.is_empty() {
            return;
        }
        self.selected.pieces.push(Piece {
            sequence: part.meta.sequence + block as u64,
            min_time: runs
                .iter()
                .map(|r| r.min_time)
                .min()
                .unwrap_or(times.min_time),
            max_time: runs
                .iter()
                .map(|r| r.max_time)
                .max()
                .unwrap_or(times.max_time),
            runs,
            sorted: true,
            hidden,
            partial: false,
            source: Source::Block {
                part: part.clone(),
                block: times.block,
            },
        });
    }

    /// Which blocks may hold the content; all of them, with a warning, when the index can't be read.
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
    fn number(&mut self, known: &Cell<u32>, labels: impl FnOnce() -> (StreamId, Labels)) -> u32 {
        if known.get() != UNNUMBERED {
            return known.get();
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
                streams.push(SelectedStream { id, labels });
                self.by_id
                    .insert_unique(id.0 as u64, number, |n| streams[*n as usize].id.0 as u64);
                number
            }
        };
        known.set(number);
        number
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

/// The runs of a piece of which something is to be seen.
struct SeenRuns<'a> {
    sight: Sight<'a>,
    runs: Vec<PieceRun>,
    hidden: Vec<(usize, Arc<StreamHiding>)>,
}

impl<'a> SeenRuns<'a> {
    fn new(hiding: SourceHiding<'a>) -> SeenRuns<'a> {
        SeenRuns {
            sight: Sight::new(hiding),
            runs: Vec::new(),
            hidden: Vec::new(),
        }
    }

    fn add(&mut self, mut run: PieceRun, streams: &[SelectedStream]) {
        let labels = || streams[run.stream as usize].labels.clone();
        match self
            .sight
            .of_run(run.stream, labels, (run.min_time, run.max_time))
        {
            Seen::None => return,
            Seen::All => {}
            Seen::Some(hiding) => {
                run.whole = false;
                self.hidden.push((self.runs.len(), hiding));
            }
        }
        self.runs.push(run);
    }
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
