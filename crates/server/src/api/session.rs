//! Session endpoints: a browser changes its token for a cookie, gives it back, and asks who it is.

use crate::api::headers::header;
use crate::api::response::json;
use crate::app::App;
use crate::auth::session::{SESSION_SECONDS, cookie};
use crate::auth::tenant::Tenant;
use crate::auth::tokens::Grant;
use crate::clock;
use crate::error::ApiError;
use axum::Extension;
use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// `POST session`: the guard has checked the token, or the session that is made longer.
pub(crate) async fn begin(
    State(app): State<Arc<App>>,
    grant: Option<Extension<Grant>>,
    headers: HeaderMap,
) -> Response {
    // Without tokens there is nothing to remember.
    let Some(Extension(grant)) = grant else {
        return StatusCode::NO_CONTENT.into_response();
    };
    let end = clock::now() / 1_000_000_000 + SESSION_SECONDS;
    let session = app.tokens.session(&grant, end);
    let cookie = cookie(Some(&session), is_encrypted(&app, &headers));
    (StatusCode::NO_CONTENT, [(SET_COOKIE, cookie)]).into_response()
}

/// `DELETE session`
pub(crate) async fn end(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let cookie = cookie(None, is_encrypted(&app, &headers));
    (StatusCode::NO_CONTENT, [(SET_COOKIE, cookie)]).into_response()
}

/// Whether the browser's connection is encrypted, as far as to the first proxy.
fn is_encrypted(app: &App, headers: &HeaderMap) -> bool {
    !app.config.server.tls.cert_file.is_empty()
        || header(headers, "x-forwarded-proto").eq_ignore_ascii_case("https")
}

/// `tenants`: those that the token may see. Without tokens the one that the request names, as then
/// a proxy may be what keeps tenants apart.
pub(crate) async fn tenants(
    State(app): State<Arc<App>>,
    grant: Option<Extension<Grant>>,
    tenant: Result<Tenant, ApiError>,
) -> Response {
    let named = tenant.map(|Tenant(tenant)| tenant).ok();
    let (tenants, token) = match &grant {
        _ if !app.config.auth_enabled => (vec![app.default_tenant.clone()], None),
        Some(Extension(grant)) => {
            let tenants = match grant.tenants() {
                Some(tenants) => tenants.to_vec(),
                None => app.store.tenants(),
            };
            (tenants, Some(grant.name()))
        }
        None => (named.clone().into_iter().collect(), None),
    };
    let names: Vec<&str> = tenants.iter().map(|tenant| tenant.as_str()).collect();
    let data = serde_json::json!({
        "tenants": names,
        "tenant": named.as_ref().map(|tenant| tenant.as_str()),
        "token": token,
        "auth_enabled": app.config.auth_enabled,
    });
    let body = serde_json::json!({"status": "success", "data": data});
    json(format!("{body}\n"))
}
