//! Rules endpoints answer Grafana's alerting pages: there is no ruler, so there are no rules.
//!
//! That is said in Loki's words and shapes. Writing rules is not routed.

use crate::api::params::Params;
use crate::api::response::json;
use crate::auth::tenant::Tenant;
use crate::error::ApiError;
use axum::http::StatusCode;
use axum::response::Response;

/// `rules` and `rules/{namespace}`
pub(crate) async fn list(Tenant(_): Tenant) -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "no rule groups found\n")
}

/// `rules/{namespace}/{group}`
pub(crate) async fn group(Tenant(_): Tenant) -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "group does not exist\n")
}

/// `/prometheus/api/v1/rules`
pub(crate) async fn states(Tenant(_): Tenant, params: Params) -> Result<Response, ApiError> {
    match params.get("type") {
        "" | "alert" | "record" => Ok(json(
            "{\"status\":\"success\",\"data\":{\"groups\":[]},\"errorType\":\"\",\"error\":\"\"}\n",
        )),
        other => Err(ApiError::bad(format!("not supported value {other:?}"))),
    }
}

/// `/prometheus/api/v1/alerts`
pub(crate) async fn alerts(Tenant(_): Tenant) -> Response {
    json("{\"status\":\"success\",\"data\":{\"alerts\":[]},\"errorType\":\"\",\"error\":\"\"}\n")
}
