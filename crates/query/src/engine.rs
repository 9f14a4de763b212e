//! The engine: one method for each kind of question, over a store and a pool of threads.

use crate::answer::{
    Answer, Data, DetectedField, IndexStats, Page, PageEntry, PatternsAnswer, VolumeSeries,
};
use crate::cursor::Cursor;
use crate::error::QueryError;
use crate::exec::context::Context;
use crate::exec::log::Found;
use crate::exec::top_k::Shape;
use crate::limits::{Cancel, QueryLimits};
use crate::request::{
    FieldsRequest, HintRequest, InstantRequest, MetadataRequest, PatternsRequest, RangeRequest,
    SeriesRequest, VolumeRequest,
};
use crate::sched::pool::Pool;
use crate::tail::TailPipeline;
use skald_logql::metric::Steps;
use skald_logql::typed;
use skald_logql::typed::{LogQuery, Query};
use skald_model::{Direction, Labels, TenantId, TimeRange};
use skald_store::Store;
use std::sync::Arc;

/// How far back a log query asked as instant looks, nanoseconds (beyond Loki, which refuses it).
pub const INSTANT_LOG_RANGE_NS: i64 = 3_600 * 1_000_000_000;

/// Answers queries. Cheap to clone: threads and data are shared.
#[derive(Clone)]
pub struct Engine {
    pub(crate) store: Arc<Store>,
    pub(crate) limits: QueryLimits,
    pub(crate) pool: Arc<Pool>,
    /// Whom a reader named when there are several.
    pub(crate) tenants: Option<Arc<[TenantId]>>,
    clock: fn() -> i64,
}

/// Parses and compiles; both kinds of error are the user's.
pub(crate) fn compile(query: &str, skip_errors: bool) -> Result<Query, QueryError> {
    let expr = skald_logql::parse(query).map_err(|e| QueryError::Bad(e.message))?;
    typed::compile(&expr, &typed::Options { skip_errors }).map_err(|e| QueryError::Bad(e.0))
}

/// Notes how long an answer took.
fn timed(answer: impl FnOnce() -> Result<Answer, QueryError>) -> Result<Answer, QueryError> {
    let began = std::time::Instant::now();
    let mut answer = answer()?;
    answer.stats.exec_seconds = began.elapsed().as_secs_f64();
    Ok(answer)
}

/// Threads that met the same limit say so once.
fn told_once(warnings: Vec<String>) -> Vec<String> {
    let mut seen = hashbrown::HashSet::new();
    warnings
        .into_iter()
        .filter(|warning| seen.insert(warning.clone()))
        .collect()
}

impl Engine {
    /// Over a store; `clock` gives now in nanoseconds since 1970.
    pub fn new(store: Arc<Store>, limits: QueryLimits, clock: fn() -> i64) -> Engine {
        let pool = Arc::new(Pool::start(limits.threads));
        Engine {
            store,
            limits,
            pool,
            tenants: None,
            clock,
        }
    }

    /// The same engine over several tenants at once, whatever tenant a request names.
    pub fn across(&self, tenants: Arc<[TenantId]>) -> Engine {
        Engine {
            tenants: Some(tenants),
            ..self.clone()
        }
    }

    /// The same engine for someone with other limits; the number of threads stays.
    pub fn under(&self, limits: QueryLimits) -> Engine {
        Engine {
            limits,
            ..self.clone()
        }
    }

    /// Hands `job` to the engine's threads when it is the tenant's turn, unless `waiting_max` of the tenant
    /// wait already. The caller gets told through whatever `job` captures; a job that is cancelled may be
    /// dropped without being run.
    pub fn run(
        &self,
        tenant: &TenantId,
        cancel: &Cancel,
        waiting_max: usize,
        job: impl FnOnce() + Send + 'static,
    ) -> Result<(), QueryError> {
        self.pool.run(
            crate::sched::pool::Job {
                tenant: tenant.clone(),
                cancel: cancel.clone(),
                run: Box::new(job),
            },
            waiting_max,
        )
    }

    /// Queries that have a thread, and those that wait for one.
    pub fn load(&self) -> (usize, usize) {
        self.pool.load()
    }

    fn context(&self, cancel: &Cancel) -> Context {
        Context::new(cancel, &self.limits, (self.clock)())
    }

    /// `query_range`
    pub fn query_range(
        &self,
        request: &RangeRequest,
        cancel: &Cancel,
    ) -> Result<Answer, QueryError> {
        timed(|| self.range_answer(request, cancel))
    }

