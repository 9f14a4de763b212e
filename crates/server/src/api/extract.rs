//! Extractors read tenants, read scopes and parameters out of requests.
//!
//! The types know nothing of [`App`]; here they get what they need of it.

use crate::api::params::Params;
use crate::app::App;
use crate::auth::read_scope::ReadScope;
use crate::auth::tenant::{Tenant, Tenants};
use crate::clock;
use crate::error::ApiError;
use crate::time_bounds::Bounds;
use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method};
use skald_model::TenantId;
use std::sync::Arc;

/// The tenant of requests that name none, while tenants are switched off.
fn fallback(app: &App) -> Option<&TenantId> {
    (!app.config.auth_enabled).then_some(&app.default_tenant)
}

impl FromRequestParts<Arc<App>> for Tenant {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Tenant, ApiError> {
        Tenant::named(parts, fallback(app))
    }
}

impl FromRequestParts<Arc<App>> for ReadScope {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<ReadScope, ApiError> {
        let querier = &app.config.querier;
        let tenants = if querier.multi_tenant_queries_enabled {
            Tenants::named(parts, fallback(app))?
        } else {
            Tenant::named(parts, fallback(app))?.into()
        };
        ReadScope::of_request(&app.overrides, querier, tenants, &parts.headers)
    }
}

/// The scope of a request that may be a link. Links carry no headers: the parameter `tenant` stands for
/// a missing `X-Scope-OrgID`.
pub(crate) struct LinkScope(pub(crate) ReadScope);

impl FromRequestParts<Arc<App>> for LinkScope {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<LinkScope, ApiError> {
        const TENANT: HeaderName = HeaderName::from_static("x-scope-orgid");
        let params = Params::parse(parts.uri.query().unwrap_or(""))?;
        let named = params.get("tenant");
        if !named.is_empty() && !parts.headers.contains_key(&TENANT) {
            let named = HeaderValue::from_str(named)
                .map_err(|_| ApiError::bad("the parameter tenant can't be one"))?;
            parts.headers.insert(TENANT, named);
        }
        let scope = ReadScope::from_request_parts(parts, app).await?;
        Ok(LinkScope(scope))
    }
}

impl FromRequest<Arc<App>> for Params {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Params, ApiError> {
        let url = request.uri().query().unwrap_or("").to_owned();
        let may_have_form = [Method::POST, Method::PUT].contains(request.method());
        if !may_have_form || !is_form(&request) {
            return Params::parse(&url);
        }
        let max = app.config.frontend.max_body_size.0;
        let form = app
            .arrivals
            .read(request.into_body(), &app.config, max)
            .await?;
        Params::merged(std::str::from_utf8(&form).unwrap_or(""), &url)
    }
}

fn is_form(request: &Request<Body>) -> bool {
    let kind = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .unwrap_or("");
    kind.split(';')
        .next()
        .unwrap_or("")
        .trim()
        .eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// The range of a request for metadata: not before `max_query_lookback`, and no longer than
/// `max_query_length`.
pub(crate) fn metadata_bounds(
    app: &App,
    scope: &ReadScope,
    params: &Params,
) -> Result<Bounds, ApiError> {
    let now = clock::now();
    let bounds = scope.look_back(params.ordered_bounds(now)?, now);
    scope.admit_length(&app.metrics, bounds)?;
    Ok(bounds)
}
