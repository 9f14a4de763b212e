//! Where alerts are sent: `ruler`'s settings of Alertmanagers, and `ruler_alertmanager_config`, by
//! which a tenant has its own.

use super::block::{Blocks, without_user};
use crate::config::record::{Record, field, mapping, read_record};
use crate::config::setting::{Secret, Setting};
use serde_yaml_ng::{Mapping, Value};
use skald_outbound::{
    Authorization, BasicAuth, HttpConfig, QUEUE_ALERTS, RelabelRule, TargetUrl, TlsConfig,
};
use std::path::PathBuf;
use std::time::Duration;

/// Alertmanagers, and how they are spoken to.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertmanagerConfig {
    /// URLs; each gets every alert. With discovery each names an SRV record.
    pub urls: Urls,
    /// Whether the hosts of the URLs are looked up as SRV records.
    pub discovery: bool,
    /// How often they are.
    pub refresh_interval: Duration,
    /// Relabelling of alerts.
    pub relabel_configs: Blocks<RelabelRule>,
    /// Alerts that may wait for an Alertmanager.
    pub queue_capacity: usize,
    /// Longest time for an answer.
    pub timeout: Duration,
    /// `alertmanager_client`
    pub client: AlertmanagerClient,
}

/// `alertmanager_client`; all files are PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertmanagerClient {
    /// User of basic authentication.
    pub username: String,
    /// His password.
    pub password: Secret,
    /// The word before the credentials in the header `Authorization`.
    pub scheme: String,
    /// These credentials.
    pub credentials: Secret,
    /// A file that holds them.
    pub credentials_file: String,
    /// Our certificate.
    pub cert_file: String,
    /// Its private key.
    pub key_file: String,
    /// Who signs the certificate of the other side; empty is the system's authorities.
    pub ca_file: String,
    /// The name the other side's certificate must have; empty is that of the URL.
    pub server_name: String,
    /// Takes any certificate.
    pub insecure_skip_verify: bool,
}

impl Default for AlertmanagerClient {
    fn default() -> AlertmanagerClient {
        AlertmanagerClient {
            username: String::new(),
            password: Secret::default(),
            scheme: "Bearer".to_owned(),
            credentials: Secret::default(),
            credentials_file: String::new(),
            cert_file: String::new(),
            key_file: String::new(),
            ca_file: String::new(),
            server_name: String::new(),
            insecure_skip_verify: false,
        }
    }
}

impl Default for AlertmanagerConfig {
    fn default() -> AlertmanagerConfig {
        AlertmanagerConfig {
            urls: Urls::default(),
            discovery: false,
            refresh_interval: Duration::from_secs(60),
            relabel_configs: Blocks::default(),
            queue_capacity: QUEUE_ALERTS,
            timeout: Duration::from_secs(10),
            client: AlertmanagerClient::default(),
        }
    }
}

impl AlertmanagerConfig {
    /// As the sender of alerts takes it; `None` without URLs.
    pub fn target(&self) -> Result<Option<skald_outbound::AlertmanagerConfig>, String> {
        if self.urls.0.is_empty() {
            return Ok(None);
        }
        let read = |url: &String| {
            url.parse::<TargetUrl>()
                .map_err(|error| format!("alertmanager_url: {}: {error}", without_user(url)))
        };
        let http = self.client.http();
        http.check()
            .map_err(|error| format!("alertmanager_client: {error}"))?;
        Ok(Some(skald_outbound::AlertmanagerConfig {
            is_discovered: self.discovery,
            refresh_interval: self.refresh_interval,
            queue_capacity: self.queue_capacity,
            timeout: self.timeout,
            http,
            ..skald_outbound::AlertmanagerConfig::at(
                self.urls.0.iter().map(read).collect::<Result<_, _>>()?,
            )
        }))
    }
}

impl AlertmanagerClient {
    fn http(&self) -> HttpConfig {
        let file = |path: &String| (!path.is_empty()).then(|| PathBuf::from(path));
        let is_basic = !self.username.is_empty() || !self.password.0.is_empty();
        let has_header = !self.credentials.0.is_empty() || !self.credentials_file.is_empty();
        HttpConfig {
            basic_auth: is_basic.then(|| BasicAuth {
                username: self.username.clone(),
                password: self.password.0.as_str().into(),
                ..BasicAuth::default()
            }),
            authorization: has_header.then(|| Authorization {
                kind: self.scheme.clone(),
                credentials: self.credentials.0.as_str().into(),
                credentials_file: file(&self.credentials_file),
            }),
            tls_config: TlsConfig {
                ca_file: file(&self.ca_file),
                cert_file: file(&self.cert_file),
                key_file: file(&self.key_file),
                server_name: self.server_name.clone(),
                insecure_skip_verify: self.insecure_skip_verify,
                ..TlsConfig::default()
            },
            ..HttpConfig::default()
        }
    }
}

