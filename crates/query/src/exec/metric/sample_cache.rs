//! The sample cache keeps samples of blocks between queries; a refresh reads only what is new.
//!
//! What is cached of a block depends on what its samples are taken by and told apart by
//! ([`Leaf::fingerprint`]), on the runs that are read, and on where windows may begin and end, but
//! not on where the grid does: the same panel finds it when its range has moved by whole steps.
//! Samples between two such edges are folded into one where the function sees no difference; other
//! functions get every sample as it was. Either way what they answer is the same to the last bit.
//! Main type: [`SampleCache`], of one leaf.

use crate::exec::context::Context;
use crate::request::Caching;
use crate::stats::Stats;
use hashbrown::HashMap;
use skald_logql::ast::RangeOp;
use skald_logql::metric::{Edges, RangeSpec, RangeState, Steps};
use skald_logql::pipeline::SeriesTable;
use skald_logql::typed::Leaf;
use skald_model::TimeRange;
use skald_store::Piece;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use xxhash_rust::xxh3::Xxh3;

/// Most samples cached of a block: several times what a block of ordinary lines has. A thread holds
/// as many while it reads.
const SAMPLES_MAX: usize = 32 << 10;

/// Most bytes of labels of the series cached of a block.
const KEYS_BYTES_MAX: usize = 1 << 20;

/// Share of the bound, as a divisor, that one leaf may draw on: one that reads more than fits would
/// push out what others use, and in the end its own.
const LEAF_SHARE: usize = 2;

/// How samples of one series that no window tells apart become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fold {
    /// Their sum; of whole numbers, so that order does not matter.
    Sum,
    Least,
    Greatest,
    Earliest,
    Latest,
}

/// Where samples are told apart by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Buckets {
    /// Everywhere: they are cached as they are.
    Everywhere,
    /// Nowhere: all of the block count for the same windows.
    Nowhere,
    /// Where windows may begin and end.
    Edges(Edges),
}

/// The cached samples that one leaf may use, and those it adds.
pub(crate) struct SampleCache {
    /// What its samples depend on, but for the block.
    fingerprint: (u128, bool),
    fold: Option<Fold>,
    /// `None` for a single instant, which is at any time.
    edges: Option<Edges>,
    /// Where windows lie, if they leave gaps: samples in these are not taken.
    gaps: Option<Edges>,
    bytes_max: usize,
    /// Bytes found and added so far.
    bytes: AtomicUsize,
}

impl SampleCache {
    /// `None` when nothing can be cached for the leaf, or the request does not want it.
    pub(crate) fn of(context: &Context<'_>, leaf: &Leaf, steps: &Steps) -> Option<SampleCache> {
        let bytes_max = context.source.store.result_cache_bytes_max() / LEAF_SHARE;
        let fingerprint = leaf
            .fingerprint
            .filter(|_| bytes_max > 0 && context.caching == Caching::Allowed)?;
        Some(SampleCache {
            // Streams of several tenants have one label more.
            fingerprint: (fingerprint, context.source.tenants().single().is_none()),
            fold: fold(&leaf.spec),
            edges: (steps.count > 1).then(|| Edges::of(&leaf.spec, steps)),
            gaps: (steps.count > 1 && leaf.spec.range < steps.step)
                .then(|| Edges::of(&leaf.spec, steps)),
            bytes_max,
            bytes: AtomicUsize::new(0),
        })
    }

    /// The slot of a piece's samples, without those of runs that are `counted` already; `None` when
    /// the piece can't be cached.
    pub(crate) fn slot<'p>(
        &'p self,
        piece: &'p Piece,
        counted: &[bool],
        state: &RangeState,
    ) -> Option<Slot<'p>> {
        if !piece.is_cacheable() {
            return None;
        }
        let buckets = match self.fold {
            None => Buckets::Everywhere,
            Some(_) if state.same_until(piece.min_time) > piece.max_time => Buckets::Nowhere,
            Some(_) => Buckets::Edges(self.edges?),
        };
        let mut key = KeyHasher(Xxh3::new());
        (self.fingerprint, self.fold.map(|fold| fold as u8), buckets).hash(&mut key);
        self.gaps.hash(&mut key);
        let runs = piece
            .runs
            .iter()
            .enumerate()
            .filter(|(at, _)| counted.get(*at) != Some(&true));
        runs.for_each(|(_, run)| run.rows().hash(&mut key));
        Some(Slot {
            cache: self,
            piece,
            buckets,
            key: key.0.digest128(),
        })
    }

    /// Whether the leaf may use this many bytes more.
    fn charge(&self, bytes: usize) -> bool {
        self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes <= self.bytes_max
    }
}

