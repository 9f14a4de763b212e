//! The application state: what all handlers share.

use crate::auth::read_scope::ReadScope;
use crate::auth::tokens::Tokens;
use crate::coalesce::QueryCoalescer;
use crate::config::Config;
use crate::error::ApiError;
use crate::limits::memory_turn::{Lane, MemoryTurns};
use crate::limits::open_tails::OpenTails;
use crate::limits::overrides::{Overrides, TenantLimits};
use crate::net::body::Arrivals;
use crate::net::forward::Forwarder;
use crate::net::outgoing::Outgoing;
use crate::rules::Rules;
use crate::saved::SavedSearches;
use crate::sources::file;
use crate::sources::table::Sources;
use crate::syslog::SyslogListeners;
use crate::tails::TailGroups;
use crate::telemetry::metrics::{Metrics, RefusalReason};
use crate::telemetry::query_log::QueryLogGate;
use axum::http::StatusCode;
use skald_ingest::Ingest;
use skald_model::TenantId;
use skald_query::{Cancel, Engine, QueryError, QueryLimits};
use skald_store::Store;
use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::sync::{oneshot, watch};

/// A query that the engine did not end by itself is given up this long after its timeout.
const TIMEOUT_GRACE: Duration = Duration::from_secs(1);

/// The parts of a running server. Shared as an `Arc`.
pub struct App {
    /// The configuration.
    pub config: Config,
    /// Whose data it is while `auth_enabled` is false.
    pub default_tenant: TenantId,
    /// The data directory.
    pub store: Arc<Store>,
    /// Takes pushes.
    pub ingest: Arc<Ingest>,
    /// Answers queries.
    pub engine: Engine,
    /// The limits of each tenant.
    pub overrides: Arc<Overrides>,
    /// Counters of requests.
    pub metrics: Arc<Metrics>,
    /// Request bodies that are arriving.
    pub(crate) arrivals: Arrivals,
    /// Answers that are being sent.
    pub(crate) outgoing: Arc<Outgoing>,
    /// Where audit events go besides.
    pub(crate) forwarder: Option<Forwarder>,
    /// Searches that people saved.
    pub(crate) saved: SavedSearches,
    /// Turns of queries that found no memory.
    pub(crate) memory_turns: MemoryTurns,
    /// Which queries are logged.
    pub query_log: Arc<QueryLogGate>,
    /// Open tails, per tenant.
    pub tails: OpenTails,
    /// The queries of these tails.
    pub tail_groups: TailGroups,
    /// Queries that run now, so that equal ones run once.
    pub coalescer: QueryCoalescer,
    /// Who sends logs.
    pub(crate) sources: Arc<Sources>,
    /// Syslog listeners that run.
    pub syslog: Arc<SyslogListeners>,
    /// Tokens and their rights.
    pub tokens: Arc<Tokens>,
    /// Rules, once the server has started.
    rules: OnceLock<Result<Arc<Rules>, String>>,
    phase: AtomicU8,
    stopping: watch::Sender<bool>,
    busy: watch::Sender<usize>,
}

/// The life of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Takes requests.
    Running,
    /// Finishes requests, takes no more.
    Stopping,
}