impl Record for AlertmanagerConfig {
    const KEYS: &'static [&'static str] = &[
        "alertmanager_url",
        "enable_alertmanager_discovery",
        "alertmanager_refresh_interval",
        "enable_alertmanager_v2",
        "alert_relabel_configs",
        "notification_queue_capacity",
        "notification_timeout",
        "alertmanager_client",
    ];

    fn read(fields: &Mapping) -> Result<Self, String> {
        let default = AlertmanagerConfig::default();
        let client = fields.get("alertmanager_client").filter(|v| !v.is_null());
        let client = client.map(read_record).transpose();
        Ok(AlertmanagerConfig {
            urls: field(fields, "alertmanager_url")?.unwrap_or_default(),
            discovery: field(fields, "enable_alertmanager_discovery")?.unwrap_or_default(),
            refresh_interval: field(fields, "alertmanager_refresh_interval")?
                .unwrap_or(default.refresh_interval),
            relabel_configs: field(fields, "alert_relabel_configs")?.unwrap_or_default(),
            queue_capacity: field(fields, "notification_queue_capacity")?
                .unwrap_or(default.queue_capacity),
            timeout: field(fields, "notification_timeout")?.unwrap_or(default.timeout),
            client: client
                .map_err(|error| format!("alertmanager_client: {error}"))?
                .unwrap_or_default(),
        })
    }

    fn show(&self) -> Mapping {
        mapping([
            ("alertmanager_url", self.urls.show()),
            ("enable_alertmanager_discovery", self.discovery.show()),
            (
                "alertmanager_refresh_interval",
                self.refresh_interval.show(),
            ),
            ("alert_relabel_configs", self.relabel_configs.show()),
            ("notification_queue_capacity", self.queue_capacity.show()),
            ("notification_timeout", self.timeout.show()),
            ("alertmanager_client", Value::Mapping(self.client.show())),
        ])
    }
}

impl Record for AlertmanagerClient {
    const KEYS: &'static [&'static str] = &[
        "basic_auth_username",
        "basic_auth_password",
        "type",
        "credentials",
        "credentials_file",
        "tls_cert_path",
        "tls_key_path",
        "tls_ca_path",
        "tls_server_name",
        "tls_insecure_skip_verify",
    ];

    fn read(fields: &Mapping) -> Result<Self, String> {
        let default = AlertmanagerClient::default();
        Ok(AlertmanagerClient {
            username: field(fields, "basic_auth_username")?.unwrap_or_default(),
            password: field(fields, "basic_auth_password")?.unwrap_or_default(),
            scheme: field(fields, "type")?.unwrap_or(default.scheme),
            credentials: field(fields, "credentials")?.unwrap_or_default(),
            credentials_file: field(fields, "credentials_file")?.unwrap_or_default(),
            cert_file: field(fields, "tls_cert_path")?.unwrap_or_default(),
            key_file: field(fields, "tls_key_path")?.unwrap_or_default(),
            ca_file: field(fields, "tls_ca_path")?.unwrap_or_default(),
            server_name: field(fields, "tls_server_name")?.unwrap_or_default(),
            insecure_skip_verify: field(fields, "tls_insecure_skip_verify")?.unwrap_or_default(),
        })
    }

    fn show(&self) -> Mapping {
        mapping([
            ("basic_auth_username", self.username.show()),
            ("basic_auth_password", self.password.show()),
            ("type", self.scheme.show()),
            ("credentials", self.credentials.show()),
            ("credentials_file", self.credentials_file.show()),
            ("tls_cert_path", self.cert_file.show()),
            ("tls_key_path", self.key_file.show()),
            ("tls_ca_path", self.ca_file.show()),
            ("tls_server_name", self.server_name.show()),
            ("tls_insecure_skip_verify", self.insecure_skip_verify.show()),
        ])
    }
}

impl Setting for AlertmanagerConfig {
    fn read(value: &Value) -> Result<Self, String> {
        read_record(value)
    }

    fn show(&self) -> Value {
        Value::Mapping(Record::show(self))
    }
}

/// URLs that may have a password in them, which is not shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Urls(pub Vec<String>);

impl Setting for Urls {
    fn read(value: &Value) -> Result<Self, String> {
        Vec::read(value).map(Urls)
    }

    fn show(&self) -> Value {
        Value::Sequence(
            self.0
                .iter()
                .map(|url| Value::from(without_user(url)))
                .collect(),
        )
    }
}
