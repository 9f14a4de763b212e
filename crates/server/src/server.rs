//! A server's life: open the store, listen, serve connections, stop in order.
//!
//! Order of stopping: take no connections; let requests finish; end tails; close the store, whose WAL
//! keeps what is not flushed. Nothing that was acknowledged is lost by any of it.

use crate::app::{App, raised};
use crate::auth::tokens::Access;
use crate::config::{Config, ServerConfig};
use crate::limits::overrides::Overrides;
use crate::net::drain_body::Leftover;
use crate::net::grpc;
use crate::net::tls::Tls;
use crate::net::write_timeout::Patient;
use crate::reload::Reload;
use crate::telemetry::logging::OwnLines;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::self_logs;
use crate::{reload, routes};
use axum::Router;
use axum::extract::Request;
use axum::http::header::EXPECT;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use skald_model::TenantId;
use skald_store::{RetentionOf, Store};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tower::ServiceExt;

/// Longest request head, in bytes: room for the longest URL there can be and its headers.
const HEAD_BYTES_MAX: usize = 256 * 1024;

/// Streams of one HTTP/2 connection at once.
const HTTP2_STREAMS_MAX: u32 = 256;

/// After a failed accept (no descriptors left) the listener rests so long.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting can't be used.
    #[error("{0}")]
    Config(String),
    /// The address can't be listened on.
    #[error("listening on {address}: {error}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        error: std::io::Error,
    },
    /// The data directory can't be used.
    #[error("opening the data directory: {0}")]
    Store(#[from] skald_store::StoreError),
}

/// Starts servers.
pub struct Server;

/// A server that takes requests.
pub struct Running {
    /// Where it listens, with the port it got.
    pub address: SocketAddr,
    app: Arc<App>,
    stop: watch::Sender<bool>,
    accepting: JoinHandle<()>,
    /// Where gRPC listens, when it does, and what takes its connections.
    grpc: Option<(SocketAddr, JoinHandle<()>)>,
    own_lines: Option<JoinHandle<()>>,
    watching: JoinHandle<()>,
}

impl Server {
    /// Opens the data directory and listens; ends when pushes are taken. Before that, queries are answered as
    /// soon as the parts are open. `own_lines` are stored when `self_logs` is on.
    pub async fn start(config: Config, own_lines: Option<OwnLines>) -> Result<Running, StartError> {
        let address = config.listen().map_err(StartError::Config)?;
        let tenant = TenantId::parse(&config.no_auth_tenant)
            .map_err(|e| StartError::Config(format!("no_auth_tenant: {e}")))?;
        let overrides = Arc::new(Overrides::open(&config).map_err(StartError::Config)?);
        let access = Arc::new(Access::open(&config.tokens_file).map_err(StartError::Config)?);
        let tls = Tls::open(&config.server.tls)
            .map_err(StartError::Config)?
            .map(Arc::new);
        let listener = TcpListener::bind(address)
            .await
            .map_err(|error| StartError::Listen { address, error })?;
        let address = listener
            .local_addr()
            .map_err(|error| StartError::Listen { address, error })?;
        let metrics = Arc::new(Metrics::new());
        let (stop, stopped) = watch::channel(false);
        let grpc_stopped = stopped.clone();
        // Opening very many parts takes a while: until then clients are told so instead of hanging.
        let (routers, router) = watch::channel(routes::starting());
        let listening = Listening {
            config: config.server.clone(),
            metrics: metrics.clone(),
            tls: tls.clone(),
            router,
            stopped,
        };
        let accepting = tokio::spawn(accept(Arc::new(listening), listener));
        let mut options = config.store_options();
        let kept = overrides.clone();
        options.retention = RetentionOf::new(move |tenant| kept.of(tenant).retention.clone());
        let stop_listening = accepting.abort_handle();
        let opened = blocking(move || Store::open_parts(options))
            .await
            .inspect_err(|_| stop_listening.abort());
        let app = Arc::new(App::new(
            config,
            (overrides, access),
            tenant,
            Arc::new(opened?),
            metrics,
        ));
        drop(routers.send_replace(routes::router(app.clone())));
        let store = app.store.clone();
        blocking(move || store.recover())
            .await
            .inspect_err(|_| stop_listening.abort())?;
        let grpc = listen_grpc(&app, tls.as_ref(), grpc_stopped)
            .await
            .inspect_err(|_| stop_listening.abort())?;
        let own_lines = own_lines
            .filter(|_| app.config.self_logs)
            .map(|lines| tokio::spawn(self_logs::run(app.clone(), lines)));
        let watching = tokio::spawn(reload::watch(
            reloads(&app, tls.as_ref()),
            app.config.runtime.period,
        ));
        warn_of_openness(&app.config, &address, tls.is_some());
        if app.config.limits.expires() && !app.config.compactor.retention_enabled {
            tracing::warn!(
                "a retention is set, but compactor.retention_enabled is not: everything is kept"
            );
        }
        tracing::info!(%address, data = %app.config.data.display(), "ready");
        Ok(Running {
            address,
            app,
            stop,
            accepting,
            grpc,
            own_lines,
            watching,
        })
    }
}

