//! The query endpoints: `query` and `query_range`.
//!
//! Both make a [`Question`] of their parameters, which then goes one way: limits, log, engine,
//! JSON.

use crate::api::headers::{caching, header, labelling};
use crate::api::params::{Params, RangeShape};
use crate::api::response::json;
use crate::app::App;
use crate::auth::read_scope::ReadScope;
use crate::clock;
use crate::coalesce::{Answered, QueryKey, Times};
use crate::error::ApiError;
use crate::limits::bytes_guard::BytesGuard;
use crate::net::encoded::EncodedAnswer;
use crate::net::outgoing::IsCharged;
use crate::query_kind::QueryKind;
use crate::telemetry::metrics::RefusalReason;
use crate::telemetry::query_log::QueryLog;
use crate::time_bounds::Bounds;
use crate::wire::answer::encode;
use crate::wire::notes::Notes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use futures_util::FutureExt;
use skald_logql::ast::Expr;
use skald_model::{Charge, Direction, TimeRange};
use skald_query::{
    Answer, Cancel, Cursor, Data, Engine, HintRequest, INSTANT_LOG_RANGE_NS, InstantRequest,
    Parsed, QueryError, RangeRequest, Stats,
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
    let query = parse(params.query())?;
    let bounds = scope.look_back(bounds, now);
    let kind = kind_of(query.expr());
    scope.admit(&app.metrics, &query, kind, bounds)?;
    let times = Times::Range {
        bounds: aligned(query.expr(), bounds, shape),
        step: shape.step,
        interval: shape.interval,
    };
    let question = Question {
        query,
        kind,
        times,
        limit: shape.limit,
        direction: shape.direction,
        after: params.cursor()?,
    };
    answer(&app, &scope, &headers, &params, question).await
}

