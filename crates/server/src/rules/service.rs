//! The service of rules: groups that are kept are evaluated, and changes hold at once.

use super::metrics::RuleMetrics;
use super::outboxes::Outboxes;
use super::sent_metrics;
use super::storage::{self, Precondition, Storage};
use crate::config::{Limits, RulerConfig};
use crate::limits::overrides::Overrides;
use parking_lot::Mutex;
use skald_model::TenantId;
use skald_ruler::ruler::{Loaded, Ruler, Workers};
use skald_ruler::rules::RuleGroup;
use skald_ruler::stores::{FileProblem, StoredGroup};
use skald_ruler::templates::Templates;
use skald_ruler::view::GroupView;
use std::sync::Arc;

/// Why rules can't be read or changed. The texts are Loki's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RulesError {
    /// There are none.
    #[error("no rule groups found")]
    NoGroups,
    /// There is no such group.
    #[error("group does not exist")]
    NoGroup,
    /// There is no such namespace.
    #[error("group namespace does not exist")]
    NoNamespace,
    /// More than the tenant may have.
    #[error("{0}")]
    Limit(String),
    /// A directory of files does not do this.
    #[error("{0} unsupported in rule local store")]
    ReadOnly(&'static str),
    /// A directory can't be read.
    #[error("{0}")]
    Unreadable(String),
    /// The group is another than the request expects.
    #[error("the group is not what the request expects")]
    Changed,
    /// The disk refused.
    #[error("{0}")]
    Disk(String),
}

/// Rules of all tenants.
pub struct Rules {
    ruler: Arc<Ruler>,
    storage: Storage,
    templates: Arc<dyn Templates>,
    metrics: Arc<RuleMetrics>,
    outboxes: Arc<Outboxes>,
    config: RulerConfig,
    /// Held while a change is stored and taken over, so that the last one stored is the one that is
    /// evaluated.
    changing: Mutex<Evaluating>,
}

/// What evaluates rules, from the first rule on.
#[derive(Default)]
struct Evaluating {
    workers: Option<Workers>,
    is_stopped: bool,
    /// Files that were reported.
    reported: Vec<FileProblem>,
}

impl Rules {
    /// Puts the parts together; nothing is evaluated yet.
    pub(crate) fn new(
        ruler: Arc<Ruler>,
        storage: Storage,
        templates: Arc<dyn Templates>,
        metrics: Arc<RuleMetrics>,
        outboxes: Arc<Outboxes>,
        config: RulerConfig,
    ) -> Rules {
        Rules {
            ruler,
            storage,
            templates,
            metrics,
            outboxes,
            config,
            changing: Mutex::default(),
        }
    }

    /// Evaluates what is stored.
    pub(crate) fn start(&self) {
        let mut evaluating = self.changing.lock();
        self.poll_files(&mut evaluating);
        for tenant in self.storage.tenants() {
            self.load(&mut evaluating, &tenant);
        }
    }

    /// Takes over limits of tenants that changed.
    pub(crate) fn reload(&self, overrides: &Overrides) -> Result<(), String> {
        self.outboxes.reload(overrides)
    }

    /// Ends after the evaluations under way; the state of alerts is durable then, and what waits to
    /// be sent is sent by the next process.
    pub(crate) fn stop(&self) {
        let mut evaluating = self.changing.lock();
        evaluating.is_stopped = true;
        // Stopping waits for its threads and syncs the state.
        drop(evaluating.workers.take());
        self.outboxes.close();
    }

    /// Looks at a directory of files again.
    pub(crate) fn poll(&self) {
        self.poll_files(&mut self.changing.lock());
    }

    fn poll_files(&self, evaluating: &mut Evaluating) {
        let (changed, problems) = self.storage.poll(&*self.templates);
        for problem in problems.iter().filter(|p| !evaluating.reported.contains(p)) {
            report(problem);
        }
        self.metrics
            .set_loaded(problems.is_empty(), !changed.is_empty());
        evaluating.reported = problems;
        for tenant in changed {
            self.load(evaluating, &tenant);
        }
    }