impl App {
    /// Puts the parts together.
    pub fn new(
        config: Config,
        overrides: Arc<Overrides>,
        tokens: Arc<Tokens>,
        default_tenant: TenantId,
        store: Arc<Store>,
        metrics: Arc<Metrics>,
    ) -> App {
        let ingest = Ingest::with_policies(store.clone(), overrides.clone(), crate::clock::now);
        let ingest = Arc::new(ingest);
        let engine = Engine::new(
            store.clone(),
            config.limits.query(&config.querier),
            crate::clock::now,
        );
        let arrivals = Arrivals::new(store.budget());
        let sources = Arc::new(Sources::new(Vec::new(), config.server.max_sources));
        let memory_turns = MemoryTurns::new(store.budget());
        let timeout = config.server.http_server_write_timeout;
        let forward = &config.distributor;
        let forwarder = Forwarder::new(
            &forward.k8s_audit_forward_to,
            forward.k8s_audit_forward_queue_size.0 as usize,
            store.budget(),
        );
        let outgoing = Arc::new(Outgoing::new(
            store.budget(),
            &metrics,
            timeout,
            config.frontend.max_answer_size.0,
        ));
        let saved = SavedSearches::new(config.data.clone());
        App {
            saved,
            overrides,
            tokens,
            default_tenant,
            store,
            ingest,
            engine,
            metrics,
            arrivals,
            outgoing,
            memory_turns,
            forwarder,
            query_log: Arc::new(QueryLogGate::new(config.query_log.clone())),
            tails: OpenTails::default(),
            tail_groups: TailGroups::default(),
            coalescer: QueryCoalescer::default(),
            sources,
            syslog: Arc::default(),
            rules: OnceLock::new(),
            phase: AtomicU8::new(Phase::Running as u8),
            stopping: watch::Sender::new(false),
            busy: watch::Sender::new(0),
            config,
        }
    }

    /// With the sources that are known already.
    pub(crate) fn with_sources(self, sources: Arc<Sources>) -> App {
        App { sources, ..self }
    }

    /// The rules; until they are there, an error that asks to come again.
    pub(crate) fn rules(&self) -> Result<Arc<Rules>, ApiError> {
        let later = |text: &str| ApiError::new(StatusCode::SERVICE_UNAVAILABLE, text);
        match self.rules.get() {
            Some(Ok(rules)) => Ok(rules.clone()),
            Some(Err(why)) => Err(later(why)),
            None => Err(later("the server is starting and reads its rules")),
        }
    }

    /// Sets the rules, or why there are none, once.
    pub(crate) fn set_rules(&self, rules: Result<Arc<Rules>, String>) {
        // A server starts once; rules that were set before stay.
        let _ = self.rules.set(rules);
    }

    /// Writes who sends logs, if there is something new.
    pub(crate) fn save_sources(&self) {
        if !self.sources.take_changed() {
            return;
        }
        if let Err(error) = file::write(&self.config.data, self.sources.rows(|_| true)) {
            tracing::warn!(%error, "sources.json can't be written");
        }
    }

    /// A tenant's limits; a snapshot that does not change under a request.
    pub fn limits_of(&self, tenant: &TenantId) -> Arc<TenantLimits> {
        self.overrides.of(tenant)
    }

    /// The scope of a read of one tenant without a request.
    pub fn read_scope(&self, tenant: TenantId) -> ReadScope {
        ReadScope::of(&self.overrides, &self.config.querier, tenant)
    }

    /// Where the server is in its life.
    pub fn phase(&self) -> Phase {
        if self.phase.load(Ordering::Relaxed) == Phase::Running as u8 {
            Phase::Running
        } else {
            Phase::Stopping
        }
    }

    /// Turns `/ready` away from clients; requests still finish.
    pub fn begin_stop(&self) {
        self.phase.store(Phase::Stopping as u8, Ordering::Relaxed);
    }

    /// A request began; whether there is room for it.
    pub fn enter(&self) -> bool {
        self.busy.send_modify(|count| *count += 1);
        *self.busy.borrow() <= self.config.server.max_concurrent_requests
    }

    /// A request has its answer.
    pub fn leave(&self) {
        self.busy.send_modify(|count| *count -= 1);
    }

    /// Waits until every request has its answer.
    pub async fn idle(&self) {
        let mut busy = self.busy.subscribe();
        drop(busy.wait_for(|count| *count == 0).await);
    }

    /// Ends all tails and waits until they are closed.
    pub async fn close_tails(&self) {
        self.stopping.send_replace(true);
        self.tails.closed().await;
    }

    /// Turns true when tails shall end.
    pub fn tails_end(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }

