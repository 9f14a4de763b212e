//! One tenant's targets, each with a task that sends.

use super::change::Change;
use super::config::TenantNotifications;
use crate::alert::Alert;
use crate::alertmanager::{self, AlertmanagerConfig, Pending, Waiting};
use crate::counters::AlertCounts;
use crate::environment::Environment;
use crate::http::{Client, TargetUrl};
use crate::queue::Journal;
use crate::webhook::{self, Groups, WebhookConfig};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::task::JoinHandle;

/// The target of alerts that wait until discovery has found one.
const UNKNOWN: &str = "";

/// Before the name of a webhook, as a target.
const WEBHOOK: &str = "webhook/";

/// What the journal knows of a tenant's targets before they are started.
#[derive(Default)]
pub(super) struct Found {
    pub(super) alertmanagers: BTreeMap<String, Pending>,
    pub(super) webhooks: BTreeMap<String, Groups>,
}

impl Found {
    /// Makes a change of the journal again.
    pub(super) fn apply(&mut self, change: Change, settings: &TenantNotifications) {
        match change {
            Change::Came {
                at,
                targets,
                first,
                alerts,
                ..
            } => {
                for target in targets {
                    match target.strip_prefix(WEBHOOK) {
                        None => {
                            let pending = self.alertmanagers.entry(target).or_default();
                            for waiting in numbered(&alerts, first, at) {
                                pending.put(waiting);
                            }
                        }
                        Some(name) => {
                            let Some(config) = webhook_named(settings, name) else {
                                continue;
                            };
                            let groups = self.webhooks.entry(name.to_owned()).or_default();
                            for alert in &alerts {
                                groups.put(alert.clone(), at, config);
                            }
                        }
                    }
                }
            }
            Change::Done { target, ids, .. } => {
                if let Some(pending) = self.alertmanagers.get_mut(&target) {
                    pending.remove(&ids);
                }
            }
            Change::Notified {
                target, notified, ..
            } => {
                let name = target.strip_prefix(WEBHOOK).unwrap_or(&target);
                if let (Some(groups), Some(config)) =
                    (self.webhooks.get_mut(name), webhook_named(settings, name))
                {
                    groups.taken(&notified, config);
                }
            }
        }
    }
}

fn webhook_named<'a>(settings: &'a TenantNotifications, name: &str) -> Option<&'a WebhookConfig> {
    settings
        .webhooks
        .iter()
        .find(|webhook| webhook.name == name)
}

fn numbered(alerts: &[Alert], first: u64, at: i64) -> impl Iterator<Item = Waiting> {
    let shared = alerts.iter().map(|alert| Arc::new(alert.clone()));
    shared
        .zip(first..)
        .map(move |(alert, id)| Waiting { id, alert, at })
}

/// A task that ends with what holds it.
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A tenant at work.
pub(super) struct Tenant {
    name: String,
    pub(super) settings: TenantNotifications,
    alertmanagers: BTreeMap<String, (Arc<alertmanager::Sending>, Task)>,
    /// Alerts that came while no Alertmanager was known.
    unknown: Pending,
    /// Targets that the journal names for them.
    orphaned: BTreeSet<String>,
    webhooks: BTreeMap<String, (Arc<webhook::Sending>, Task)>,
    pub(super) discovery: Option<JoinHandle<()>>,
}

impl Drop for Tenant {
    fn drop(&mut self) {
        if let Some(discovery) = &self.discovery {
            discovery.abort();
        }
    }
}

impl Tenant {
    /// Starts the targets that are configured, with what waits for them. Those of discovery come later.
    pub(super) fn start(
        name: &str,
        settings: TenantNotifications,
        found: Found,
        environment: &Environment,
        journal: &Arc<Journal>,
    ) -> Tenant {
        let mut tenant = Tenant {
            name: name.to_owned(),
            settings: TenantNotifications::default(),
            alertmanagers: BTreeMap::new(),
            unknown: Pending::default(),
            orphaned: BTreeSet::from([UNKNOWN.to_owned()]),
            webhooks: BTreeMap::new(),
            discovery: None,
        };
        let Found {
            mut alertmanagers,
            mut webhooks,
        } = found;
        for webhook in &settings.webhooks {
            let groups = webhooks.remove(&webhook.name).unwrap_or_default();
            tenant.start_webhook(webhook, groups, environment, journal);
        }
        if let Some(config) = &settings.alertmanagers {
            // What waits for addresses that are not known yet waits for all.
            let is_known = |target: &str| {
                !config.is_discovered && config.urls.iter().any(|url| url.name() == target)
            };
            let known: Vec<String> = alertmanagers
                .keys()
                .filter(|target| is_known(target))
                .cloned()
                .collect();
            let known: BTreeMap<_, _> = known
                .into_iter()
                .filter_map(|target| alertmanagers.remove_entry(&target))
                .collect();
            for (target, pending) in &alertmanagers {
                tenant.orphan(target, pending);
            }
            if !config.is_discovered {
                tenant.assign(config, config.urls.clone(), known, environment, journal);
            }
        }
        tenant.settings = settings;
        tenant
    }

