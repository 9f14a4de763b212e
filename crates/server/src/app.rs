//! What all handlers share.

use crate::api::coalesce::Flights;
use crate::auth::read_scope::Reader;
use crate::auth::tokens::Access;
use crate::config::Config;
use crate::error::ApiError;
use crate::limits::overrides::{Granted, Overrides};
use crate::telemetry::metrics::{Metrics, Refusal};
use parking_lot::Mutex;
use skald_ingest::Ingest;
use skald_model::TenantId;
use skald_query::{Cancel, Engine, QueryError};
use skald_store::Store;
use std::any::Any;
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{oneshot, watch};

/// A query that the engine did not end by itself is given up this long after its timeout.
const TIMEOUT_GRACE: Duration = Duration::from_secs(1);

/// The parts of a running server.
pub struct App {
    /// Settings.
    pub config: Config,
    /// Whose data it is while `auth_enabled` is false.
    pub default_tenant: TenantId,
    /// The data.
    pub store: Arc<Store>,
    /// The way in.
    pub ingest: Ingest,
    /// The way out.
    pub engine: Engine,
    /// What each tenant may do.
    pub overrides: Arc<Overrides>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Tails per tenant.
    pub tails: Tails,
    /// Queries under way.
    pub flights: Flights,
    /// Who may do what.
    pub access: Arc<Access>,
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
        (overrides, access): (Arc<Overrides>, Arc<Access>),
        default_tenant: TenantId,
        store: Arc<Store>,
        metrics: Arc<Metrics>,
    ) -> App {
        let ingest = Ingest::with_profiles(store.clone(), overrides.clone(), crate::clock::now);
        let engine = Engine::new(
            store.clone(),
            config.limits.query(&config.querier),
            crate::clock::now,
        );
        App {
            overrides,
            access,
            default_tenant,
            store,
            ingest,
            engine,
            metrics,
            tails: Tails::default(),
            flights: Flights::default(),
            phase: AtomicU8::new(Phase::Running as u8),
            stopping: watch::Sender::new(false),
            busy: watch::Sender::new(0),
            config,
        }
    }

    /// What a tenant may do; a snapshot that does not change under a request.
    pub fn granted(&self, tenant: &TenantId) -> Arc<Granted> {
        self.overrides.of(tenant)
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

    /// A request began. Whether there is room for it.
    pub fn enter(&self) -> bool {
        self.busy.send_modify(|count| *count += 1);
        *self.busy.borrow() <= self.config.server.max_concurrent_requests
    }

    /// A request has its answer.
    pub fn leave(&self) {
        self.busy.send_modify(|count| *count -= 1);
    }

    /// Waits until no request is without its answer.
    pub async fn idle(&self) {
        let mut busy = self.busy.subscribe();
        drop(busy.wait_for(|count| *count == 0).await);
    }

    /// Ends all tails and waits until they are closed.
    pub async fn close_tails(&self) {
        self.stopping.send_replace(true);
        let mut open = self.tails.total.subscribe();
        drop(open.wait_for(|count| *count == 0).await);
    }

    /// Turns true when tails shall end.
    pub fn tails_end(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }

    /// Runs `job` on the engine's threads under the reader's limits, when it is the tenant's turn. Dropping
    /// the future cancels the query. The time it waits counts as the query's.
    pub async fn ask<T: Send + 'static>(
        self: &Arc<App>,
        reader: &Reader,
        job: impl FnOnce(&Engine, &Cancel) -> Result<T, QueryError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let answer = self.run(reader, job).await;
        if let Err(why) = answer.as_ref().map_err(refusal)
            && let Some(why) = why
        {
            reader.refused(self, why);
        }
        answer.map_err(ApiError::from)
    }

    async fn run<T: Send + 'static>(
        self: &Arc<App>,
        reader: &Reader,
        job: impl FnOnce(&Engine, &Cancel) -> Result<T, QueryError> + Send + 'static,
    ) -> Result<T, QueryError> {
        let guard = CancelOnDrop(Cancel::default());
        let cancel = guard.0.clone();
        let (sender, receiver) = oneshot::channel();
        let (app, mut limits, tenants) = (
            self.clone(),
            reader.query_limits.clone(),
            reader.tenants().clone(),
        );
        let (timeout, asked) = (limits.query_timeout, Instant::now());
        let run = move || {
            limits.query_timeout = timeout.saturating_sub(asked.elapsed());
            if cancel.is_cancelled() {
                return;
            }
            let engine = app.engine.under(limits).across(tenants);
            let result = std::panic::catch_unwind(AssertUnwindSafe(|| job(&engine, &cancel)));
            let result = result.unwrap_or_else(|panic| {
                app.metrics.count_panic();
                tracing::error!(
                    panic = panic_text(&*panic),
                    "a query failed by a fault of the server"
                );
                Err(QueryError::Internal(
                    "the query failed by a fault of the server".to_owned(),
                ))
            });
            // Nobody listening means the client went away, which needs no answer.
            let _ = sender.send(result);
        };
        self.engine.run(
            &reader.tenant(),
            &guard.0,
            self.config.frontend.max_outstanding_per_tenant,
            run,
        )?;
        match tokio::time::timeout(timeout.saturating_add(TIMEOUT_GRACE), receiver).await {
            Ok(Ok(result)) => result,
            // A query that waited longer than it may is dropped without being run.
            Ok(Err(_)) if asked.elapsed() >= timeout => Err(QueryError::Timeout),
            Ok(Err(_)) => Err(QueryError::Stopping),
            Err(_) => Err(QueryError::Timeout),
        }
    }
}

