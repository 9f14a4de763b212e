//! Self logs store the server's own log lines under `{service_name="skald"}`, so that a fresh
//! Grafana finds labels.

use crate::config::Config;
use crate::config::storage::OWN_TENANT;
use crate::telemetry::logging::{self, SelfLogLine, SelfLogReceiver};
use skald_ingest::{Ingest, Protocol, PushRequest};
use skald_model::TenantId;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

/// Lines of one push at most.
const BATCH_LINES_MAX: usize = 512;

/// Lines are collected this long before a push, so that a busy server makes few.
const GATHER: Duration = Duration::from_millis(250);

/// Whether a tenant is the one of the server's own lines, which no client may be.
pub(crate) fn is_reserved(tenant: &TenantId) -> bool {
    tenant.as_str() == OWN_TENANT
}

/// Whose the server's own lines are under these settings: without tenants and tokens everybody's.
pub(crate) fn tenant_of(config: &Config, everybody: &TenantId) -> TenantId {
    config.own_tenant().unwrap_or_else(|| everybody.clone())
}

/// Pushes lines for `tenant` until their source ends.
pub(crate) async fn run(ingest: Arc<Ingest>, tenant: TenantId, mut lines: SelfLogReceiver) {
    let mut batch = Vec::new();
    while lines.recv_many(&mut batch, BATCH_LINES_MAX).await > 0 {
        tokio::time::sleep(GATHER).await;
        while batch.len() < BATCH_LINES_MAX
            && let Ok(line) = lines.try_recv()
        {
            batch.push(line);
        }
        let request = PushRequest {
            content_type: Some("application/json".to_owned()),
            ..PushRequest::new(Protocol::Loki, body(&batch))
        };
        batch.clear();
        // A store that refuses writes logs that itself; these lines are then on stderr only.
        without_echo(ingest.push(&tenant, request)).await;
    }
}

/// Polls a future with its thread muted.
async fn without_echo<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    std::future::poll_fn(|context| -> Poll<T> { logging::muted(|| future.as_mut().poll(context)) })
        .await
}

/// The lines as a JSON push, one stream a level.
fn body(lines: &[SelfLogLine]) -> String {
    let mut levels: BTreeMap<&str, Vec<serde_json::Value>> = BTreeMap::new();
    for line in lines {
        levels
            .entry(line.level)
            .or_default()
            .push(serde_json::json!([line.timestamp.to_string(), line.text]));
    }
    let streams: Vec<serde_json::Value> = levels
        .into_iter()
        .map(|(level, values)| serde_json::json!({"stream": {"service_name": "skald", "level": level}, "values": values}))
        .collect();
    serde_json::json!({"streams": streams}).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_a_push_with_a_stream_for_each_level() {
        let line = |level, text: &str| SelfLogLine {
            timestamp: 7,
            level,
            text: text.to_owned(),
        };
        let body = body(&[line("warn", "a"), line("info", "b"), line("warn", "c")]);
        let expected = serde_json::json!({"streams": [
            {"stream": {"service_name": "skald", "level": "info"}, "values": [["7", "b"]]},
            {"stream": {"service_name": "skald", "level": "warn"}, "values": [["7", "a"], ["7", "c"]]},
        ]});
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&body).expect("valid JSON"),
            expected
        );
    }
}
