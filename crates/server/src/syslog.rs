//! The syslog listeners that run: started and stopped by their settings, counted for metrics.

use crate::config::TlsConfig;
use crate::config::syslog::SyslogListener;
use crate::net::tls::Tls;
use crate::telemetry::exposition::{header, line};
use parking_lot::Mutex;
use skald_model::{Budget, TenantId};
use skald_syslog::listen::counters::{Count, Counters};
use skald_syslog::listen::listener::{Acceptor, Listener};
use skald_syslog::listen::settings::Transport;
use skald_syslog::listen::sink::Sink;
use std::net::SocketAddr;
use std::sync::Arc;

/// The listeners of a server.
#[derive(Default)]
pub struct SyslogListeners {
    running: Mutex<Vec<Running>>,
}

struct Running {
    wanted: SyslogListener,
    listener: Listener,
    tls: Option<Arc<Tls>>,
}

/// What a listener reports.
#[derive(Clone, Debug)]
pub struct SyslogStatus {
    /// `udp`, `tcp` or `tls`.
    pub transport: &'static str,
    /// Where it listens, with the port it got.
    pub address: SocketAddr,
    /// Messages read.
    pub messages: u64,
    /// Datagrams that the system dropped.
    pub dropped: u64,
    /// Connections refused.
    pub refused: u64,
}

/// What listeners need of the server.
pub(crate) struct Surroundings<'s> {
    pub(crate) budget: &'s Arc<Budget>,
    /// The server's own certificate.
    pub(crate) tls: &'s TlsConfig,
    /// Whose messages are that have no tenant.
    pub(crate) default_tenant: &'s TenantId,
    /// Makes what takes the messages of a tenant.
    pub(crate) sink: &'s (dyn Fn(TenantId) -> Sink + Sync),
}

impl SyslogListeners {
    /// Stops listeners that are not wanted any more and starts those that do not run. The error is
    /// the first; the others run anyway.
    pub(crate) async fn apply(
        &self,
        wanted: &[SyslogListener],
        surroundings: &Surroundings<'_>,
    ) -> Result<(), String> {
        let (staying, going): (Vec<_>, Vec<_>) = std::mem::take(&mut *self.running.lock())
            .into_iter()
            .partition(|running| wanted.contains(&running.wanted));
        *self.running.lock() = staying;
        for running in going {
            tracing::info!(address = %running.listener.address(), "syslog: stops listening");
            running.listener.stop().await;
        }
        let mut result = Ok(());
        for wanted in wanted {
            let runs = |running: &Running| running.wanted == *wanted;
            if self.running.lock().iter().any(runs) {
                continue;
            }
            match start(wanted, surroundings) {
                Ok(running) => self.running.lock().push(running),
                Err(error) => result = result.and(Err(error)),
            }
        }
        result
    }

    /// Stops all; ends when what they read is stored.
    pub(crate) async fn stop(&self) {
        let running = std::mem::take(&mut *self.running.lock());
        let stops = running.into_iter().map(|running| running.listener.stop());
        futures_util::future::join_all(stops).await;
    }

    /// Reads certificates again.
    pub(crate) fn reload(&self) -> Result<(), String> {
        let all: Vec<Arc<Tls>> = self
            .running
            .lock()
            .iter()
            .filter_map(|running| running.tls.clone())
            .collect();
        all.iter().try_for_each(|tls| tls.reload())
    }

    /// What each reports.
    pub fn status(&self) -> Vec<SyslogStatus> {
        let running = self.running.lock();
        let status = running.iter().map(|running| {
            let counters = running.listener.counters();
            SyslogStatus {
                transport: running.wanted.transport.as_str(),
                address: running.listener.address(),
                messages: counters.messages.get(),
                dropped: counters.dropped.get(),
                refused: counters.refused.get(),
            }
        });
        status.collect()
    }

    /// Appends metrics in Prometheus text form.
    pub(crate) fn write_metrics(&self, out: &mut String) {
        let running = self.running.lock();
        if running.is_empty() {
            return;
        }
        for (name, help, count) in COUNTERS {
            header(out, name, "counter", help);
            for running in running.iter() {
                write_line(out, name, running, count(running.listener.counters()).get());
            }
        }
        let name = "skald_syslog_connections";
        header(out, name, "gauge", "Open syslog connections.");
        for running in running.iter() {
            write_line(out, name, running, running.listener.counters().open());
        }
    }
}

fn write_line(out: &mut String, name: &str, running: &Running, value: u64) {
    let address = running.listener.address().to_string();
    let protocol = running.wanted.transport.as_str();
    line(
        out,
        name,
        &[("protocol", protocol), ("address", &address)],
        value,
    );
}

/// A count of a listener.
type CountOf = fn(&Counters) -> &Count;

/// Metrics with their help and what they count.
const COUNTERS: [(&str, &str, CountOf); 8] = [
    (
        "skald_syslog_messages_total",
        "Syslog messages read.",
        |counters| &counters.messages,
    ),
    (
        "skald_syslog_bytes_total",
        "Bytes of syslog messages read.",
        |counters| &counters.bytes,
    ),
    (
        "skald_syslog_truncated_total",
        "Messages longer than max_message_size, or without an end.",
        |counters| &counters.truncated,
    ),
    (
        "skald_syslog_connections_refused_total",
        "Connections beyond max_connections, and failed TLS.",
        |counters| &counters.refused,
    ),
    (
        "skald_syslog_connections_idle_total",
        "Connections closed after idle_timeout.",
        |counters| &counters.idle,
    ),
    (
        "skald_syslog_retries_total",
        "Times that a batch had to wait because the store took nothing.",
        |counters| &counters.retries,
    ),
    (
        "skald_syslog_lost_total",
        "Messages read and given up at a stop.",
        |counters| &counters.lost,
    ),
    (
        "skald_syslog_dropped_total",
        "Datagrams that the system dropped because its buffer was full.",
        |counters| &counters.dropped,
    ),
];

fn start(wanted: &SyslogListener, surroundings: &Surroundings<'_>) -> Result<Running, String> {
    let at = |error: String| format!("syslog.listeners: {}: {error}", wanted.address);
    let tenant = match wanted.tenant.as_str() {
        "" => surroundings.default_tenant.clone(),
        name => TenantId::parse(name).map_err(|error| at(error.to_string()))?,
    };
    let tls = match wanted.transport {
        Transport::Tls => Tls::open(wanted.tls(surroundings.tls))
            .map_err(at)?
            .map(Arc::new),
        Transport::Udp | Transport::Tcp => None,
    };
    let acceptor = tls
        .clone()
        .map(|tls| -> Acceptor { Arc::new(move || tls.acceptor()) });
    if wanted.transport == Transport::Tls && acceptor.is_none() {
        return Err(at("TLS needs cert_file and key_file".to_owned()));
    }
    let sink = (surroundings.sink)(tenant.clone());
    let listener = Listener::start(
        wanted.settings(),
        acceptor,
        surroundings.budget,
        sink,
        crate::clock::now,
    );
    let listener = listener.map_err(|error| at(format!("listening: {error}")))?;
    let (address, protocol) = (listener.address(), wanted.transport.as_str());
    tracing::info!(%address, protocol, %tenant, "syslog: listening");
    if !address.ip().is_loopback() {
        tracing::warn!(%address, "syslog: anybody who reaches this address may write: syslog knows no tokens");
    }
    Ok(Running {
        wanted: wanted.clone(),
        listener,
        tls,
    })
}
