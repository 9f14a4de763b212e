//! The server's life cycle: open the store, listen, serve, stop in order.
//!
//! Order of stopping: accept no connections; let requests finish; end tails; close the store, whose
//! WAL keeps what is not flushed. Nothing that was acknowledged is lost by any of it.

use crate::api::grpc;
use crate::api::status::RECOVERING;
use crate::app::App;
use crate::auth::tokens::Tokens;
use crate::config::Config;
use crate::config::listen::candidates;
use crate::config::syslog::SyslogListener;
use crate::limits::overrides::Overrides;
use crate::listeners;
use crate::net::connection_memory::ConnectionsMemory;
use crate::net::listener::{Listener, accept};
use crate::net::outgoing::Outgoing;
use crate::net::tls::Tls;
use crate::reload::{self, Reload};
use crate::routes;
use crate::rule_runner::RuleRunner;
use crate::sources::file;
use crate::sources::table::Sources;
use crate::telemetry::logging::SelfLogReceiver;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::self_logs;
use axum::Router;
use skald_model::TenantId;
use skald_store::{RetentionOf, Store, StoreError};
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

/// Connections that may wait to be accepted: many clients that come at once must not try again. The
/// system bounds it (`net.core.somaxconn`).
const BACKLOG: u32 = 4096;

/// How often a data directory on a full disk is tried again.
const OPEN_AGAIN: Duration = Duration::from_secs(1);

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
    Store(#[from] StoreError),
}

/// Starts servers.
pub struct Server;

/// A server that accepts requests.
pub struct Running {
    /// Where it listens, with the port it got.
    pub address: SocketAddr,
    app: Arc<App>,
    stop: watch::Sender<bool>,
    accepting: JoinHandle<()>,
    /// Where gRPC listens, when it does, and the task that accepts its connections.
    grpc: Option<(SocketAddr, JoinHandle<()>)>,
    /// The same of OpenTelemetry's gRPC.
    otlp_grpc: Option<(SocketAddr, JoinHandle<()>)>,
    self_log: Option<JoinHandle<()>>,
    watching: JoinHandle<()>,
    /// Abandons answers that nobody reads.
    sending: JoinHandle<()>,
    /// Keeps the list of sources in its file.
    saving: JoinHandle<()>,
    /// Evaluates rules, where they could be read.
    rules: Option<RuleRunner>,
    reload: Arc<Notify>,
    /// Raised when requests that are still arriving at a stop are given up.
    overdue: watch::Sender<bool>,
}

impl Server {
    /// Opens the data directory and listens; ends when pushes are accepted. Before that, queries
    /// are answered as soon as the parts are open. `self_log` is stored when the setting
    /// `self_logs` is on.
    pub async fn start(
        config: Config,
        self_log: Option<SelfLogReceiver>,
    ) -> Result<Running, StartError> {
        let (config, misfits) = config.fitted().map_err(StartError::Config)?;
        let warn = |misfit| tracing::warn!("configuration: {misfit}");
        misfits.iter().for_each(warn);
        let config = config.bounded();
        skald_model::re2::bound_programs(config.regex_bytes());
        let address = config.listen().map_err(StartError::Config)?;
        let tenant = default_tenant(&config).map_err(StartError::Config)?;
        let overrides = Arc::new(Overrides::open(&config).map_err(StartError::Config)?);
        let tokens = Arc::new(Tokens::open(&config.tokens_file).map_err(StartError::Config)?);
        let tls = Tls::open(&config.server.tls).map_err(StartError::Config)?;
        let tls = tls.map(Arc::new);
        let (socket, address) = bind(address).await?;
        let metrics = Arc::new(Metrics::new());
        let (stop, stopped) = watch::channel(false);
        let (overdue, given_up) = watch::channel(false);
        // Opening very many parts takes a while: until then clients get 503 instead of hanging.
        let sources = Arc::new(known_sources(&config));
        let starting = routes::starting(RECOVERING, &sources);
        let (routers, router) = watch::channel(starting);
        let memory = ConnectionsMemory::default();
        let listener = Listener::new(
            config.server.clone(),
            listeners::connections(&config),
            metrics.clone(),
            memory.clone(),
            tls.clone(),
            router,
            (stopped.clone(), given_up.clone()),
        );
        let accepting = tokio::spawn(accept(Arc::new(listener), socket));
        let opening = open(
            config, overrides, tokens, tenant, metrics, &sources, &routers,
        );
        let opened = async {
            let app = opening.await?;
            memory.charge_to(app.store.budget());
            let grpc = listen_grpcs(&app, tls.as_ref(), (stopped, given_up)).await?;
            let syslog = listeners::apply(&app, &app.config.syslog.listeners);
            syslog.await.map_err(StartError::Config)?;
            Ok::<_, StartError>((app, grpc))
        };
        let (app, [grpc, otlp_grpc]) = opened.await.inspect_err(|_| accepting.abort())?;
        let self_log = self_log.filter(|_| app.config.self_logs);
        let self_log = self_log.map(|lines| tokio::spawn(store_self_log(&app, lines)));
        let reloads = reloads(&app, tls.as_ref());
        let reload = Arc::new(Notify::new());
        let watching = reload::watch(reloads, app.config.runtime.period, reload.clone());
        let sending = tokio::spawn(abandon_stale(app.outgoing.clone()));
        warn_of_settings(&app.config, &address, tls.is_some());
        tracing::info!(%address, data = %app.config.data.display(), "ready");
        Ok(Running {
            address,
            saving: tokio::spawn(save_sources(Arc::downgrade(&app))),
            rules: RuleRunner::start(&app).await,
            app,
            stop,
            accepting,
            grpc,
            otlp_grpc,
            self_log,
            watching: tokio::spawn(watching),
            sending,
            reload,
            overdue,
        })
    }
}

