//! `syslog.listeners`: where syslog messages are taken, and whose they are.

use super::record::{Record, field, mapping};
use super::setting::{ByteSize, Setting};
use super::{ClientAuth, TlsConfig};
use serde_yaml_ng::{Mapping, Value};
use skald_model::TenantId;
use skald_syslog::batch::Context;
use skald_syslog::listen::settings::{ListenerSettings, Transport};
use skald_syslog::zone::zone_named;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Most listeners.
const LISTENERS_MAX: usize = 32;

/// Most labels of a listener, beside those of its messages.
const LABELS_MAX: usize = 8;

/// What a message may be, at least and at most, in bytes: the RFC's least, and what no device sends.
const MESSAGE_BYTES: (u64, u64) = (480, 1 << 20);

/// Most connections of a listener.
const CONNECTIONS_MAX: u64 = 65_536;

/// One listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyslogListener {
    /// Where it listens.
    pub address: SocketAddr,
    /// `udp`, `tcp` or `tls`.
    pub transport: Transport,
    /// Whose its messages are; empty is `no_auth_tenant`.
    pub tenant: String,
    /// Labels that every message gets.
    pub labels: BTreeMap<String, String>,
    /// The zone of times without one.
    pub zone: String,
    /// Bytes of a message; longer ones are truncated.
    pub max_message_size: ByteSize,
    /// Connections at once.
    pub max_connections: u64,
    /// A connection that sends nothing for so long is closed; 0 is never.
    pub idle_timeout: Duration,
    /// Bytes of a UDP socket's buffer, as far as the system allows.
    pub receive_buffer: ByteSize,
    /// Certificate of TLS; without one that of `server.http_tls_config`.
    pub tls: TlsConfig,
}

impl Default for SyslogListener {
    fn default() -> SyslogListener {
        SyslogListener {
            address: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 5514),
            transport: Transport::Udp,
            tenant: String::new(),
            labels: BTreeMap::new(),
            zone: "local".to_owned(),
            max_message_size: ByteSize(64 << 10),
            max_connections: 1024,
            idle_timeout: Duration::from_secs(3600),
            receive_buffer: ByteSize(4 << 20),
            tls: TlsConfig::default(),
        }
    }
}

impl Record for SyslogListener {
    const KEYS: &'static [&'static str] = &[
        "address",
        "protocol",
        "tenant",
        "labels",
        "zone",
        "max_message_size",
        "max_connections",
        "idle_timeout",
        "receive_buffer",
        "cert_file",
        "key_file",
        "client_ca_file",
    ];

    fn read(fields: &Mapping) -> Result<Self, String> {
        let default = SyslogListener::default();
        let listener = SyslogListener {
            address: match field::<String>(fields, "address")? {
                Some(text) => address(&text).map_err(|error| format!("address: {error}"))?,
                None => default.address,
            },
            transport: match field::<String>(fields, "protocol")? {
                Some(word) => transport(&word).map_err(|error| format!("protocol: {error}"))?,
                None => default.transport,
            },
            tenant: field(fields, "tenant")?.unwrap_or_default(),
            labels: labels(fields.get("labels")).map_err(|error| format!("labels: {error}"))?,
            zone: field(fields, "zone")?.unwrap_or(default.zone),
            max_message_size: field(fields, "max_message_size")?
                .unwrap_or(default.max_message_size),
            max_connections: field(fields, "max_connections")?.unwrap_or(default.max_connections),
            idle_timeout: field(fields, "idle_timeout")?.unwrap_or(default.idle_timeout),
            receive_buffer: field(fields, "receive_buffer")?.unwrap_or(default.receive_buffer),
            tls: TlsConfig {
                cert_file: field(fields, "cert_file")?.unwrap_or_default(),
                key_file: field(fields, "key_file")?.unwrap_or_default(),
                client_ca_file: field(fields, "client_ca_file")?.unwrap_or_default(),
                client_auth_type: ClientAuth::Default,
            },
        };
        listener.check_bounds()?;
        Ok(listener)
    }

    fn show(&self) -> Mapping {
        let labels = self
            .labels
            .iter()
            .map(|(name, value)| (Value::from(name.as_str()), Value::from(value.as_str())));
        mapping([
            ("address", self.address.to_string().show()),
            ("protocol", self.transport.as_str().to_owned().show()),
            ("tenant", self.tenant.show()),
            ("labels", Value::Mapping(labels.collect())),
            ("zone", self.zone.show()),
            ("max_message_size", self.max_message_size.show()),
            ("max_connections", self.max_connections.show()),
            ("idle_timeout", self.idle_timeout.show()),
            ("receive_buffer", self.receive_buffer.show()),
            ("cert_file", self.tls.cert_file.show()),
            ("key_file", self.tls.key_file.show()),
            ("client_ca_file", self.tls.client_ca_file.show()),
        ])
    }
}

