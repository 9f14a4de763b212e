//! The frontier collects entries of all threads and knows the time beyond which none can count.

use crate::error::QueryError;
use crate::exec::log::entry::{Entry, exact_bytes};
use crate::exec::log::top_k::{Collector, TopK};
use parking_lot::Mutex;
use skald_model::{Charge, Direction};
use skald_store::PieceRun;
use std::sync::atomic::{AtomicI64, Ordering};

/// What all rounds have found.
pub(crate) struct Frontier {
    direction: Direction,
    /// Entries later (forward) or earlier (backward) than this can't be part of the answer.
    edge: AtomicI64,
    collector: Mutex<Collector>,
    /// What the collected entries are charged with.
    held: Mutex<Charge>,
    /// What an answer that memory makes shorter fails with.
    shortened: Option<QueryError>,
}

impl Frontier {
    /// Of an answer that `top` describes, of at most `bytes_max` bytes, charged to `held`.
    /// `shortened` is what one that does not fit fails with, if it may not be shorter than asked.
    pub(crate) fn new(
        top: TopK,
        bytes_max: usize,
        held: Charge,
        shortened: Option<QueryError>,
    ) -> Frontier {
        Frontier {
            direction: top.direction,
            edge: AtomicI64::new(match top.direction {
                Direction::Forward => i64::MAX,
                Direction::Backward => i64::MIN,
            }),
            collector: Mutex::new(Collector::new(top, bytes_max)),
            held: Mutex::new(held),
            shortened,
        }
    }

    /// Whether an entry of this time can no longer count.
    pub(crate) fn is_beyond(&self, time: i64) -> bool {
        let edge = self.edge.load(Ordering::Relaxed);
        match self.direction {
            Direction::Forward => time > edge,
            Direction::Backward => time < edge,
        }
    }

    /// Whether no entry of these times, first and last, can count.
    pub(crate) fn is_all_beyond(&self, (min_time, max_time): (i64, i64)) -> bool {
        self.is_beyond(match self.direction {
            Direction::Forward => min_time,
            Direction::Backward => max_time,
        })
    }

    /// Whether no entry of a run can count.
    pub(crate) fn is_run_beyond(&self, run: &PieceRun) -> bool {
        self.is_all_beyond((run.min_time, run.max_time))
    }

    /// No entry beyond this time can be part of the answer.
    pub(crate) fn advance(&self, time: i64) {
        match self.direction {
            Direction::Forward => self.edge.fetch_min(time, Ordering::Relaxed),
            Direction::Backward => self.edge.fetch_max(time, Ordering::Relaxed),
        };
    }

    /// Takes entries in.
    pub(crate) fn absorb(&self, entries: Vec<Entry>) -> Result<(), QueryError> {
        let mut collector = self.collector.lock();
        if let Some(edge) = collector.absorb(entries) {
            self.advance(edge);
        }
        if let Some(error) = self.shortened.as_ref().filter(|_| collector.is_shortened()) {
            return Err(error.clone());
        }
        Ok(self.held.lock().cover(collector.bytes())?)
    }

    /// The entries in order with what they are charged with, and whether memory made the answer
    /// shorter than asked.
    pub(crate) fn finish(&self) -> Result<(Vec<Entry>, Charge, bool), QueryError> {
        let mut collector = self.collector.lock();
        let (entries, shortened) = collector.finish()?;
        let mut held = std::mem::take(&mut *self.held.lock());
        held.cover(exact_bytes(&entries))?;
        Ok((entries, held, shortened))
    }
}
