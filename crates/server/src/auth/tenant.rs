//! A request's tenants are those that `X-Scope-OrgID` (`a|b`) names and its token allows.

use crate::auth::tokens::Grant;
use crate::error::ApiError;
use crate::telemetry::self_logs;
use axum::http::StatusCode;
use axum::http::request::Parts;
use skald_model::{TenantId, TenantIdError};
use std::sync::Arc;

/// The one tenant a request writes, follows or changes.
pub struct Tenant(pub TenantId);

/// The tenants a request reads: sorted, at least one.
pub struct Tenants(pub Arc<[TenantId]>);

impl Tenant {
    /// The tenant of a request; more than one is refused. `fallback` stands for a missing header.
    pub fn named(parts: &Parts, fallback: Option<&TenantId>) -> Result<Tenant, ApiError> {
        match named(parts, fallback)?.as_slice() {
            [tenant] => Ok(Tenant(tenant.clone())),
            _ => Err(ApiError::bad("multiple org IDs present")),
        }
    }

    /// The tenant of a push; refused is the one that only the server itself writes.
    pub fn for_push(self) -> Result<TenantId, ApiError> {
        if self_logs::is_reserved(&self.0) {
            let text = format!("tenant '{}' is reserved for the server's own logs", self.0);
            return Err(ApiError::new(StatusCode::FORBIDDEN, text));
        }
        Ok(self.0)
    }
}

impl Tenants {
    /// The tenants of a request. `fallback` stands for a missing header.
    pub fn named(parts: &Parts, fallback: Option<&TenantId>) -> Result<Tenants, ApiError> {
        named(parts, fallback).map(|tenants| Tenants(tenants.into()))
    }
}

impl From<Tenant> for Tenants {
    fn from(Tenant(tenant): Tenant) -> Tenants {
        Tenants(Arc::from([tenant]))
    }
}

/// The tenants a request names; refuses those its token is not for.
fn named(parts: &Parts, fallback: Option<&TenantId>) -> Result<Vec<TenantId>, ApiError> {
    let grant = parts.extensions.get::<Grant>();
    let header = parts
        .headers
        .get("x-scope-orgid")
        .map(|v| String::from_utf8_lossy(v.as_bytes()));
    let header = header.as_deref().filter(|text| !text.is_empty());
    let asked = match (header, grant.map(Grant::only_tenant), fallback) {
        (None, Some(Some(only)), _) => vec![only],
        (None, Some(None), Some(fallback)) | (_, None, Some(fallback)) => vec![fallback.clone()],
        (header, _, _) => resolve(header.unwrap_or(""))?,
    };
    match asked
        .iter()
        .find(|tenant| grant.is_some_and(|grant| !grant.may_see(tenant)))
    {
        Some(tenant) => Err(ApiError::new(
            StatusCode::FORBIDDEN,
            format!("the token is not for tenant '{tenant}'"),
        )),
        None => Ok(asked),
    }
}

/// The tenants a header names, each once and sorted.
pub(crate) fn resolve(header: &str) -> Result<Vec<TenantId>, ApiError> {
    let mut tenants: Vec<TenantId> = Vec::new();
    for name in header.split('|') {
        let tenant = TenantId::parse(name).map_err(|error| match error {
            TenantIdError::Empty => ApiError::new(StatusCode::UNAUTHORIZED, "no org id\n"),
            other => ApiError::bad(other.to_string()),
        })?;
        tenants.push(tenant);
    }
    tenants.sort();
    tenants.dedup();
    Ok(tenants)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(header: &str, expected: Result<&str, (u16, &str)>) {
        let text = |tenants: Vec<TenantId>| {
            tenants
                .iter()
                .map(TenantId::as_str)
                .collect::<Vec<_>>()
                .join("|")
        };
        let found = resolve(header)
            .map(text)
            .map_err(|e| (e.status.as_u16(), e.message));
        assert_eq!(
            found,
            expected
                .map(str::to_owned)
                .map_err(|(s, m)| (s, m.to_owned())),
            "{header}"
        );
    }

    #[test]
    fn a_header_names_tenants() {
        check("a", Ok("a"));
        check("a|a", Ok("a"));
        check("a:k=v", Ok("a"));
        check("", Err((401, "no org id\n")));
        check("b|a|b", Ok("a|b"));
        check(
            "a/b",
            Err((400, "tenant ID 'a/b' contains unsupported character '/'")),
        );
    }
}
