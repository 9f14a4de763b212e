//! A rule as it runs: its alerts and series, and how its last evaluations went.
//!
//! [`RuleRun::apply`] is the whole effect of an evaluation; it reads no clock and sends nothing.

use crate::alerts::{Alert, AlertSet, Found, Holds, Moved, Phase};
use crate::evaluation::{Evaluated, Product, alert_series};
use crate::outbox::{Notification, Recorded, stale_marker};
use crate::settings::FailureAlerts;
use crate::spec::RuleSpec;
use crate::view::{AlertView, Evaluation, HISTORY_MAX, Health, RuleState, RuleView};
use skald_model::Labels;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

/// A slot, with what applying it has to know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    /// The slot.
    pub(crate) at: i64,
    /// The instant its queries are asked for.
    pub(crate) asked_at: i64,
    /// After how long alerts are sent again.
    pub(crate) resend_delay: i64,
    /// Until when a firing alert that is sent now counts.
    pub(crate) valid_until: i64,
    pub(crate) failure_alerts: FailureAlerts,
}

impl Slot {
    /// A slot that is evaluated at `now`. Firing alerts count until two evaluations in a row, and
    /// two attempts to send, have failed: Prometheus' four intervals.
    pub(crate) fn new(at: i64, asked_at: i64, now: i64, timing: Timing) -> Slot {
        let delay = timing.interval.max(timing.resend_delay);
        Slot {
            at,
            asked_at,
            resend_delay: timing.resend_delay,
            valid_until: at.max(now).saturating_add(delay.saturating_mul(4)),
            failure_alerts: timing.failure_alerts,
        }
    }
}

/// What slots of a group have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    pub(crate) interval: i64,
    pub(crate) resend_delay: i64,
    pub(crate) failure_alerts: FailureAlerts,
}

/// What an evaluation gives to the world.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Output {
    pub(crate) notifications: Vec<Notification>,
    pub(crate) samples: Vec<Recorded>,
}

/// A rule as it runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct RuleRun {
    pub(crate) alerts: AlertSet,
    /// At most one alert: that the rule fails.
    pub(crate) failure: AlertSet,
    /// Series of the last evaluation that succeeded.
    pub(crate) series: BTreeSet<Labels>,
    /// Newest first.
    history: VecDeque<Evaluation>,
    /// Whether any evaluation found a stream.
    matched: bool,
    evaluations: u64,
    failures: u64,
    /// Whether alerts have moved since they were last stored.
    pub(crate) has_moved: bool,
}

impl RuleRun {
    /// Applies an evaluation that took `took` nanoseconds.
    pub(crate) fn apply(
        &mut self,
        rule: &RuleSpec,
        slot: Slot,
        evaluated: Evaluated,
        took: i64,
    ) -> Output {
        let mut output = Output::default();
        self.matched |= evaluated.streams > 0;
        let moved = evaluated.product.and_then(|product| match product {
            Product::Alerts(found) => self
                .alerts
                .evaluate(slot.at, rule.holds(), found)
                .map_err(|repeated| repeated.to_string())
                .map(|moved| {
                    self.has_moved |= moved == Moved::Yes;
                    self.alert_series(slot.asked_at)
                }),
            Product::Series(series) => Ok(series),
        });
        let error = match moved {
            Ok(samples) => {
                output.samples = self.with_ends(samples, slot.asked_at);
                None
            }
            Err(why) => Some(why),
        };
        self.note_failure(rule, slot, error.as_deref());
        self.remember(Evaluation {
            at: slot.at,
            took,
            bytes: evaluated.cost.bytes,
            lines: evaluated.cost.lines,
            samples: evaluated.samples,
            error,
        });
        output.notifications = self.due(rule, slot);
        output
    }

    /// Moves alerts on to a slot that passed while the process was away. Nothing is sent; what
    /// can't be evaluated leaves them as they are.
    pub(crate) fn catch_up(&mut self, rule: &RuleSpec, slot: i64, evaluated: Evaluated) {
        if let Ok(Product::Alerts(found)) = evaluated.product {
            // Labels that are there twice leave alerts as they are too.
            let moved = self.alerts.evaluate(slot, rule.holds(), found);
            self.has_moved |= moved != Ok(Moved::No);
        }
    }

    /// Notes that what a slot made was not taken: an evaluation that failed after all.
    pub(crate) fn refused(&mut self, rule: &RuleSpec, slot: Slot, why: &str) {
        if let Some(last) = self.history.front_mut()
            && last.error.is_none()
        {
            last.error = Some(why.to_owned());
            self.failures += 1;
        }
        self.note_failure(rule, slot, Some(why));
    }

    /// Notes that a slot's notifications were taken.
    pub(crate) fn sent(&mut self, slot: Slot) {
        self.alerts.sent(slot.at, slot.resend_delay);
        self.failure.sent(slot.at, slot.resend_delay);
    }

