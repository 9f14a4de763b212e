//! Read scopes hold the tenants a request reads and the limits that apply to it.
//!
//! The limits are those of the tenant, of several tenants the strictest, and what the request
//! itself tightens. Whether a query over a limit is answered in part depends on the client: only
//! clients that are known to show warnings get that, all others get Loki's error.

use crate::auth::tenant::Tenants;
use crate::config::limits::nanoseconds;
use crate::config::{Limits, QuerierConfig};
use crate::error::ApiError;
use crate::limits::overrides::Overrides;
use crate::limits::query_admission;
use crate::limits::query_admission::LimitExceeded;
use crate::limits::request_limits::RequestLimits;
use crate::query_kind::QueryKind;
use crate::telemetry::metrics::{Metrics, RefusalReason};
use crate::time_bounds::Bounds;
use axum::http::HeaderMap;
use skald_model::TenantId;
use skald_query::{Parsed, QueryLimits};
use std::sync::Arc;

/// What a request may read and at what cost; every endpoint that queries extracts one.
#[derive(Clone, Debug)]
pub struct ReadScope {
    /// At least one, sorted.
    tenants: skald_query::Tenants,
    limits: Arc<Limits>,
    /// What its queries may cost.
    pub query_limits: QueryLimits,
}

impl ReadScope {
    /// A tenant with its usual limits; over a limit its queries fail.
    pub fn of(overrides: &Overrides, querier: &QuerierConfig, tenant: TenantId) -> ReadScope {
        let limits = overrides.of(&tenant).limits.clone();
        ReadScope::with(querier, Arc::from([tenant]), limits)
    }

    /// The scope of a request with these tenants and headers.
    pub fn of_request(
        overrides: &Overrides,
        querier: &QuerierConfig,
        Tenants(tenants): Tenants,
        headers: &HeaderMap,
    ) -> Result<ReadScope, ApiError> {
        let mut limits = overrides.of(&tenants[0]).limits.clone();
        for tenant in &tenants[1..] {
            limits = limits.strictest(&overrides.of(tenant).limits);
        }
        if let Some(text) = headers.get("x-loki-query-limits")
            && querier.per_request_limits_enabled
        {
            RequestLimits::parse(text.as_bytes())?.apply(&mut limits);
        }
        let partial = shows_warnings(headers) && !limits.strict;
        let mut scope = ReadScope::with(querier, tenants, limits);
        scope.query_limits.partial = partial;
        Ok(scope)
    }

    fn with(querier: &QuerierConfig, tenants: Arc<[TenantId]>, limits: Limits) -> ReadScope {
        let mut query_limits = limits.query(querier);
        query_limits.partial = false;
        ReadScope {
            tenants: tenants.into(),
            limits: Arc::new(limits),
            query_limits,
        }
    }

    /// Whose data; of several the first, which stands for all where one is asked for.
    pub fn tenant(&self) -> TenantId {
        self.tenants.all()[0].clone()
    }

    /// All tenants.
    pub fn tenants(&self) -> &skald_query::Tenants {
        &self.tenants
    }

    /// The limits, by Loki's names.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Leaves out of a range what is older than `max_query_lookback`.
    pub fn look_back(&self, bounds: Bounds, now: i64) -> Bounds {
        match nanoseconds(self.limits.max_query_lookback) {
            0 => bounds,
            lookback => bounds.not_before(now.saturating_sub(lookback)),
        }
    }

    /// Whether a query over a limit is answered in part.
    pub fn accepts_partial(&self) -> bool {
        self.query_limits.partial
    }

    /// Passes a query that keeps the limits; otherwise counts and returns the limit's error.
    pub fn admit(
        &self,
        metrics: &Metrics,
        query: &Parsed,
        kind: QueryKind,
        bounds: Bounds,
    ) -> Result<(), ApiError> {
        let checked = query_admission::check(&self.limits, query, kind, bounds);
        self.counted(metrics, checked)
    }

    /// Passes a request without a query whose range keeps `max_query_length`.
    pub fn admit_length(&self, metrics: &Metrics, bounds: Bounds) -> Result<(), ApiError> {
        self.counted(
            metrics,
            query_admission::check_length(&self.limits, bounds.length()),
        )
    }

    fn counted(
        &self,
        metrics: &Metrics,
        checked: Result<(), LimitExceeded>,
    ) -> Result<(), ApiError> {
        checked.map_err(|LimitExceeded { reason, error }| {
            self.count_refused(metrics, reason);
            error
        })
    }

    /// Counts a refusal.
    pub fn count_refused(&self, metrics: &Metrics, reason: RefusalReason) {
        metrics.refuse(self.tenants.all()[0].as_str(), reason);
    }
}

/// Whether the client is one that shows `warnings` to people. Grafana's data source does, and is
/// known by the encoding flag that only it sends, by its name, or by its tags; its alerts can't
/// show them. `X-Skald-Partial` says it outright.
fn shows_warnings(headers: &HeaderMap) -> bool {
    let text = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("")
    };
    match text("x-skald-partial") {
        "true" => return true,
        "false" => return false,
        _ => {}
    }
    let grafana = text("x-loki-response-encoding-flags").contains("categorize-labels")
        || text("user-agent").starts_with("Grafana/")
        || text("x-query-tags").contains("Source=grafana");
    grafana && !text("fromalert").eq_ignore_ascii_case("true")
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    fn check(headers: &[(&'static str, &'static str)], expected: bool) {
        let pairs = headers
            .iter()
            .map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v)));
        assert_eq!(shows_warnings(&pairs.collect()), expected, "{headers:?}");
    }

    #[test]
    fn warnings_are_for_those_who_show_them() {
        check(&[], false);
        check(&[("user-agent", "loki-logcli/3.7")], false);
        check(&[("user-agent", "Grafana/12.0")], true);
        check(
            &[("x-loki-response-encoding-flags", "categorize-labels")],
            true,
        );
        check(
            &[
                ("x-loki-response-encoding-flags", "categorize-labels"),
                ("fromalert", "true"),
            ],
            false,
        );
        check(&[("x-query-tags", "Source=grafana-lokiexplore-app")], true);
        check(&[("x-skald-partial", "true")], true);
        check(
            &[("user-agent", "Grafana/12.0"), ("x-skald-partial", "false")],
            false,
        );
    }
}
