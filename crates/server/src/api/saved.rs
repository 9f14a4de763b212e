//! Saved searches of a tenant: listed, kept, removed.

use crate::api::params::Params;
use crate::api::response::{blocking, json};
use crate::app::App;
use crate::auth::tenant::Tenant;
use crate::error::ApiError;
use crate::saved::{NAME_CHARS_MAX, QUERY_BYTES_MAX, SaveError, SavedSearch};
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use std::sync::Arc;

/// Most bytes of a search as JSON: its texts, each byte escaped, and its columns.
const BODY_BYTES_MAX: u64 = 6 * (QUERY_BYTES_MAX + 4 * NAME_CHARS_MAX) as u64 + (128 << 10);

/// `GET saved`
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
) -> Result<Response, ApiError> {
    let searches = blocking(move || app.saved.of(&tenant)).await??;
    let body = serde_json::json!({"status": "success", "data": searches});
    Ok(json(format!("{body}\n")))
}

/// `POST saved`: keeps the search of the body, instead of one of the same name.
pub(crate) async fn keep(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    body: Body,
) -> Result<StatusCode, ApiError> {
    let bytes = app.arrivals.read(body, &app.config, BODY_BYTES_MAX).await?;
    let search: SavedSearch = serde_json::from_slice(&bytes)
        .map_err(|error| ApiError::bad(format!("a saved search is a JSON object: {error}")))?;
    search.check().map_err(ApiError::bad)?;
    blocking(move || app.saved.keep(&tenant, search)).await??;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE saved?name=…`
pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    params: Params,
) -> Result<StatusCode, ApiError> {
    let name = params.get("name").to_owned();
    match blocking(move || app.saved.remove(&tenant, &name)).await?? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(ApiError::new(
            StatusCode::NOT_FOUND,
            "there is no saved search of this name",
        )),
    }
}

impl From<SaveError> for ApiError {
    fn from(error: SaveError) -> ApiError {
        match error {
            SaveError::Full(text) => ApiError::new(StatusCode::TOO_MANY_REQUESTS, text),
            SaveError::File { .. } => {
                tracing::error!(%error, "saved searches");
                ApiError::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
            }
        }
    }
}
