//! Who asks: the tenant of a request.

use crate::error::ApiError;
use crate::state::App;
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use skald_model::{TenantId, TenantIdError};
use std::sync::Arc;

/// The tenant a request reads or writes.
pub struct Tenant(pub TenantId);

impl FromRequestParts<Arc<App>> for Tenant {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Tenant, ApiError> {
        if !app.config.auth_enabled {
            return Ok(Tenant(app.default_tenant.clone()));
        }
        let header = parts.headers.get("x-scope-orgid").map(|v| String::from_utf8_lossy(v.as_bytes()));
        resolve(header.as_deref().unwrap_or("")).map(Tenant)
    }
}

/// The one tenant a header names; `a|a` names one.
fn resolve(header: &str) -> Result<TenantId, ApiError> {
    let mut tenants: Vec<TenantId> = Vec::new();
    for name in header.split('|') {
        let tenant = TenantId::parse(name).map_err(|error| match error {
            TenantIdError::Empty => ApiError::new(StatusCode::UNAUTHORIZED, "no org id\n"),
            other => ApiError::bad(other.to_string()),
        })?;
        if !tenants.contains(&tenant) {
            tenants.push(tenant);
        }
    }
    match <[TenantId; 1]>::try_from(tenants) {
        Ok([tenant]) => Ok(tenant),
        Err(_) => Err(ApiError::bad("multiple org IDs present")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(header: &str, expected: Result<&str, (u16, &str)>) {
        let found = resolve(header).map(|t| t.to_string()).map_err(|e| (e.status.as_u16(), e.message));
        assert_eq!(found, expected.map(str::to_owned).map_err(|(s, m)| (s, m.to_owned())), "{header}");
    }

    #[test]
    fn a_header_names_one_tenant() {
        check("a", Ok("a"));
        check("a|a", Ok("a"));
        check("a:k=v", Ok("a"));
        check("", Err((401, "no org id\n")));
        check("a|b", Err((400, "multiple org IDs present")));
        check("a/b", Err((400, "tenant ID 'a/b' contains unsupported character '/'")));
    }
}
