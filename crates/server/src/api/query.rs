//! `query` and `query_range`.

use super::{header, json, labelling};
use crate::clock;
use crate::config::Limits;
use crate::error::ApiError;
use crate::params::{Bounds, Params, RangeShape};
use crate::query_log::{Kind, QueryLog};
use crate::reader::Reader;
use crate::state::App;
use crate::wire::answer::{Labelling, encode};
use crate::wire::notes::Notes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use skald_logql::ast::Expr;
use skald_model::TimeRange;
use skald_query::{HintRequest, INSTANT_LOG_RANGE_NS, InstantRequest, RangeRequest};
use std::sync::Arc;

/// `query_range`
pub async fn range(
    State(app): State<Arc<App>>,
    reader: Reader,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, ApiError> {
    let now = clock::now();
    let bounds = params.ordered_bounds(now)?;
    let shape = params.range_shape(bounds)?;
    let expr = parse(params.query())?;
    let bounds = look_back(bounds, now, reader.limits());
    let bounds = check_range(reader.limits(), &expr, bounds, shape)?;
    let labelling = labelling(&headers);
    let kind = match &expr {
        Expr::Log(log) if log.stages.is_empty() => Kind::Limited,
        Expr::Log(_) => Kind::Filter,
        Expr::Metric(_) => Kind::Metric,
    };
    let log = QueryLog::begin(&reader.tenant(), kind, params.query(), bounds).with(
        shape.step,
        shape.limit,
        header(&headers, "x-query-tags"),
    );
    let request = RangeRequest {
        tenant: reader.tenant(),
        query: params.query().to_owned(),
        start: bounds.start,
        end: bounds.end,
        step: shape.step,
        interval: shape.interval,
        limit: shape.limit,
        direction: shape.direction,
        categorize: labelling == Labelling::Categorized,
        skip_errors: params.skip_errors(),
        after: params.cursor()?,
    };
    let answer = app.ask(&reader, move |engine, cancel| {
        let answer = engine.query_range(&request, cancel)?;
        let notes = Notes::on(&answer, engine, || {
            let range = TimeRange { start: request.start, end: request.end };
            HintRequest { tenant: request.tenant.clone(), query: request.query.clone(), range }
        });
        Ok((encode(&answer, labelling, &notes), answer.stats, notes))
    });
    let (body, stats, notes) = log.watch(answer.await)?;
    log.end(&stats);
    Ok(with_notes(json(body), &notes))
}

/// `query`
pub async fn instant(
    State(app): State<Arc<App>>,
    reader: Reader,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, ApiError> {
    let time = params.time("time", clock::now())?;
    let limit = params.limit("limit", 100)?;
    let direction = params.direction()?;
    let expr = parse(params.query())?;
    check_limit(reader.limits(), &expr, limit)?;
    let labelling = labelling(&headers);
    let bounds = Bounds { start: time, end: time };
    let log =
        QueryLog::begin(&reader.tenant(), Kind::Instant, params.query(), bounds).with(0, limit, header(&headers, "x-query-tags"));
    let categorize = labelling == Labelling::Categorized;
    let looks_back = if matches!(expr, Expr::Log(_)) { INSTANT_LOG_RANGE_NS } else { 0 };
    let query = params.query().to_owned();
    let request =
        InstantRequest { tenant: reader.tenant(), query, time, limit, direction, categorize, skip_errors: params.skip_errors() };
    let answer = app.ask(&reader, move |engine, cancel| {
        let answer = engine.query_instant(&request, cancel)?;
        let notes = Notes::on(&answer, engine, || {
            let range = TimeRange { start: request.time.saturating_sub(looks_back), end: request.time };
            HintRequest { tenant: request.tenant.clone(), query: request.query.clone(), range }
        });
        Ok((encode(&answer, labelling, &notes), answer.stats, notes))
    });
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
    let lookback = i64::try_from(limits.max_query_lookback.as_nanos()).unwrap_or(i64::MAX);
    if lookback == 0 {
        return bounds;
    }
    let oldest = now.saturating_sub(lookback);
    Bounds { start: bounds.start.max(oldest), end: bounds.end.max(oldest) }
}

/// Checks the limits of a range query and gives the range to evaluate: points of metric queries lie at
/// multiples of the step since 1970, so that neighbouring requests fit together.
pub(super) fn check_range(limits: &Limits, expr: &Expr, bounds: Bounds, shape: RangeShape) -> Result<Bounds, ApiError> {
    check_limit(limits, expr, shape.limit)?;
    let longest = i64::try_from(limits.max_query_length.as_nanos()).unwrap_or(i64::MAX);
    let length = bounds.end.saturating_sub(bounds.start);
    if longest > 0 && length > longest {
        let (length, limit) = (crate::duration::show(length), crate::duration::show(longest));
        let text = format!("the query time range exceeds the limit (query length: {length}, limit: {limit})");
        return Err(ApiError::bad(text));
    }
    Ok(match expr {
        Expr::Log(_) => bounds,
        Expr::Metric(_) => align(bounds, shape.step),
    })
}

fn check_limit(limits: &Limits, expr: &Expr, limit: usize) -> Result<(), ApiError> {
    let max = limits.max_entries_limit_per_query;
    if matches!(expr, Expr::Log(_)) && max > 0 && limit > max {
        let text = format!("max entries limit per query exceeded, limit > max_entries_limit_per_query ({limit} > {max})");
        return Err(ApiError::bad(text));
    }
    Ok(())
}

fn align(bounds: Bounds, step: i64) -> Bounds {
    let over = bounds.end.rem_euclid(step);
    let end = if over == 0 { bounds.end } else { bounds.end.saturating_add(step - over) };
    Bounds { start: bounds.start.saturating_sub(bounds.start.rem_euclid(step)), end }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_lie_at_multiples_of_the_step() {
        let check = |start, end, step, expected: (i64, i64)| {
            let aligned = align(Bounds { start, end }, step);
            assert_eq!((aligned.start, aligned.end), expected);
        };
        check(11, 29, 10, (10, 30));
        check(10, 30, 10, (10, 30));
        check(-5, 5, 10, (-10, 10));
    }
}
