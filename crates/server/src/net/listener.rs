//! The listener accepts connections, limits them and serves HTTP on each.

use crate::config::ServerConfig;
use crate::error::ApiError;
use crate::net::connection_memory::{ConnectionMemory, ConnectionsMemory, Transport};
use crate::net::drain_body::DrainedBody;
use crate::net::outgoing::CloseConnection;
use crate::net::progress::{AnswerBody, Progress};
use crate::net::request_line::RequestLines;
use crate::net::request_path;
use crate::net::tls::Tls;
use crate::net::write_timeout::WriteTimeout;
use crate::shutdown::raised;
use crate::telemetry::metrics::Metrics;
use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::EXPECT;
use axum::response::IntoResponse;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tower::ServiceExt;

/// Longest request head, in bytes: room for the longest URL there can be and its headers.
const HEAD_BYTES_MAX: usize = 256 * 1024;

/// Streams of one HTTP/2 connection at once.
const HTTP2_STREAMS_MAX: u32 = 256;

/// What one stream of HTTP/2 keeps to be sent, in bytes.
const HTTP2_SEND_BYTES: usize = 64 << 10;

/// After a failed accept (no descriptors left) the listener pauses this long.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A connection without a request is closed after this when all places are taken, and others wait.
const SILENT_WHEN_FULL: Duration = Duration::from_secs(2);

/// What every connection shares.
pub(crate) struct Listener {
    /// Limits and timeouts of connections.
    pub(crate) config: ServerConfig,
    /// Places for connections.
    pub(crate) slots: Arc<Semaphore>,
    /// Where connections are counted.
    pub(crate) metrics: Arc<Metrics>,
    /// What connections hold.
    pub(crate) memory: ConnectionsMemory,
    /// TLS, when connections are encrypted.
    pub(crate) tls: Option<Arc<Tls>>,
    /// The routes in force: one answer for all while the server starts, then the real ones.
    pub(crate) router: watch::Receiver<Router>,
    /// Turns true when no more connections are accepted.
    pub(crate) stopped: watch::Receiver<bool>,
    /// Turns true when a stop waits no longer for what is still arriving.
    pub(crate) overdue: watch::Receiver<bool>,
}

/// Whose connection a request came by: an extension of every request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientAddress(pub(crate) IpAddr);