/// Opens the gRPC listener when it is switched on.
async fn listen_grpc(
    app: &Arc<App>,
    tls: Option<&Arc<Tls>>,
    stopped: watch::Receiver<bool>,
) -> Result<Option<(SocketAddr, JoinHandle<()>)>, StartError> {
    if !app.config.server.grpc_enabled {
        return Ok(None);
    }
    let address = app.config.listen_grpc().map_err(StartError::Config)?;
    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| StartError::Listen { address, error })?;
    let address = listener
        .local_addr()
        .map_err(|error| StartError::Listen { address, error })?;
    let (config, metrics) = (app.config.server.clone(), app.metrics.clone());
    let router = watch::channel(grpc::router(app.clone())).1;
    let listening = Listening {
        config,
        metrics,
        tls: tls.cloned(),
        router,
        stopped,
    };
    tracing::info!(%address, "gRPC is ready");
    Ok(Some((
        address,
        tokio::spawn(accept(Arc::new(listening), listener)),
    )))
}

/// Runs what waits for the disk away from the sockets.
async fn blocking<T: Send + 'static>(
    job: impl FnOnce() -> Result<T, skald_store::StoreError> + Send + 'static,
) -> Result<T, StartError> {
    let result = tokio::task::spawn_blocking(job).await;
    result
        .map_err(|error| StartError::Config(error.to_string()))?
        .map_err(StartError::from)
}

impl Running {
    /// The parts, for tests in the same process.
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// Where gRPC listens, when it does.
    pub fn grpc_address(&self) -> Option<SocketAddr> {
        self.grpc.as_ref().map(|(address, _)| *address)
    }

    /// Stops in order; ends when the store is closed.
    pub async fn stop(self) -> Result<(), skald_store::StoreError> {
        tracing::info!("stopping: no new connections");
        self.app.begin_stop();
        self.stop.send_replace(true);
        let (app, abort) = (self.app.clone(), self.accepting.abort_handle());
        let patience = app.config.server.graceful_shutdown_timeout;
        let in_order = async move {
            app.idle().await;
            app.close_tails().await;
            if let Some((_, accepting)) = self.grpc {
                drop(accepting.await);
            }
            self.accepting.await
        };
        if tokio::time::timeout(patience, in_order).await.is_err() {
            tracing::warn!(timeout = ?patience, "requests did not finish in time and are dropped");
            abort.abort();
        }
        if let Some(own_lines) = self.own_lines {
            own_lines.abort();
        }
        self.watching.abort();
        let store = self.app.store.clone();
        let closed = tokio::task::spawn_blocking(move || store.close(false)).await;
        tracing::info!("stopped");
        closed.unwrap_or(Ok(()))
    }
}

