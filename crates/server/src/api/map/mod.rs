//! The map endpoint answers who talks to whom, from the columns of flow logs.
//!
//! Two metric queries count flows and bytes by their ends; memory is that of their series.

mod edges;

use crate::api::params::Params;
use crate::api::query::{kind_of, parse};
use crate::api::response::json;
use crate::app::App;
use crate::auth::read_scope::ReadScope;
use crate::clock;
use crate::error::ApiError;
use crate::limits::bytes_guard::BytesGuard;
use crate::telemetry::query_log::QueryLog;
use crate::time_bounds::Bounds;
use axum::extract::State;
use axum::response::Response;
use edges::{Amount, By, Counts, Kind, Node};
use skald_logql::ast::Expr;
use skald_query::{Data, InstantRequest, OnError, Stats, VectorSample};
use std::sync::Arc;

/// Most kinds of flows (ends, verdict and who reports) in an answer; the rest is left out, with a
/// warning.
const SERIES_MAX: usize = 10_000;

/// Where flows are looked for unless a request says otherwise.
const EVERYWHERE: &str = "{service_name=~\".+\"}";

/// What tells flows from other entries. Answers to what was asked go the other way, and are no edges
/// of their own.
const FLOWS: &str = " | verdict!=\"\" | is_reply!=\"true\"";

/// `map`
pub(crate) async fn map(
    State(app): State<Arc<App>>,
    mut scope: ReadScope,
    params: Params,
) -> Result<Response, ApiError> {
    let by = By::parse(params.get("by"))
        .ok_or_else(|| ApiError::bad("by must be one of 'workload', 'namespace' and 'pod'"))?;
    let now = clock::now();
    let bounds = scope.look_back(params.ordered_bounds(now)?, now);
    let base = base(params.query())?;
    scope.query_limits.max_query_series = SERIES_MAX;
    scope.query_limits.partial = true;
    let mut counts = Counts::default();
    let mut warnings = Vec::new();
    let flows = format!("count_over_time({base} {})", range(bounds));
    let bytes = format!(
        "sum_over_time({base} | bytes!=\"\" | unwrap bytes | __error__=\"\" {})",
        range(bounds)
    );
    for (leaf, set) in [
        (
            flows,
            (|amount, value| amount.flows = value) as fn(&mut Amount, f64),
        ),
        (bytes, |amount, value| amount.bytes = value),
    ] {
        let text = format!("sum by ({}) ({leaf})", grouping(by));
        let (samples, mut more) = ask(&app, &scope, &text, bounds).await?;
        warnings.append(&mut more);
        for sample in samples {
            let reporter = sample.labels.get("reporter").unwrap_or_default();
            set(counts.amount(kind(&sample), reporter), sample.value);
        }
    }
    warnings.dedup();
    let (nodes, edges) = counts.json(by, &base);
    let answer = serde_json::json!({
        "status": "success",
        "data": {
            "by": by.word(),
            "start": bounds.start.to_string(),
            "end": bounds.end.to_string(),
            "nodes": nodes,
            "edges": edges,
        },
        "warnings": warnings,
    });
    Ok(json(answer.to_string().into_bytes()))
}

/// The log query of all flows, over what a request asks for.
fn base(query: &str) -> Result<String, ApiError> {
    let query = match query.trim() {
        "" => EVERYWHERE,
        query => query,
    };
    match parse(query)?.expr() {
        Expr::Log(_) => Ok(format!("{query}{FLOWS}")),
        _ => Err(ApiError::bad("only log selector is supported")),
    }
}

/// The range, its first instant included.
fn range(bounds: Bounds) -> String {
    let length = bounds.end.saturating_sub(bounds.start) / 1_000_000;
    format!("[{}ms]", length.max(0) + 1)
}

/// The labels that flows are counted by.
fn grouping(by: By) -> String {
    let of_end = |end: &str| {
        let columns = by.columns().iter();
        let columns: Vec<String> = columns.map(|column| format!("{end}_{column}")).collect();
        columns.join(", ")
    };
    format!("{}, {}, verdict, reporter", of_end("src"), of_end("dst"))
}

/// The series of a metric query over the range.
async fn ask(
    app: &Arc<App>,
    scope: &ReadScope,
    text: &str,
    bounds: Bounds,
) -> Result<(Vec<VectorSample>, Vec<String>), ApiError> {
    let query = parse(text)?;
    let kind = kind_of(query.expr());
    scope.admit(&app.metrics, &query, kind, bounds)?;
    let guard = BytesGuard::new(
        scope.limits(),
        scope.tenants(),
        &query,
        Bounds::at(bounds.end),
    );
    let log = QueryLog::begin(&app.query_log, &scope.tenant(), kind, text, bounds);
    let request =
        InstantRequest::new(scope.tenants().clone(), query, bounds.end).on_error(OnError::Skip);
    let job = app.ask(scope, move |engine, cancel| {
        guard.check(engine, cancel)?;
        engine.query_instant(&request, cancel)
    });
    let answer = log.watch(job.await)?;
    let stats: &Stats = &answer.stats;
    log.end(stats);
    match answer.data {
        Data::Vector(samples) => Ok((samples, answer.warnings)),
        _ => Ok((Vec::new(), answer.warnings)),
    }
}

/// What a series counts.
fn kind(sample: &VectorSample) -> Kind {
    let label = |name: &str| sample.labels.get(name).unwrap_or_default().to_owned();
    let node = |end: &str| Node {
        namespace: label(&format!("{end}_namespace")),
        workload: label(&format!("{end}_workload")),
        pod: label(&format!("{end}_pod")),
    };
    Kind {
        source: node("src"),
        target: node("dst"),
        verdict: label("verdict"),
    }
}