/// Accepts connections until `stopped`; ends when the last one is closed.
pub(crate) async fn accept(listener: Arc<Listener>, socket: TcpListener) {
    let mut stopped = listener.stopped.clone();
    let slots = listener.slots.clone();
    let mut connections = JoinSet::new();
    let mut fails = false;
    loop {
        // What has no place or no memory waits in the system's queue.
        let place = async {
            let slot = slots.clone().acquire_owned().await.ok()?;
            Some((slot, listener.memory.connection(listener.transport()).await))
        };
        let accepted = tokio::select! {
            () = raised(&mut stopped) => break,
            place = place => match place {
                Some(place) => tokio::select! {
                    () = raised(&mut stopped) => break,
                    accepted = socket.accept() => accepted.map(|accepted| (accepted, place)),
                },
                None => break,
            },
        };
        match accepted {
            Ok(((stream, client), (slot, memory))) => {
                fails = false;
                let listener = listener.clone();
                connections.spawn(async move {
                    listener.metrics.connection(1);
                    let client = ClientAddress(client.ip());
                    admit_connection(&listener, stream, (memory, client)).await;
                    listener.metrics.connection(-1);
                    drop(slot);
                });
            }
            Err(error) => {
                if !std::mem::replace(&mut fails, true) {
                    tracing::warn!(%error, "failed to accept a connection");
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
    drop(socket);
    while connections.join_next().await.is_some() {}
}

async fn admit_connection(
    listener: &Listener,
    stream: TcpStream,
    (memory, client): (ConnectionMemory, ClientAddress),
) {
    // Answers are written whole; waiting to fill packets only adds delay.
    let _ = stream.set_nodelay(true);
    let progress = Arc::new(Progress::default());
    let stream = WriteTimeout::new(
        stream,
        listener.config.http_server_write_timeout,
        listener.config.http_server_write_min_rate.0,
        progress.clone(),
    );
    let Some(tls) = &listener.tls else {
        return serve_connection(listener, stream, (progress, memory), client).await;
    };
    let mut stopped = listener.stopped.clone();
    let shaken = tokio::select! {
        shaken = tls.acceptor().accept(stream) => shaken,
        () = listener.silence() => return tracing::debug!("TLS handshake timed out"),
        // Nothing was asked for yet.
        () = raised(&mut stopped) => return,
    };
    match shaken {
        Ok(stream) => serve_connection(listener, stream, (progress, memory), client).await,
        Err(error) => tracing::debug!(%error, "TLS handshake failed"),
    }
}

impl Listener {
    /// For connections within these limits.
    pub(crate) fn new(
        config: ServerConfig,
        connections: usize,
        metrics: Arc<Metrics>,
        memory: ConnectionsMemory,
        tls: Option<Arc<Tls>>,
        router: watch::Receiver<Router>,
        (stopped, overdue): (watch::Receiver<bool>, watch::Receiver<bool>),
    ) -> Listener {
        let connections = connections.clamp(1, Semaphore::MAX_PERMITS);
        metrics.add_connections_max(connections);
        Listener {
            config,
            slots: Arc::new(Semaphore::new(connections)),
            metrics,
            memory,
            tls,
            router,
            stopped,
            overdue,
        }
    }

    fn transport(&self) -> Transport {
        match self.tls {
            Some(_) => Transport::Tls,
            None => Transport::Plain,
        }
    }

    /// The longest time that a client may say nothing: short when all places are taken, or there is
    /// no memory for more.
    async fn silence(&self) {
        let mut left = self.config.http_server_read_timeout;
        while !left.is_zero() {
            let step = left.min(SILENT_WHEN_FULL);
            tokio::time::sleep(step).await;
            left -= step;
            if self.slots.available_permits() == 0 || self.memory.is_short() {
                return;
            }
        }
    }
}

/// HTTP of both versions, within bounds.
fn http(config: &ServerConfig, window: u32) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    let idle = config.http_server_idle_timeout;
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(idle)
        .max_buf_size(HEAD_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(HTTP2_STREAMS_MAX)
        .initial_connection_window_size(window)
        .initial_stream_window_size(window)
        .max_send_buf_size(HTTP2_SEND_BYTES)
        .keep_alive_interval(Some(idle));
    builder
}

async fn serve_connection(
    listener: &Listener,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    (progress, memory): (Arc<Progress>, ConnectionMemory),
    client: ClientAddress,
) {
    let (config, mut stopped, router) = (
        &listener.config,
        listener.stopped.clone(),
        listener.router.clone(),
    );
    let close = CloseConnection::default();
    let closer = close.clone();
    let prefix = request_path::prefix(&config.http_path_prefix);
    let (begun, given_up) = (progress.clone(), listener.overdue.clone());
    let service = service_fn(move |mut request: Request<Incoming>| {
        if let Some(uri) = request_path::normalize(request.uri(), &prefix) {
            *request.uri_mut() = uri;
        }
        request.extensions_mut().insert(closer.clone());
        request.extensions_mut().insert(client);
        let current = router.borrow().clone();
        let expects_continue = request.headers().contains_key(EXPECT);
        let request =
            request.map(|body| DrainedBody::of(body, expects_continue, &given_up, &begun));
        let (unanswered, progress) = (begun.begin(), begun.clone());
        async move {
            let answer = match progress.take_refusal() {
                Some(why) => ApiError::bad(why).into_response(),
                None => current.oneshot(request).await?,
            };
            if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
                progress.lose();
            }
            Ok::<_, Infallible>(answer.map(|body| AnswerBody::new(body, unanswered)))
        }
    });
    let builder = http(config, listener.memory.http2_window());
    let stream = TokioIo::new(RequestLines::new(stream, progress.clone(), memory));
    let connection = builder.serve_connection_with_upgrades(stream, service);
    tokio::pin!(connection);
    // A connection without a request by then only holds a slot.
    let silent = async {
        listener.silence().await;
        if progress.begun() > 0 {
            std::future::pending::<()>().await;
        }
    };
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = close.0.notified() => return,
        () = silent => return tracing::debug!("closed a connection without a request"),
        () = raised(&mut stopped) => {
            connection.as_mut().graceful_shutdown();
            let mut overdue = listener.overdue.clone();
            tokio::select! {
                ended = connection.as_mut() => ended,
                () = close.0.notified() => return,
                () = progress.give_up(&mut overdue, config.shutdown_drain_timeout) => {
                    return tracing::debug!("closed a connection that holds up the stop");
                }
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended");
    }
}
