//! Metrics of rules, by the names that Loki's dashboards ask for.

use crate::clock;
use crate::config::RulerConfig;
use crate::telemetry::exposition::{header, line, metric};
use parking_lot::Mutex;
use skald_model::TenantId;
use skald_ruler::observer::Observer;
use skald_ruler::spec::GroupId;
use skald_ruler::view::GroupView;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

/// Counters that are not in the views of groups.
#[derive(Default)]
pub(crate) struct RuleMetrics {
    tenants: Mutex<BTreeMap<TenantId, Counts>>,
    /// Whether every file of rules can be used.
    is_loaded: AtomicBool,
    /// When rules were last loaded whole, nanoseconds since 1970.
    loaded_at: AtomicI64,
    loads: AtomicU64,
}

/// Counters of a tenant.
#[derive(Clone, Default)]
struct Counts {
    rules: Durations,
    groups: Durations,
    updates: u64,
    /// What was not taken, by what it was.
    refused: BTreeMap<&'static str, u64>,
}

/// How many, and how long together, nanoseconds.
#[derive(Clone, Copy, Default)]
struct Durations {
    count: u64,
    sum: i64,
}

impl Durations {
    fn add(&mut self, took: i64) {
        self.count += 1;
        self.sum = self.sum.saturating_add(took);
    }
}

impl Observer for RuleMetrics {
    fn rule_evaluated(&self, group: &GroupId, took: i64, _: Option<&str>) {
        self.of(&group.tenant, |counts| counts.rules.add(took));
    }

    fn group_evaluated(&self, group: &GroupId, _: i64, took: i64) {
        self.of(&group.tenant, |counts| counts.groups.add(took));
    }

    fn refused(&self, group: &GroupId, what: &'static str, why: &str) {
        let (tenant, namespace, name) = (group.tenant.as_str(), &group.namespace, &group.name);
        tracing::warn!(tenant, %namespace, %name, what, why, "what a rule made was not taken");
        self.of(&group.tenant, |counts| {
            *counts.refused.entry(what).or_default() += 1
        });
    }
}

/// A metric of each group: its name, kind, help, and value.
type OfGroup = (
    &'static str,
    &'static str,
    &'static str,
    fn(&GroupView) -> f64,
);

const OF_GROUPS: &[OfGroup] = &[
    (
        "rule_evaluations_total",
        "counter",
        "Evaluations of rules.",
        |view| view.rules.iter().map(|rule| rule.evaluations as f64).sum(),
    ),
    (
        "rule_evaluation_failures_total",
        "counter",
        "Evaluations of rules that failed.",
        |view| view.rules.iter().map(|rule| rule.failures as f64).sum(),
    ),
    (
        "rule_group_iterations_total",
        "counter",
        "Slots that were evaluated or missed.",
        |view| (view.iterations + view.missed) as f64,
    ),
    (
        "rule_group_iterations_missed_total",
        "counter",
        "Slots left out because the one before took too long.",
        |view| view.missed as f64,
    ),
    (
        "rule_group_interval_seconds",
        "gauge",
        "Distance of slots.",
        |view| seconds(view.interval),
    ),
    (
        "rule_group_last_evaluation_timestamp_seconds",
        "gauge",
        "The newest slot that was evaluated.",
        |view| view.last_evaluation.map_or(0.0, seconds),
    ),
    (
        "rule_group_last_duration_seconds",
        "gauge",
        "How long the newest slot took.",
        |view| seconds(view.evaluation_time),
    ),
    ("rule_group_rules", "gauge", "Rules of the group.", |view| {
        view.rules.len() as f64
    }),
    (
        "last_evaluation_samples",
        "gauge",
        "Series of the newest slot.",
        |view| {
            let newest = view.rules.iter().filter_map(|rule| rule.history.first());
            newest.map(|evaluation| evaluation.samples as f64).sum()
        },
    ),
];

fn seconds(nanoseconds: i64) -> f64 {
    nanoseconds as f64 / 1e9
}

impl RuleMetrics {
    fn of(&self, tenant: &TenantId, change: impl FnOnce(&mut Counts)) {
        change(self.tenants.lock().entry(tenant.clone()).or_default());
    }

