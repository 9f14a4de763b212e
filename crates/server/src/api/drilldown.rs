//! What a tenant may do: `drilldown-limits` for Grafana's Logs Drilldown, and the limits page.

use super::{json, text};
use crate::config::{keys, setting::Setting};
use crate::state::App;
use axum::extract::State;
use axum::response::Response;
use std::sync::Arc;

/// The Loki version whose API this is.
pub const LOKI_VERSION: &str = "3.7.0";

/// `drilldown-limits`
pub async fn limits(State(app): State<Arc<App>>) -> Response {
    let limits = &app.config.limits;
    let shown = |name: &str| keys::find(name).map(|key| key.show(&app.config)).unwrap_or_default();
    let body = serde_json::json!({
        "limits": {
            "discover_log_levels": limits.discover_log_levels,
            "discover_service_name": limits.discover_service_name,
            "log_level_fields": limits.log_level_fields,
            "max_entries_limit_per_query": limits.max_entries_limit_per_query,
            "max_line_size_truncate": limits.max_line_size_truncate,
            "max_query_bytes_read": "0B",
            "max_query_length": shown("limits_config.max_query_length"),
            "max_query_lookback": shown("limits_config.max_query_lookback"),
            "max_query_range": "0s",
            "max_query_series": limits.max_query_series,
            "metric_aggregation_enabled": false,
            "pattern_persistence_enabled": false,
            "query_timeout": limits.query_timeout.show(),
            "retention_period": "0s",
            "retention_stream": [],
            "volume_enabled": limits.volume_enabled,
            "volume_max_series": limits.volume_max_series,
        },
        "pattern_ingester_enabled": false,
        "version": LOKI_VERSION,
    });
    json(format!("{body}\n"))
}

/// `/config/tenant/v1/limits`
pub async fn tenant_limits(State(app): State<Arc<App>>) -> Response {
    let all = keys::to_yaml(&app.config, None);
    let section = all.lines().skip_while(|line| *line != "limits_config:").skip(1);
    let lines: Vec<&str> =
        section.take_while(|line| line.starts_with(' ')).map(|line| line.strip_prefix("  ").unwrap_or(line)).collect();
    text(format!("{}\n", lines.join("\n")))
}
