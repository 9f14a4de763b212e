//! `patterns`: templates of lines. Until they are mined the list is empty, which clients show as such.

use super::json;
use crate::clock;
use crate::error::ApiError;
use crate::params::Params;
use crate::tenant::Tenant;
use axum::response::Response;
use skald_logql::ast::Expr;

/// `patterns`
pub async fn patterns(Tenant(_): Tenant, params: Params) -> Result<Response, ApiError> {
    let bounds = params.ordered_bounds(clock::now())?;
    params.step(bounds)?;
    match super::query::parse(params.query())? {
        Expr::Log(log) if log.stages.is_empty() => Ok(json("{\"status\":\"success\",\"data\":[]}\n")),
        Expr::Log(_) | Expr::Metric(_) => Err(ApiError::bad("only label matchers are supported")),
    }
}
