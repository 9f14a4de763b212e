//! The handle: alerts come in, are written down and handed on; settings and Alertmanagers change meanwhile.

use super::change::Change;
use super::config::{NotifierConfig, TenantNotifications};
use super::tenant::{Found, Tenant};
use crate::alert::Alert;
use crate::alertmanager::{AlertmanagerConfig, Discovery};
use crate::counters::AlertCounts;
use crate::environment::{Environment, now};
use crate::error::OutboundError;
use crate::queue::Journal;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

/// The folder of the journal.
const FOLDER: &str = "alerts";

/// Alerts in one record of the journal.
const RECORD_ALERTS: usize = 256;

/// Sends alerts of tenants to Alertmanagers and webhooks.
pub struct Notifier {
    shared: Arc<Shared>,
}

struct Shared {
    environment: Environment,
    journal: Arc<Journal>,
    state: Mutex<State>,
}

struct State {
    config: NotifierConfig,
    tenants: BTreeMap<String, Tenant>,
    next_id: u64,
    /// The last change in the journal.
    last_change: u64,
}

impl Notifier {
    /// Reads what the last run left and goes on sending it.
    pub fn start(
        config: NotifierConfig,
        environment: &Environment,
    ) -> Result<Notifier, OutboundError> {
        let mut left: BTreeMap<String, Found> = BTreeMap::new();
        let mut next_id = 1;
        let journal = Journal::open(environment, &environment.folder.join(FOLDER), |bytes| {
            let change = match Change::decode(bytes) {
                Ok(change) => change,
                Err(error) => {
                    return tracing::warn!(
                        error,
                        "a change of the journal of alerts can't be read"
                    );
                }
            };
            if let Change::Came { first, alerts, .. } = &change {
                next_id = next_id.max(first + alerts.len() as u64);
            }
            let (Change::Came { tenant, .. }
            | Change::Done { tenant, .. }
            | Change::Notified { tenant, .. }) = &change;
            let tenant = tenant.clone();
            left.entry(tenant.clone())
                .or_default()
                .apply(change, config.of(&tenant));
        })?;
        let shared = Arc::new(Shared {
            environment: environment.clone(),
            journal: Arc::new(journal),
            state: Mutex::new(State {
                config,
                tenants: BTreeMap::new(),
                next_id,
                last_change: 0,
            }),
        });
        {
            let mut state = shared.state.lock();
            for (name, mut found) in left {
                let now = now();
                found
                    .webhooks
                    .values_mut()
                    .for_each(|groups| groups.trust_after_restart(now));
                shared.start_tenant(&mut state, &name, found);
            }
        }
        Ok(Notifier { shared })
    }

    /// Queues alerts for every target of the tenant, and returns when they are durable, or can't be: then they
    /// are sent all the same, and [`Notifier::unsaved`] counts. Waits for the disk: not for a thread that serves
    /// connections.
    pub fn send(&self, tenant: &str, alerts: Vec<Alert>) {
        let shared = &self.shared;
        let (tickets, restated) = {
            let mut state = shared.state.lock();
            if !state.tenants.contains_key(tenant) {
                shared.start_tenant(&mut state, tenant, Found::default());
            }
            let State {
                tenants,
                next_id,
                last_change,
                ..
            } = &mut *state;
            let to = tenants.get_mut(tenant).expect("it was just started");
            let targets = to.targets();
            let outgoing: Vec<Alert> = alerts
                .into_iter()
                .filter_map(|alert| to.settings.outgoing(alert))
                .collect();
            if targets.is_empty() || outgoing.is_empty() {
                return;
            }
            let (at, mut tickets) = (now(), Vec::new());
            for some in outgoing.chunks(RECORD_ALERTS) {
                let came = Change::Came {
                    tenant: tenant.to_owned(),
                    at,
                    targets: targets.clone(),
                    first: *next_id,
                    alerts: some.to_vec(),
                };
                let ticket = shared.journal.add(&came.encode());
                *last_change = ticket.sequence().max(*last_change);
                tickets.push(ticket);
                to.put(some, *next_id, at, &shared.journal);
                *next_id += some.len() as u64;
            }
            (tickets, shared.restate(&mut state))
        };
        for ticket in tickets {
            ticket.wait();
        }
        if let Some((before, restated)) = restated {
            shared.journal.forget(before, restated);
        }
    }

