//! `rules/test` evaluates a group over a past range, without storing or sending anything.

use super::answers::{ErrorKind, error};
use crate::api::params::Params;
use crate::api::response::{blocking, json};
use crate::app::App;
use crate::auth::tenant::Tenant;
use crate::clock;
use crate::config::limits::nanoseconds;
use crate::rule_engine::RuleEngine;
use crate::rules::backtest::{Backtest, run};
use crate::rules::templates::AlertTemplates;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use skald_model::Labels;
use skald_ruler::engine::Engine;
use skald_ruler::rules::{joined, read_group};
use std::sync::Arc;
use tokio::runtime::Handle;

/// Most bytes of a group as it is posted.
const GROUP_BYTES_MAX: u64 = 4 << 20;

/// `POST rules/test?start=…&end=…`: the group of the body, as YAML.
pub(crate) async fn test(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    RawQuery(query): RawQuery,
    body: Body,
) -> Result<Response, Response> {
    let bad = |text: &str| error(ErrorKind::BadData, text);
    let params = Params::parse(query.as_deref().unwrap_or_default());
    let params = params.map_err(|mistake| bad(&mistake.message))?;
    let bounds = params.ordered_bounds(clock::now());
    let bounds = bounds.map_err(|mistake| bad(&mistake.message))?;
    let bytes = app.arrivals.read(body, &app.config, GROUP_BYTES_MAX).await;
    let bytes = bytes.map_err(IntoResponse::into_response)?;
    let text = String::from_utf8(bytes.to_vec()).map_err(|_| bad("the group is not UTF-8"))?;
    let engine = Arc::new(RuleEngine::new(&app, Handle::current(), 1));
    let _stop = StopOnDrop(engine.clone());
    let config = &app.config.ruler;
    let templates = Arc::new(AlertTemplates::new(
        engine.clone(),
        config.external_url.clone(),
        Labels::from_pairs(&config.external_labels.0),
    ));
    let group = read_group(&text, &*templates).map_err(|faults| bad(&joined(&faults)))?;
    let backtest = Backtest {
        tenant,
        group: Arc::new(group),
        start: bounds.start,
        end: bounds.end,
        interval: nanoseconds(config.evaluation_interval),
    };
    let engine: Arc<dyn Engine> = engine;
    let report = blocking(move || run(&backtest, &engine, templates)).await;
    let report = report.map_err(IntoResponse::into_response)?;
    let report = report.map_err(|why| bad(&why))?;
    let answer = serde_json::json!({"status": "success", "data": report});
    Ok(json(format!("{answer}\n")))
}

/// Gives up what is asked when nobody waits for it any more.
struct StopOnDrop(Arc<RuleEngine>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop();
    }
}
