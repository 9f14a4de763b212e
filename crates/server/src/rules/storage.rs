//! Storage of rules: the API's own store in the data directory, or a directory of files that is only
//! read.

use super::service::RulesError;
use crate::config::Limits;
use parking_lot::Mutex;
use skald_model::TenantId;
use skald_ruler::ruler::Loaded;
use skald_ruler::rules::{RuleGroup, SetLimits, check_limits};
use skald_ruler::stores::{FileProblem, LocalRules, OwnRules, RuleStoreError, StoredGroup};
use skald_ruler::templates::Templates;
use std::collections::BTreeSet;

/// Where rules are kept.
pub(crate) enum Storage {
    /// In the data directory; the API changes them.
    Own(OwnRules),
    /// In a directory of files.
    Local(Mutex<LocalRules>),
}

/// What a change of a group expects to find.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Precondition {
    /// Anything.
    Anything,
    /// No group.
    Absent,
    /// A group.
    Exists,
    /// One of these versions.
    Is(Vec<u64>),
}

impl Precondition {
    fn check(&self, found: Option<&StoredGroup>) -> Result<(), RulesError> {
        let holds = match (self, found) {
            (Precondition::Anything, _) | (Precondition::Absent, None) => true,
            (Precondition::Exists, found) => found.is_some(),
            (Precondition::Is(versions), Some(found)) => versions.contains(&found.revision),
            (Precondition::Absent, Some(_)) | (Precondition::Is(_), None) => false,
        };
        match holds {
            true => Ok(()),
            false => Err(RulesError::Changed),
        }
    }
}

impl Storage {
    /// Tenants that have rules.
    pub(super) fn tenants(&self) -> BTreeSet<TenantId> {
        match self {
            Storage::Own(rules) => rules.tenants().into_iter().collect(),
            Storage::Local(rules) => rules.lock().tenants(),
        }
    }

    /// The groups of a tenant.
    pub(super) fn groups(&self, tenant: &TenantId) -> Vec<Loaded> {
        let loaded = |(namespace, group)| Loaded { namespace, group };
        match self {
            Storage::Own(rules) => {
                let groups = rules.groups(tenant).into_iter();
                groups
                    .map(|stored| loaded((stored.namespace, stored.group)))
                    .collect()
            }
            Storage::Local(rules) => rules
                .lock()
                .groups(tenant)
                .into_iter()
                .map(loaded)
                .collect(),
        }
    }

    /// What keeps the groups of a tenant from being listed.
    pub(super) fn unreadable(&self, tenant: &TenantId) -> Option<FileProblem> {
        let Storage::Local(rules) = self else {
            return None;
        };
        let of_folder = |problem: &FileProblem| problem.text.starts_with("unable to read rule dir");
        let concerns = |problem: &FileProblem| problem.tenant.as_ref().is_none_or(|t| t == tenant);
        let problems = rules.lock().problems().into_iter();
        problems.filter(of_folder).find(concerns)
    }

    /// Looks at files again; the tenants whose groups changed, and what can't be used.
    pub(super) fn poll(&self, templates: &dyn Templates) -> (BTreeSet<TenantId>, Vec<FileProblem>) {
        match self {
            Storage::Own(_) => (BTreeSet::new(), Vec::new()),
            Storage::Local(rules) => {
                let mut rules = rules.lock();
                (rules.poll(templates), rules.problems())
            }
        }
    }

    /// The store that can be changed.
    pub(super) fn own(&self, operation: &'static str) -> Result<&OwnRules, RulesError> {
        match self {
            Storage::Own(rules) => Ok(rules),
            Storage::Local(_) => Err(RulesError::ReadOnly(operation)),
        }
    }
}

/// Sets a group that keeps the tenant's limits.
pub(super) fn set(
    rules: &OwnRules,
    tenant: &TenantId,
    namespace: &str,
    group: RuleGroup,
    limits: &Limits,
    expected: &Precondition,
) -> Result<(), RulesError> {
    expected.check(rules.group(tenant, namespace, &group.name).as_ref())?;
    let is_other =
        |stored: &StoredGroup| *stored.namespace != *namespace || stored.group.name != group.name;
    let others = rules.groups(tenant).iter().filter(|s| is_other(s)).count();
    let limits = SetLimits {
        rules_per_group: limits.ruler_max_rules_per_rule_group,
        groups: limits.ruler_max_rule_groups_per_tenant,
    };
    check_limits(limits, others, &group).map_err(RulesError::Limit)?;
    rules.put(tenant, namespace, group)?;
    Ok(())
}

/// Removes a group.
pub(super) fn remove_group(
    rules: &OwnRules,
    tenant: &TenantId,
    namespace: &str,
    name: &str,
    expected: &Precondition,
) -> Result<(), RulesError> {
    expected.check(rules.group(tenant, namespace, name).as_ref())?;
    match rules.remove_group(tenant, namespace, name)? {
        true => Ok(()),
        false => Err(RulesError::NoGroup),
    }
}

/// Removes the groups of a namespace.
pub(super) fn remove_namespace(
    rules: &OwnRules,
    tenant: &TenantId,
    namespace: &str,
) -> Result<(), RulesError> {
    match rules.remove_namespace(tenant, namespace)? {
        true => Ok(()),
        false => Err(RulesError::NoNamespace),
    }
}

impl From<RuleStoreError> for RulesError {
    fn from(error: RuleStoreError) -> RulesError {
        RulesError::Disk(error.to_string())
    }
}
