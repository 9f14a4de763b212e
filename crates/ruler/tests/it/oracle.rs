//! The plain reference: Prometheus' alert states, written down as its source has them.

use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Pending,
    Firing,
    Inactive,
}

#[derive(Clone, Debug)]
pub(crate) struct OracleAlert {
    pub(crate) state: State,
    pub(crate) active_at: i64,
    pub(crate) fired_at: i64,
    pub(crate) keep_since: Option<i64>,
    pub(crate) resolved_at: Option<i64>,
    pub(crate) last_sent: Option<i64>,
    pub(crate) value: f64,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Oracle {
    pub(crate) hold: i64,
    pub(crate) keep: i64,
    pub(crate) alerts: BTreeMap<String, OracleAlert>,
}

const RETENTION: i64 = 15 * 60 * 1_000_000_000;

impl Oracle {
    /// Times of a clock that was ahead are moved back.
    fn back_to(&mut self, at: i64) {
        for alert in self.alerts.values_mut() {
            alert.active_at = alert.active_at.min(at);
            alert.fired_at = alert.fired_at.min(at);
            for time in [
                &mut alert.keep_since,
                &mut alert.resolved_at,
                &mut alert.last_sent,
            ] {
                *time = time.map(|time| time.min(at));
            }
        }
    }

    pub(crate) fn evaluate(&mut self, at: i64, found: &[(String, f64)]) {
        self.back_to(at);
        for (name, value) in found {
            let known = self.alerts.get_mut(name);
            if let Some(alert) = known.filter(|a| a.state != State::Inactive) {
                alert.value = *value;
                continue;
            }
            let alert = OracleAlert {
                state: State::Pending,
                active_at: at,
                fired_at: 0,
                keep_since: None,
                resolved_at: None,
                last_sent: None,
                value: *value,
            };
            self.alerts.insert(name.clone(), alert);
        }
        let names: Vec<String> = self.alerts.keys().cloned().collect();
        for name in names {
            let is_found = found.iter().any(|(of, _)| *of == name);
            let Some(alert) = self.alerts.get_mut(&name) else {
                continue;
            };
            if is_found {
                alert.keep_since = None;
                let held = at - alert.active_at >= self.hold;
                if alert.state == State::Pending && held {
                    alert.state = State::Firing;
                    alert.fired_at = at;
                }
                if alert.state == State::Firing && !held {
                    alert.state = State::Pending;
                }
                continue;
            }
            let mut keep = false;
            if alert.state == State::Firing && self.keep > 0 {
                let since = *alert.keep_since.get_or_insert(at);
                keep = at - since < self.keep;
            }
            let over = alert.resolved_at.is_some_and(|r| at - r > RETENTION);
            if alert.state == State::Pending || over {
                self.alerts.remove(&name);
                continue;
            }
            if alert.state != State::Inactive && !keep {
                alert.state = State::Inactive;
                alert.resolved_at = Some(at);
            }
        }
    }

    /// Names of the alerts that a slot sends, and whether they have ended.
    pub(crate) fn send(&mut self, at: i64, delay: i64) -> BTreeMap<String, bool> {
        let mut sent = BTreeMap::new();
        for (name, alert) in &mut self.alerts {
            if alert.state == State::Pending {
                continue;
            }
            let due = match (alert.last_sent, alert.resolved_at) {
                (None, _) => true,
                (Some(sent), Some(resolved)) if resolved > sent => true,
                (Some(sent), _) => sent + delay < at,
            };
            if due {
                alert.last_sent = Some(at);
                sent.insert(name.clone(), alert.state == State::Inactive);
            }
        }
        sent
    }
}