    /// The groups of a tenant were loaded.
    pub(super) fn count_update(&self, tenant: &TenantId) {
        self.of(tenant, |counts| counts.updates += 1);
    }

    /// Files of rules were looked at.
    pub(super) fn set_loaded(&self, is_loaded: bool, has_changed: bool) {
        self.is_loaded.store(is_loaded, Ordering::Relaxed);
        if is_loaded {
            self.loaded_at.store(clock::now(), Ordering::Relaxed);
        }
        if has_changed {
            self.loads.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Writes all there are, with these groups.
    pub(super) fn write(
        &self,
        out: &mut String,
        views: impl Iterator<Item = (TenantId, Vec<GroupView>)>,
        config: &RulerConfig,
    ) {
        let views: Vec<_> = views.collect();
        if !views.is_empty() {
            for of_group in OF_GROUPS {
                write_of_groups(out, of_group, &views, config);
            }
        }
        let tenants = self.tenants.lock().clone();
        if !tenants.is_empty() {
            write_of_tenants(out, &tenants);
        }
        let loaded = u8::from(self.is_loaded.load(Ordering::Relaxed));
        metric(
            out,
            "loki_ruler_config_last_reload_successful",
            "gauge",
            "Whether every file of rules can be used.",
            loaded,
        );
        metric(
            out,
            "loki_ruler_config_last_reload_successful_seconds",
            "gauge",
            "When every file could be used last.",
            seconds(self.loaded_at.load(Ordering::Relaxed)),
        );
        let (name, help) = (
            "loki_ruler_sync_rules_total",
            "Loads of rules that changed them.",
        );
        header(out, name, "counter", help);
        let loads = self.loads.load(Ordering::Relaxed);
        line(out, name, &[("reason", "periodic")], loads);
        let (name, help) = (
            "loki_ruler_managers_total",
            "Tenants whose rules are evaluated.",
        );
        metric(out, name, "gauge", help, views.len());
    }
}

fn write_of_groups(
    out: &mut String,
    (name, kind, help, value): &OfGroup,
    views: &[(TenantId, Vec<GroupView>)],
    config: &RulerConfig,
) {
    let name = format!("loki_prometheus_{name}");
    header(out, &name, kind, help);
    for (tenant, groups) in views {
        let user = ("user", tenant.as_str());
        if config.disable_rule_group_label {
            let sum: f64 = groups.iter().map(value).sum();
            line(out, &name, &[user], sum);
            continue;
        }
        for group in groups {
            let label = format!("{};{}", group.namespace, group.group.name);
            line(out, &name, &[user, ("rule_group", &label)], value(group));
        }
    }
}

fn write_of_tenants(out: &mut String, tenants: &BTreeMap<TenantId, Counts>) {
    type Pick = fn(&Counts) -> Durations;
    let summaries: [(&str, &str, Pick); 2] = [
        (
            "loki_prometheus_rule_evaluation_duration_seconds",
            "How long evaluations of rules take.",
            |counts| counts.rules,
        ),
        (
            "loki_prometheus_rule_group_duration_seconds",
            "How long slots of groups take.",
            |counts| counts.groups,
        ),
    ];
    for (name, help, pick) in summaries {
        header(out, name, "summary", help);
        for (tenant, counts) in tenants {
            let labels = [("user", tenant.as_str())];
            let Durations { count, sum } = pick(counts);
            line(out, &format!("{name}_sum"), &labels, seconds(sum));
            line(out, &format!("{name}_count"), &labels, count);
        }
    }
    let (name, help) = (
        "loki_ruler_config_updates_total",
        "Loads of a tenant's rules.",
    );
    header(out, name, "counter", help);
    for (tenant, counts) in tenants {
        line(out, name, &[("user", tenant.as_str())], counts.updates);
    }
    let name = "skald_rules_not_taken_total";
    header(
        out,
        name,
        "counter",
        "What rules made and was not taken: alerts, samples, state.",
    );
    for (tenant, counts) in tenants {
        for (what, count) in &counts.refused {
            line(
                out,
                name,
                &[("user", tenant.as_str()), ("what", what)],
                count,
            );
        }
    }
}