    /// Takes the Alertmanagers that there are now. Those that were there go on; what waits for those that are
    /// gone is sent to the new ones, if any.
    pub(super) fn assign(
        &mut self,
        config: &AlertmanagerConfig,
        urls: Vec<TargetUrl>,
        mut found: BTreeMap<String, Pending>,
        environment: &Environment,
        journal: &Arc<Journal>,
    ) {
        let names: Vec<String> = urls.iter().map(TargetUrl::name).collect();
        let is_gone = |name: &&String| !names.contains(name);
        let gone: Vec<String> = self.alertmanagers.keys().filter(is_gone).cloned().collect();
        if urls.is_empty() && !gone.is_empty() {
            tracing::warn!(
                tenant = self.name,
                "discovery finds no Alertmanager, alerts wait"
            );
        }
        for name in gone {
            if let Some((sending, _task)) = self.alertmanagers.remove(&name) {
                self.orphan(&name, &sending.pending());
            }
        }
        if urls.is_empty() {
            return;
        }
        let is_new = |url: &TargetUrl| !self.alertmanagers.contains_key(&url.name());
        let new: Vec<TargetUrl> = urls.into_iter().filter(is_new).collect();
        let orphans = self.move_orphans(&new, journal);
        for url in new {
            let pending = found.remove(&url.name()).unwrap_or_default();
            self.start_alertmanager(config, url, pending, &orphans, environment, journal);
        }
    }

    /// Keeps what waits for a target that is gone, or not known yet.
    fn orphan(&mut self, target: &str, pending: &Pending) {
        self.orphaned.insert(target.to_owned());
        for waiting in pending.iter() {
            self.unknown.put(waiting.clone());
        }
    }

    /// Writes down that what waits for nobody waits for those targets; without any, for none: the others have
    /// had it.
    fn move_orphans(&mut self, to: &[TargetUrl], journal: &Journal) -> Vec<Waiting> {
        let orphans: Vec<Waiting> = std::mem::take(&mut self.unknown).iter().cloned().collect();
        let targets: Vec<String> = to.iter().map(TargetUrl::name).collect();
        if !targets.is_empty() {
            for waiting in &orphans {
                let came = self.came(&targets, waiting.id, waiting.at, &waiting.alert);
                journal.add(&came.encode()).forget();
            }
        }
        let ids: Vec<u64> = orphans.iter().map(|waiting| waiting.id).collect();
        for target in std::mem::take(&mut self.orphaned) {
            journal.add(&self.done(&target, &ids).encode()).forget();
        }
        orphans
    }

    fn start_alertmanager(
        &mut self,
        config: &AlertmanagerConfig,
        url: TargetUrl,
        pending: Pending,
        orphans: &[Waiting],
        environment: &Environment,
        journal: &Arc<Journal>,
    ) {
        let name = url.name();
        let (http, agent) = (config.http.clone(), &environment.user_agent);
        let client = Client::new(url.clone(), http, config.timeout, agent);
        let (journal, empty) = (Arc::clone(journal), self.done(&name, &[]));
        let on_done = move |done: &[u64]| {
            let mut change = empty.clone();
            if let Change::Done { ids, .. } = &mut change {
                ids.extend_from_slice(done);
            }
            journal.add(&change.encode()).forget();
        };
        let capacity = config.queue_capacity;
        let sending = alertmanager::Sending::new(
            &self.name,
            url,
            client,
            capacity,
            pending,
            Box::new(on_done),
        );
        let sending = Arc::new(sending);
        sending.put(orphans.iter().cloned());
        let task = environment
            .runtime
            .spawn(alertmanager::deliver(Arc::clone(&sending)));
        self.alertmanagers.insert(name, (sending, Task(task)));
    }

    fn came(&self, targets: &[String], first: u64, at: i64, alert: &Alert) -> Change {
        Change::Came {
            tenant: self.name.clone(),
            at,
            targets: targets.to_vec(),
            first,
            alerts: vec![alert.clone()],
        }
    }

    fn done(&self, target: &str, ids: &[u64]) -> Change {
        Change::Done {
            tenant: self.name.clone(),
            target: target.to_owned(),
            ids: ids.to_vec(),
        }
    }

