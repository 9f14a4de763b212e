//! The patterns endpoint answers templates of lines with their counts over time.

use crate::api::extract::metadata_bounds;
use crate::api::params::Params;
use crate::api::query::parse;
use crate::api::response::page;
use crate::app::App;
use crate::auth::read_scope::ReadScope;
use crate::error::ApiError;
use crate::query_kind::QueryKind;
use crate::telemetry::query_log::QueryLog;
use crate::wire::answer::list;
use crate::wire::json::Json;
use axum::extract::State;
use axum::response::Response;
use skald_logql::ast::Expr;
use skald_query::{PatternSeries, PatternsRequest};
use std::sync::Arc;

/// Shortest step, nanoseconds: the one of stored counts. A shorter one is raised, as in Loki.
const STEP_MIN: i64 = 10_000_000_000;

/// `patterns`
pub(crate) async fn patterns(
    State(app): State<Arc<App>>,
    scope: ReadScope,
    params: Params,
) -> Result<Response, ApiError> {
    let bounds = metadata_bounds(&app, &scope, &params)?;
    let step = params.step(bounds)?.max(STEP_MIN);
    let query = parse(params.query())?;
    match query.expr() {
        Expr::Log(log) if log.stages.is_empty() => {}
        Expr::Log(_) | Expr::Metric(_) => {
            return Err(ApiError::bad("only label matchers are supported"));
        }
    }
    let request = PatternsRequest {
        tenants: scope.tenants().clone(),
        query,
        start: bounds.start,
        end: bounds.end,
        step,
    };
    let log = QueryLog::begin(
        &app.query_log,
        &scope.tenant(),
        QueryKind::Patterns,
        params.query(),
        bounds,
    )
    .with(step, 0, "");
    let answer = log.watch(
        app.ask(&scope, move |engine, cancel| {
            engine.patterns(&request, cancel)
        })
        .await,
    )?;
    log.end_counted(answer.patterns.len());
    let write = |out: &mut Json| {
        out.raw("{\"status\":\"success\"");
        if !answer.warnings.is_empty() {
            out.raw(",\"warnings\":");
            list(out, &answer.warnings, |out, warning| out.text(warning));
        }
        out.raw(",\"data\":");
        list(out, &answer.patterns, write_series);
        out.raw("}\n");
    };
    page(&app.outgoing, answer.charge.bytes(), write).await
}

fn write_series(out: &mut Json, series: &PatternSeries) {
    out.raw("{\"pattern\":");
    out.text(&series.pattern);
    out.raw(",\"level\":");
    out.text(series.level);
    out.raw(",\"samples\":");
    list(out, &series.samples, |out, (second, count)| {
        out.raw(&format!("[{second},{count}]"))
    });
    out.raw("}");
}