    fn range_answer(&self, request: &RangeRequest, cancel: &Cancel) -> Result<Answer, QueryError> {
        let context = self.context(cancel).with(request.caching);
        match compile(&request.query, request.skip_errors)? {
            Query::Log(query) => {
                let range = TimeRange {
                    start: request.start,
                    end: request.end,
                };
                let ask = LogAsk {
                    tenant: &request.tenant,
                    text: &request.query,
                    query: &query,
                    range,
                    limit: request.limit,
                    interval: request.interval,
                    direction: request.direction,
                    after: request.after,
                };
                self.log_answer(&ask, request.categorize, &context)
            }
            Query::Metric(query) => {
                let steps = Steps::range(request.start, request.end, request.step);
                let found =
                    crate::exec::metric::execute(self, &request.tenant, &query, &steps, &context)?;
                let mut warnings = found.warnings;
                let data =
                    crate::response::matrix(found.value, &steps, &self.limits, &mut warnings)?;
                Ok(Answer {
                    data,
                    stats: found.stats,
                    warnings: told_once(warnings),
                    cursor: None,
                })
            }
        }
    }

    /// `query`
    pub fn query_instant(
        &self,
        request: &InstantRequest,
        cancel: &Cancel,
    ) -> Result<Answer, QueryError> {
        timed(|| self.instant_answer(request, cancel))
    }

    fn instant_answer(
        &self,
        request: &InstantRequest,
        cancel: &Cancel,
    ) -> Result<Answer, QueryError> {
        let context = self.context(cancel).with(request.caching);
        match compile(&request.query, request.skip_errors)? {
            Query::Log(query) => {
                let end = request.time.saturating_add(1);
                let range = TimeRange {
                    start: end.saturating_sub(INSTANT_LOG_RANGE_NS),
                    end,
                };
                let ask = LogAsk {
                    tenant: &request.tenant,
                    text: &request.query,
                    query: &query,
                    range,
                    limit: request.limit,
                    interval: 0,
                    direction: request.direction,
                    after: None,
                };
                self.log_answer(&ask, request.categorize, &context)
            }
            Query::Metric(query) => {
                let found = crate::exec::metric::execute(
                    self,
                    &request.tenant,
                    &query,
                    &Steps::instant(request.time),
                    &context,
                )?;
                let mut warnings = found.warnings;
                let data = crate::response::vector(
                    found.value,
                    request.time,
                    &self.limits,
                    &mut warnings,
                )?;
                Ok(Answer {
                    data,
                    stats: found.stats,
                    warnings: told_once(warnings),
                    cursor: None,
                })
            }
        }
    }

    fn log_answer(
        &self,
        ask: &LogAsk<'_>,
        categorize: bool,
        context: &Context,
    ) -> Result<Answer, QueryError> {
        let (mut found, cursor) = self.find(ask, None, context)?;
        if found.shortened {
            // Who shows no warning would take the part for the whole.
            if !self.limits.partial {
                return Err(QueryError::Memory(self.limits.query_memory));
            }
            let count = found.entries.len();
            found.warnings.push(format!(
                "the answer was cut to {count} entries to stay within the query's memory"
            ));
        }
        let data = Data::Streams(crate::response::streams(
            found.entries,
            categorize,
            !ask.query.sort.is_empty(),
        ));
        Ok(Answer {
            data,
            stats: found.stats,
            warnings: told_once(found.warnings),
            cursor,
        })
    }

    /// The entries of a log query, and the cursor of the next page when this one is full.
    fn find(
        &self,
        ask: &LogAsk<'_>,
        bytes_max: Option<usize>,
        context: &Context,
    ) -> Result<(Found, Option<Cursor>), QueryError> {
        let query = ask.query;
        let limit = query.limit.map_or(ask.limit, |n| {
            ask.limit.min(usize::try_from(n).unwrap_or(usize::MAX))
        });
        let range = ask.page_range()?;
        let (distinct, sort, direction) =
            (query.distinct.clone(), query.sort.clone(), ask.direction);
        let shape = Shape {
            direction,
            limit,
            distinct,
            sort,
            after: ask.after,
            bytes_max,
        };
        let found = if ask.interval > 0 {
            crate::exec::downsample::execute(
                self,
                ask.tenant,
                query,
                range,
                shape,
                ask.interval,
                context,
            )?
        } else {
            crate::exec::log::execute(self, ask.tenant, query, range, shape, context)?
        };
        let full = found.entries.len() >= limit || found.shortened;
        let last = found.entries.last().filter(|_| full && ask.has_pages());
        let cursor = last.map(|e| Cursor::new(direction, (e.timestamp, e.id), e.content, ask.text));
        Ok((found, cursor))
    }

