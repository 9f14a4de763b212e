//! Detection endpoints answer labels and fields that entries have, and values of a field.

use crate::api::extract::metadata_bounds;
use crate::api::params::Params;
use crate::api::response::{json, page};
use crate::app::App;
use crate::auth::read_scope::ReadScope;
use crate::error::ApiError;
use crate::query_kind::QueryKind;
use crate::telemetry::query_log::QueryLog;
use crate::wire::answer::list;
use crate::wire::json::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use skald_query::{DetectedField, FieldsRequest, MetadataRequest};
use std::sync::Arc;

/// Lines looked at unless `line_limit` says otherwise.
const LINE_LIMIT: usize = 100;
/// Fields or values returned unless `limit` says otherwise.
const FIELD_LIMIT: usize = 1000;

/// `detected_labels`
pub(crate) async fn labels(
    State(app): State<Arc<App>>,
    scope: ReadScope,
    params: Params,
) -> Result<Response, ApiError> {
    let bounds = metadata_bounds(&app, &scope, &params)?;
    let query = if params.query().split_whitespace().collect::<String>() == "{}" {
        ""
    } else {
        params.query()
    };
    let request = MetadataRequest {
        tenants: scope.tenants().clone(),
        query: query.to_owned(),
        start: bounds.start,
        end: bounds.end,
    };
    let log = QueryLog::begin(
        &app.query_log,
        &scope.tenant(),
        QueryKind::Detected,
        &request.query,
        bounds,
    );
    let labels = log.watch(
        app.ask(&scope, move |engine, cancel| {
            engine.detected_labels(&request, cancel)
        })
        .await,
    )?;
    log.end_counted(labels.len());
    if labels.is_empty() {
        return Ok(json("{}\n"));
    }
    let write = |out: &mut Json| {
        out.raw("{\"detectedLabels\":");
        list(out, &labels, |out, (name, cardinality)| {
            out.raw("{\"label\":");
            out.text(name);
            out.raw(&format!(",\"cardinality\":{cardinality}}}"));
        });
        out.raw("}\n");
    };
    page(&app.outgoing, labels.charge.bytes(), write).await
}

/// `detected_fields`
pub(crate) async fn fields(
    State(app): State<Arc<App>>,
    scope: ReadScope,
    params: Params,
) -> Result<Response, ApiError> {
    let (request, log) = fields_request(&app, &scope, &params)?;
    let limit = request.limit;
    let fields = log.watch(
        app.ask(&scope, move |engine, cancel| {
            engine.detected_fields(&request, cancel)
        })
        .await,
    )?;
    log.end_counted(fields.len());
    if fields.is_empty() {
        return Ok(json("{}\n"));
    }
    let write = |out: &mut Json| {
        out.raw("{\"fields\":");
        list(out, &fields, write_field);
        out.raw(&format!(",\"limit\":{limit}}}\n"));
    };
    page(&app.outgoing, fields.charge.bytes(), write).await
}

/// `detected_field/{name}/values`
pub(crate) async fn values(
    State(app): State<Arc<App>>,
    scope: ReadScope,
    Path(name): Path<String>,
    params: Params,
) -> Result<Response, ApiError> {
    let (request, log) = fields_request(&app, &scope, &params)?;
    let limit = request.limit;
    let values = log.watch(
        app.ask(&scope, move |engine, cancel| {
            engine.detected_field_values(&name, &request, cancel)
        })
        .await,
    )?;
    log.end_counted(values.len());
    if values.is_empty() {
        return Ok(json("{}\n"));
    }
    let write = |out: &mut Json| {
        out.raw("{\"values\":");
        list(out, &values, |out, value| out.text(value));
        out.raw(&format!(",\"limit\":{limit}}}\n"));
    };
    page(&app.outgoing, values.charge.bytes(), write).await
}

/// The request for fields, and the query log's line of it.
fn fields_request(
    app: &App,
    scope: &ReadScope,
    params: &Params,
) -> Result<(FieldsRequest, QueryLog), ApiError> {
    let bounds = metadata_bounds(app, scope, params)?;
    // Loki reads a step here and refuses a bad one, though it has no use for it.
    params.step(bounds)?;
    let limit = if params.get("limit").is_empty() {
        "field_limit"
    } else {
        "limit"
    };
    let request = FieldsRequest {
        tenants: scope.tenants().clone(),
        query: params.query().to_owned(),
        start: bounds.start,
        end: bounds.end,
        line_limit: scope
            .limits()
            .entries(params.limit("line_limit", LINE_LIMIT)?),
        limit: params.limit(limit, FIELD_LIMIT)?,
    };
    let log = QueryLog::begin(
        &app.query_log,
        &scope.tenant(),
        QueryKind::Detected,
        &request.query,
        bounds,
    )
    .with(0, request.limit, "");
    Ok((request, log))
}

fn write_field(out: &mut Json, field: &DetectedField) {
    out.raw("{\"label\":");
    out.text(&field.label);
    out.raw(",\"type\":");
    out.text(field.kind);
    out.raw(&format!(
        ",\"cardinality\":{},\"parsers\":",
        field.cardinality
    ));
    if field.parsers.is_empty() {
        out.raw("null");
    } else {
        list(out, &field.parsers, |out, parser| out.text(parser));
    }
    if !field.json_path.is_empty() {
        out.raw(",\"jsonPath\":");
        list(out, &field.json_path, |out, segment| out.text(segment));
    }
    out.raw("}");
}