/// What is read again while the server runs.
fn reloads(app: &Arc<App>, tls: Option<&Arc<Tls>>) -> Vec<Reload> {
    let (overrides, access) = (app.overrides.clone(), app.access.clone());
    let mut all: Vec<Reload> = vec![
        Arc::new(move || overrides.reload()),
        Arc::new(move || access.reload()),
    ];
    if let Some(tls) = tls.cloned() {
        all.push(Arc::new(move || tls.reload()));
    }
    all
}

/// Tells whoever starts a server for others what it does not defend.
fn warn_of_openness(config: &Config, address: &SocketAddr, encrypted: bool) {
    if address.ip().is_loopback() {
        return;
    }
    if config.tokens_file.is_empty() && config.server.tls.client_ca_file.is_empty() {
        tracing::warn!(%address, "listening beyond this machine without authentication: set auth.tokens_file");
    }
    if !encrypted {
        tracing::warn!(%address, "listening beyond this machine without TLS: set server.http_tls_config");
    }
}

/// What every connection needs.
struct Listening {
    config: ServerConfig,
    metrics: Arc<Metrics>,
    tls: Option<Arc<Tls>>,
    /// The routes in force: one answer for all while the server starts, then the real ones.
    router: watch::Receiver<Router>,
    stopped: watch::Receiver<bool>,
}

async fn accept(listening: Arc<Listening>, listener: TcpListener) {
    let mut stopped = listening.stopped.clone();
    let places = Arc::new(Semaphore::new(
        listening
            .config
            .http_listen_conn_limit
            .clamp(1, Semaphore::MAX_PERMITS),
    ));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = raised(&mut stopped) => break,
            place = places.clone().acquire_owned() => match place {
                Ok(place) => tokio::select! {
                    () = raised(&mut stopped) => break,
                    accepted = listener.accept() => accepted.map(|(stream, _)| (stream, place)),
                },
                Err(_) => break,
            },
        };
        match accepted {
            Ok((stream, place)) => {
                let listening = listening.clone();
                connections.spawn(async move {
                    listening.metrics.connection(1);
                    admit_connection(&listening, stream).await;
                    listening.metrics.connection(-1);
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "accepting a connection");
                tokio::time::sleep(ACCEPT_REST).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn admit_connection(listening: &Listening, stream: TcpStream) {
    // Answers are written whole; waiting to fill packets only adds delay.
    let _ = stream.set_nodelay(true);
    let stream = Patient::new(stream, listening.config.http_server_write_timeout);
    let Some(tls) = &listening.tls else {
        return serve_connection(listening, stream).await;
    };
    let patience = listening.config.http_server_read_timeout;
    match tokio::time::timeout(patience, tls.acceptor().accept(stream)).await {
        Ok(Ok(stream)) => serve_connection(listening, stream).await,
        Ok(Err(error)) => tracing::debug!(%error, "TLS handshake"),
        Err(_) => tracing::debug!("TLS handshake took too long"),
    }
}

async fn serve_connection(
    listening: &Listening,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) {
    let (config, mut stopped, router) = (
        &listening.config,
        listening.stopped.clone(),
        listening.router.clone(),
    );
    let asked = Arc::new(AtomicBool::new(false));
    let has_asked = asked.clone();
    let prefix = config.http_path_prefix.trim_end_matches('/').to_owned();
    let service = service_fn(move |mut request: Request<Incoming>| {
        asked.store(true, Ordering::Relaxed);
        if let Some(uri) = routes::normalize(request.uri(), &prefix) {
            *request.uri_mut() = uri;
        }
        let current = router.borrow().clone();
        let waits = request.headers().contains_key(EXPECT);
        current.oneshot(request.map(|body| Leftover::of(body, waits)))
    });
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
        .keep_alive_interval(Some(idle));
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    tokio::pin!(connection);
    // A connection is for asking: one that has not by then only takes a place.
    let silent = async {
        tokio::time::sleep(config.http_server_read_timeout).await;
        if has_asked.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    };
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = silent => return tracing::debug!("a connection without a request is closed"),
        () = raised(&mut stopped) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended");
    }
}
