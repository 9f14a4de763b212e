//! Index endpoints answer sizes from the index: `index/stats`, `index/volume`, `index/shards`.

use crate::api::extract::metadata_bounds;
use crate::api::params::Params;
use crate::api::query::parse;
use crate::api::response::{json, page};
use crate::app::App;
use crate::auth::read_scope::ReadScope;
use crate::error::ApiError;
use crate::query_kind::QueryKind;
use crate::telemetry::query_log::QueryLog;
use crate::time_bounds::Bounds;
use crate::wire::answer::{list, write_pairs};
use crate::wire::json::Json;
use crate::wire::notes::Notes;
use crate::wire::stats as wire_stats;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use skald_query::{IndexStats, MetadataRequest, Stats, VolumeRequest, VolumeSeries};
use std::sync::Arc;

/// `index/stats`
pub(crate) async fn stats(
    State(app): State<Arc<App>>,
    scope: ReadScope,
    params: Params,
) -> Result<Response, ApiError> {
    let stats = read_stats(&app, &scope, &params).await?;
    let mut out = Json::default();
    write_stats(&mut out, &stats);
    out.raw("\n");
    Ok(json(out.finish()))
}

/// `index/shards`: one shard, as there is one process.
pub(crate) async fn shards(
    State(app): State<Arc<App>>,
    scope: ReadScope,
    params: Params,
) -> Result<Response, ApiError> {
    // Whatever the target is, there is one shard; what is no size is refused all the same.
    let target = skald_logql::pipeline::parse_bytes(params.get("targetBytesPerShard"));
    if !target.is_ok_and(|bytes| bytes > 0) {
        return Err(ApiError::bad(
            "targetBytesPerShard must be a positive value",
        ));
    }
    let stats = read_stats(&app, &scope, &params).await?;
    let mut out = Json::default();
    out.raw("{\"shards\":[{\"bounds\":{\"min\":0,\"max\":18446744073709551615},\"stats\":");
    write_stats(&mut out, &stats);
    out.raw("}],\"statistics\":");
    wire_stats::write(&mut out, &Stats::default(), &Notes::default());
    out.raw(",\"chunkGroups\":null}\n");
    Ok(json(out.finish()))
}

async fn read_stats(
    app: &Arc<App>,
    scope: &ReadScope,
    params: &Params,
) -> Result<IndexStats, ApiError> {
    let bounds = metadata_bounds(app, scope, params)?;
    if params.query().is_empty() {
        // Where labels take a missing selector for all streams, Loki wants one here.
        parse("")?;
    }
    let request = MetadataRequest {
        tenants: scope.tenants().clone(),
        query: params.query().to_owned(),
        start: bounds.start,
        end: bounds.end,
    };
    let log = QueryLog::begin(
        &app.query_log,
        &scope.tenant(),
        QueryKind::Stats,
        &request.query,
        bounds,
    );
    let stats = log.watch(
        app.ask(scope, move |engine, cancel| {
            engine.index_stats(&request, cancel)
        })
        .await,
    )?;
    log.end_counted(stats.streams as usize);
    Ok(stats)
}

fn write_stats(out: &mut Json, stats: &IndexStats) {
    out.raw(&format!(
        "{{\"streams\":{},\"chunks\":{},\"bytes\":{},\"entries\":{}}}",
        stats.streams, stats.chunks, stats.bytes, stats.entries
    ));
}

/// `index/volume`
pub(crate) async fn volume(
    State(app): State<Arc<App>>,
    scope: ReadScope,
    params: Params,
) -> Result<Response, ApiError> {
    let bounds = metadata_bounds(&app, &scope, &params)?;
    volumes(app, scope, params, bounds, None).await
}

/// `index/volume_range`
pub(crate) async fn volume_range(
    State(app): State<Arc<App>>,
    scope: ReadScope,
    params: Params,
) -> Result<Response, ApiError> {
    let bounds = metadata_bounds(&app, &scope, &params)?;
    let step = params.step(bounds)?;
    volumes(app, scope, params, bounds, Some(step)).await
}

async fn volumes(
    app: Arc<App>,
    scope: ReadScope,
    params: Params,
    bounds: Bounds,
    step: Option<i64>,
) -> Result<Response, ApiError> {
    if !scope.limits().volume_enabled {
        return Err(ApiError::new(StatusCode::NOT_FOUND, "not found"));
    }
    let limit = match params.integer("limit", 100)? {
        0 => 100,
        limit => {
            usize::try_from(limit).map_err(|_| ApiError::bad("limit must be a positive value"))?
        }
    };
    let aggregate_by_labels = match params.get("aggregateBy") {
        "" | "series" => false,
        "labels" => true,
        _ => return Err(ApiError::bad("invalid aggregation option")),
    };
    let targets = params
        .get("targetLabels")
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty());
    let request = VolumeRequest {
        tenants: scope.tenants().clone(),
        query: params.query().to_owned(),
        start: bounds.start,
        end: bounds.end,
        step,
        limit,
        target_labels: targets.map(str::to_owned).collect(),
        aggregate_by_labels,
    };
    let log = QueryLog::begin(
        &app.query_log,
        &scope.tenant(),
        QueryKind::Volume,
        &request.query,
        bounds,
    );
    let series = log.watch(
        app.ask(&scope, move |engine, cancel| {
            engine.volume(&request, cancel)
        })
        .await,
    )?;
    log.end_counted(series.len());
    let write = |out: &mut Json| write_volumes(out, &series);
    page(&app.outgoing, series.charge.bytes(), write).await
}

/// A vector when every series has one point, else a matrix: what Loki does for both endpoints.
fn write_volumes(out: &mut Json, series: &[VolumeSeries]) {
    let vector = series.iter().all(|s| s.points.len() == 1);
    out.raw("{\"status\":\"success\",\"data\":{\"resultType\":");
    out.raw(if vector {
        "\"vector\",\"result\":"
    } else {
        "\"matrix\",\"result\":"
    });
    list(out, series, |out, series| {
        out.raw("{\"metric\":");
        write_pairs(out, &series.labels);
        let point = |out: &mut Json, (time, bytes): &(i64, u64)| {
            out.raw("[");
            out.seconds(*time);
            out.raw(&format!(",\"{bytes}\"]"));
        };
        match (vector, series.points.first()) {
            (true, Some(only)) => {
                out.raw(",\"value\":");
                point(out, only);
            }
            _ => {
                out.raw(",\"values\":");
                list(out, &series.points, point);
            }
        }
        out.raw("}");
    });
    out.raw(",\"stats\":");
    wire_stats::write(out, &Stats::default(), &Notes::default());
    out.raw("}}\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(points: &[(i64, u64)], expected: &str) {
        let series = VolumeSeries {
            labels: vec![("app".to_owned(), "x".to_owned())],
            points: points.to_vec(),
        };
        let mut out = Json::default();
        write_volumes(&mut out, &[series]);
        let text = String::from_utf8(out.finish()).expect("JSON is UTF-8");
        assert!(text.contains(expected), "{text}");
        serde_json::from_str::<serde_json::Value>(&text).expect("valid JSON");
    }

    #[test]
    fn one_point_is_a_vector_and_more_are_a_matrix() {
        check(
            &[(1_000_000_000, 5)],
            r#""resultType":"vector","result":[{"metric":{"app":"x"},"value":[1,"5"]}]"#,
        );
        let matrix = r#""resultType":"matrix","result":[{"metric":{"app":"x"},"values":[[0.999,"5"],[2,"6"]]}]"#;
        check(&[(999_000_000, 5), (2_000_000_000, 6)], matrix);
    }
}