/// How the samples of a function are folded; `None` when it sees each of them.
fn fold(spec: &RangeSpec) -> Option<Fold> {
    match spec.op {
        RangeOp::MinOverTime => Some(Fold::Least),
        RangeOp::MaxOverTime => Some(Fold::Greatest),
        RangeOp::FirstOverTime => Some(Fold::Earliest),
        RangeOp::LastOverTime => Some(Fold::Latest),
        RangeOp::CountOverTime
        | RangeOp::Rate
        | RangeOp::BytesOverTime
        | RangeOp::BytesRate
        | RangeOp::AbsentOverTime => (!spec.unwrapped).then_some(Fold::Sum),
        // Sums of fractions and what is made of them depend on the order of samples, the others
        // keep them all.
        RangeOp::SumOverTime
        | RangeOp::AvgOverTime
        | RangeOp::StddevOverTime
        | RangeOp::StdvarOverTime
        | RangeOp::QuantileOverTime
        | RangeOp::RateCounter
        | RangeOp::CountDistinct => None,
    }
}

/// 128 bits of what is hashed: keys are compared by them alone.
struct KeyHasher(Xxh3);

impl std::hash::Hasher for KeyHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        self.0.digest()
    }
}

/// Where the samples of a piece are cached.
pub(crate) struct Slot<'p> {
    cache: &'p SampleCache,
    piece: &'p Piece,
    buckets: Buckets,
    key: u128,
}

impl Slot<'_> {
    /// What an earlier query cached there.
    pub(crate) fn get(&self, stats: &mut Stats) -> Option<Arc<Samples>> {
        stats.results_asked += 1;
        let samples = self.piece.cached(self.key)?.downcast::<Samples>().ok()?;
        stats.results_found += 1;
        stats.results_bytes += samples.bytes() as u64;
        self.cache.charge(samples.bytes());
        Some(samples)
    }

    /// Gathers samples to cache while the piece is read; `None` when only a part of it lies inside
    /// `range`, or the leaf has used its share.
    pub(crate) fn recording(&self, range: &TimeRange) -> Option<Recording> {
        let all = range.covers(self.piece.min_time, self.piece.max_time);
        let room = self.cache.bytes.load(Ordering::Relaxed) < self.cache.bytes_max;
        (all && room).then(|| Recording {
            fold: self.cache.fold,
            buckets: self.buckets,
            alike: (0, 0),
            samples: Vec::new(),
            known: HashMap::new(),
            last: None,
            overflowed: false,
        })
    }

    /// Caches what was gathered; `table` has the series it names.
    pub(crate) fn store(&self, recording: Recording, table: &SeriesTable, stats: &mut Stats) {
        let Some(samples) = recording.finish(table) else {
            return;
        };
        let bytes = samples.bytes();
        if self.cache.charge(bytes) {
            stats.results_cached += 1;
            stats.results_bytes_cached += bytes as u64;
            self.piece.cache(self.key, Arc::new(samples), bytes);
        }
    }
}

/// One sample, or several as one.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Sample {
    time: i64,
    value: f64,
    series: u32,
    lines: u32,
}

/// The samples of a block.
#[derive(Debug)]
pub(crate) struct Samples {
    samples: Vec<Sample>,
    /// Canonical labels of the series, one after the other.
    keys: Vec<u8>,
    ends: Vec<u32>,
}

impl Samples {
    /// Hands those inside `range` to `add`: series of `table`, time, value. Gives how many lines
    /// they are of; `None` when the table takes no more series.
    pub(crate) fn replay(
        &self,
        range: &TimeRange,
        table: &mut SeriesTable,
        mut add: impl FnMut(u32, i64, f64),
    ) -> Option<u64> {
        let mut numbers: Vec<Option<u32>> = vec![None; self.ends.len()];
        let mut lines = 0;
        for sample in self
            .samples
            .iter()
            .filter(|sample| range.contains(sample.time))
        {
            let number = &mut numbers[sample.series as usize];
            let series = match *number {
                Some(series) => series,
                None => *number.insert(table.intern(self.key(sample.series as usize))?),
            };
            add(series, sample.time, sample.value);
            lines += u64::from(sample.lines);
        }
        Some(lines)
    }

    fn key(&self, series: usize) -> &[u8] {
        let start = if series == 0 {
            0
        } else {
            self.ends[series - 1]
        };
        &self.keys[start as usize..self.ends[series] as usize]
    }