/// The tenant of everybody while tenants are switched off.
fn default_tenant(config: &Config) -> Result<TenantId, String> {
    let tenant = TenantId::parse(&config.no_auth_tenant);
    let tenant = tenant.map_err(|error| format!("no_auth_tenant: {error}"))?;
    if self_logs::is_reserved(&tenant) {
        return Err(format!(
            "no_auth_tenant: '{tenant}' is reserved for the server's own logs"
        ));
    }
    Ok(tenant)
}

/// Listens on an address; gives the address with its port too.
async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |error| StartError::Listen { address, error };
    let socket = listen(&candidates(address)).map_err(failed)?;
    let address = socket.local_addr().map_err(failed)?;
    Ok((socket, address))
}

/// Listens on the first address that can be had.
fn listen(addresses: &[SocketAddr]) -> std::io::Result<TcpListener> {
    let open = |address: &SocketAddr| {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        // A server that starts again must not wait for connections of the last one.
        socket.set_reuseaddr(true)?;
        socket.bind(*address)?;
        socket.listen(BACKLOG)
    };
    let mut result = Err(std::io::ErrorKind::AddrNotAvailable.into());
    for address in addresses {
        result = open(address);
        if result.is_ok() {
            break;
        }
    }
    result
}

/// Opens the parts, switches the real routes on, then replays the write-ahead log.
async fn open(
    config: Config,
    overrides: Arc<Overrides>,
    tokens: Arc<Tokens>,
    tenant: TenantId,
    metrics: Arc<Metrics>,
    sources: &Arc<Sources>,
    routers: &watch::Sender<Router>,
) -> Result<Arc<App>, StartError> {
    let mut options = config.store_options();
    let limits = overrides.clone();
    options.retention = RetentionOf::new(move |tenant| limits.of(tenant).retention.clone());
    let store = Arc::new(open_parts(options, sources, routers).await?);
    let app = App::new(config, overrides, tokens, tenant, store.clone(), metrics);
    let app = Arc::new(app.with_sources(sources.clone()));
    drop(routers.send_replace(routes::router(app.clone())));
    blocking(move || store.recover()).await?;
    Ok(app)
}

/// Opens the parts. A disk that is full, where something has to be written for it, is tried again
/// until it has room: a server that had ended could not tell.
async fn open_parts(
    options: skald_store::Options,
    sources: &Arc<Sources>,
    routers: &watch::Sender<Router>,
) -> Result<Store, StartError> {
    let mut said = false;
    loop {
        let options = options.clone();
        match blocking(move || Store::open_parts(options)).await {
            Err(StartError::Store(error)) if error.is_disk_full() => {
                if !std::mem::replace(&mut said, true) {
                    tracing::error!(%error, "the data directory can't be opened, it is tried again");
                }
                let why = format!("Ingester not ready: opening the data directory: {error}");
                drop(routers.send_replace(routes::starting(&why, sources)));
                tokio::time::sleep(OPEN_AGAIN).await;
            }
            opened => return opened,
        }
    }
}

