//! The `format_query` endpoint prints a query in its canonical form.

use crate::api::params::Params;
use crate::api::response::json;
use crate::error::ApiError;
use crate::wire::json::Json;
use axum::http::StatusCode;
use axum::response::Response;
use skald_logql::syntax::pretty;

/// `format_query`
pub(crate) async fn format_query(params: Params) -> Result<Response, ApiError> {
    let mut out = Json::default();
    let status = match skald_logql::parse(params.query()).map(|expr| pretty(&expr)) {
        Ok(pretty) => {
            out.raw("{\"status\":\"success\",\"data\":");
            out.text(&pretty);
            StatusCode::OK
        }
        Err(error) => {
            out.raw("{\"status\":\"invalid-query\",\"error\":");
            out.text(&error.message);
            StatusCode::BAD_REQUEST
        }
    };
    out.raw("}\n");
    let mut response = json(out.finish());
    *response.status_mut() = status;
    Ok(response)
}
