//! Status endpoints show operators health, metrics, settings and build.

use crate::api::headers::header;
use crate::api::limits::LOKI_VERSION;
use crate::api::params::Params;
use crate::api::response::{blocking, json, text};
use crate::app::{App, Phase};
use crate::config::setting::Setting;
use crate::config::{Config, LogLevel, keys};
use crate::error::ApiError;
use crate::telemetry::exposition::metric;
use crate::telemetry::logging;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// What `/ready` says until the store takes pushes.
pub(crate) const RECOVERING: &str =
    "Ingester not ready: the server is starting and reads its write-ahead log";

/// `/ready`
pub(crate) async fn ready(State(app): State<Arc<App>>) -> Response {
    let unready = |why: String| ApiError::new(StatusCode::SERVICE_UNAVAILABLE, why).into_response();
    if app.phase() == Phase::Stopping {
        return unready("Application is stopping".to_owned());
    }
    let status = app.store.status();
    match status.stopped {
        Some(why) => unready(format!("Ingester not ready: {why}")),
        None if status.recovering => {
            let [read, all] = [status.replayed.0, status.replayed.1].map(|b| b.div_ceil(1 << 20));
            unready(format!("{RECOVERING}: replaying {read} of {all} MB"))
        }
        None => text(match status.unreadable_tenants {
            0 => "ready\n".to_owned(),
            count => format!("ready\n{count} tenants can't be read: the log names them\n"),
        }),
    }
}

/// `/metrics`
pub(crate) async fn metrics(State(app): State<Arc<App>>) -> Response {
    let mut out = String::new();
    app.metrics
        .write(&mut out, &app.store.status(), app.tails.count());
    app.ingest.write_metrics(&mut out);
    app.syslog.write_metrics(&mut out);
    let (name, help) = ("skald_sources", "Sources that are remembered.");
    metric(&mut out, name, "gauge", help, app.sources.count());
    let (name, help) = (
        "skald_sources_forgotten_total",
        "Sources forgotten because there were more than server.max_sources.",
    );
    metric(&mut out, name, "counter", help, app.sources.forgotten());
    app.overrides.write_metrics(&mut out);
    if let Ok(rules) = app.rules() {
        rules.write_metrics(&mut out);
    }
    if let Some(forwarder) = &app.forwarder {
        forwarder.write_metrics(&mut out);
    }
    app.query_log.write_metrics(&mut out);
    let (running, waiting) = app.engine.load();
    metric(
        &mut out,
        "skald_queries_running",
        "gauge",
        "Queries that have a thread.",
        running,
    );
    metric(
        &mut out,
        "skald_queries_waiting",
        "gauge",
        "Queries that wait for a thread.",
        waiting,
    );
    // It is charged as long as it is, not as what it had room for.
    out.shrink_to_fit();
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(CONTENT_TYPE, kind)], out).into_response()
}

/// `/config`, with `?mode=diff` only what differs from the defaults, with `?mode=defaults` those.
pub(crate) async fn config(State(app): State<Arc<App>>, params: Params) -> Response {
    let defaults = Config::default();
    text(match params.get("mode") {
        "diff" => keys::to_yaml(&app.config, Some(&defaults)),
        "defaults" => keys::to_yaml(&defaults, None),
        _ => keys::to_yaml(&app.config, None),
    })
}

/// `/services`
pub(crate) async fn services(State(app): State<Arc<App>>) -> Response {
    let state = if app.phase() == Phase::Running {
        "Running"
    } else {
        "Stopping"
    };
    let modules = [
        "server",
        "store",
        "distributor",
        "ingester",
        "querier",
        "query-frontend",
    ];
    text(
        modules
            .map(|module| format!("{module} => {state}\n"))
            .concat(),
    )
}

/// `GET /log_level`
pub(crate) async fn log_level() -> Response {
    let level = logging::level().show();
    json(format!(
        "{{\"message\":\"Current log level is {}\"}}\n",
        level.as_str().unwrap_or("")
    ))
}

/// `POST /log_level`
pub(crate) async fn set_log_level(params: Params) -> Response {
    let text = params.get("log_level");
    match LogLevel::read(&serde_yaml_ng::Value::from(text)) {
        Ok(level) => {
            logging::set_level(level);
            json(format!(
                "{{\"status\":\"success\",\"message\":\"Log level set to {text}\"}}\n"
            ))
        }
        Err(_) => {
            let message = format!("unrecognized log level {text:?}");
            let body = serde_json::json!({"status": "failed", "message": message});
            (StatusCode::BAD_REQUEST, json(format!("{body}\n"))).into_response()
        }
    }
}

/// `/flush`
pub(crate) async fn flush(State(app): State<Arc<App>>) -> Result<StatusCode, ApiError> {
    let flushed = blocking(move || app.store.flush()).await?;
    flushed.map_err(|error| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    Ok(StatusCode::NO_CONTENT)
}

/// The ring pages: one node, which holds everything.
pub(crate) async fn ring(headers: HeaderMap) -> Response {
    if header(&headers, "accept").contains("application/json") {
        return json(
            "{\"shards\":[{\"id\":\"skald\",\"state\":\"ACTIVE\",\"address\":\"local\",\"tokens\":[0]}]}\n",
        );
    }
    let page = "<!doctype html><title>Ring</title><p>This is one process: it holds everything, and there is no ring.</p>\n";
    (
        [(
            CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        )],
        page,
    )
        .into_response()
}

/// `status/buildinfo`: the version is that of the Loki API, so that clients which compare versions
/// work.
pub(crate) async fn buildinfo() -> Response {
    let body = serde_json::json!({
        "version": LOKI_VERSION,
        "revision": concat!("skald-", env!("CARGO_PKG_VERSION")),
        "branch": "",
        "buildUser": "",
        "buildDate": "",
        "goVersion": "",
    });
    json(format!("{body}\n"))
}

/// `/skald/api/v1/openapi.json`
pub(crate) async fn openapi() -> Response {
    json(format!("{}\n", crate::openapi::document()))
}
