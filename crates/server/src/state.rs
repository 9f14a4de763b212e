//! What all handlers share.

use crate::config::Config;
use crate::error::ApiError;
use crate::metrics::Metrics;
use axum::http::StatusCode;
use parking_lot::Mutex;
use skald_ingest::Ingest;
use skald_model::TenantId;
use skald_query::{Cancel, Engine, QueryError};
use skald_store::Store;
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;
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
    pub engine: Arc<Engine>,
    /// What is counted.
    pub metrics: Metrics,
    /// Tails per tenant.
    pub tails: Tails,
    phase: AtomicU8,
    stopping: watch::Sender<bool>,
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
    pub fn new(config: Config, default_tenant: TenantId, store: Arc<Store>) -> App {
        let ingest = Ingest::new(store.clone(), config.ingest_limits(), crate::clock::now);
        let engine = Arc::new(Engine::new(store.clone(), config.query_limits(), crate::clock::now));
        App {
            default_tenant,
            store,
            ingest,
            engine,
            metrics: Metrics::new(),
            tails: Tails::default(),
            phase: AtomicU8::new(Phase::Running as u8),
            stopping: watch::Sender::new(false),
            config,
        }
    }

    /// Where the server is in its life.
    pub fn phase(&self) -> Phase {
        if self.phase.load(Ordering::Relaxed) == Phase::Running as u8 { Phase::Running } else { Phase::Stopping }
    }

    /// Turns `/ready` away from clients; requests still finish.
    pub fn begin_stop(&self) {
        self.phase.store(Phase::Stopping as u8, Ordering::Relaxed);
    }

    /// Ends all tails.
    pub fn close_tails(&self) {
        self.stopping.send_replace(true);
    }

    /// Turns true when tails shall end.
    pub fn tails_end(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }

    /// Runs `job` on the engine's threads. Dropping the future cancels the query.
    pub async fn ask<T: Send + 'static>(
        self: &Arc<App>,
        job: impl FnOnce(&Engine, &Cancel) -> Result<T, QueryError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let guard = CancelOnDrop(Cancel::default());
        let cancel = guard.0.clone();
        let (sender, receiver) = oneshot::channel();
        let engine = self.engine.clone();
        let app = self.clone();
        self.engine.run(move || {
            let result = std::panic::catch_unwind(AssertUnwindSafe(|| job(&engine, &cancel)));
            let result = result.unwrap_or_else(|_| {
                app.metrics.count_panic();
                Err(QueryError::Internal("the query failed by a fault of the server".to_owned()))
            });
            // Nobody listening means the client went away, which needs no answer.
            let _ = sender.send(result);
        });
        let patience = self.config.limits.query_timeout.saturating_add(TIMEOUT_GRACE);
        match tokio::time::timeout(patience, receiver).await {
            Ok(Ok(result)) => result.map_err(ApiError::from),
            Ok(Err(_)) => Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "the server is stopping")),
            Err(_) => Err(QueryError::Timeout.into()),
        }
    }
}

/// Ends when the flag turns true, or nobody is left to turn it.
pub async fn raised(flag: &mut watch::Receiver<bool>) {
    // The guard that `wait_for` gives must not live on in the caller's future.
    drop(flag.wait_for(|raised| *raised).await);
}

struct CancelOnDrop(Cancel);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// How many tails each tenant has.
#[derive(Default)]
pub struct Tails {
    open: Arc<Mutex<HashMap<TenantId, usize>>>,
}

/// One open tail; dropping it makes room.
#[derive(Debug)]
pub struct TailPlace {
    tenant: TenantId,
    open: Arc<Mutex<HashMap<TenantId, usize>>>,
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
        Ok(TailPlace { tenant: tenant.clone(), open: self.open.clone() })
    }

    /// All open tails.
    pub fn count(&self) -> usize {
        self.open.lock().values().sum()
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
