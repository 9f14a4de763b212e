//! The handle takes samples of tenants and keeps a queue and a courier for each of their clients.

use super::config::{RemoteWriteBlock, RemoteWriteConfig};
use super::courier::{Courier, OrgId};
use super::folder::{folder_name, named_after};
use super::series::{Gathered, samples};
use super::wire;
use crate::counters::SampleCounts;
use crate::environment::{Environment, now};
use crate::error::OutboundError;
use crate::http::Client;
use crate::queue::Backlog;
use crate::sample::Sample;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use tokio::task::JoinHandle;

/// The folder of all queues.
const FOLDER: &str = "remote-write";

/// Sends samples of tenants to their receivers.
pub struct RemoteWrite {
    environment: Environment,
    state: Mutex<State>,
}

struct State {
    config: RemoteWriteConfig,
    /// By tenant and id.
    clients: BTreeMap<(String, String), Running>,
}

/// A client at work.
#[derive(Clone)]
struct Running {
    block: RemoteWriteBlock,
    backlog: Arc<Backlog>,
    counts: Arc<Mutex<SampleCounts>>,
    task: Arc<Task>,
}

/// A task that ends with what holds it.
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl RemoteWrite {
    /// Opens the queues that the last run left and goes on sending.
    pub fn start(
        config: RemoteWriteConfig,
        environment: &Environment,
    ) -> Result<RemoteWrite, OutboundError> {
        let remote_write = RemoteWrite {
            environment: environment.clone(),
            state: Mutex::new(State {
                config,
                clients: BTreeMap::new(),
            }),
        };
        remote_write.open_left()?;
        Ok(remote_write)
    }

    /// Queues samples for each client of the tenant, and returns when they are durable. Waits for the disk:
    /// not for a thread that serves connections. Samples of one series come in the order of time.
    pub fn send(&self, tenant: &str, samples: &[Sample]) -> Result<(), OutboundError> {
        // One client's full disk is no reason to leave out another.
        let appended: Vec<_> = self
            .clients_of(tenant)?
            .iter()
            .map(|running| append(samples, running))
            .collect();
        appended.into_iter().collect()
    }

    /// Whether samples of the tenant are sent anywhere.
    pub fn has_clients(&self, tenant: &str) -> bool {
        let state = self.state.lock();
        state
            .config
            .of(tenant)
            .is_some_and(|clients| !clients.is_empty())
    }

    /// Takes another configuration. Queues stay; those whose clients are gone rest until they come back.
    pub fn reconfigure(&self, config: RemoteWriteConfig) -> Result<(), OutboundError> {
        {
            let mut state = self.state.lock();
            let names_change = state.config.add_org_id_header != config.add_org_id_header;
            state.config = config;
            for ((tenant, id), running) in std::mem::take(&mut state.clients) {
                let block = state
                    .config
                    .of(&tenant)
                    .and_then(|blocks| blocks.get(&id))
                    .cloned();
                let next = match block {
                    Some(block) if block == running.block && !names_change => running,
                    Some(block) => {
                        let (backlog, counts) =
                            (Arc::clone(&running.backlog), Arc::clone(&running.counts));
                        drop(running);
                        self.run(&state.config, (&tenant, &id), block, backlog, counts)
                    }
                    None => {
                        running.backlog.close();
                        continue;
                    }
                };
                state.clients.insert((tenant, id), next);
            }
        }
        self.open_left()
    }

    /// What was sent and what waits, of each client.
    pub fn counts(&self) -> Vec<SampleCounts> {
        let state = self.state.lock();
        let of = |running: &Running| {
            let mut counts = running.counts.lock().clone();
            counts.pending = running.backlog.samples();
            counts.dropped += running.backlog.dropped();
            counts.disk_bytes = running.backlog.disk_bytes();
            counts
        };
        state.clients.values().map(of).collect()
    }

    /// Ends. What waits is sent by the next run.
    pub fn close(&self) {
        let clients = std::mem::take(&mut self.state.lock().clients);
        for running in clients.values() {
            running.task.0.abort();
            running.backlog.close();
        }
    }

    /// Opens the queues of clients that are configured and have a folder.
    fn open_left(&self) -> Result<(), OutboundError> {
        let list = |folder: &std::path::Path| {
            let listed = self.environment.files.list(folder).unwrap_or_default();
            let folders = listed.into_iter().filter(|entry| entry.is_folder);
            folders
                .filter_map(|entry| Some((named_after(&entry.name)?, folder.join(entry.name))))
                .collect::<Vec<_>>()
        };
        for (tenant, folder) in list(&self.environment.folder.join(FOLDER)) {
            for (id, _) in list(&folder) {
                let mut state = self.state.lock();
                let block = state
                    .config
                    .of(&tenant)
                    .and_then(|blocks| blocks.get(&id))
                    .cloned();
                match block {
                    Some(block) => drop(self.client(&mut state, &tenant, &id, &block)?),
                    None => tracing::warn!(
                        tenant,
                        client = id,
                        "samples wait for a client that is not configured"
                    ),
                }
            }
        }
        Ok(())
    }

    fn clients_of(&self, tenant: &str) -> Result<Vec<Running>, OutboundError> {
        let mut state = self.state.lock();
        let blocks = state.config.of(tenant).cloned().unwrap_or_default();
        let running = blocks
            .iter()
            .map(|(id, block)| self.client(&mut state, tenant, id, block));
        running.collect()
    }

    /// A client, which is started if need be.
    fn client(
        &self,
        state: &mut State,
        tenant: &str,
        id: &str,
        block: &RemoteWriteBlock,
    ) -> Result<Running, OutboundError> {
        let key = (tenant.to_owned(), id.to_owned());
        if let Some(running) = state.clients.get(&key) {
            return Ok(running.clone());
        }
        let folder = self
            .environment
            .folder
            .join(FOLDER)
            .join(folder_name(tenant))
            .join(folder_name(id));
        let backlog = Arc::new(Backlog::open(
            &self.environment,
            &folder,
            state.config.queue_bytes,
        )?);
        let counts = Arc::new(Mutex::new(SampleCounts {
            tenant: tenant.to_owned(),
            client: id.to_owned(),
            ..SampleCounts::default()
        }));
        let running = self.run(&state.config, (tenant, id), block.clone(), backlog, counts);
        state.clients.insert(key, running.clone());
        Ok(running)
    }

    /// Starts the courier of a queue.
    fn run(
        &self,
        config: &RemoteWriteConfig,
        (tenant, id): (&str, &str),
        block: RemoteWriteBlock,
        backlog: Arc<Backlog>,
        counts: Arc<Mutex<SampleCounts>>,
    ) -> Running {
        let courier = Arc::new(Courier {
            tenant: tenant.to_owned(),
            id: id.to_owned(),
            block: block.clone(),
            client: Client::new(
                block.url.clone(),
                block.http.clone(),
                block.remote_timeout,
                &self.environment.user_agent,
            ),
            org_id: match config.add_org_id_header {
                true => OrgId::Tenant,
                false => OrgId::AsConfigured,
            },
            backlog: Arc::clone(&backlog),
            counts: Arc::clone(&counts),
            v1_until: AtomicI64::new(0),
        });
        let task = self.environment.runtime.spawn(courier.run());
        Running {
            block,
            backlog,
            counts,
            task: Arc::new(Task(task)),
        }
    }
}

impl Drop for RemoteWrite {
    fn drop(&mut self) {
        self.close();
    }
}

/// Relabels samples and adds them to a queue.
fn append(given: &[Sample], running: &Running) -> Result<(), OutboundError> {
    let Running {
        block,
        backlog,
        counts,
        ..
    } = running;
    let mut gathered = Gathered::default();
    gathered.add_samples(given, &block.write_relabel_configs);
    let series = gathered.finish();
    let count = samples(&series);
    if count == 0 {
        return Ok(());
    }
    let newest = series
        .iter()
        .flat_map(|one| &one.points)
        .map(|point| point.timestamp)
        .max();
    let payload = wire::encode_v1(&series);
    let queued = backlog.push(u32::try_from(count).unwrap_or(u32::MAX), now(), &payload);
    let mut counts = counts.lock();
    counts.appended += count;
    if queued.is_err() {
        counts.dropped += count;
    }
    let seconds = newest.unwrap_or(0) as f64 / 1000.0;
    counts.highest_timestamp = counts.highest_timestamp.max(seconds);
    queued
}