/// The limit that an error tells of, if it is one.
fn refusal(error: &QueryError) -> Option<Refusal> {
    match error {
        QueryError::Series(_) => Some(Refusal::Series),
        QueryError::Memory(_) => Some(Refusal::Memory),
        QueryError::Busy => Some(Refusal::Busy),
        QueryError::Queue => Some(Refusal::Queue),
        QueryError::Timeout => Some(Refusal::Timeout),
        QueryError::BytesRead { .. } => Some(Refusal::BytesRead),
        QueryError::VolumeSeries(_) => Some(Refusal::VolumeSeries),
        QueryError::Bad(_)
        | QueryError::Cancelled
        | QueryError::Stopping
        | QueryError::Internal(_) => None,
    }
}

/// Ends when the flag turns true, or nobody is left to turn it.
pub async fn raised(flag: &mut watch::Receiver<bool>) {
    // The guard that `wait_for` gives must not live on in the caller's future.
    drop(flag.wait_for(|raised| *raised).await);
}

/// What a panic said.
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

/// How many tails each tenant has.
pub struct Tails {
    open: Arc<Mutex<HashMap<TenantId, usize>>>,
    total: watch::Sender<usize>,
}

impl Default for Tails {
    fn default() -> Tails {
        Tails {
            open: Arc::default(),
            total: watch::Sender::new(0),
        }
    }
}

/// One open tail; dropping it makes room.
#[derive(Debug)]
pub struct TailPlace {
    tenant: TenantId,
    open: Arc<Mutex<HashMap<TenantId, usize>>>,
    total: watch::Sender<usize>,
}

impl Tails {
    /// Takes a place of `max`; the error is how many there would be.
    pub fn enter(&self, tenant: &TenantId, max: usize) -> Result<TailPlace, usize> {
        let mut open = self.open.lock();
        let count = open.entry(tenant.clone()).or_default();
        if *count >= max {
            return Err(*count + 1);
        }
        *count += 1;
        self.total.send_modify(|total| *total += 1);
        Ok(TailPlace {
            tenant: tenant.clone(),
            open: self.open.clone(),
            total: self.total.clone(),
        })
    }

    /// All open tails.
    pub fn count(&self) -> usize {
        *self.total.borrow()
    }
}

impl Drop for TailPlace {
    fn drop(&mut self) {
        let mut open = self.open.lock();
        if let Some(count) = open.get_mut(&self.tenant) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.tenant);
            }
        }
        self.total.send_modify(|total| *total -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_has_so_many_tails_and_an_ended_one_makes_room() {
        let tails = Tails::default();
        let (a, b) = (TenantId::fake(), TenantId::parse("b").expect("valid"));
        let first = tails.enter(&a, 1).expect("room");
        assert_eq!(tails.enter(&a, 1).err(), Some(2));
        assert!(tails.enter(&b, 1).is_ok());
        drop(first);
        assert!(tails.enter(&a, 1).is_ok());
        assert_eq!(tails.count(), 0);
    }
}
