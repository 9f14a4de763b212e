//! The pipeline of a live tail: runs a query's stages on each new entry.

use crate::answer::EntryResult;
use crate::error::QueryError;
use crate::exec::log::entry::OutputLabels;
use crate::request::Labelling;
use crate::response;
use skald_logql::pipeline::{Pipeline, Row, RowSink, Scratch, Selection, StreamRows};
use skald_logql::typed::{LogQuery, Query};
use skald_model::{BatchBuilder, Charge, Direction, Labels, Matcher, Stop};
use std::ops::ControlFlow;
use std::sync::Arc;

/// Labels as in [`crate::StreamResult`], and the entry.
pub type TailedEntry = (Vec<(String, String)>, EntryResult);

/// What a tail holds beside its entries: its stages with their scratch space, in bytes.
pub(crate) const COMPILED_BYTES: usize = 64 << 10;

/// What the stages hold for each byte of the query's text.
pub(crate) const COMPILED_TIMES: usize = 16;

/// A tail's selector and stages.
pub struct TailPipeline {
    /// Streams it follows.
    pub matchers: Vec<Matcher>,
    pipeline: Arc<Pipeline>,
    labelling: Labelling,
    scratch: Scratch,
    /// What entries hold that came through and wait to be sent.
    pub queued: Charge,
    /// What the stages hold, compiled.
    _compiled: Charge,
    clock: fn() -> i64,
}

impl TailPipeline {
    /// Of a log query; a metric query is refused in Loki's words. `charge` has what it holds, compiled.
    pub(crate) fn new(
        query: Query,
        labelling: Labelling,
        charge: Charge,
        clock: fn() -> i64,
    ) -> Result<TailPipeline, QueryError> {
        match query {
            Query::Log(LogQuery {
                matchers,
                pipeline,
                subqueries,
                ..
            }) if subqueries.is_empty() => Ok(TailPipeline {
                matchers,
                pipeline,
                labelling,
                queued: charge.another(),
                scratch: Scratch::charged(0, charge.another()),
                _compiled: charge,
                clock,
            }),
            Query::Log(_) => Err(QueryError::Bad(
                "a tail can't run the inner query of 'in'".to_owned(),
            )),
            Query::Metric(_) => Err(QueryError::Bad("only log selector is supported".to_owned())),
        }
    }

    /// The entry after the stages; `None` when it is filtered out. Fails where the stages make more of it than the tail may hold.
    pub fn process(
        &mut self,
        labels: &Labels,
        timestamp: i64,
        line: &[u8],
        metadata: &[(String, String)],
    ) -> Result<Option<TailedEntry>, Stop> {
        let mut builder = BatchBuilder::default();
        builder.push(
            0,
            timestamp,
            line,
            metadata.iter().map(|(n, v)| (n.as_str(), v.as_str())),
        );
        let batch = builder.finish();
        let mut selection = Selection::all(1);
        self.scratch.now = (self.clock)();
        self.pipeline
            .filter_lines(&batch, &mut selection, &mut self.scratch);
        let mut sink = One {
            found: None,
            room: self.queued.another(),
            outcome: Ok(()),
        };
        let run = StreamRows {
            batch: &batch,
            rows: 0..1,
            stream: labels,
            selection: &selection,
        };
        let _ = self
            .pipeline
            .run(&run, Direction::Forward, &mut self.scratch, &mut sink)?;
        sink.outcome?;
        let single = |(line, labels): (_, OutputLabels)| {
            response::single(timestamp, line, &labels, self.labelling)
        };
        Ok(sink.found.map(single))
    }
}

/// The one entry, when it came through.
struct One {
    found: Option<(Vec<u8>, OutputLabels)>,
    room: Charge,
    outcome: Result<(), Stop>,
}

impl RowSink for One {
    fn row(&mut self, row: &Row<'_>) -> ControlFlow<()> {
        // The labels, and what is made of them to be sent.
        let bytes = row.line.len() + 2 * OutputLabels::bytes_of(row);
        self.outcome = self.room.room_for(bytes);
        if self.outcome.is_ok() {
            self.found = Some((row.line.to_vec(), OutputLabels::of(row)));
        }
        ControlFlow::Continue(())
    }
}