/// `ADDR:PORT`, `:PORT` for every address, or `PORT` on this machine alone.
fn address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(port) = text.parse() {
        return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    }
    let spelled = match text.strip_prefix(':') {
        Some(port) => format!("0.0.0.0:{port}"),
        None => text.replacen("localhost:", "127.0.0.1:", 1),
    };
    spelled.parse().map_err(|_| {
        format!(
            "expected ADDR:PORT, :PORT for every address, or PORT for 127.0.0.1, found {text:?}"
        )
    })
}

fn transport(word: &str) -> Result<Transport, String> {
    [Transport::Udp, Transport::Tcp, Transport::Tls]
        .into_iter()
        .find(|transport| transport.as_str() == word)
        .ok_or_else(|| format!("expected one of udp, tcp, tls, found {word:?}"))
}

fn labels(value: Option<&Value>) -> Result<BTreeMap<String, String>, String> {
    let pairs = match value {
        None | Some(Value::Null) => return Ok(BTreeMap::new()),
        Some(Value::Mapping(pairs)) => pairs,
        Some(_) => return Err("expected names with values".to_owned()),
    };
    let mut labels = BTreeMap::new();
    for (name, value) in pairs {
        let name = String::read(name)?;
        let is_start = |c: char| c.is_ascii_alphabetic() || c == '_';
        let is_name = name.starts_with(is_start)
            && name.chars().all(|c| is_start(c) || c.is_ascii_digit())
            && !name.starts_with("__");
        if !is_name {
            return Err(format!("expected a label name, found {name:?}"));
        }
        let value = String::read(value).map_err(|error| format!("{name}: {error}"))?;
        labels.insert(name, value);
    }
    match labels.len() {
        0..=LABELS_MAX => Ok(labels),
        count => Err(format!("{count} labels, at most {LABELS_MAX} are taken")),
    }
}

impl SyslogListener {
    fn check_bounds(&self) -> Result<(), String> {
        let (least, most) = MESSAGE_BYTES;
        if !(least..=most).contains(&self.max_message_size.0) {
            return Err(format!(
                "max_message_size: expected {} to {}, found {}",
                ByteSize(least),
                ByteSize(most),
                self.max_message_size
            ));
        }
        if !(1..=CONNECTIONS_MAX).contains(&self.max_connections) {
            return Err(format!(
                "max_connections: expected 1 to {CONNECTIONS_MAX}, found {}",
                self.max_connections
            ));
        }
        if !self.tenant.is_empty() {
            TenantId::parse(&self.tenant).map_err(|error| format!("tenant: {error}"))?;
        }
        if self.zone.is_empty() || self.zone.len() > 255 || zone_named(&self.zone).is_none() {
            return Err(format!(
                "zone: expected local, UTC, an offset as +01:00 or a name as Europe/Berlin, found {:?}",
                self.zone
            ));
        }
        Ok(())
    }

    /// What its listener is started with.
    pub fn settings(&self) -> ListenerSettings {
        let size = |size: ByteSize| usize::try_from(size.0).unwrap_or(usize::MAX);
        ListenerSettings {
            address: self.address,
            transport: self.transport,
            context: Context {
                zone: self.zone.clone(),
                labels: self.labels.clone().into_iter().collect(),
                arrival: 0,
            },
            message_bytes_max: size(self.max_message_size),
            connections_max: usize::try_from(self.max_connections).unwrap_or(usize::MAX),
            idle_timeout: self.idle_timeout,
            receive_buffer_bytes: size(self.receive_buffer),
        }
    }

    /// The certificate it uses, its own or the server's.
    pub fn tls<'c>(&'c self, of_server: &'c TlsConfig) -> &'c TlsConfig {
        match self.tls.cert_file.is_empty() {
            true => of_server,
            false => &self.tls,
        }
    }
}