    /// The next entries of a log query in their total order, at most `limit` and about `bytes_max` bytes.
    pub fn page(
        &self,
        request: &RangeRequest,
        bytes_max: usize,
        cancel: &Cancel,
    ) -> Result<Page, QueryError> {
        let context = self.context(cancel);
        let Query::Log(query) = compile(&request.query, request.skip_errors)? else {
            return Err(QueryError::Bad("only log selector is supported".to_owned()));
        };
        let ask = LogAsk {
            tenant: &request.tenant,
            text: &request.query,
            query: &query,
            range: TimeRange {
                start: request.start,
                end: request.end,
            },
            limit: request.limit,
            interval: request.interval,
            direction: request.direction,
            after: request.after,
        };
        if !ask.has_pages() {
            let text = "an interval and the stages distinct, sort and limit have no pages";
            return Err(QueryError::Bad(text.to_owned()));
        }
        let (found, cursor) = self.find(
            &ask,
            Some(bytes_max.min(self.limits.query_memory)),
            &context,
        )?;
        let entries = found
            .entries
            .into_iter()
            .map(|entry| PageEntry::new(entry.timestamp, entry.line, &entry.labels));
        Ok(Page {
            entries: entries.collect(),
            stats: found.stats,
            warnings: found.warnings,
            cursor,
        })
    }

    /// Why a query found nothing, in a sentence for the user.
    pub fn hint(&self, request: &HintRequest) -> Result<Option<String>, QueryError> {
        crate::metadata::empty_hint::hint(self, request)
    }

    /// `labels`
    pub fn label_names(&self, request: &MetadataRequest) -> Result<Vec<String>, QueryError> {
        crate::metadata::labels::label_names(self, request)
    }

    /// `label/{name}/values`
    pub fn label_values(
        &self,
        name: &str,
        request: &MetadataRequest,
    ) -> Result<Vec<String>, QueryError> {
        crate::metadata::labels::label_values(self, name, request)
    }

    /// `series`: the labels of each stream
    pub fn series(&self, request: &SeriesRequest) -> Result<Vec<Labels>, QueryError> {
        crate::metadata::labels::series(self, request)
    }

    /// `index/stats`
    pub fn index_stats(&self, request: &MetadataRequest) -> Result<IndexStats, QueryError> {
        crate::metadata::labels::index_stats(self, request)
    }

    /// `index/volume` (one point a series) and `index/volume_range`
    pub fn volume(&self, request: &VolumeRequest) -> Result<Vec<VolumeSeries>, QueryError> {
        crate::metadata::volume::volume(self, request)
    }

    /// `patterns`
    pub fn patterns(
        &self,
        request: &PatternsRequest,
        cancel: &Cancel,
    ) -> Result<PatternsAnswer, QueryError> {
        crate::metadata::patterns::patterns(self, request, &self.context(cancel))
    }

    /// `detected_labels`: label and number of values
    pub fn detected_labels(
        &self,
        request: &MetadataRequest,
    ) -> Result<Vec<(String, u64)>, QueryError> {
        crate::metadata::labels::detected_labels(self, request)
    }

    /// `detected_fields`
    pub fn detected_fields(
        &self,
        request: &FieldsRequest,
        cancel: &Cancel,
    ) -> Result<Vec<DetectedField>, QueryError> {
        crate::metadata::detected_fields::detected_fields(self, request, &self.context(cancel))
    }

    /// `detected_field/{name}/values`
    pub fn detected_field_values(
        &self,
        name: &str,
        request: &FieldsRequest,
        cancel: &Cancel,
    ) -> Result<Vec<String>, QueryError> {
        crate::metadata::detected_fields::detected_field_values(
            self,
            name,
            request,
            &self.context(cancel),
        )
    }

    /// A tail's filter and formatter: what new entries become.
    pub fn tail_pipeline(&self, query: &str, categorize: bool) -> Result<TailPipeline, QueryError> {
        TailPipeline::compile(query, categorize, self.clock)
    }
}

/// A log query over a range.
struct LogAsk<'a> {
    tenant: &'a TenantId,
    text: &'a str,
    query: &'a LogQuery,
    range: TimeRange,
    limit: usize,
    interval: i64,
    direction: Direction,
    after: Option<Cursor>,
}

impl LogAsk<'_> {
    /// Whether its answer is a stretch of the total order of entries, so that there is a next stretch.
    fn has_pages(&self) -> bool {
        let query = self.query;
        self.interval == 0
            && query.distinct.is_none()
            && query.sort.is_empty()
            && query.limit.is_none()
    }

    /// What is left of the range after the page before.
    fn page_range(&self) -> Result<TimeRange, QueryError> {
        let Some(cursor) = &self.after else {
            return Ok(self.range);
        };
        if !self.has_pages() {
            let text =
                "a cursor can't be used with an interval or the stages distinct, sort and limit";
            return Err(QueryError::Bad(text.to_owned()));
        }
        if !cursor.belongs_to(self.text, self.direction) {
            return Err(QueryError::Bad(
                "the cursor belongs to another query or direction".to_owned(),
            ));
        }
        let TimeRange { start, end } = self.range;
        Ok(match self.direction {
            Direction::Forward => TimeRange {
                start: start.max(cursor.timestamp),
                end,
            },
            Direction::Backward => TimeRange {
                start,
                end: end.min(cursor.timestamp.saturating_add(1)),
            },
        })
    }
}