    /// Runs `job` on the engine's threads under the scope's limits, when it is the tenant's turn; again
    /// in turn with others (`MemoryTurns`) when these left it no memory. Dropping the future
    /// cancels the query. The time it waits counts as the query's.
    pub async fn ask<T: Send + 'static>(
        self: &Arc<App>,
        scope: &ReadScope,
        job: impl Fn(&Engine, &Cancel) -> Result<T, QueryError> + Send + Sync + 'static,
    ) -> Result<T, ApiError> {
        let (asked, job) = (Instant::now(), Arc::new(job));
        let limits = scope.query_limits.clone();
        let mut answer = self.run(scope, limits, job.clone()).await;
        if matches!(answer, Err(QueryError::Busy)) {
            answer = self.run_in_turn(scope, asked, job).await;
        }
        if let Err(why) = answer.as_ref().map_err(refusal)
            && let Some(why) = why
        {
            scope.count_refused(&self.metrics, why);
        }
        answer.map_err(ApiError::from)
    }

    /// Runs a query again that found no memory: as a light one, then as the heavy one that it may be.
    async fn run_in_turn<T: Send + 'static>(
        self: &Arc<App>,
        scope: &ReadScope,
        asked: Instant,
        job: Arc<impl Fn(&Engine, &Cancel) -> Result<T, QueryError> + Send + Sync + 'static>,
    ) -> Result<T, QueryError> {
        let until = self
            .memory_turns
            .wait_until(scope.query_limits.query_timeout);
        for lane in [Lane::Light, Lane::Heavy] {
            let Some(mut turn) = self.memory_turns.turn(lane, until).await else {
                break;
            };
            while turn.room().await {
                self.metrics.count_memory_turn();
                let mut limits = scope.query_limits.clone();
                limits.query_timeout = limits.query_timeout.saturating_sub(asked.elapsed());
                let limits = self.memory_turns.limits(lane, &limits);
                let answer = self.run(scope, limits, job.clone()).await;
                if lane.settles(&answer, &scope.query_limits) {
                    return answer;
                }
                if !matches!(answer, Err(QueryError::Busy)) {
                    break;
                }
            }
        }
        Err(QueryError::Busy)
    }

    /// Runs a query once; its timeout is what is left of it now.
    async fn run<T: Send + 'static>(
        self: &Arc<App>,
        scope: &ReadScope,
        mut limits: QueryLimits,
        job: Arc<impl Fn(&Engine, &Cancel) -> Result<T, QueryError> + Send + Sync + 'static>,
    ) -> Result<T, QueryError> {
        let begun = Instant::now();
        let guard = CancelOnDrop(Cancel::default());
        let cancel = guard.0.clone();
        let (sender, receiver) = oneshot::channel();
        let (app, timeout) = (self.clone(), limits.query_timeout);
        let run = move || {
            limits.query_timeout = timeout.saturating_sub(begun.elapsed());
            if cancel.is_cancelled() {
                return;
            }
            let engine = app.engine.under(limits);
            let result = std::panic::catch_unwind(AssertUnwindSafe(|| job(&engine, &cancel)));
            let result = result.unwrap_or_else(|panic| {
                app.metrics.count_panic();
                tracing::error!(
                    panic = panic_text(&*panic),
                    "internal error: query panicked"
                );
                Err(QueryError::Internal(
                    "internal error: query panicked".to_owned(),
                ))
            });
            // A server that stops once all are answered can be started again at once: by then no
            // query may hold the store, whose last holder gives up the lock of the directory.
            drop(job);
            drop(engine);
            drop(app);
            // Without a receiver the client went away, which needs no answer.
            let _ = sender.send(result);
        };
        self.engine.run(
            &scope.tenant(),
            &guard.0,
            self.config.frontend.max_outstanding_per_tenant,
            run,
        )?;
        let left = timeout.saturating_sub(begun.elapsed());
        match tokio::time::timeout(left.saturating_add(TIMEOUT_GRACE), receiver).await {
            Ok(Ok(result)) => result,
            // A query that waited longer than it may is dropped without being run.
            Ok(Err(_)) if begun.elapsed() >= timeout => Err(QueryError::Timeout),
            Ok(Err(_)) => Err(QueryError::Stopping),
            Err(_) => Err(QueryError::Timeout),
        }
    }
}