    /// The series of pending and firing alerts.
    fn alert_series(&self, at: i64) -> Vec<Recorded> {
        let active = self.alerts.active();
        active
            .flat_map(|(labels, alert)| {
                alert_series(labels, state_of(alert).as_str(), alert.active_at, at)
            })
            .collect()
    }

    /// Samples, and an end for each series that was there before and is no more.
    fn with_ends(&mut self, mut samples: Vec<Recorded>, at: i64) -> Vec<Recorded> {
        let now: BTreeSet<Labels> = samples.iter().map(|s| s.labels.clone()).collect();
        let gone = self.series.difference(&now);
        samples.extend(gone.map(|labels| series_end(labels, at)));
        self.series = now;
        samples
    }

    fn note_failure(&mut self, rule: &RuleSpec, slot: Slot, error: Option<&str>) {
        let fires = slot.failure_alerts == FailureAlerts::On;
        let found = error.filter(|_| fires).map(|why| Found {
            labels: rule.failure_labels.clone(),
            annotations: Some(vec![
                ("description".to_owned(), why.to_owned()),
                (
                    "summary".to_owned(),
                    format!("the rule {} can't be evaluated", rule.rule.name),
                ),
            ]),
            value: 1.0,
        });
        let found = found.into_iter().collect();
        let moved = self.failure.evaluate(slot.at, Holds::default(), found);
        self.has_moved |= moved.expect("one alert has no equal") == Moved::Yes;
    }

    fn remember(&mut self, evaluation: Evaluation) {
        self.evaluations += 1;
        self.failures += u64::from(evaluation.error.is_some());
        self.history.push_front(evaluation);
        self.history.truncate(HISTORY_MAX);
    }

    fn due(&self, rule: &RuleSpec, slot: Slot) -> Vec<Notification> {
        let all = [&self.alerts, &self.failure];
        let due = all
            .iter()
            .flat_map(|set| set.due(slot.at, slot.resend_delay));
        due.filter_map(|(labels, alert)| notification(labels, alert, rule.rule.expr.text(), slot))
            .collect()
    }

    /// As the API and the page see it.
    pub(crate) fn view(&self, rule: &RuleSpec) -> RuleView {
        let alerts: Vec<AlertView> = self.alerts.active().map(alert_view).collect();
        let last = self.history.front();
        let furthest = alerts.iter().map(|alert| alert.state).max();
        RuleView {
            rule: rule.rule.clone(),
            state: match (furthest, last) {
                (Some(state), _) => state,
                (None, Some(_)) => RuleState::Inactive,
                (None, None) => RuleState::Unknown,
            },
            health: Health::of(last),
            last_error: last.and_then(|last| last.error.clone()),
            last_evaluation: last.map(|last| last.at),
            evaluation_time: last.map_or(0, |last| last.took),
            never_matched: rule.rule.expr.reads_streams() && last.is_some() && !self.matched,
            alerts,
            failure: self.failure.active().next().map(alert_view),
            history: self.history.iter().cloned().collect(),
            evaluations: self.evaluations,
            failures: self.failures,
        }
    }
}

/// The sample that ends a series.
pub(crate) fn series_end(labels: &Labels, at: i64) -> Recorded {
    Recorded {
        labels: labels.clone(),
        at,
        value: stale_marker(),
    }
}

fn state_of(alert: &Alert) -> RuleState {
    match alert.phase {
        Phase::Pending => RuleState::Pending,
        Phase::Firing { .. } => RuleState::Firing,
        Phase::Resolved { .. } => RuleState::Inactive,
    }
}

fn alert_view((labels, alert): (&Labels, &Alert)) -> AlertView {
    let (fired_at, keep_firing_since) = match alert.phase {
        Phase::Firing {
            since,
            absent_since,
        } => (Some(since), absent_since),
        _ => (None, None),
    };
    AlertView {
        labels: labels.clone(),
        annotations: alert.annotations.clone(),
        state: state_of(alert),
        active_at: alert.active_at,
        fired_at,
        keep_firing_since,
        value: alert.value,
    }
}

/// What is sent of an alert; nothing of one that has not fired.
fn notification(
    labels: &Labels,
    alert: &Alert,
    query: &Arc<str>,
    slot: Slot,
) -> Option<Notification> {
    let (starts_at, ends_at, resolved) = match alert.phase {
        Phase::Pending => return None,
        Phase::Firing { since, .. } => (since, slot.valid_until, false),
        Phase::Resolved { since, at } => (since, at, true),
    };
    Some(Notification {
        labels: labels.clone(),
        annotations: alert.annotations.clone(),
        starts_at,
        ends_at,
        resolved,
        value: alert.value,
        query: query.clone(),
        at: slot.at,
    })
}
