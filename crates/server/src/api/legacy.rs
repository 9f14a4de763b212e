//! The legacy query endpoint (`/api/prom/query`) answers lines in Loki's first format.

use crate::api::params::Params;
use crate::api::query::{entries, kind_of, parse};
use crate::api::response::json;
use crate::app::App;
use crate::auth::read_scope::ReadScope;
use crate::clock;
use crate::error::ApiError;
use crate::net::outgoing::{Charged, IsCharged};
use crate::wire::answer::{encode_legacy, weight};
use axum::extract::State;
use axum::response::Response;
use skald_logql::ast::Expr;
use skald_query::{Data, RangeRequest};
use std::sync::Arc;

const ONLY_STREAMS: &str =
    "rpc error: code = Code(400) desc = legacy endpoints only support streams result type";

/// `/api/prom/query`
pub(crate) async fn query(
    State(app): State<Arc<App>>,
    scope: ReadScope,
    params: Params,
) -> Result<Response, ApiError> {
    let now = clock::now();
    let bounds = params.ordered_bounds(now)?;
    let shape = params.range_shape(bounds)?;
    let query = parse(&with_regexp(&params))?;
    if !matches!(query.expr(), Expr::Log(_)) {
        return Err(ApiError::bad(ONLY_STREAMS));
    }
    let bounds = scope.look_back(bounds, now);
    scope.admit(&app.metrics, &query, kind_of(query.expr()), bounds)?;
    let (limit, _) = entries(&app, &scope, query.expr(), shape.limit)?;
    let tenants = scope.tenants().clone();
    let request = RangeRequest::new(tenants, query, bounds.start, bounds.end)
        .step(shape.step)
        .limit(limit)
        .direction(shape.direction);
    let outgoing = app.outgoing.clone();
    let body = app.ask(&scope, move |engine, cancel| {
        let answer = engine.query_range(&request, cancel)?;
        let Data::Streams(streams) = &answer.data else {
            return Ok(Err(ApiError::bad(ONLY_STREAMS)));
        };
        Ok(outgoing
            .blocking_room(weight(&answer.data))
            .map(|mut held| {
                let body = encode_legacy(streams, &answer.stats);
                held.fit(body.capacity());
                Charged::bytes(body, held)
            }))
    });
    let mut response = json(body.await??);
    response.extensions_mut().insert(IsCharged);
    Ok(response)
}

/// The parameter `regexp` is one more line filter.
fn with_regexp(params: &Params) -> String {
    let mut query = params.query().to_owned();
    let regexp = params.get("regexp");
    if !regexp.is_empty() {
        query.push_str(" |~ ");
        skald_model::labels::write_quoted(&mut query, regexp)
            .expect("writing to memory does not fail");
    }
    query
}
