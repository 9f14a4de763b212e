//! Label endpoints answer names, values and series from the stream index.

use crate::api::extract::metadata_bounds;
use crate::api::params::Params;
use crate::api::response::page;
use crate::app::App;
use crate::auth::read_scope::ReadScope;
use crate::error::ApiError;
use crate::query_kind::QueryKind;
use crate::telemetry::query_log::QueryLog;
use crate::wire::answer::list;
use crate::wire::json::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use skald_query::{MetadataRequest, SeriesRequest};
use std::sync::Arc;

/// `labels`
pub(crate) async fn names(
    State(app): State<Arc<App>>,
    scope: ReadScope,
    params: Params,
) -> Result<Response, ApiError> {
    let bounds = metadata_bounds(&app, &scope, &params)?;
    let request = MetadataRequest {
        tenants: scope.tenants().clone(),
        query: params.query().to_owned(),
        start: bounds.start,
        end: bounds.end,
    };
    let log = QueryLog::begin(
        &app.query_log,
        &scope.tenant(),
        QueryKind::Labels,
        &request.query,
        bounds,
    );
    let names = log.watch(
        app.ask(&scope, move |engine, cancel| {
            engine.label_names(&request, cancel)
        })
        .await,
    )?;
    log.end_counted(names.len());
    page(&app.outgoing, names.charge.bytes(), |out| {
        texts(out, &names)
    })
    .await
}

/// `label/{name}/values`
pub(crate) async fn values(
    State(app): State<Arc<App>>,
    scope: ReadScope,
    Path(name): Path<String>,
    params: Params,
) -> Result<Response, ApiError> {
    let bounds = metadata_bounds(&app, &scope, &params)?;
    let request = MetadataRequest {
        tenants: scope.tenants().clone(),
        query: params.query().to_owned(),
        start: bounds.start,
        end: bounds.end,
    };
    let log = QueryLog::begin(
        &app.query_log,
        &scope.tenant(),
        QueryKind::Labels,
        &request.query,
        bounds,
    );
    let values = log.watch(
        app.ask(&scope, move |engine, cancel| {
            engine.label_values(&name, &request, cancel)
        })
        .await,
    )?;
    log.end_counted(values.len());
    page(&app.outgoing, values.charge.bytes(), |out| {
        texts(out, &values)
    })
    .await
}

/// `series`
pub(crate) async fn series(
    State(app): State<Arc<App>>,
    scope: ReadScope,
    params: Params,
) -> Result<Response, ApiError> {
    let bounds = metadata_bounds(&app, &scope, &params)?;
    let groups = groups(&params)?;
    let log = QueryLog::begin(
        &app.query_log,
        &scope.tenant(),
        QueryKind::Series,
        &groups.join(","),
        bounds,
    );
    let request = SeriesRequest {
        tenants: scope.tenants().clone(),
        groups,
        start: bounds.start,
        end: bounds.end,
    };
    let series = log.watch(
        app.ask(&scope, move |engine, cancel| {
            engine.series(&request, cancel)
        })
        .await,
    )?;
    log.end_counted(series.len());
    let write = |out: &mut Json| {
        out.raw("{\"status\":\"success\",\"data\":");
        list(out, &series, |out, labels| out.labels(labels.iter()));
        out.raw("}\n");
    };
    page(&app.outgoing, series.charge.bytes(), write).await
}

/// The selectors of `match[]`; `{}` alone means every stream, as no selector does.
fn groups(params: &Params) -> Result<Vec<String>, ApiError> {
    let mut groups: Vec<String> = Vec::new();
    for group in params.all(&["match[]", "match"]) {
        if !groups.iter().any(|g| g == group) {
            groups.push(group.to_owned());
        }
    }
    let everything = |group: &String| group.split_whitespace().collect::<String>() == "{}";
    match groups.iter().find(|group| everything(group)) {
        Some(_) if groups.len() == 1 => Ok(Vec::new()),
        Some(group) => Err(ApiError::bad(format!("0 matchers in group: {group}"))),
        None => Ok(groups),
    }
}

/// A list of names; left out when it is empty, as in Loki.
fn texts(out: &mut Json, names: &[String]) {
    out.raw("{\"status\":\"success\"");
    if !names.is_empty() {
        out.raw(",\"data\":");
        list(out, names, |out, name| out.text(name));
    }
    out.raw("}\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(query: &str, expected: Result<&[&str], &str>) {
        let found = groups(&Params::parse(query).expect("valid")).map_err(|e| e.message);
        assert_eq!(
            found,
            expected
                .map(|g| g.iter().map(|s| (*s).to_owned()).collect())
                .map_err(str::to_owned),
            "{query}"
        );
    }

    #[test]
    fn an_empty_selector_alone_means_all_series() {
        check("", Ok(&[]));
        check("match[]={ }", Ok(&[]));
        check(
            "match[]={a=%22b%22}&match={a=%22b%22}&match=x",
            Ok(&["{a=\"b\"}", "x"]),
        );
        check(
            "match[]={}&match={a=%22b%22}",
            Err("0 matchers in group: {}"),
        );
    }
}