/// The limit that an error reports, if it is one.
fn refusal(error: &QueryError) -> Option<RefusalReason> {
    match error {
        QueryError::Series(_) => Some(RefusalReason::Series),
        QueryError::Memory(_) => Some(RefusalReason::Memory),
        QueryError::Busy => Some(RefusalReason::Busy),
        QueryError::Queue => Some(RefusalReason::Queue),
        QueryError::Timeout => Some(RefusalReason::Timeout),
        QueryError::BytesRead { .. } => Some(RefusalReason::BytesRead),
        QueryError::VolumeSeries(_) => Some(RefusalReason::VolumeSeries),
        QueryError::Bad(_)
        | QueryError::Cancelled
        | QueryError::Stopping
        | QueryError::Unreadable(_)
        | QueryError::Internal(_) => None,
    }
}

/// The message of a panic.
pub fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("unknown")
}

struct CancelOnDrop(Cancel);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skald_store::Options;
    use std::sync::atomic::AtomicUsize;
    use tokio::sync::Semaphore;

    fn app(folder: &std::path::Path) -> Arc<App> {
        let config = Config::default();
        let store = Store::open(Options::new(folder)).expect("the folder is empty");
        let overrides = Overrides::open(&config).expect("there is no file of limits");
        let tokens = Tokens::open("").expect("there is no file of tokens");
        let (store, metrics) = (Arc::new(store), Arc::new(Metrics::new()));
        let (overrides, tokens) = (Arc::new(overrides), Arc::new(tokens));
        let app = App::new(config, overrides, tokens, TenantId::fake(), store, metrics);
        Arc::new(app)
    }

    /// A query that finds no memory, needs more than a light one has, and then holds its turn until
    /// the channel is closed.
    fn heavy(
        began: Arc<Semaphore>,
        end: std::sync::mpsc::Receiver<()>,
    ) -> impl Fn(&Engine, &Cancel) -> Result<(), QueryError> + Send + Sync + 'static {
        let (runs, end) = (AtomicUsize::new(0), parking_lot::Mutex::new(end));
        move |_, _| match runs.fetch_add(1, Ordering::Relaxed) {
            0 => Err(QueryError::Busy),
            1 => Err(QueryError::Memory(1)),
            _ => {
                began.add_permits(1);
                let _ended = end.lock().recv();
                Ok(())
            }
        }
    }

    #[tokio::test]
    async fn a_light_query_is_answered_while_heavy_ones_have_all_turns_and_wait_for_more() {
        let folder = tempfile::tempdir().expect("a folder");
        let app = app(folder.path());
        let scope = app.read_scope(TenantId::fake());
        let (began, mut ends, mut asked) = (Arc::new(Semaphore::new(0)), Vec::new(), Vec::new());
        for _ in 0..3 {
            let (end, ended) = std::sync::mpsc::channel();
            let (app, scope, job) = (app.clone(), scope.clone(), heavy(began.clone(), ended));
            ends.push(end);
            asked.push(tokio::spawn(async move { app.ask(&scope, job).await }));
        }
        drop(began.acquire_many(2).await.expect("it is never closed"));
        let runs = AtomicUsize::new(0);
        let light = app.ask(&scope, move |_, _| {
            match runs.fetch_add(1, Ordering::Relaxed) {
                0 => Err(QueryError::Busy),
                _ => Ok("answer"),
            }
        });
        // It would wait for half a minute behind the others.
        let light = tokio::time::timeout(Duration::from_secs(20), light).await;
        assert!(
            matches!(light, Ok(Ok("answer"))),
            "it waits behind heavy ones"
        );
        drop(ends);
        for one in asked {
            assert!(one.await.is_ok_and(|answer| answer.is_ok()));
        }
    }
}
