//! `/skald/api/v1/sources`: where the logs come from, what was refused, and what would allow it.

use crate::api::response::json;
use crate::app::{App, Phase};
use crate::auth::tenant::Tenants;
use crate::auth::tokens::Grant;
use crate::clock;
use crate::error::ApiError;
use crate::net::listener::ClientAddress;
use crate::sources::advice;
use crate::sources::table::{Source, SourceKey, Sources};
use axum::extract::State;
use axum::http::header::USER_AGENT;
use axum::http::request::Parts;
use axum::response::Response;
use serde_json::{Value, json};
use skald_ingest::{Protocol, PushReply};
use skald_model::TenantId;
use std::sync::Arc;

const SECOND: i64 = 1_000_000_000;

/// Whose request a push is, before its tenant is known.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    client: String,
    user_agent: String,
    tenant: String,
}

impl Sender {
    /// Of a request.
    pub(crate) fn of(parts: &Parts) -> Sender {
        let client = parts.extensions.get::<ClientAddress>();
        let client = client.map(|ClientAddress(ip)| ip.to_canonical().to_string());
        let agent = parts.headers.get(USER_AGENT);
        let agent = agent.map(|agent| String::from_utf8_lossy(agent.as_bytes()).into_owned());
        Sender {
            client: client.unwrap_or_default(),
            user_agent: agent.unwrap_or_default(),
            tenant: String::new(),
        }
    }

    /// With the tenant it may write to.
    pub(crate) fn of_tenant(&mut self, tenant: &TenantId) {
        tenant.as_str().clone_into(&mut self.tenant);
    }

    /// Notes a push to a path that no receiver has.
    pub(crate) fn record_unknown_path(self, app: &App, parts: &Parts) {
        let text = format!("{} {}", parts.method, parts.uri.path());
        let reply = skald_ingest::refusal(Protocol::Loki, None, 404, &text);
        let key = SourceKey {
            receiver: "none".to_owned(),
            client: self.client,
            user_agent: self.user_agent,
            tenant: self.tenant,
        };
        app.sources.record(key, &reply, clock::now());
    }

    /// Notes the answer to a push. What a server refuses because it stops is nobody's fault, and
    /// comes again.
    pub(crate) fn record(&self, app: &App, protocol: Protocol, reply: &PushReply) {
        if reply.status < 500 || app.phase() == Phase::Running {
            self.record_in(&app.sources, protocol, reply);
        }
    }

    /// Notes a push that was refused with a 503 before it was read.
    pub(crate) fn refused(
        &self,
        sources: &Sources,
        protocol: Protocol,
        why: &'static str,
        text: &str,
    ) {
        let mut reply = skald_ingest::refusal(protocol, None, 503, text);
        reply.account.why = Some(why);
        self.record_in(sources, protocol, &reply);
    }

    fn record_in(&self, sources: &Sources, protocol: Protocol, reply: &PushReply) {
        let key = SourceKey {
            receiver: skald_ingest::receiver_name(protocol).to_owned(),
            client: self.client.clone(),
            user_agent: self.user_agent.clone(),
            tenant: self.tenant.clone(),
        };
        sources.record(key, reply, clock::now());
    }
}

/// The sources of the tenants that the request may read; a token for all tenants, and everybody
/// while there are no tenants, sees all.
pub(crate) async fn sources(
    State(app): State<Arc<App>>,
    parts: Parts,
) -> Result<Response, ApiError> {
    let has_tenants = app.config.auth_enabled;
    let sees_all = match parts.extensions.get::<Grant>() {
        Some(grant) => grant.tenants().is_none(),
        None => !has_tenants,
    };
    let tenants = match sees_all {
        true => None,
        false => {
            let fallback = (!has_tenants).then_some(&app.default_tenant);
            Some(Tenants::named(&parts, fallback)?.0)
        }
    };
    let is_wanted = |key: &SourceKey| match &tenants {
        None => true,
        Some(tenants) => tenants.iter().any(|tenant| tenant.as_str() == key.tenant),
    };
    let now = clock::now();
    let rows = app.sources.rows(is_wanted);
    let rows: Vec<Value> = rows.iter().map(|source| shown(source, now)).collect();
    let mut data = json!({
        "now": time(now),
        "sources": rows,
        "limit": app.sources.most(),
        "forgotten": app.sources.forgotten(),
    });
    if sees_all {
        data["listeners"] = listeners(&app);
        data["auth_enabled"] = Value::from(app.config.auth_enabled);
        data["tokens"] = Value::from(app.tokens.is_on());
    }
    Ok(json(json!({"status": "success", "data": data}).to_string()))
}

/// RFC 3339.
fn time(nanoseconds: i64) -> String {
    let time = jiff::Timestamp::from_nanosecond(i128::from(nanoseconds));
    time.map_or_else(|_| nanoseconds.to_string(), |time| time.to_string())
}

fn seconds(nanoseconds: i64) -> f64 {
    (nanoseconds / (SECOND / 1000)) as f64 / 1000.0
}

fn shown(source: &Source, now: i64) -> Value {
    let refused = source.refused.iter().map(|(reason, refusal)| {
        let advice = advice::of(reason);
        let sample = match refusal.sample.as_str() {
            "" => &refusal.message,
            sample => sample,
        };
        json!({
            "reason": reason,
            "count": refusal.count,
            "last_seen": time(refusal.last_seen),
            "sample": sample,
            "setting": (!advice.setting.is_empty()).then_some(advice.setting),
            "advice": advice.text,
            // The source came again since, and was not refused for it.
            "over": advice.passes && refusal.last_seen < source.last_seen,
        })
    });
    json!({
        "receiver": source.key.receiver,
        "client": source.key.client,
        "user_agent": source.key.user_agent,
        "tenant": source.key.tenant,
        "first_seen": time(source.first_seen),
        "last_seen": time(source.last_seen),
        "silent_seconds": seconds(now.saturating_sub(source.last_seen)),
        "pushes": source.pushes,
        "entries": source.entries,
        "bytes": source.bytes,
        "newest_entry": source.newest_entry.map(time),
        "lag_seconds": source.newest_entry.map(|newest| seconds(now.saturating_sub(newest))),
        "refused": refused.collect::<Vec<Value>>(),
    })
}

/// Where the server listens, and what syslog's listeners lost.
fn listeners(app: &App) -> Value {
    let address = |address: Result<std::net::SocketAddr, String>| {
        address.map_or_else(|error| error, |address| address.to_string())
    };
    let mut all = vec![json!({"protocol": "http", "address": address(app.config.listen())})];
    if app.config.server.grpc_enabled {
        all.push(json!({"protocol": "grpc", "address": address(app.config.listen_grpc())}));
    }
    all.extend(app.syslog.status().iter().map(|listener| {
        json!({
            "protocol": format!("syslog {}", listener.transport),
            "address": listener.address.to_string(),
            "messages": listener.messages,
            "dropped": listener.dropped,
            "refused_connections": listener.refused,
        })
    }));
    Value::Array(all)
}
