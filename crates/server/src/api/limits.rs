//! Limits endpoints show a tenant's limits: `drilldown-limits` and `/config/tenant/v1/limits`.

use crate::api::response::{json, text};
use crate::auth::read_scope::ReadScope;
use crate::config::keys;
use crate::config::setting::Setting;
use axum::response::Response;

/// The Loki version whose API this is.
pub(crate) const LOKI_VERSION: &str = "3.7.0";

/// `drilldown-limits`
pub(crate) async fn limits(scope: ReadScope) -> Response {
    let limits = scope.limits();
    let body = serde_json::json!({
        "limits": {
            "discover_log_levels": limits.discover_log_levels,
            "discover_service_name": limits.discover_service_name,
            "log_level_fields": limits.log_level_fields,
            "max_entries_limit_per_query": limits.max_entries_limit_per_query,
            "max_line_size_truncate": limits.max_line_size_truncate,
            "max_query_bytes_read": limits.max_query_bytes_read.show(),
            "max_query_length": limits.max_query_length.show(),
            "max_query_lookback": limits.max_query_lookback.show(),
            "max_query_range": limits.max_query_range.show(),
            "max_query_series": limits.max_query_series,
            "metric_aggregation_enabled": false,
            "pattern_persistence_enabled": true,
            "query_timeout": limits.query_timeout.show(),
            "retention_period": limits.retention_period.show(),
            "retention_stream": limits.retention_stream.show(),
            "volume_enabled": limits.volume_enabled,
            "volume_max_series": limits.volume_max_series,
        },
        "pattern_ingester_enabled": true,
        "version": LOKI_VERSION,
    });
    json(format!("{body}\n"))
}

/// `/config/tenant/v1/limits`
pub(crate) async fn tenant_limits(scope: ReadScope) -> Response {
    text(keys::limits_yaml(scope.limits()))
}
