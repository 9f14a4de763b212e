//! The runner puts the parts of rules together when the server starts, and stops them before it
//! closes.
//!
//! Rules, the state of alerts and what waits to be sent lie in folders of the data directory. What
//! can't be opened is reported and left alone: logs are taken and answered all the same.

use crate::app::App;
use crate::config::RulerConfig;
use crate::config::limits::nanoseconds;
use crate::rule_engine::RuleEngine;
use crate::rules::Rules;
use crate::rules::metrics::RuleMetrics;
use crate::rules::outboxes::Outboxes;
use crate::rules::results::StoredResults;
use crate::rules::storage::Storage;
use crate::rules::templates::AlertTemplates;
use parking_lot::Mutex;
use skald_model::Labels;
use skald_outbound::Environment;
use skald_ruler::clock::{Clock, SystemClock};
use skald_ruler::outbox::Samples;
use skald_ruler::ruler::{Parts, Ruler};
use skald_ruler::settings::{FailureAlerts, Settings};
use skald_ruler::snapshot::GroupSnapshot;
use skald_ruler::spec::GroupId;
use skald_ruler::states::StateStore;
use skald_ruler::stores::{LocalRules, OwnRules};
use skald_ruler::templates::Templates;
use skald_wal::files::{Files, RealFiles};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// Folders in the data directory: rules that the API was given, the state of alerts, and what waits
/// to be sent.
const RULES: &str = "rules";
const STATES: &str = "rules-state";
const QUEUES: &str = "outbound";

/// Rules that are being evaluated.
pub(crate) struct RuleRunner {
    engine: Arc<RuleEngine>,
    rules: Arc<Rules>,
    polling: JoinHandle<()>,
}

impl RuleRunner {
    /// Starts what is stored; `None` when it can't be read, which is logged.
    pub(crate) async fn start(app: &Arc<App>) -> Option<RuleRunner> {
        let (of_app, runtime) = (app.clone(), Handle::current());
        let opened = tokio::task::spawn_blocking(move || open(&of_app, runtime)).await;
        match opened.unwrap_or_else(|error| Err(error.to_string())) {
            Ok((engine, rules)) => {
                app.set_rules(Ok(rules.clone()));
                let polling = poll(rules.clone(), app.config.ruler.poll_interval);
                Some(RuleRunner {
                    engine,
                    rules,
                    polling: tokio::spawn(polling),
                })
            }
            Err(error) => {
                tracing::error!(error, "rules can't be read, none is evaluated");
                app.set_rules(Err(format!("rules can't be read: {error}")));
                None
            }
        }
    }

    /// Gives up evaluations under way, and ends when the state of alerts is durable.
    pub(crate) async fn stop(self) {
        self.engine.stop();
        self.polling.abort();
        let rules = self.rules;
        drop(tokio::task::spawn_blocking(move || rules.stop()).await);
    }
}

fn open(app: &Arc<App>, runtime: Handle) -> Result<(Arc<RuleEngine>, Arc<Rules>), String> {
    let (config, data) = (&app.config.ruler, app.config.data.as_path());
    let files: Arc<dyn Files> = Arc::new(RealFiles);
    let concurrent = config.max_concurrent;
    let engine = Arc::new(RuleEngine::new(app, runtime.clone(), concurrent));
    let templates: Arc<dyn Templates> = Arc::new(AlertTemplates::new(
        engine.clone(),
        config.external_url.clone(),
        Labels::from_pairs(&config.external_labels.0),
    ));
    let storage = match config.storage.directory.as_str() {
        "" => own(&files, &data.join(RULES), &*templates)?,
        directory => Storage::Local(Mutex::new(LocalRules::new(directory))),
    };
    let environment = Environment::new(data.join(QUEUES), runtime);
    let outboxes = Outboxes::start(config, &app.config.limits, &app.overrides, &environment);
    let outboxes = Arc::new(outboxes.map_err(|error| error.to_string())?);
    let metrics = Arc::new(RuleMetrics::default());
    let (states, restored) = states(files, &data.join(STATES));
    let samples: Arc<dyn Samples> = match config.store_results {
        true => Arc::new(StoredResults::new(app.store.clone(), outboxes.clone())),
        false => outboxes.clone(),
    };
    let parts = Parts {
        engine: engine.clone(),
        templates: templates.clone(),
        notifications: outboxes.clone(),
        samples,
        observer: metrics.clone(),
        clock: Arc::new(SystemClock),
        states,
    };
    let ruler = Arc::new(Ruler::new(settings(config), parts, restored));
    let rules = Rules::new(ruler, storage, templates, metrics, outboxes, config.clone());
    rules.start();
    Ok((engine, Arc::new(rules)))
}

fn settings(config: &RulerConfig) -> Settings {
    Settings {
        evaluation_interval: nanoseconds(config.evaluation_interval),
        resend_delay: nanoseconds(config.resend_delay),
        outage_tolerance: nanoseconds(config.for_outage_tolerance),
        failure_alerts: match config.alert_on_failure {
            true => FailureAlerts::On,
            false => FailureAlerts::Off,
        },
        groups_at_once: config.max_concurrent,
        groups_of_tenant_at_once: (config.max_concurrent / 2).max(1),
    }
}

/// The rules that the API was given.
fn own(
    files: &Arc<dyn Files>,
    folder: &Path,
    templates: &dyn Templates,
) -> Result<Storage, String> {
    let opened = OwnRules::open(files.clone(), folder, templates);
    let (rules, problems) = opened.map_err(|error| error.to_string())?;
    for problem in problems {
        let (path, why) = (problem.path.display(), problem.text);
        tracing::error!(%path, why, "a group of rules can't be read; others are evaluated");
    }
    Ok(Storage::Own(rules))
}

/// The state of alerts, and what the last process left of it. Without it alerts begin anew.
fn states(
    files: Arc<dyn Files>,
    folder: &Path,
) -> (Option<StateStore>, HashMap<GroupId, GroupSnapshot>) {
    match StateStore::open(files, folder, SystemClock.now()) {
        Ok((states, restored)) => (Some(states), restored),
        Err(error) => {
            tracing::error!(%error, "the state of alerts can't be read: they begin anew, and are not kept");
            (None, HashMap::new())
        }
    }
}

/// Looks at a directory of rules again and again.
async fn poll(rules: Arc<Rules>, interval: Duration) {
    loop {
        tokio::time::sleep(interval).await;
        let rules = rules.clone();
        drop(tokio::task::spawn_blocking(move || rules.poll()).await);
    }
}