/// Checks what a single listener can't tell; the error names the setting.
pub(crate) fn check(
    listeners: &[SyslogListener],
    needs_tenant: bool,
    tls: &TlsConfig,
) -> Result<(), String> {
    let named = |error: String| Err(format!("syslog.listeners: {error}"));
    if listeners.len() > LISTENERS_MAX {
        return named(format!(
            "{} listeners, at most {LISTENERS_MAX} are taken",
            listeners.len()
        ));
    }
    for (at, listener) in listeners.iter().enumerate() {
        let (address, is_udp) = (listener.address, listener.transport == Transport::Udp);
        let same = |other: &SyslogListener| {
            other.address == address
                && address.port() != 0
                && (other.transport == Transport::Udp) == is_udp
        };
        if listeners[..at].iter().any(same) {
            return named(format!("two of them listen on {address}"));
        }
        if needs_tenant && listener.tenant.is_empty() {
            return named(format!(
                "{address}: tenant is missing: with auth_enabled every message needs one"
            ));
        }
        let own = listener.tls(tls);
        let is_whole = !own.cert_file.is_empty() && !own.key_file.is_empty();
        if listener.transport == Transport::Tls && !is_whole {
            return named(format!(
                "{address}: cert_file and key_file are missing, here and in server.http_tls_config"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::check::report;

    fn read(yaml: &str) -> Result<Vec<SyslogListener>, String> {
        Vec::<SyslogListener>::read(&Value::from(yaml))
    }

    #[test]
    fn a_listener_has_defaults_and_shows_what_it_was_read_from() {
        let listeners = read("[{}]").expect("all has a default");
        assert_eq!(listeners, [SyslogListener::default()]);
        let yaml = "- {address: ':514', protocol: tcp, tenant: a, labels: {site: x}, zone: Europe/Berlin, \
                    max_message_size: 8KB, max_connections: 5, idle_timeout: 1m}";
        let listeners = read(yaml).expect("valid");
        assert_eq!(listeners[0].address.to_string(), "0.0.0.0:514");
        assert_eq!(
            listeners[0].settings().context.labels,
            [("site".to_owned(), "x".to_owned())]
        );
        assert_eq!(
            Vec::<SyslogListener>::read(&listeners.show()),
            Ok(listeners)
        );
        assert_eq!(
            read("[{address: 5514}]").map(|l| l[0].address.to_string()),
            Ok("127.0.0.1:5514".to_owned())
        );
    }

    #[test]
    fn what_can_not_be_is_refused_with_its_name() {
        for (yaml, error) in [
            ("[{address: here}]", "address: expected ADDR:PORT"),
            (
                "[{protocol: relp}]",
                "protocol: expected one of udp, tcp, tls, found \"relp\"",
            ),
            ("[{zone: Mars}]", "zone: expected local, UTC"),
            ("[{tenant: a/b}]", "tenant: "),
            (
                "[{labels: {1a: b}}]",
                "labels: expected a label name, found \"1a\"",
            ),
            ("[{labels: [a]}]", "labels: expected names with values"),
            (
                "[{max_message_size: 100}]",
                "max_message_size: expected 480B to 1MB, found 100B",
            ),
            (
                "[{max_connections: 0}]",
                "max_connections: expected 1 to 65536, found 0",
            ),
            ("[{port: 1}]", "expected the keys address, protocol"),
        ] {
            let found = read(yaml).expect_err(yaml);
            assert!(found.starts_with(error), "{yaml}: {found}");
        }
    }

    #[test]
    fn listeners_are_checked_together() {
        for (yaml, error) in [
            (
                "syslog: {listeners: [{address: 514}, {address: 514}]}",
                "two of them listen on 127.0.0.1:514",
            ),
            (
                "auth_enabled: true\nsyslog: {listeners: [{}]}",
                "127.0.0.1:5514: tenant is missing",
            ),
            (
                "syslog: {listeners: [{protocol: tls}]}",
                "127.0.0.1:5514: cert_file and key_file are missing",
            ),
        ] {
            let (report, usable) = report(yaml, |_| None);
            assert!(
                !usable && report.contains(&format!("refused: syslog.listeners: {error}")),
                "{report}"
            );
        }
        let (_, usable) = report(
            "syslog: {listeners: [{address: 514}, {address: 514, protocol: tcp}]}",
            |_| None,
        );
        assert!(usable);
    }
}
