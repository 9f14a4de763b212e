//! The plan of a log query: which entries are wanted, of which times, in which order.

use crate::cursor::Cursor;
use crate::error::QueryError;
use crate::exec::log::entry::Entry;
use crate::exec::log::top_k::TopK;
use crate::parsed::Parsed;
use crate::request::{InstantRequest, RangeRequest};
use skald_logql::typed::LogQuery;
use skald_model::{Direction, TimeRange};

/// How far back a log query asked as instant looks, nanoseconds (beyond Loki, which refuses it).
pub const INSTANT_LOG_RANGE_NS: i64 = 3_600 * 1_000_000_000;

/// A log query over a range.
#[derive(Clone, Debug)]
pub(crate) struct LogPlan {
    pub(crate) query: LogQuery,
    /// The range of the request: inner queries are over all of it.
    pub(crate) whole: TimeRange,
    /// What is to be read: the part of it that earlier pages leave.
    pub(crate) range: TimeRange,
    pub(crate) top: TopK,
    /// Least distance between entries, nanoseconds; 0 gives all.
    pub(crate) interval: i64,
}

impl LogPlan {
    /// The entries of `range` that `top` names, whatever the query's own `limit`, `sort` and
    /// `distinct`.
    pub(crate) fn new(query: LogQuery, range: TimeRange, top: TopK) -> LogPlan {
        LogPlan {
            query,
            whole: range,
            range,
            top,
            interval: 0,
        }
    }

    /// Of a `query_range`.
    pub(crate) fn of_range(request: &RangeRequest, query: LogQuery) -> Result<LogPlan, QueryError> {
        let range = TimeRange {
            start: request.start,
            end: request.end,
        };
        let top = TopK {
            after: request.after,
            ..asked(&query, request.direction, request.limit)
        };
        let plan = LogPlan {
            interval: request.interval,
            ..LogPlan::new(query, range, top)
        };
        match request.after {
            Some(cursor) => plan.after(&cursor, &request.query),
            None => Ok(plan),
        }
    }

    /// Of a page of a `query_range`, of at most `bytes_max` bytes.
    pub(crate) fn of_page(
        request: &RangeRequest,
        query: LogQuery,
        bytes_max: usize,
    ) -> Result<LogPlan, QueryError> {
        let mut plan = LogPlan::of_range(request, query)?;
        if !plan.has_pages() {
            let text = "an interval and the stages distinct, sort and limit have no pages";
            return Err(QueryError::Bad(text.to_owned()));
        }
        plan.top.bytes_max = Some(bytes_max);
        Ok(plan)
    }

    /// Of a `query`: the last hour.
    pub(crate) fn of_instant(request: &InstantRequest, query: LogQuery) -> LogPlan {
        let end = request.time.saturating_add(1);
        let range = TimeRange {
            start: end.saturating_sub(INSTANT_LOG_RANGE_NS),
            end,
        };
        let top = asked(&query, request.direction, request.limit);
        LogPlan::new(query, range, top)
    }

    /// Whether the answer is a stretch of the total order of entries, so that there is a next
    /// stretch.
    fn has_pages(&self) -> bool {
        self.interval == 0
            && self.top.distinct.is_none()
            && self.top.sort.is_empty()
            && self.query.limit.is_none()
    }

    /// Leaves out the times of the pages before the cursor's.
    fn after(self, cursor: &Cursor, query: &Parsed) -> Result<LogPlan, QueryError> {
        if !self.has_pages() {
            let text =
                "a cursor can't be used with an interval or the stages distinct, sort and limit";
            return Err(QueryError::Bad(text.to_owned()));
        }
        if !cursor.belongs_to(query.text(), self.top.direction) {
            return Err(QueryError::Bad(
                "the cursor belongs to another query or direction".to_owned(),
            ));
        }
        let TimeRange { start, end } = self.whole;
        let range = match self.top.direction {
            Direction::Forward => TimeRange {
                start: start.max(cursor.timestamp),
                end,
            },
            Direction::Backward => TimeRange {
                start,
                end: end.min(cursor.timestamp.saturating_add(1)),
            },
        };
        Ok(LogPlan { range, ..self })
    }

    /// The cursor of the next page after these entries; `full` when there may be one.
    pub(crate) fn cursor(&self, entries: &[Entry], full: bool, query: &Parsed) -> Option<Cursor> {
        let last = entries.last().filter(|_| full && self.has_pages())?;
        Some(Cursor::new(
            self.top.direction,
            (last.timestamp, last.stream),
            last.content,
            query.text(),
        ))
    }
}

/// The entries that a request asks for, its query's own stages at the end included.
fn asked(query: &LogQuery, direction: Direction, limit: usize) -> TopK {
    let own = query
        .limit
        .map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX));
    TopK {
        distinct: query.distinct.clone(),
        sort: query.sort.clone(),
        ..TopK::by_time(direction, limit.min(own))
    }
}
