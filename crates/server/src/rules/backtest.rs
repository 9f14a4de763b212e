//! A backtest evaluates a group over a past range: what would have fired, when, and at what cost.
//!
//! The group runs in a ruler of its own, whose clock goes from slot to slot; nothing is sent or
//! stored.

use super::behind::lines_behind;
use serde::Serialize;
use skald_model::{Labels, TenantId};
use skald_ruler::clock::SetClock;
use skald_ruler::engine::{Asker, Engine, LinesQuestion};
use skald_ruler::observer::NoObserver;
use skald_ruler::outbox::Discard;
use skald_ruler::ruler::{Loaded, Parts, Ruler};
use skald_ruler::rules::RuleGroup;
use skald_ruler::settings::{FailureAlerts, Settings};
use skald_ruler::templates::Templates;
use skald_ruler::view::{AlertView, GroupView, RuleState, RuleView};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Most evaluations of a backtest, those of all rules together.
pub(crate) const EVALUATIONS_MAX: i64 = 10_000;

/// Most transitions in an answer.
const TRANSITIONS_MAX: usize = 10_000;

/// Alerts whose lines are shown, lines of each, and characters of a line.
const ALERTS_WITH_LINES_MAX: usize = 100;
const LINES_MAX: usize = 5;
const LINE_CHARS_MAX: usize = 1_000;

/// The namespace of the group while it runs.
const NAMESPACE: &str = "backtest";

/// What is to be evaluated.
pub(crate) struct Backtest {
    /// Whose lines are read.
    pub(crate) tenant: TenantId,
    /// The group.
    pub(crate) group: Arc<RuleGroup>,
    /// The first instant, nanoseconds since 1970.
    pub(crate) start: i64,
    /// The last.
    pub(crate) end: i64,
    /// Interval of groups that have none, nanoseconds.
    pub(crate) interval: i64,
}

/// What came of it.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    group: String,
    /// Distance of slots, seconds.
    interval: f64,
    slots: u64,
    /// Bytes of lines that all evaluations looked at.
    bytes: u64,
    rules: Vec<RuleReport>,
    /// Whether there were more transitions than are shown.
    truncated: bool,
}

#[derive(Debug, Serialize)]
struct RuleReport {
    name: String,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(rename = "neverMatched")]
    never_matched: bool,
    evaluations: Vec<EvaluationReport>,
    transitions: Vec<Transition>,
}

#[derive(Debug, Serialize)]
struct EvaluationReport {
    at: String,
    seconds: f64,
    bytes: u64,
    lines: u64,
    samples: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// An alert that changed its state.
#[derive(Debug, Serialize)]
struct Transition {
    at: String,
    labels: BTreeMap<String, String>,
    from: &'static str,
    to: &'static str,
    value: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
    /// Lines behind the alert, where it begins.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    lines: Vec<LineReport>,
}

#[derive(Debug, Serialize)]
struct LineReport {
    at: String,
    labels: BTreeMap<String, String>,
    line: String,
}

/// What is taken down while slots pass.
struct Recording<'a> {
    backtest: &'a Backtest,
    engine: &'a dyn Engine,
    rules: Vec<RuleReport>,
    before: Vec<HashMap<Labels, RuleState>>,
    with_lines: usize,
    transitions: usize,
}

/// Evaluates every slot of the range. Blocks; an error says what can't be done.
pub(crate) fn run(
    backtest: &Backtest,
    engine: &Arc<dyn Engine>,
    templates: Arc<dyn Templates>,
) -> Result<Report, String> {
    let interval = backtest.group.interval.unwrap_or(backtest.interval).max(1);
    let slots = backtest.end.saturating_sub(backtest.start) / interval + 1;
    let rules = i64::try_from(backtest.group.rules.len()).unwrap_or(i64::MAX);
    let evaluations = slots.saturating_mul(rules);
    if evaluations > EVALUATIONS_MAX {
        return Err(format!(
            "a backtest has at most {EVALUATIONS_MAX} evaluations, this one {evaluations} \
             ({rules} rules in {slots} slots): take a shorter range or a longer interval"
        ));
    }
    let clock = Arc::new(SetClock::new(backtest.start));
    let ruler = ruler(backtest, engine, templates, clock.clone());
    let loaded = Loaded {
        namespace: Arc::from(NAMESPACE),
        group: backtest.group.clone(),
    };
    ruler.load(&backtest.tenant, vec![loaded]);
    let mut recording = Recording::new(backtest, &**engine);
    let mut next = ruler.run_due();
    while let Some(slot) = next.filter(|slot| *slot <= backtest.end) {
        clock.set(slot);
        next = ruler.run_due().filter(|next| *next > slot);
        for view in ruler.view(&backtest.tenant) {
            recording.take(&view, slot);
        }
    }
    let view = ruler.view(&backtest.tenant).into_iter().next();
    Ok(recording.finish(view.as_ref()))
}

fn ruler(
    backtest: &Backtest,
    engine: &Arc<dyn Engine>,
    templates: Arc<dyn Templates>,
    clock: Arc<SetClock>,
) -> Ruler {
    let discard = Arc::new(Discard);
    let parts = Parts {
        engine: engine.clone(),
        templates,
        notifications: discard.clone(),
        samples: discard,
        observer: Arc::new(NoObserver),
        clock,
        states: None,
    };
    let settings = Settings {
        evaluation_interval: backtest.interval,
        failure_alerts: FailureAlerts::Off,
        ..Settings::default()
    };
    Ruler::new(settings, parts, HashMap::new())
}