/// Opens the gRPC listeners that are switched on: Loki's, and OpenTelemetry's. Both take the same
/// calls.
async fn listen_grpcs(
    app: &Arc<App>,
    tls: Option<&Arc<Tls>>,
    ends: (watch::Receiver<bool>, watch::Receiver<bool>),
) -> Result<[Option<(SocketAddr, JoinHandle<()>)>; 2], StartError> {
    let server = &app.config.server;
    let mut listening = [None, None];
    if server.grpc_enabled {
        let address = app.config.listen_grpc().map_err(StartError::Config)?;
        listening[0] = Some(listen_grpc(app, address, tls, ends.clone()).await?);
    }
    if server.otlp_grpc_enabled {
        let address = app.config.listen_otlp_grpc().map_err(StartError::Config)?;
        listening[1] = Some(listen_grpc(app, address, tls, ends).await?);
    }
    Ok(listening)
}

/// Opens a gRPC listener.
async fn listen_grpc(
    app: &Arc<App>,
    address: SocketAddr,
    tls: Option<&Arc<Tls>>,
    ends: (watch::Receiver<bool>, watch::Receiver<bool>),
) -> Result<(SocketAddr, JoinHandle<()>), StartError> {
    let (socket, address) = bind(address).await?;
    let memory = ConnectionsMemory::default();
    memory.charge_to(app.store.budget());
    let listener = Listener::new(
        app.config.server.clone(),
        app.config.descriptors().connections,
        app.metrics.clone(),
        memory,
        tls.cloned(),
        watch::channel(grpc::router(app.clone())).1,
        ends,
    );
    tracing::info!(%address, "gRPC is ready");
    let accepting = tokio::spawn(accept(Arc::new(listener), socket));
    Ok((address, accepting))
}

/// Stores the server's own log lines.
fn store_self_log(app: &App, lines: SelfLogReceiver) -> impl Future<Output = ()> + use<> {
    let tenant = self_logs::tenant_of(&app.config, &app.default_tenant);
    self_logs::run(app.ingest.clone(), tenant, lines)
}

/// Runs a job that waits for the disk on a thread of its own.
async fn blocking<T: Send + 'static>(
    job: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
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

    /// Where OpenTelemetry's gRPC listens, when it does.
    pub fn otlp_grpc_address(&self) -> Option<SocketAddr> {
        self.otlp_grpc.as_ref().map(|(address, _)| *address)
    }

    /// Reads limits, tokens and certificates again now.
    pub fn reload(&self) {
        self.reload.notify_one();
    }

    /// Lets exactly these syslog listeners run; the error names the first that can't.
    pub async fn set_syslog(&self, listeners: &[SyslogListener]) -> Result<(), String> {
        listeners::apply(&self.app, listeners).await
    }

    /// Stops in order; ends when the store is closed.
    pub async fn stop(self) -> Result<(), StoreError> {
        self.stop_unless(std::future::pending()).await
    }

    /// Stops in order. Once `hurry` ends it waits for nothing more than the WAL, so that what was
    /// acknowledged is kept; the process is to end then.
    pub async fn stop_unless(self, hurry: impl Future<Output = ()>) -> Result<(), StoreError> {
        tracing::info!("stopping: no new connections");
        self.app.begin_stop();
        self.stop.send_replace(true);
        let mut hurry = std::pin::pin!(hurry);
        let (app, abort) = (self.app.clone(), self.accepting.abort_handle());
        let server = &app.config.server;
        let in_order = async {
            if let Some(rules) = self.rules {
                rules.stop().await;
            }
            app.syslog.stop().await;
            app.idle().await;
            app.close_tails().await;
            for (_, accepting) in self.grpc.into_iter().chain(self.otlp_grpc) {
                drop(accepting.await);
            }
            drop(self.accepting.await);
        };
        let overdue = async {
            tokio::time::sleep(server.shutdown_drain_timeout).await;
            self.overdue.send_replace(true);
            std::future::pending().await
        };
        let timeout = server.graceful_shutdown_timeout;
        let hurried = tokio::select! {
            () = in_order => false,
            () = overdue => false,
            () = tokio::time::sleep(timeout) => {
                tracing::warn!(?timeout, "requests did not finish in time and are dropped");
                false
            }
            () = hurry.as_mut() => true,
        };
        abort.abort();
        if let Some(self_log) = self.self_log {
            self_log.abort();
        }
        self.watching.abort();
        self.sending.abort();
        self.saving.abort();
        app.save_sources();
        if !hurried {
            let store = app.store.clone();
            tokio::select! {
                closed = tokio::task::spawn_blocking(move || store.close(false)) => {
                    tracing::info!("stopped");
                    return closed.unwrap_or(Ok(()));
                }
                () = hurry => {}
            }
        }
        tracing::warn!("stopping at once: what is unfinished is done after the next start");
        let store = app.store.clone();
        drop(tokio::task::spawn_blocking(move || store.close_at_once()).await);
        // The last owner would wait for a flush under way.
        std::mem::forget(app);
        Ok(())
    }
}

