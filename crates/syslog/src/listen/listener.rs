//! One listener: its socket, its readers and the batches they fill.

use crate::listen::batcher::Batcher;
use crate::listen::counters::Counters;
use crate::listen::settings::{ListenerSettings, Transport};
use crate::listen::sink::Sink;
pub use crate::listen::tcp::Acceptor;
use crate::listen::{tcp, udp};
use skald_model::Budget;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpSocket;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1024;

/// Senders get this long to see a stop, and batches to be taken.
const STOP: Duration = Duration::from_secs(3);

/// A listener that runs.
pub struct Listener {
    settings: ListenerSettings,
    address: SocketAddr,
    counters: Arc<Counters>,
    stop: watch::Sender<bool>,
    reading: JoinHandle<()>,
    ended: watch::Sender<bool>,
    overdue: watch::Sender<bool>,
    handing_on: JoinHandle<()>,
}

impl Listener {
    /// Listens. TLS needs an acceptor; `clock` gives now in nanoseconds since 1970.
    pub fn start(
        settings: ListenerSettings,
        tls: Option<Acceptor>,
        budget: &Arc<Budget>,
        sink: Sink,
        clock: fn() -> i64,
    ) -> std::io::Result<Listener> {
        let counters = Arc::new(Counters::default());
        let (stop, stopped) = watch::channel(false);
        let (ended, read_to_end) = watch::channel(false);
        let (overdue, given_up) = watch::channel(false);
        let head = settings.context.encode();
        let batcher = Batcher::new(
            head,
            settings.message_bytes_max,
            budget,
            counters.clone(),
            clock,
        );
        let batcher = Arc::new(batcher);
        let (address, reading) = match settings.transport {
            Transport::Udp => {
                let socket = udp::bind(&settings)?;
                let address = socket.local_addr()?;
                let (settings, batcher) = (settings.clone(), batcher.clone());
                let counters = counters.clone();
                let reading = async move {
                    udp::run(socket, &settings, &batcher, &counters, stopped).await;
                };
                (address, tokio::spawn(reading))
            }
            Transport::Tcp | Transport::Tls => {
                let socket = bind(settings.address)?;
                let address = socket.local_addr()?;
                let shared = tcp::Shared {
                    settings: settings.clone(),
                    batcher: batcher.clone(),
                    counters: counters.clone(),
                    budget: budget.clone(),
                    stopped,
                };
                let tls = tls.filter(|_| settings.transport == Transport::Tls);
                (
                    address,
                    tokio::spawn(tcp::run(socket, Arc::new(shared), tls)),
                )
            }
        };
        let handing_on = tokio::spawn(async move {
            batcher.run(&sink, read_to_end, given_up).await;
        });
        Ok(Listener {
            settings,
            address,
            counters,
            stop,
            reading,
            ended,
            overdue,
            handing_on,
        })
    }

    /// What it was started with.
    pub fn settings(&self) -> &ListenerSettings {
        &self.settings
    }

    /// Where it listens, with the port it got.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has counted.
    pub fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// Stops reading, and ends when what was read is taken.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        if timeout(STOP, &mut self.reading).await.is_err() {
            self.reading.abort();
        }
        self.ended.send_replace(true);
        if timeout(STOP, &mut self.handing_on).await.is_err() {
            self.overdue.send_replace(true);
            if timeout(STOP, &mut self.handing_on).await.is_err() {
                self.handing_on.abort();
            }
        }
    }
}

fn bind(address: SocketAddr) -> std::io::Result<tokio::net::TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A server that starts again must not wait for connections of the last one.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