impl<'a> Recording<'a> {
    fn new(backtest: &'a Backtest, engine: &'a dyn Engine) -> Recording<'a> {
        let rules = backtest.group.rules.iter().map(|rule| RuleReport {
            name: rule.name.clone(),
            kind: match rule.alert() {
                Some(_) => "alerting",
                None => "recording",
            },
            never_matched: false,
            evaluations: Vec::new(),
            transitions: Vec::new(),
        });
        Recording {
            backtest,
            engine,
            rules: rules.collect(),
            before: vec![HashMap::new(); backtest.group.rules.len()],
            with_lines: 0,
            transitions: 0,
        }
    }

    /// Takes down what a slot has changed.
    fn take(&mut self, view: &GroupView, slot: i64) {
        for (number, rule) in view.rules.iter().enumerate() {
            if let Some(newest) = rule.history.first().filter(|newest| newest.at == slot) {
                self.rules[number].evaluations.push(EvaluationReport {
                    at: time(newest.at),
                    seconds: newest.took as f64 / 1e9,
                    bytes: newest.bytes,
                    lines: newest.lines,
                    samples: newest.samples,
                    error: newest.error.clone(),
                });
            }
            self.rules[number].never_matched = rule.never_matched;
            self.compare(number, rule, slot);
        }
    }

    fn compare(&mut self, number: usize, rule: &RuleView, slot: i64) {
        let mut before = std::mem::take(&mut self.before[number]);
        let mut now = HashMap::with_capacity(rule.alerts.len());
        for alert in &rule.alerts {
            let from = before.remove(&alert.labels).unwrap_or(RuleState::Inactive);
            now.insert(alert.labels.clone(), alert.state);
            if from != alert.state {
                let lines = match from {
                    RuleState::Inactive => self.lines(rule, alert, slot),
                    _ => Vec::new(),
                };
                self.add(number, transition(alert, from, slot, lines));
            }
        }
        for (labels, from) in before {
            let to = RuleState::Inactive.as_str();
            self.add(
                number,
                Transition {
                    at: time(slot),
                    labels: texts(&labels),
                    from: from.as_str(),
                    to,
                    value: String::new(),
                    annotations: BTreeMap::new(),
                    lines: Vec::new(),
                },
            );
        }
        self.before[number] = now;
    }

    fn add(&mut self, number: usize, transition: Transition) {
        self.transitions += 1;
        if self.transitions <= TRANSITIONS_MAX {
            self.rules[number].transitions.push(transition);
        }
    }

    /// Lines behind an alert that begins. What can't be read is left out: the transition counts.
    fn lines(&mut self, rule: &RuleView, alert: &AlertView, slot: i64) -> Vec<LineReport> {
        if self.with_lines == ALERTS_WITH_LINES_MAX {
            return Vec::new();
        }
        self.with_lines += 1;
        let added = self.backtest.group.labels_of(&rule.rule);
        let own = alert
            .labels
            .iter()
            .filter(|(name, _)| *name != "alertname" && !added.contains_key(*name));
        let at = slot.saturating_sub(self.backtest.group.query_offset.unwrap_or(0));
        let text = rule.rule.expr.text();
        let Some((query, range)) = lines_behind(text, &Labels::from_pairs(own), at) else {
            return Vec::new();
        };
        let lines = self.engine.lines(&LinesQuestion {
            tenant: &self.backtest.tenant,
            query: &query,
            range,
            limit: LINES_MAX,
            asker: Asker {
                namespace: NAMESPACE,
                group: &self.backtest.group.name,
                rule: &rule.rule.name,
            },
        });
        let report = |line: skald_ruler::engine::Line| LineReport {
            at: time(line.time),
            labels: texts(&line.labels),
            line: line.text.chars().take(LINE_CHARS_MAX).collect(),
        };
        lines.unwrap_or_default().into_iter().map(report).collect()
    }

    fn finish(self, view: Option<&GroupView>) -> Report {
        let evaluations = self.rules.iter().flat_map(|rule| &rule.evaluations);
        Report {
            group: self.backtest.group.name.clone(),
            interval: view.map_or(0.0, |view| view.interval as f64 / 1e9),
            slots: view.map_or(0, |view| view.iterations),
            bytes: evaluations.map(|evaluation| evaluation.bytes).sum(),
            truncated: self.transitions > TRANSITIONS_MAX,
            rules: self.rules,
        }
    }
}

fn transition(alert: &AlertView, from: RuleState, slot: i64, lines: Vec<LineReport>) -> Transition {
    Transition {
        at: time(slot),
        labels: texts(&alert.labels),
        from: from.as_str(),
        to: alert.state.as_str(),
        value: crate::wire::rules::scientific(alert.value),
        annotations: alert.annotations.iter().cloned().collect(),
        lines,
    }
}

fn texts(labels: &Labels) -> BTreeMap<String, String> {
    let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    labels.iter().map(own).collect()
}

fn time(nanoseconds: i64) -> String {
    crate::clock::rfc3339(nanoseconds)
}