/// How often answers that nobody reads are looked for.
const ABANDON_EVERY: Duration = Duration::from_secs(1);

/// How often the list of sources is written when a source or a reason is new, and when only counts
/// changed: what a process that is killed may lose of it.
const SAVE_NEWS_EVERY: Duration = Duration::from_secs(5);
const SAVE_EVERY: Duration = Duration::from_secs(60);

async fn save_sources(app: Weak<App>) {
    let mut saved = Instant::now();
    loop {
        tokio::time::sleep(SAVE_NEWS_EVERY).await;
        let Some(app) = app.upgrade() else {
            return;
        };
        if app.sources.has_news() || saved.elapsed() >= SAVE_EVERY {
            saved = Instant::now();
            drop(tokio::task::spawn_blocking(move || app.save_sources()).await);
        }
    }
}

/// Sources of the processes before this one.
fn known_sources(config: &Config) -> Sources {
    let known = file::read(&config.data).unwrap_or_else(|error| {
        tracing::warn!(%error, "sources.json can't be read, the list of sources begins anew");
        Vec::new()
    });
    Sources::new(known, config.server.max_sources)
}

async fn abandon_stale(outgoing: Arc<Outgoing>) {
    loop {
        tokio::time::sleep(ABANDON_EVERY).await;
        outgoing.abandon_stale();
    }
}

/// Files that are read again while the server runs.
fn reloads(app: &Arc<App>, tls: Option<&Arc<Tls>>) -> Vec<Reload> {
    let (overrides, tokens) = (app.overrides.clone(), app.tokens.clone());
    let syslog = app.syslog.clone();
    let mut all: Vec<Reload> = vec![
        Arc::new(move || overrides.reload()),
        Arc::new(move || tokens.reload()),
        Arc::new(move || syslog.reload()),
    ];
    let of_rules = Arc::downgrade(app);
    all.push(Arc::new(move || match of_rules.upgrade() {
        // Rules that could not be read were reported.
        Some(app) => app
            .rules()
            .map_or(Ok(()), |rules| rules.reload(&app.overrides)),
        None => Ok(()),
    }));
    if let Some(tls) = tls.cloned() {
        all.push(Arc::new(move || tls.reload()));
    }
    all
}

/// Warns of settings that are sound, and may not be what was meant.
fn warn_of_settings(config: &Config, address: &SocketAddr, encrypted: bool) {
    warn_of_openness(config, address, encrypted);
    if config.limits.expires() && !config.compactor.retention_enabled {
        tracing::warn!(
            "a retention is set, but compactor.retention_enabled is not: nothing expires"
        );
    }
}

/// Warns when a server listens for others without authentication or encryption.
fn warn_of_openness(config: &Config, address: &SocketAddr, encrypted: bool) {
    if address.ip().is_loopback() {
        return;
    }
    if config.tokens_file.is_empty() && !config.server.tls.requires_client_certificate() {
        tracing::warn!(%address, "listening beyond this machine without authentication: set auth.tokens_file");
    }
    if !encrypted {
        tracing::warn!(%address, "listening beyond this machine without TLS: set server.http_tls_config");
    }
}