/// `query`
pub(crate) async fn instant(
    State(app): State<Arc<App>>,
    scope: ReadScope,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, ApiError> {
    let now = clock::now();
    let time = params.time("time", now)?;
    let limit = params.limit("limit", 100)?;
    let direction = params.direction()?;
    let query = parse(params.query())?;
    let bounds = Bounds::at(time);
    scope.admit(&app.metrics, &query, kind_of(query.expr()), bounds)?;
    if scope.look_back(bounds, now) != bounds {
        let nothing = nothing(query.expr());
        let body = encode(nothing, labelling(&headers), Notes::default());
        return Ok(json(body));
    }
    let question = Question {
        query,
        kind: QueryKind::Instant,
        times: Times::Instant(time),
        limit,
        direction,
        after: None,
    };
    answer(&app, &scope, &headers, &params, question).await
}

/// An admitted query with what only its endpoint knows.
struct Question {
    query: Parsed,
    kind: QueryKind,
    times: Times,
    limit: usize,
    direction: Direction,
    after: Option<Cursor>,
}

/// Asks the engine, once for equal questions at the same time, and logs the query.
async fn answer(
    app: &Arc<App>,
    scope: &ReadScope,
    headers: &HeaderMap,
    params: &Params,
    question: Question,
) -> Result<Response, ApiError> {
    let Question { query, times, .. } = question;
    let (limit, warning) = entries(app, scope, query.expr(), question.limit)?;
    let (bounds, step) = match times {
        Times::Range { bounds, step, .. } => (bounds, step),
        Times::Instant(time) => (Bounds::at(time), 0),
    };
    let log = QueryLog::begin(
        &app.query_log,
        &scope.tenant(),
        question.kind,
        query.text(),
        bounds,
    );
    let log = log.with(step, limit, header(headers, "x-query-tags"));
    let guard = BytesGuard::new(scope.limits(), scope.tenants(), &query, bounds);
    let reads = match (times, query.expr()) {
        (Times::Instant(_), Expr::Log(_)) => INSTANT_LOG_RANGE_NS,
        _ => 0,
    };
    let hint = HintRequest {
        tenants: scope.tenants().clone(),
        query: query.clone(),
        range: TimeRange {
            start: bounds.start.saturating_sub(reads),
            end: bounds.end,
        },
    };
    let key = QueryKey {
        tenants: scope.tenants().clone(),
        limits: scope.query_limits.clone(),
        bytes_read_max: scope.limits().max_query_bytes_read.0,
        labelling: labelling(headers),
        query,
        times,
        limit,
        warning,
        direction: question.direction,
        on_error: params.on_error(),
        after: question.after,
        caching: caching(headers),
    };
    let asked = key.clone();
    let run = run(app, scope, key, move |engine, cancel| {
        guard.check(engine, cancel)?;
        let mut answer = evaluate(engine, &asked, cancel)?;
        answer.warnings.extend(asked.warning.clone());
        let notes = Notes::on(&answer, engine, || hint.clone());
        Ok((answer, notes))
    });
    let (body, stats, notes) = log.watch(run.await)?;
    log.end(&stats);
    let mut response = json(body.body(&app.outgoing));
    response.extensions_mut().insert(IsCharged);
    notes.add_headers(response.headers_mut());
    Ok(response)
}

/// Runs the engine's query for a key.
fn evaluate(engine: &Engine, key: &QueryKey, cancel: &Cancel) -> Result<Answer, QueryError> {
    let (tenants, query) = (key.tenants.clone(), key.query.clone());
    match key.times {
        Times::Range {
            bounds,
            step,
            interval,
        } => {
            let request = RangeRequest::new(tenants, query, bounds.start, bounds.end)
                .step(step)
                .interval(interval)
                .limit(key.limit)
                .direction(key.direction)
                .labelling(key.labelling)
                .on_error(key.on_error)
                .after(key.after)
                .caching(key.caching);
            engine.query_range(&request, cancel)
        }
        Times::Instant(time) => {
            let request = InstantRequest::new(tenants, query, time)
                .limit(key.limit)
                .direction(key.direction)
                .labelling(key.labelling)
                .on_error(key.on_error)
                .caching(key.caching);
            engine.query_instant(&request, cancel)
        }
    }
}

/// Runs a query, or waits for an equal one that is running.
async fn run(
    app: &Arc<App>,
    scope: &ReadScope,
    key: QueryKey,
    job: impl Fn(&Engine, &Cancel) -> Result<(Answer, Notes), QueryError> + Send + Sync + 'static,
) -> Result<Answered, ApiError> {
    let labelling = key.labelling;
    let asked = (app.clone(), scope.clone());
    let joined = || app.metrics.count_shared();
    let run = app.coalescer.join(key, joined, move || {
        let (app, scope) = asked;
        let answer = async move {
            let outgoing = app.outgoing.clone();
            let encoded = move |engine: &Engine, cancel: &Cancel| {
                let (answer, notes) = job(engine, cancel)?;
                let (stats, whole) = (answer.stats.clone(), answer.warnings.is_empty());
                let body = EncodedAnswer::new(answer, labelling, notes.clone(), &outgoing);
                Ok((body, stats, notes, whole))
            };
            let (body, stats, notes, whole) = app.ask(&scope, encoded).await?;
            let body = body?;
            if !whole {
                app.metrics.count_partial(scope.tenant().as_str());
            }
            Ok((body, stats, notes))
        };
        answer.boxed()
    });
    run.await
}

/// The answer to a query before `max_query_lookback`.
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
        charge: Charge::default(),
    }
}

/// Parses a query, once for all that follows; the error is the parser's text.
pub(super) fn parse(query: &str) -> Result<Parsed, ApiError> {
    Ok(Parsed::parse(query)?)
}

/// The kind of a query over a range.
pub(super) fn kind_of(expr: &Expr) -> QueryKind {
    match expr {
        Expr::Log(log) if log.stages.is_empty() => QueryKind::Limited,
        Expr::Log(_) => QueryKind::Filter,
        Expr::Metric(_) => QueryKind::Metric,
    }
}

/// The entries to answer at most, and a warning when these are fewer than the request asks for.
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

/// The range to evaluate: points of metric queries lie at multiples of the step since 1970, so that
/// neighbouring requests fit together.
pub(super) fn aligned(expr: &Expr, bounds: Bounds, shape: RangeShape) -> Bounds {
    match expr {
        Expr::Log(_) => bounds,
        Expr::Metric(_) => bounds.aligned(shape.step),
    }
}
