//! Remote-write settings, as Prometheus has them.

use crate::http::{Authorization, BasicAuth, HttpConfig, OAuth2, Secret, TargetUrl, TlsConfig};
use crate::relabel::Relabeling;
use crate::setting::duration;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// Bytes of samples that wait for one client, unless configured.
const QUEUE_BYTES: u64 = 256 << 20;

/// All clients.
#[derive(Clone, Debug, PartialEq)]
pub struct RemoteWriteConfig {
    /// Clients of every tenant that has none of its own, by id.
    pub clients: BTreeMap<String, RemoteWriteBlock>,
    /// Tenants that differ.
    pub tenants: BTreeMap<String, TenantRemoteWrite>,
    /// Whether `X-Scope-OrgID` names the tenant; a configured one is replaced.
    pub add_org_id_header: bool,
    /// Bytes of samples that wait on disk for one client of one tenant; beyond them the oldest are dropped.
    pub queue_bytes: u64,
}

impl Default for RemoteWriteConfig {
    fn default() -> RemoteWriteConfig {
        RemoteWriteConfig {
            clients: BTreeMap::new(),
            tenants: BTreeMap::new(),
            add_org_id_header: true,
            queue_bytes: QUEUE_BYTES,
        }
    }
}

impl RemoteWriteConfig {
    /// The clients of a tenant, by id.
    pub(crate) fn of(&self, tenant: &str) -> Option<&BTreeMap<String, RemoteWriteBlock>> {
        match self.tenants.get(tenant) {
            Some(own) if own.is_disabled => None,
            Some(own) => Some(own.clients.as_ref().unwrap_or(&self.clients)),
            None => Some(&self.clients),
        }
    }
}

/// What is different for a tenant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TenantRemoteWrite {
    /// Whether nothing is sent.
    pub is_disabled: bool,
    /// Its own clients instead of those of everyone.
    pub clients: Option<BTreeMap<String, RemoteWriteBlock>>,
}

/// Which message is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Protocol {
    /// Remote write 1.0.
    #[default]
    #[serde(rename = "prometheus.WriteRequest")]
    V1,
    /// Remote write 2.0, and 1.0 to a receiver that does not know it.
    #[serde(rename = "io.prometheus.write.v2.Request")]
    V2,
}

/// A `remote_write` block of Prometheus.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Written")]
pub struct RemoteWriteBlock {
    /// Where samples go.
    pub url: TargetUrl,
    /// How long a request may take.
    pub remote_timeout: Duration,
    /// What becomes of labels before samples wait.
    pub write_relabel_configs: Relabeling,
    /// Which message is sent.
    pub protocol: Protocol,
    /// How samples are gathered and tried again.
    pub queue: QueueConfig,
    /// Who asks, and whom it trusts.
    pub http: HttpConfig,
}

impl RemoteWriteBlock {
    /// To an address, with Prometheus' defaults.
    pub fn to(url: TargetUrl) -> RemoteWriteBlock {
        RemoteWriteBlock {
            url,
            remote_timeout: Duration::from_secs(30),
            write_relabel_configs: Relabeling::default(),
            protocol: Protocol::V1,
            queue: QueueConfig::default(),
            http: HttpConfig::default(),
        }
    }
}

/// `queue_config`. One request at a time is made for each client, so that samples stay in order: the number of
/// shards and what one holds are taken and not used.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QueueConfig {
    /// Not used.
    pub capacity: u64,
    /// Not used.
    pub max_shards: u64,
    /// Not used.
    pub min_shards: u64,
    /// Samples in a request, at most.
    pub max_samples_per_send: u64,
    /// How long samples wait for others, at most.
    #[serde(deserialize_with = "duration")]
    pub batch_send_deadline: Duration,
    /// Pause after a first failure.
    #[serde(deserialize_with = "duration")]
    pub min_backoff: Duration,
    /// Longest pause after failures.
    #[serde(deserialize_with = "duration")]
    pub max_backoff: Duration,
    /// Whether 429 is tried again like 503.
    pub retry_on_http_429: bool,
    /// Samples older than this are dropped before they are sent; 0 keeps all.
    #[serde(deserialize_with = "duration")]
    pub sample_age_limit: Duration,
}

impl Default for QueueConfig {
    fn default() -> QueueConfig {
        QueueConfig {
            capacity: 10_000,
            max_shards: 50,
            min_shards: 1,
            max_samples_per_send: 2000,
            batch_send_deadline: Duration::from_secs(5),
            min_backoff: Duration::from_millis(30),
            max_backoff: Duration::from_secs(5),
            retry_on_http_429: false,
            sample_age_limit: Duration::ZERO,
        }
    }
}

