//! `query` and `query_range`.

use super::{caching, header, json, labelling};
use crate::api::params::{Params, RangeShape};
use crate::app::App;
use crate::auth::read_scope::ReadScope;
use crate::bounds::Bounds;
use crate::clock;
use crate::coalesce::Answered;
use crate::config::Limits;
use crate::config::limits::nanoseconds;
use crate::config::setting::{ByteSize, Setting};
use crate::error::ApiError;
use crate::limits::admission;
use crate::query_kind::QueryKind;
use crate::telemetry::metrics::RefusalReason;
use crate::telemetry::query_log::QueryLog;
use crate::wire::answer::{Labelling, encode};
use crate::wire::notes::Notes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;
use futures_util::FutureExt;
use skald_logql::ast::Expr;
use skald_model::TimeRange;
use skald_query::{
    Answer, Cancel, Data, Engine, HintRequest, INSTANT_LOG_RANGE_NS, InstantRequest,
    MetadataRequest, QueryError, RangeRequest, Stats,
};
use std::sync::Arc;

/// `query_range`
pub(crate) async fn range(
    State(app): State<Arc<App>>,
    scope: ReadScope,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, ApiError> {
    let now = clock::now();
    let bounds = params.ordered_bounds(now)?;
    let shape = params.range_shape(bounds)?;
    let expr = parse(params.query())?;
    let bounds = look_back(bounds, now, scope.limits());
    let kind = kind_of(&expr);
    scope.admit(&app.metrics, params.query(), &expr, kind, bounds)?;
    let bounds = aligned(&expr, bounds, shape);
    let (limit, cut) = entries(&app, &scope, &expr, shape.limit)?;
    let labelling = labelling(&headers);
    let log = QueryLog::begin(&scope.tenant(), kind, params.query(), bounds).with(
        shape.step,
        limit,
        header(&headers, "x-query-tags"),
    );
    let request = RangeRequest {
        tenant: scope.tenant(),
        query: params.query().to_owned(),
        start: bounds.start,
        end: bounds.end,
        step: shape.step,
        interval: shape.interval,
        limit,
        direction: shape.direction,
        categorize: labelling == Labelling::Categorized,
        skip_errors: params.skip_errors(),
        after: params.cursor()?,
        caching: caching(&headers),
    };
    let guard = BytesGuard::new(&scope, params.query(), &expr, bounds);
    let answer = run(
        &app,
        &scope,
        format!("{request:?}"),
        labelling,
        move |engine, cancel| {
            guard.check(engine)?;
            let mut answer = engine.query_range(&request, cancel)?;
            answer.warnings.extend(cut);
            let notes = Notes::on(&answer, engine, || {
                let range = TimeRange {
                    start: request.start,
                    end: request.end,
                };
                HintRequest {
                    tenant: request.tenant.clone(),
                    query: request.query.clone(),
                    range,
                }
            });
            Ok((answer, notes))
        },
    );
    let (body, stats, notes) = log.watch(answer.await)?;
    log.end(&stats);
    Ok(with_notes(json(body), &notes))
}

/// `query`
pub(crate) async fn instant(
    State(app): State<Arc<App>>,
    scope: ReadScope,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, ApiError> {
    let time = params.time("time", clock::now())?;
    let limit = params.limit("limit", 100)?;
    let direction = params.direction()?;
    let expr = parse(params.query())?;
    let bounds = Bounds {
        start: time,
        end: time,
    };
    scope.admit(&app.metrics, params.query(), &expr, kind_of(&expr), bounds)?;
    let (limit, cut) = entries(&app, &scope, &expr, limit)?;
    let labelling = labelling(&headers);
    let lookback = nanoseconds(scope.limits().max_query_lookback);
    if lookback > 0 && time < clock::now().saturating_sub(lookback) {
        return Ok(json(encode(&nothing(&expr), labelling, &Notes::default())));
    }
    let log = QueryLog::begin(&scope.tenant(), QueryKind::Instant, params.query(), bounds).with(
        0,
        limit,
        header(&headers, "x-query-tags"),
    );
    let categorize = labelling == Labelling::Categorized;
    let looks_back = if matches!(expr, Expr::Log(_)) {
        INSTANT_LOG_RANGE_NS
    } else {
        0
    };
    let query = params.query().to_owned();
    let request = InstantRequest {
        tenant: scope.tenant(),
        query,
        time,
        limit,
        direction,
        categorize,
        skip_errors: params.skip_errors(),
        caching: caching(&headers),
    };
    let guard = BytesGuard::new(&scope, params.query(), &expr, bounds);
    let answer = run(
        &app,
        &scope,
        format!("{request:?}"),
        labelling,
        move |engine, cancel| {
            guard.check(engine)?;
            let mut answer = engine.query_instant(&request, cancel)?;
            answer.warnings.extend(cut);
            let notes = Notes::on(&answer, engine, || {
                let range = TimeRange {
                    start: request.time.saturating_sub(looks_back),
                    end: request.time,
                };
                HintRequest {
                    tenant: request.tenant.clone(),
                    query: request.query.clone(),
                    range,
                }
            });
            Ok((answer, notes))
        },
    );
    let (body, stats, notes) = log.watch(answer.await)?;
    log.end(&stats);
    Ok(with_notes(json(body), &notes))
}

fn with_notes(mut response: Response, notes: &Notes) -> Response {
    notes.add_headers(response.headers_mut());
    response
}

/// Reads a query, giving the parser's words back.
pub(super) fn parse(query: &str) -> Result<Expr, ApiError> {
    skald_logql::parse(query).map_err(|error| ApiError::bad(error.message))
}

/// Leaves out what is older than `max_query_lookback`.
pub(super) fn look_back(bounds: Bounds, now: i64, limits: &Limits) -> Bounds {
    match nanoseconds(limits.max_query_lookback) {
        0 => bounds,
        lookback => bounds.not_before(now.saturating_sub(lookback)),
    }
}

/// What kind of question it is.
pub(super) fn kind_of(expr: &Expr) -> QueryKind {
    match expr {
        Expr::Log(log) if log.stages.is_empty() => QueryKind::Limited,
        Expr::Log(_) => QueryKind::Filter,
        Expr::Metric(_) => QueryKind::Metric,
    }
}

/// The answer to a question about times that nobody may see.
fn nothing(expr: &Expr) -> Answer {
    let data = match expr {
        Expr::Log(_) => Data::Streams(Vec::new()),
        Expr::Metric(_) => Data::Vector(Vec::new()),
    };
    Answer {
        data,
        stats: Stats::default(),
        warnings: Vec::new(),
        cursor: None,
    }
}

/// Runs a query, or waits for an equal one that is under way.
async fn run(
    app: &Arc<App>,
    scope: &ReadScope,
    question: String,
    labelling: Labelling,
    job: impl FnOnce(&Engine, &Cancel) -> Result<(Answer, Notes), QueryError> + Send + 'static,
) -> Result<Answered, ApiError> {
    let key = format!(
        "{:?} {:?} {labelling:?} {question}",
        scope.tenants(),
        scope.query_limits
    );
    let asked = (app.clone(), scope.clone());
    let joined = || app.metrics.count_shared();
    let run = app.coalescer.join(key, scope.tenants(), joined, move || {
        let (app, scope) = asked;
        let answer = async move {
            let encoded = move |engine: &Engine, cancel: &Cancel| {
                let (answer, notes) = job(engine, cancel)?;
                Ok((
                    Bytes::from(encode(&answer, labelling, &notes)),
                    answer.stats,
                    notes,
                    answer.warnings.is_empty(),
                ))
            };
            let (body, stats, notes, whole) = app.ask(&scope, encoded).await?;
            if !whole {
                app.metrics.count_partial(scope.tenant().as_str());
            }
            Ok((body, stats, notes))
        };
        answer.boxed()
    });
    run.await
}

/// How many entries are answered, and the warning when these are fewer than were asked for.
pub(super) fn entries(
    app: &App,
    scope: &ReadScope,
    expr: &Expr,
    limit: usize,
) -> Result<(usize, Option<String>), ApiError> {
    let max = scope.limits().max_entries_limit_per_query;
    if matches!(expr, Expr::Metric(_)) || max == 0 || limit <= max {
        return Ok((limit, None));
    }
    let text = format!(
        "max entries limit per query exceeded, limit > max_entries_limit_per_query ({limit} > {max})"
    );
    if scope.accepts_partial() {
        return Ok((
            max,
            Some(format!("{text}; returning at most {max} entries")),
        ));
    }
    scope.count_refused(&app.metrics, RefusalReason::Entries);
    Err(ApiError::bad(text))
}

/// `max_query_bytes_read`: what the index says a query has to look at.
pub(super) struct BytesGuard {
    max: u64,
    requests: Vec<MetadataRequest>,
}

impl BytesGuard {
    pub(super) fn new(scope: &ReadScope, text: &str, expr: &Expr, bounds: Bounds) -> BytesGuard {
        let max = scope.limits().max_query_bytes_read.0;
        let reads = if max == 0 {
            Vec::new()
        } else {
            admission::reads(text, expr)
        };
        let request = |(query, before): (String, i64)| {
            let start = bounds.start.saturating_sub(before);
            MetadataRequest {
                tenant: scope.tenant(),
                query,
                start,
                end: bounds.end,
            }
        };
        BytesGuard {
            max,
            requests: reads.into_iter().map(request).collect(),
        }
    }

    pub(super) fn check(&self, engine: &Engine) -> Result<(), QueryError> {
        let mut found = 0u64;
        for request in &self.requests {
            found = found.saturating_add(engine.index_stats(request)?.bytes);
        }
        if self.max == 0 || found <= self.max {
            return Ok(());
        }
        let size = |bytes| {
            ByteSize(bytes)
                .show()
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        Err(QueryError::BytesRead {
            found: size(found),
            limit: size(self.max),
        })
    }
}

/// The range to evaluate: points of metric queries lie at multiples of the step since 1970, so that
/// neighbouring requests fit together.
pub(super) fn aligned(expr: &Expr, bounds: Bounds, shape: RangeShape) -> Bounds {
    match expr {
        Expr::Log(_) => bounds,
        Expr::Metric(_) => bounds.aligned(shape.step),
    }
}
