//! Who asks, and what is granted: the tenants of a read request with the limits that hold for it.
//!
//! The limits are those of the tenant, of several tenants the strictest, and what the request itself
//! tightens. Whether a query over a limit is answered in part depends on who asks: only clients that are
//! known to show warnings get that, all others get Loki's error.

use crate::api::params::Bounds;
use crate::app::App;
use crate::auth::tenant::Tenants;
use crate::config::Limits;
use crate::config::limits::nanoseconds;
use crate::duration;
use crate::error::ApiError;
use crate::limits::admission;
use crate::limits::admission::Refused;
use crate::telemetry::metrics::Refusal;
use crate::telemetry::query_log::Kind;
use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use serde_json::Value;
use skald_logql::ast::Expr;
use skald_model::TenantId;
use skald_query::QueryLimits;
use std::sync::Arc;
use std::time::Duration;

/// Someone who reads. What every endpoint that asks the engine extracts.
#[derive(Clone, Debug)]
pub struct Reader {
    /// At least one, sorted.
    tenants: Arc<[TenantId]>,
    limits: Arc<Limits>,
    /// What its queries may cost.
    pub query_limits: QueryLimits,
}

impl Reader {
    /// A tenant with its usual limits.
    pub fn of(app: &App, tenant: TenantId) -> Reader {
        Reader::with(app, Arc::from([tenant]), None, false)
    }

    fn with(
        app: &App,
        tenants: Arc<[TenantId]>,
        tightened: Option<&Tightened>,
        shows_warnings: bool,
    ) -> Reader {
        let mut limits = app.granted(&tenants[0]).limits.clone();
        for tenant in &tenants[1..] {
            limits = limits.strictest(&app.granted(tenant).limits);
        }
        if let Some(tightened) = tightened {
            tightened.apply(&mut limits);
        }
        let mut query_limits = limits.query(&app.config.querier);
        query_limits.partial = shows_warnings && !limits.strict;
        Reader {
            tenants,
            limits: Arc::new(limits),
            query_limits,
        }
    }

    /// Whose data; of several the first, which stands for all where one is asked for.
    pub fn tenant(&self) -> TenantId {
        self.tenants[0].clone()
    }

    /// All of them.
    pub fn tenants(&self) -> &Arc<[TenantId]> {
        &self.tenants
    }

    /// By Loki's names.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Whether a query over a limit is answered in part.
    pub fn takes_a_part(&self) -> bool {
        self.query_limits.partial
    }

    /// Passes a query on, or tells which limit it breaks, and counts that.
    pub fn admit(
        &self,
        app: &App,
        text: &str,
        expr: &Expr,
        kind: Kind,
        bounds: Bounds,
    ) -> Result<(), ApiError> {
        admission::check(&self.limits, text, expr, kind, bounds).map_err(
            |Refused { why, error }| {
                self.refused(app, why);
                error
            },
        )
    }

    /// Counts a refusal.
    pub fn refused(&self, app: &App, why: Refusal) {
        app.metrics.refuse(self.tenants[0].as_str(), why);
    }
}

impl FromRequestParts<Arc<App>> for Reader {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Reader, ApiError> {
        let Tenants(tenants) = Tenants::from_request_parts(parts, app).await?;
        let tightened = match parts.headers.get("x-loki-query-limits") {
            Some(text) if app.config.querier.per_request_limits_enabled => {
                Some(Tightened::parse(text.as_bytes())?)
            }
            _ => None,
        };
        Ok(Reader::with(
            app,
            tenants,
            tightened.as_ref(),
            shows_warnings(&parts.headers),
        ))
    }
}

/// Whether the client is one that shows `warnings` to people. Grafana's data source does, and is known by the
/// encoding flag that only it sends, by its name, or by its tags; its alerts have nobody to show them to.
/// `X-Skald-Partial` says it in so many words.
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