    /// Takes over the groups of a tenant as they are stored.
    fn load(&self, evaluating: &mut Evaluating, tenant: &TenantId) {
        let groups = match self.config.serves(tenant.as_str()) {
            true => self.storage.groups(tenant),
            false => Vec::new(),
        };
        let needs_workers = !groups.is_empty() && evaluating.workers.is_none();
        self.ruler.load(tenant, groups);
        self.metrics.count_update(tenant);
        if needs_workers && !evaluating.is_stopped {
            match self.ruler.start() {
                Ok(workers) => evaluating.workers = Some(workers),
                Err(error) => tracing::error!(%error, "no threads for rules, nothing is evaluated"),
            }
        }
    }

    /// What checks templates of rules.
    pub(crate) fn templates(&self) -> &dyn Templates {
        &*self.templates
    }

    /// The groups of a tenant as they are evaluated, sorted by namespace and name.
    pub(crate) fn view(&self, tenant: &TenantId) -> Vec<GroupView> {
        self.ruler.view(tenant)
    }

    /// The groups of a tenant as they are stored.
    pub(crate) fn groups(&self, tenant: &TenantId) -> Result<Vec<Loaded>, RulesError> {
        let groups = self.storage.groups(tenant);
        match self.storage.unreadable(tenant) {
            Some(problem) if groups.is_empty() => Err(RulesError::Unreadable(problem.text)),
            _ => Ok(groups),
        }
    }

    /// A group as it is stored.
    pub(crate) fn group(
        &self,
        tenant: &TenantId,
        namespace: &str,
        name: &str,
    ) -> Result<StoredGroup, RulesError> {
        let own = self.storage.own("GetRuleGroup")?;
        own.group(tenant, namespace, name)
            .ok_or(RulesError::NoGroup)
    }

    /// Sets a group.
    pub(crate) fn set(
        &self,
        tenant: &TenantId,
        namespace: &str,
        group: RuleGroup,
        limits: &Limits,
        expected: &Precondition,
    ) -> Result<(), RulesError> {
        let own = self.storage.own("SetRuleGroup")?;
        let mut evaluating = self.changing.lock();
        storage::set(own, tenant, namespace, group, limits, expected)?;
        self.load(&mut evaluating, tenant);
        Ok(())
    }

    /// Removes a group.
    pub(crate) fn remove_group(
        &self,
        tenant: &TenantId,
        namespace: &str,
        name: &str,
        expected: &Precondition,
    ) -> Result<(), RulesError> {
        let own = self.storage.own("DeleteRuleGroup")?;
        let mut evaluating = self.changing.lock();
        storage::remove_group(own, tenant, namespace, name, expected)?;
        self.load(&mut evaluating, tenant);
        Ok(())
    }

    /// Removes the groups of a namespace.
    pub(crate) fn remove_namespace(
        &self,
        tenant: &TenantId,
        namespace: &str,
    ) -> Result<(), RulesError> {
        let own = self.storage.own("DeleteNamespace")?;
        let mut evaluating = self.changing.lock();
        storage::remove_namespace(own, tenant, namespace)?;
        self.load(&mut evaluating, tenant);
        Ok(())
    }

    /// Appends metrics in Prometheus' text form.
    pub(crate) fn write_metrics(&self, out: &mut String) {
        let tenants = self.ruler.tenants().into_keys();
        let views = tenants.map(|tenant| {
            let views = self.ruler.view(&tenant);
            (tenant, views)
        });
        self.metrics.write(out, views, &self.config);
        sent_metrics::write(out, &self.outboxes);
    }
}

/// Names a file that can't be used.
fn report(problem: &FileProblem) {
    let (path, why) = (problem.path.display(), &problem.text);
    tracing::error!(%path, why, "a file of rules can't be used; others are");
}