    fn start_webhook(
        &mut self,
        config: &WebhookConfig,
        groups: Groups,
        environment: &Environment,
        journal: &Arc<Journal>,
    ) {
        let client = Client::new(
            config.url.clone(),
            config.http_config.clone(),
            config.timeout,
            &environment.user_agent,
        );
        let (journal, tenant) = (Arc::clone(journal), self.name.clone());
        let target = format!("{WEBHOOK}{}", config.name);
        let on_notified = move |notified: &webhook::Notified| {
            let change = Change::Notified {
                tenant: tenant.clone(),
                target: target.clone(),
                notified: notified.clone(),
            };
            journal.add(&change.encode()).forget();
        };
        let sending = webhook::Sending::new(
            &self.name,
            config.clone(),
            client,
            groups,
            Box::new(on_notified),
        );
        let sending = Arc::new(sending);
        let task = environment
            .runtime
            .spawn(webhook::deliver(Arc::clone(&sending)));
        self.webhooks
            .insert(config.name.clone(), (sending, Task(task)));
    }

    /// Names of all targets.
    pub(super) fn targets(&self) -> Vec<String> {
        let mut targets: Vec<String> = self.alertmanagers.keys().cloned().collect();
        if targets.is_empty() && self.settings.alertmanagers.is_some() {
            targets.push(UNKNOWN.to_owned());
        }
        targets.extend(self.webhooks.keys().map(|name| format!("{WEBHOOK}{name}")));
        targets
    }

    /// Hands alerts to all targets.
    pub(super) fn put(&mut self, alerts: &[Alert], first: u64, at: i64, journal: &Journal) {
        for (sending, _) in self.alertmanagers.values() {
            sending.put(numbered(alerts, first, at));
        }
        if let Some(config) = self
            .settings
            .alertmanagers
            .as_ref()
            .filter(|_| self.alertmanagers.is_empty())
        {
            for waiting in numbered(alerts, first, at) {
                self.unknown.put(waiting);
            }
            let excess = self.unknown.excess(config.queue_capacity);
            self.orphaned.insert(UNKNOWN.to_owned());
            if !excess.is_empty() {
                self.unknown.remove(&excess);
                for target in &self.orphaned {
                    journal.add(&self.done(target, &excess).encode()).forget();
                }
            }
        }
        for (sending, _) in self.webhooks.values() {
            sending.put(alerts.iter().cloned(), at);
        }
    }

    /// All that waits and all that was notified, as changes.
    pub(super) fn restated(&self) -> Vec<Change> {
        let mut changes = Vec::new();
        let unknown = (UNKNOWN, self.unknown.clone());
        let pending = self
            .alertmanagers
            .iter()
            .map(|(target, (sending, _))| (target.as_str(), sending.pending()));
        for (target, pending) in pending.chain([unknown]) {
            let targets = [target.to_owned()];
            changes.extend(
                pending
                    .iter()
                    .map(|waiting| self.came(&targets, waiting.id, waiting.at, &waiting.alert)),
            );
        }
        let mut notifications = Vec::new();
        for (name, (sending, _)) in &self.webhooks {
            let target = format!("{WEBHOOK}{name}");
            let (alerts, notified) = sending.contents();
            let targets = [target.clone()];
            changes.extend(
                alerts
                    .iter()
                    .map(|(alert, at)| self.came(&targets, 0, *at, alert)),
            );
            notifications.extend(notified.into_iter().map(|notified| Change::Notified {
                tenant: self.name.clone(),
                target: target.clone(),
                notified,
            }));
        }
        changes.extend(notifications);
        changes
    }

    /// What there is, to start again with other settings.
    pub(super) fn take(self) -> Found {
        let mut found = Found::default();
        for (target, (sending, _)) in &self.alertmanagers {
            found
                .alertmanagers
                .insert(target.clone(), sending.pending());
        }
        found
            .alertmanagers
            .insert(UNKNOWN.to_owned(), self.unknown.clone());
        for target in &self.orphaned {
            found.alertmanagers.entry(target.clone()).or_default();
        }
        for (name, (sending, _)) in &self.webhooks {
            let (alerts, notified) = sending.contents();
            let groups = found.webhooks.entry(name.clone()).or_default();
            for (alert, at) in alerts {
                groups.put(alert, at, sending.config());
            }
            for notified in &notified {
                groups.taken(notified, sending.config());
            }
        }
        found
    }

    /// Counters of all targets.
    pub(super) fn counts(&self) -> impl Iterator<Item = AlertCounts> {
        let alertmanagers = self
            .alertmanagers
            .values()
            .map(|(sending, _)| sending.counts());
        alertmanagers.chain(self.webhooks.values().map(|(sending, _)| sending.counts()))
    }

    /// Alertmanagers that are known.
    pub(super) fn alertmanagers(&self) -> usize {
        self.alertmanagers.len()
    }
}