/// `X-Loki-Query-Limits`: limits of one request, never looser than the tenant's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Tightened {
    length: Option<Duration>,
    range: Option<Duration>,
    lookback: Option<Duration>,
    timeout: Option<Duration>,
    entries: Option<usize>,
    minimum_labels: Option<usize>,
    bytes_read: Option<u64>,
    required_labels: Vec<String>,
}

impl Tightened {
    fn parse(text: &[u8]) -> Result<Tightened, ApiError> {
        let bad =
            |what: &str| ApiError::bad(format!("could not parse X-Loki-Query-Limits: {what}"));
        let value: Value = serde_json::from_slice(text).map_err(|error| bad(&error.to_string()))?;
        let fields = value.as_object().ok_or_else(|| bad("not a JSON object"))?;
        let span = |name: &str| match fields.get(name).and_then(Value::as_str) {
            Some(text) => duration::parse(text)
                .map(|ns| Some(Duration::from_nanos(ns.max(0) as u64)))
                .ok_or_else(|| bad(name)),
            None => Ok(None),
        };
        let count = |name: &str| {
            fields
                .get(name)
                .and_then(Value::as_u64)
                .and_then(|n| usize::try_from(n).ok())
        };
        let bytes = match fields.get("maxQueryBytesRead").and_then(Value::as_str) {
            Some(text) => {
                use crate::config::setting::{ByteSize, Setting};
                Some(ByteSize::read(&text.into()).map_err(|error| bad(&error))?.0)
            }
            None => None,
        };
        let labels = fields
            .get("requiredLabels")
            .and_then(Value::as_array)
            .map(Vec::as_slice)
            .unwrap_or_default();
        Ok(Tightened {
            length: span("maxQueryLength")?,
            range: span("maxQueryInterval")?,
            lookback: span("maxQueryLookback")?,
            timeout: span("maxQueryTime")?,
            entries: count("maxEntriesLimitPerQuery"),
            minimum_labels: count("minimumLabelsNumber"),
            bytes_read: bytes,
            required_labels: labels
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
        })
    }

    fn apply(&self, limits: &mut Limits) {
        let mut own = limits.clone();
        let set = |limit: &mut Duration, tightened: Option<Duration>| {
            *limit = tightened.unwrap_or(*limit)
        };
        set(&mut own.max_query_length, self.length);
        set(&mut own.max_query_range, self.range);
        set(&mut own.max_query_lookback, self.lookback);
        set(
            &mut own.query_timeout,
            self.timeout.filter(|timeout| nanoseconds(*timeout) > 0),
        );
        own.max_entries_limit_per_query = self.entries.unwrap_or(own.max_entries_limit_per_query);
        own.minimum_labels_number = self.minimum_labels.unwrap_or(own.minimum_labels_number);
        own.max_query_bytes_read.0 = self.bytes_read.unwrap_or(own.max_query_bytes_read.0);
        own.required_labels = self.required_labels.clone();
        *limits = limits.strictest(&own);
    }
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

    #[test]
    fn a_request_tightens_its_limits_and_never_loosens_them() {
        let header = br#"{"maxQueryLength":"1h","maxEntriesLimitPerQuery":9000,"maxQueryTime":"5s","requiredLabels":["a"],"minimumLabelsNumber":2,"maxQueryBytesRead":"1GB"}"#;
        let mut limits = Limits {
            required_labels: vec!["b".into()],
            ..Limits::default()
        };
        Tightened::parse(header).expect("good").apply(&mut limits);
        assert_eq!(limits.max_query_length, Duration::from_secs(3600));
        assert_eq!(
            (
                limits.max_entries_limit_per_query,
                limits.minimum_labels_number
            ),
            (5000, 2)
        );
        assert_eq!(
            (limits.query_timeout, limits.max_query_bytes_read.0),
            (Duration::from_secs(5), 1 << 30)
        );
        assert_eq!(limits.required_labels, ["a", "b"]);
        for bad in [&b"x"[..], b"[]", br#"{"maxQueryLength":"x"}"#] {
            assert!(Tightened::parse(bad).is_err());
        }
    }
}
