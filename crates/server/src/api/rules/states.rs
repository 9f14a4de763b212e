//! The Prometheus view of rules and alerts, and the page's with what became of each evaluation.

use super::answers::{ErrorKind, error};
use super::filter::{Chosen, Filter};
use crate::api::params::Params;
use crate::api::response::page;
use crate::app::App;
use crate::auth::tenant::Tenant;
use crate::error::ApiError;
use crate::wire::answer::list;
use crate::wire::json::Json;
use crate::wire::rules::{Detail, alert_bytes, group_bytes, rule_bytes, write_alert, write_group};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use skald_ruler::view::{AlertView, GroupView};
use std::sync::Arc;

/// Ends every answer, as Loki has it.
const END: &str = "},\"errorType\":\"\",\"error\":\"\"}\n";

/// `/prometheus/api/v1/rules`
pub(crate) async fn rules(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    params: Params,
) -> Result<Response, Response> {
    check_served(&app)?;
    let groups = app
        .rules()
        .map_err(IntoResponse::into_response)?
        .view(&tenant);
    shown(&app, &groups, &params, Detail::Prometheus).await
}

/// `/skald/api/v1/rules`: the same with the last evaluations of each rule.
pub(crate) async fn history(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    params: Params,
) -> Result<Response, Response> {
    let groups = app
        .rules()
        .map_err(IntoResponse::into_response)?
        .view(&tenant);
    shown(&app, &groups, &params, Detail::History).await
}

async fn shown(
    app: &App,
    groups: &[GroupView],
    params: &Params,
    detail: Detail,
) -> Result<Response, Response> {
    let bad = |mistake: ApiError| error(ErrorKind::BadData, &mistake.message);
    let filter = Filter::of(params).map_err(bad)?;
    let Chosen { groups, next_token } = filter.choose(groups).map_err(bad)?;
    let bytes = groups.iter().map(|(view, rules)| {
        let rules = rules
            .iter()
            .map(|rule| rule_bytes(rule, filter.alerts, detail));
        group_bytes(view) + rules.sum::<usize>()
    });
    let write = |json: &mut Json| {
        json.raw("{\"status\":\"success\",\"data\":{\"groups\":");
        list(json, &groups, |json, (view, rules)| {
            write_group(json, view, rules, filter.alerts, detail);
        });
        if let Some(token) = &next_token {
            json.raw(",\"groupNextToken\":");
            json.text(token);
        }
        json.raw(END);
    };
    let answer = page(&app.outgoing, bytes.sum(), write).await;
    answer.map_err(IntoResponse::into_response)
}

/// `/prometheus/api/v1/alerts`
pub(crate) async fn alerts(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
) -> Result<Response, Response> {
    check_served(&app)?;
    let groups = app
        .rules()
        .map_err(IntoResponse::into_response)?
        .view(&tenant);
    let rules = groups.iter().flat_map(|group| &group.rules);
    let all: Vec<&AlertView> = rules
        .flat_map(|rule| rule.alerts.iter().chain(&rule.failure))
        .collect();
    let bytes = all.iter().map(|alert| alert_bytes(alert)).sum();
    let write = |json: &mut Json| {
        json.raw("{\"status\":\"success\",\"data\":{\"alerts\":");
        list(json, &all, |json, alert| write_alert(json, alert));
        json.raw(END);
    };
    let answer = page(&app.outgoing, bytes, write).await;
    answer.map_err(IntoResponse::into_response)
}

#[expect(
    clippy::result_large_err,
    reason = "a response is what a handler gives"
)]
fn check_served(app: &App) -> Result<(), Response> {
    match app.config.ruler.enable_api {
        true => Ok(()),
        false => {
            let text = "404 page not found\n";
            Err(ApiError::new(StatusCode::NOT_FOUND, text).into_response())
        }
    }
}