    fn bytes(&self) -> usize {
        size_of::<Samples>()
            + self.samples.len() * size_of::<Sample>()
            + self.keys.len()
            + self.ends.len() * size_of::<u32>()
    }
}

/// Series, and the end of the times that are not told apart.
type Bucket = (u32, i64);

/// Samples on their way into the cache.
pub(crate) struct Recording {
    fold: Option<Fold>,
    buckets: Buckets,
    /// Times that nothing tells apart from the last sample's: the first seen and the first after.
    alike: (i64, i64),
    samples: Vec<Sample>,
    /// Places in `samples`.
    known: HashMap<Bucket, u32>,
    /// The last of them: the next sample is mostly of it too.
    last: Option<(Bucket, u32)>,
    overflowed: bool,
}

impl Recording {
    /// How many of `timestamps`, which are sorted, from the first on may be added as one sample.
    pub(crate) fn alike(&self, timestamps: &[i64]) -> usize {
        let after = |first: &i64| match self.buckets {
            Buckets::Everywhere => first.saturating_add(1),
            Buckets::Nowhere => i64::MAX,
            Buckets::Edges(edges) => edges.until(*first),
        };
        timestamps
            .first()
            .map(after)
            .map_or(0, |after| timestamps.partition_point(|t| *t < after).max(1))
    }

    /// Bytes held.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.samples.capacity() * size_of::<Sample>() + self.known.allocation_size()
    }

    /// Takes in a sample that stands for `lines` lines.
    pub(crate) fn add(&mut self, series: u32, time: i64, value: f64, lines: u64) {
        if self.overflowed {
            return;
        }
        let sample = Sample {
            time,
            value,
            series,
            lines: u32::try_from(lines).unwrap_or(u32::MAX),
        };
        let Some(fold) = self.fold else {
            return self.push(sample);
        };
        let bucket = (series, self.bucket_of(time));
        let place = match self.last {
            Some((last, place)) if last == bucket => place,
            _ => *self
                .known
                .entry(bucket)
                .or_insert(self.samples.len() as u32),
        };
        self.last = Some((bucket, place));
        match self.samples.get_mut(place as usize) {
            Some(first) => fold.take_in(first, &sample),
            None => self.push(sample),
        }
    }

    fn push(&mut self, sample: Sample) {
        self.overflowed = self.samples.len() >= SAMPLES_MAX;
        if !self.overflowed {
            self.samples.push(sample);
        }
    }

    /// The end of the bucket that a time is in.
    fn bucket_of(&mut self, time: i64) -> i64 {
        let Buckets::Edges(edges) = self.buckets else {
            return i64::MAX;
        };
        if !(self.alike.0 <= time && time < self.alike.1) {
            self.alike = (time, edges.until(time));
        }
        self.alike.1
    }

    /// The samples with series of their own; `None` when there are too many, or their labels too
    /// long.
    fn finish(mut self, table: &SeriesTable) -> Option<Samples> {
        if self.overflowed {
            return None;
        }
        let mut numbers: HashMap<u32, u32> = HashMap::new();
        let (mut keys, mut ends) = (Vec::new(), Vec::new());
        for sample in &mut self.samples {
            let next = numbers.len() as u32;
            sample.series = *numbers.entry(sample.series).or_insert_with_key(|series| {
                if keys.len() <= KEYS_BYTES_MAX {
                    keys.extend_from_slice(table.key(*series));
                }
                ends.push(keys.len() as u32);
                next
            });
            if keys.len() > KEYS_BYTES_MAX {
                return None;
            }
        }
        self.samples.shrink_to_fit();
        keys.shrink_to_fit();
        ends.shrink_to_fit();
        Some(Samples {
            samples: self.samples,
            keys,
            ends,
        })
    }
}

impl Fold {
    /// Takes in a sample of the same series and windows that came later.
    fn take_in(self, first: &mut Sample, later: &Sample) {
        let newer = match self {
            Fold::Sum => {
                first.value += later.value;
                false
            }
            // As the function itself: NaN stands only where there is nothing else.
            Fold::Least => later.value < first.value || first.value.is_nan(),
            Fold::Greatest => later.value > first.value || first.value.is_nan(),
            Fold::Earliest => later.time < first.time,
            Fold::Latest => later.time >= first.time,
        };
        if newer {
            (first.time, first.value) = (later.time, later.value);
        }
        first.lines = first.lines.saturating_add(later.lines);
    }
}
