//! Who asks, and what is granted: the tenant of a read request with the limits that hold for it.

use crate::config::Limits;
use crate::error::ApiError;
use crate::overrides::Granted;
use crate::state::App;
use crate::tenant::Tenant;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use skald_model::TenantId;
use skald_query::QueryLimits;
use std::sync::Arc;

/// Someone who reads. What every endpoint that asks the engine extracts.
#[derive(Clone, Debug)]
pub struct Reader {
    tenant: TenantId,
    granted: Arc<Granted>,
    /// What its queries may cost.
    pub query_limits: QueryLimits,
}

impl Reader {
    /// A tenant with its usual limits.
    pub fn of(app: &App, tenant: TenantId) -> Reader {
        let granted = app.granted(&tenant);
        let query_limits = granted.limits.query(&app.config.querier);
        Reader { tenant, granted, query_limits }
    }

    /// Whose data.
    pub fn tenant(&self) -> TenantId {
        self.tenant.clone()
    }

    /// By Loki's names.
    pub fn limits(&self) -> &Limits {
        &self.granted.limits
    }
}

impl FromRequestParts<Arc<App>> for Reader {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Reader, ApiError> {
        let Tenant(tenant) = Tenant::from_request_parts(parts, app).await?;
        Ok(Reader::of(app, tenant))
    }
}
