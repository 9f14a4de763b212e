//! A sandbox evaluates rules over lines that it is given, on a clock of its own, and sends nothing.
//!
//! It is a server without listeners: pushes pass the receivers, queries the engine, and rules are
//! evaluated slot by slot as in service. What recording rules give is stored, so that rules and
//! queries find it.

use crate::app::App;
use crate::auth::tokens::Tokens;
use crate::config::Config;
use crate::limits::overrides::Overrides;
use crate::rule_engine::RuleEngine;
use crate::rules::results::StoredResults;
use crate::rules::templates::AlertTemplates;
use crate::telemetry::metrics::Metrics;
use skald_ingest::{Protocol, PushRequest};
use skald_model::{Labels, TenantId};
use skald_ruler::clock::SetClock;
use skald_ruler::engine::{Asker, Engine, Question, Sample};
use skald_ruler::observer::NoObserver;
use skald_ruler::outbox::Discard;
use skald_ruler::ruler::{Loaded, Parts, Ruler};
use skald_ruler::settings::{FailureAlerts, Settings};
use skald_ruler::templates::Templates;
use skald_ruler::view::GroupView;
use skald_store::{Options, Store};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use tokio::runtime::{Builder, Runtime};

/// Questions at once.
const CONCURRENT: usize = 1;

/// Rules over given lines.
pub struct Sandbox {
    app: Arc<App>,
    engine: Arc<RuleEngine>,
    templates: Arc<AlertTemplates>,
    tenant: TenantId,
    // Last: it ends after what runs on it.
    runtime: Runtime,
}

/// Groups of a sandbox as they are evaluated.
pub struct SandboxRules {
    ruler: Ruler,
    clock: Arc<SetClock>,
    tenant: TenantId,
    next: Option<i64>,
}

/// What a sandbox takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receiver {
    /// Loki's push as JSON.
    Loki,
    /// Falco's events.
    Falco,
    /// Audit events of Kubernetes.
    K8sAudit,
    /// Flow logs of Calico.
    CalicoFlows,
    /// Flows of Hubble.
    Hubble,
    /// JSON objects, one a line.
    Ndjson,
}

impl Receiver {
    /// The receiver of a path below `/ingest/`.
    pub fn named(name: &str) -> Option<Receiver> {
        Some(match name {
            "falco" => Receiver::Falco,
            "k8s-audit" => Receiver::K8sAudit,
            "calico-flows" => Receiver::CalicoFlows,
            "hubble" => Receiver::Hubble,
            "ndjson" => Receiver::Ndjson,
            _ => return None,
        })
    }

    fn protocol(self) -> Protocol {
        match self {
            Receiver::Loki => Protocol::Loki,
            Receiver::Falco => Protocol::Falco,
            Receiver::K8sAudit => Protocol::K8sAudit,
            Receiver::CalicoFlows => Protocol::CalicoFlows,
            Receiver::Hubble => Protocol::Hubble,
            Receiver::Ndjson => Protocol::Ndjson,
        }
    }
}

impl Sandbox {
    /// An empty one in an empty folder; labels that templates see as external ones.
    pub fn open(folder: &Path, external: Labels, external_url: &str) -> Result<Sandbox, String> {
        let said = |error: &dyn std::fmt::Display| format!("{}: {error}", folder.display());
        let mut runtime = Builder::new_multi_thread();
        let runtime = runtime.worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(|error| said(&error))?;
        let _inside = runtime.enter();
        let config = Config {
            data: folder.to_owned(),
            ..Config::default()
        };
        let store = Store::open(Options::new(folder)).map_err(|error| said(&error))?;
        let overrides = Overrides::open(&config).map_err(|error| said(&error))?;
        let tokens = Tokens::open("").map_err(|error| said(&error))?;
        let tenant = TenantId::fake();
        let app = Arc::new(App::new(
            config,
            Arc::new(overrides),
            Arc::new(tokens),
            tenant.clone(),
            Arc::new(store),
            Arc::new(Metrics::new()),
        ));
        let handle = runtime.handle().clone();
        let engine = Arc::new(RuleEngine::new(&app, handle, CONCURRENT));
        let templates = AlertTemplates::new(engine.clone(), external_url.to_owned(), external);
        drop(_inside);
        Ok(Sandbox {
            app,
            engine,
            templates: Arc::new(templates),
            tenant,
            runtime,
        })
    }

    /// What checks templates of rules.
    pub fn templates(&self) -> &dyn Templates {
        &*self.templates
    }

    /// Takes a body as it would be posted; an error is what its sender would read.
    pub fn push(&self, receiver: Receiver, body: String) -> Result<(), String> {
        let request = PushRequest {
            content_type: Some("application/json".to_owned()),
            ..PushRequest::new(receiver.protocol(), body)
        };
        let reply = self
            .runtime
            .block_on(self.app.ingest.push(&self.tenant, request));
        match reply.status {
            200..300 => Ok(()),
            _ => Err(String::from_utf8_lossy(&reply.body).trim_end().to_owned()),
        }
    }

    /// Groups whose first slot is at `start` or after it.
    pub fn rules(&self, groups: Vec<Loaded>, start: i64, interval: i64) -> SandboxRules {
        // A slot is the first one after the time at which its group was loaded.
        let clock = Arc::new(SetClock::new(start - 1));
        let stored = StoredResults::new(self.app.store.clone(), Arc::new(Discard));
        let parts = Parts {
            engine: self.engine.clone(),
            templates: self.templates.clone(),
            notifications: Arc::new(Discard),
            samples: Arc::new(stored),
            observer: Arc::new(NoObserver),
            clock: clock.clone(),
            states: None,
        };
        let settings = Settings {
            evaluation_interval: interval,
            failure_alerts: FailureAlerts::Off,
            ..Settings::default()
        };
        let ruler = Ruler::new(settings, parts, HashMap::new());
        ruler.load(&self.tenant, groups);
        let next = ruler.run_due();
        SandboxRules {
            ruler,
            clock,
            tenant: self.tenant.clone(),
            next,
        }
    }

    /// The value of a metric query at an instant.
    pub fn query(&self, query: &str, at: i64) -> Result<Vec<Sample>, String> {
        let asker = Asker {
            namespace: "",
            group: "",
            rule: "",
        };
        let answer = self.engine.instant(&Question {
            tenant: &self.tenant,
            query,
            at,
            asker,
        });
        Ok(answer.map_err(|error| error.to_string())?.samples)
    }
}

impl SandboxRules {
    /// Evaluates the next slot, if it is at `until` or before it; gives its time.
    pub fn step(&mut self, until: i64) -> Option<i64> {
        let slot = self.next.filter(|slot| *slot <= until)?;
        self.clock.set(slot);
        self.next = self.ruler.run_due().filter(|next| *next > slot);
        Some(slot)
    }

    /// The groups as they are, sorted by namespace and name.
    pub fn view(&self) -> Vec<GroupView> {
        self.ruler.view(&self.tenant)
    }
}