    /// Takes other settings. What waits goes to the targets that there are then.
    pub fn reconfigure(&self, config: NotifierConfig) {
        let mut state = self.shared.state.lock();
        state.config = config;
        for (name, tenant) in std::mem::take(&mut state.tenants) {
            if tenant.settings == *state.config.of(&name) {
                state.tenants.insert(name, tenant);
            } else {
                self.shared.start_tenant(&mut state, &name, tenant.take());
            }
        }
    }

    /// What was sent and what waits, of each tenant and target.
    pub fn counts(&self) -> Vec<AlertCounts> {
        let state = self.shared.state.lock();
        state.tenants.values().flat_map(Tenant::counts).collect()
    }

    /// How many Alertmanagers are known, of each tenant that had alerts.
    pub fn alertmanagers(&self) -> Vec<(String, usize)> {
        let state = self.shared.state.lock();
        let known = state
            .tenants
            .iter()
            .map(|(name, tenant)| (name.clone(), tenant.alertmanagers()));
        known.collect()
    }

    /// Changes that could not be written to disk.
    pub fn unsaved(&self) -> u64 {
        self.shared.journal.failures()
    }

    /// Ends. What waits is sent by the next run.
    pub fn close(&self) {
        self.shared.state.lock().tenants.clear();
        self.shared.journal.close();
    }
}

impl Drop for Notifier {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    /// Starts a tenant, and its discovery if it has one.
    fn start_tenant(self: &Arc<Shared>, state: &mut State, name: &str, found: Found) {
        let settings: TenantNotifications = state.config.of(name).clone();
        let discovered = settings
            .alertmanagers
            .clone()
            .filter(|config| config.is_discovered);
        let mut tenant = Tenant::start(name, settings, found, &self.environment, &self.journal);
        tenant.discovery = discovered.map(|config| {
            let (shared, name) = (Arc::downgrade(self), name.to_owned());
            self.environment
                .runtime
                .spawn(discover(shared, name, config))
        });
        state.tenants.insert(name.to_owned(), tenant);
    }

    /// Restates all that is known, when the journal has grown. For [`Journal::forget`], without the lock.
    fn restate(&self, state: &mut State) -> Option<(u64, Vec<crate::queue::Ticket>)> {
        if !self.journal.is_large() {
            return None;
        }
        let changes = state.tenants.values().flat_map(Tenant::restated);
        let restated = self.journal.restate(changes.map(|change| change.encode()));
        Some((state.last_change, restated))
    }
}

/// Looks a tenant's Alertmanagers up, again and again, until the task is ended. Those found last stay while
/// DNS says nothing.
async fn discover(shared: Weak<Shared>, name: String, config: AlertmanagerConfig) {
    /// Between attempts while nothing has been found.
    const PAUSE: std::time::Duration = std::time::Duration::from_secs(5);
    let discovery = Discovery::new(&config);
    let (mut has_found, mut has_warned) = (false, false);
    loop {
        let targets = discovery.targets(&config.urls).await;
        let Some(shared) = shared.upgrade() else {
            return;
        };
        match targets {
            Ok(urls) => {
                (has_found, has_warned) = (!urls.is_empty(), false);
                let mut state = shared.state.lock();
                if let Some(tenant) = state.tenants.get_mut(&name) {
                    tenant.assign(
                        &config,
                        urls,
                        BTreeMap::new(),
                        &shared.environment,
                        &shared.journal,
                    );
                }
            }
            Err(error) if !has_warned => {
                has_warned = true;
                tracing::warn!(tenant = name, error, "Alertmanagers could not be looked up");
            }
            Err(_) => {}
        }
        drop(shared);
        let pause = if has_found {
            config.refresh_interval
        } else {
            config.refresh_interval.min(PAUSE)
        };
        tokio::time::sleep(pause).await;
    }
}