/// The block as it stands in a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    url: TargetUrl,
    #[serde(default, rename = "name")]
    _name: String,
    #[serde(default = "remote_timeout", deserialize_with = "duration")]
    remote_timeout: Duration,
    #[serde(default)]
    headers: BTreeMap<String, Secret>,
    #[serde(default)]
    write_relabel_configs: Relabeling,
    #[serde(default)]
    protobuf_message: Protocol,
    #[serde(default)]
    queue_config: QueueConfig,
    #[serde(default, rename = "metadata_config")]
    _metadata_config: IgnoredAny,
    #[serde(default, rename = "send_exemplars")]
    _send_exemplars: IgnoredAny,
    #[serde(default, rename = "send_native_histograms")]
    _send_native_histograms: IgnoredAny,
    #[serde(default, rename = "round_robin_dns")]
    _round_robin_dns: IgnoredAny,
    basic_auth: Option<BasicAuth>,
    authorization: Option<Authorization>,
    bearer_token: Option<Secret>,
    bearer_token_file: Option<PathBuf>,
    oauth2: Option<OAuth2>,
    #[serde(default)]
    tls_config: TlsConfig,
    #[serde(default)]
    follow_redirects: bool,
    enable_http2: Option<bool>,
    proxy_url: Option<TargetUrl>,
    sigv4: Option<IgnoredAny>,
    azuread: Option<IgnoredAny>,
    google_iam: Option<IgnoredAny>,
}

fn remote_timeout() -> Duration {
    Duration::from_secs(30)
}

impl TryFrom<Written> for RemoteWriteBlock {
    type Error = String;

    fn try_from(written: Written) -> Result<RemoteWriteBlock, String> {
        let signed = [
            ("sigv4", written.sigv4.is_some()),
            ("azuread", written.azuread.is_some()),
            ("google_iam", written.google_iam.is_some()),
        ];
        if let Some((key, _)) = signed.into_iter().find(|(_, is_given)| *is_given) {
            return Err(format!(
                "remote_write {key} is not built in: put a signing proxy before the receiver, or use basic_auth, authorization or oauth2"
            ));
        }
        let reserved = [
            "content-encoding",
            "content-type",
            "x-prometheus-remote-write-version",
            "user-agent",
            "authorization",
        ];
        for name in written.headers.keys() {
            if reserved.contains(&name.to_ascii_lowercase().as_str()) {
                return Err(format!(
                    "{name} is a reserved header. It must not be changed"
                ));
            }
        }
        if written.queue_config.max_samples_per_send == 0 {
            return Err("queue_config.max_samples_per_send must be above 0".to_owned());
        }
        let http = HttpConfig {
            basic_auth: written.basic_auth,
            authorization: written.authorization,
            bearer_token: written.bearer_token,
            bearer_token_file: written.bearer_token_file,
            oauth2: written.oauth2,
            tls_config: written.tls_config,
            follow_redirects: written.follow_redirects,
            enable_http2: written.enable_http2,
            proxy_url: written.proxy_url,
            headers: written.headers,
        };
        http.check()?;
        Ok(RemoteWriteBlock {
            url: written.url,
            remote_timeout: written.remote_timeout,
            write_relabel_configs: written.write_relabel_configs,
            protocol: written.protobuf_message,
            queue: written.queue_config,
            http,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_of_prometheus_is_read() {
        let text = "
            url: https://user:word@mimir.example/api/v1/push
            remote_timeout: 10s
            headers: {X-Extra: secret-header}
            write_relabel_configs: [{regex: pod, action: labeldrop}]
            queue_config: {capacity: 20, max_samples_per_send: 500, batch_send_deadline: 1s, retry_on_http_429: true, max_backoff: 1m}
            authorization: {credentials_file: /run/token}
            tls_config: {insecure_skip_verify: true}
            metadata_config: {send: false}
            protobuf_message: io.prometheus.write.v2.Request";
        let block: RemoteWriteBlock = serde_yaml_ng::from_str(text).expect("it can be read");
        assert_eq!(block.remote_timeout, Duration::from_secs(10));
        assert_eq!(block.queue.max_samples_per_send, 500);
        assert_eq!(block.queue.max_backoff, Duration::from_secs(60));
        assert_eq!(block.queue.min_backoff, Duration::from_millis(30));
        assert_eq!(block.protocol, Protocol::V2);
        assert!(block.queue.retry_on_http_429);
        let shown = format!("{block:?}");
        for secret in ["word", "secret-header"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }

    #[test]
    fn what_is_not_built_in_is_refused_by_name() {
        for (more, expected) in [
            (
                "sigv4: {region: eu-west-1}",
                "remote_write sigv4 is not built in",
            ),
            (
                "azuread: {cloud: x}",
                "remote_write azuread is not built in",
            ),
            (
                "headers: {Content-Type: x}",
                "Content-Type is a reserved header",
            ),
            ("remote_timeouts: 1s", "unknown field `remote_timeouts`"),
            ("queue_config: {max_samples_per_send: 0}", "must be above 0"),
            (
                "basic_auth: {username: a}\noauth2: {client_id: b}",
                "at most one of basic_auth, oauth2",
            ),
            (
                "tls_config: {cert_file: a}",
                "exactly one of key or key_file",
            ),
            (
                "basic_auth: {username: a, password: b, password_file: c}",
                "at most one of basic_auth password & password_file",
            ),
        ] {
            let text = format!("url: http://a/w\n{more}");
            let error = serde_yaml_ng::from_str::<RemoteWriteBlock>(&text)
                .expect_err(more)
                .to_string();
            assert!(error.contains(expected), "{more}: {error}");
        }
        let error = serde_yaml_ng::from_str::<RemoteWriteBlock>("{}")
            .expect_err("no url")
            .to_string();
        assert!(error.contains("missing field `url`"), "{error}");
    }
}
