//! Groups decide when which alerts are notified, as Alertmanager does; pure: time is handed in.
//!
//! A group is notified `group_wait` after its first alert, then at most once each `group_interval`: when an
//! alert fires that was not notified as firing, when one is resolved, and when nothing changed for
//! `repeat_interval`. Better than there: what fired and was resolved while the target was down is notified as
//! resolved, and a restart makes no alert look resolved.

use super::config::WebhookConfig;
use crate::alert::{Alert, LabelSet};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What a group's last notification said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Notified {
    /// The group.
    pub(crate) key: String,
    /// When, in milliseconds of Unix time.
    pub(crate) at: i64,
    /// Fingerprints of alerts that fired.
    pub(crate) firing: BTreeSet<u64>,
    /// Fingerprints of those that were resolved.
    pub(crate) resolved: BTreeSet<u64>,
}

/// An alert of a group.
#[derive(Clone, Debug)]
struct Member {
    alert: Alert,
    /// When its state came.
    at: i64,
}

impl Member {
    fn fires_at(&self, now: i64) -> bool {
        self.alert.is_firing() && self.alert.ends_at > now
    }
}

#[derive(Debug)]
struct Group {
    labels: LabelSet,
    /// By fingerprint.
    members: BTreeMap<u64, Member>,
    next: i64,
    notified: Option<Notified>,
    /// Alerts of notifications that were not taken.
    owed: BTreeSet<u64>,
}

/// The groups of one webhook and tenant.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    groups: BTreeMap<String, Group>,
}

/// What is to be said of a group.
#[derive(Clone, Debug)]
pub(crate) struct Notification {
    /// The group.
    pub(crate) key: String,
    /// The labels that its alerts share by being in it.
    pub(crate) labels: LabelSet,
    /// Its alerts, those that fire first.
    pub(crate) alerts: Vec<Alert>,
    /// What the group has been notified of, once this is taken.
    pub(crate) notified: Notified,
}

impl Groups {
    /// Adds the state of an alert that came at a time.
    pub(crate) fn put(&mut self, alert: Alert, at: i64, config: &WebhookConfig) {
        let labels = group_labels(&alert.labels, &config.group_by);
        let key = format!("{{}}:{}", shown(&labels));
        let wait = milliseconds(config.group_wait);
        let starts_at = alert.starts_at;
        let group = self.groups.entry(key).or_insert_with(|| Group {
            labels,
            members: BTreeMap::new(),
            next: at.saturating_add(wait),
            notified: None,
            owed: BTreeSet::new(),
        });
        // One that has been firing for long has waited enough.
        if group.notified.is_none() && group.owed.is_empty() && starts_at.saturating_add(wait) < at
        {
            group.next = group.next.min(at);
        }
        group
            .members
            .insert(alert.fingerprint(), Member { alert, at });
    }

    /// Drops the alerts whose states are oldest while there are more than that; how many.
    pub(crate) fn shrink(&mut self, capacity: usize) -> u64 {
        let mut dropped = 0;
        while self.len() > capacity.max(1) {
            let members = self.groups.iter().flat_map(|(key, group)| {
                group
                    .members
                    .iter()
                    .map(move |(print, member)| (member.at, key.clone(), *print))
            });
            let Some((_, key, print)) = members.min() else {
                break;
            };
            if let Some(group) = self.groups.get_mut(&key) {
                group.members.remove(&print);
                if group.members.is_empty() {
                    self.groups.remove(&key);
                }
            }
            dropped += 1;
        }
        dropped
    }

    /// Alerts of all groups.
    pub(crate) fn len(&self) -> usize {
        self.groups.values().map(|group| group.members.len()).sum()
    }

    /// Groups with something that was not taken.
    pub(crate) fn owing(&self) -> usize {
        self.groups
            .values()
            .filter(|group| !group.owed.is_empty())
            .count()
    }

    /// When the next group is due.
    pub(crate) fn next_due(&self) -> Option<i64> {
        self.groups.values().map(|group| group.next).min()
    }

    /// The first notification that is due. Groups that are due and have nothing to say are put off.
    pub(crate) fn due(&mut self, now: i64, config: &WebhookConfig) -> Option<Notification> {
        loop {
            let due = self.groups.iter().filter(|(_, group)| group.next <= now);
            let key = due
                .min_by_key(|(_, group)| group.next)
                .map(|(key, _)| key.clone())?;
            let group = self.groups.get_mut(&key).expect("its key was just found");
            if let Some(notification) = group.notification(&key, now, config) {
                return Some(notification);
            }
            group.next = now.saturating_add(milliseconds(config.group_interval).max(1));
            group.forget_resolved(now);
            if group.members.is_empty() {
                self.groups.remove(&key);
            }
        }
    }

    /// Notes that a notification was taken; also when a restart reads so.
    pub(crate) fn taken(&mut self, notified: &Notified, config: &WebhookConfig) {
        let Some(group) = self.groups.get_mut(&notified.key) else {
            return;
        };
        group.next = notified
            .at
            .saturating_add(milliseconds(config.group_interval).max(1));
        group.owed.clear();
        // One that changed while the notification was under way is not what was notified.
        let said = |print: &u64, member: &Member| {
            notified.resolved.contains(print)
                && !member.fires_at(notified.at)
                && member.at <= notified.at
        };
        group.members.retain(|print, member| !said(print, member));
        group.notified = Some(notified.clone());
        if group.members.is_empty() {
            self.groups.remove(&notified.key);
        }
    }

    /// Notes that a notification was not taken, and when the group is due again.
    pub(crate) fn failed(&mut self, notification: &Notification, next: i64) {
        if let Some(group) = self.groups.get_mut(&notification.key) {
            group.next = next;
            let Notified {
                firing, resolved, ..
            } = &notification.notified;
            group.owed.extend(firing.union(resolved));
        }
    }

    /// After a restart: what fired is believed for as long as it was when it came, and what was due goes at once.
    pub(crate) fn trust_after_restart(&mut self, now: i64) {
        for member in self
            .groups
            .values_mut()
            .flat_map(|group| group.members.values_mut())
        {
            if member.alert.is_firing() {
                let good_for = member.alert.ends_at.saturating_sub(member.at).max(60_000);
                member.alert.ends_at = member.alert.ends_at.max(now.saturating_add(good_for));
            }
        }
    }

    /// Every alert with when it came, and what was notified: all there is to know.
    pub(crate) fn contents(&self) -> (Vec<(Alert, i64)>, Vec<Notified>) {
        let groups = self.groups.values();
        let members = groups.clone().flat_map(|group| group.members.values());
        let alerts = members
            .map(|member| (member.alert.clone(), member.at))
            .collect();
        (
            alerts,
            groups.filter_map(|group| group.notified.clone()).collect(),
        )
    }
}

impl Group {
    /// Alertmanager's decision, with what is owed.
    fn notification(&self, key: &str, now: i64, config: &WebhookConfig) -> Option<Notification> {
        let prints = |fires: bool| -> BTreeSet<u64> {
            let members = self
                .members
                .iter()
                .filter(|(_, member)| member.fires_at(now) == fires);
            members.map(|(print, _)| *print).collect()
        };
        let (firing, resolved) = (prints(true), prints(false));
        let owes_resolved =
            config.send_resolved && resolved.iter().any(|print| self.owed.contains(print));
        let is_needed = match &self.notified {
            None => !firing.is_empty() || owes_resolved,
            Some(last) => {
                let resolved_news = config.send_resolved && !resolved.is_subset(&last.resolved);
                let repeat_at = last.at.saturating_add(milliseconds(config.repeat_interval));
                !firing.is_subset(&last.firing)
                    || (firing.is_empty() && !last.firing.is_empty())
                    || resolved_news
                    || owes_resolved
                    || (!firing.is_empty() && repeat_at <= now)
            }
        };
        if !is_needed {
            return None;
        }
        let members = firing
            .iter()
            .chain(&resolved)
            .filter_map(|print| self.members.get(print));
        let shown = members.filter(|member| config.send_resolved || member.fires_at(now));
        let mut alerts: Vec<Alert> = shown
            .map(|member| match member.fires_at(now) {
                true => member.alert.clone(),
                false => member.alert.clone().resolved(member.alert.ends_at.min(now)),
            })
            .collect();
        alerts.sort_by(|a, b| (!a.is_firing(), &a.labels).cmp(&(!b.is_firing(), &b.labels)));
        Some(Notification {
            key: key.to_owned(),
            labels: self.labels.clone(),
            alerts,
            notified: Notified {
                key: key.to_owned(),
                at: now,
                firing,
                resolved,
            },
        })
    }

    /// Forgets resolved alerts that nobody waits to hear of.
    fn forget_resolved(&mut self, now: i64) {
        let Group {
            members,
            owed,
            notified,
            ..
        } = self;
        let is_known = |print: &u64| {
            owed.contains(print)
                || notified
                    .as_ref()
                    .is_some_and(|last| last.firing.contains(print))
        };
        members.retain(|print, member| member.fires_at(now) || is_known(print));
    }
}

fn milliseconds(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn group_labels(labels: &LabelSet, group_by: &[String]) -> LabelSet {
    if group_by.iter().any(|name| name == "...") {
        return labels.clone();
    }
    let named = group_by
        .iter()
        .filter_map(|name| labels.get_key_value(name));
    named
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Labels as Prometheus prints them.
fn shown(labels: &LabelSet) -> String {
    let pairs: Vec<String> = labels
        .iter()
        .map(|(name, value)| format!("{name}={}", serde_json::Value::from(value.as_str())))
        .collect();
    format!("{{{}}}", pairs.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1000;
    const MINUTE: i64 = 60 * SECOND;

    fn config() -> WebhookConfig {
        let mut config = WebhookConfig::to("hook", "http://a/".parse().expect("a URL"));
        config.group_by = vec!["alertname".to_owned()];
        config
    }

    fn alert(name: &str, pod: &str, starts_at: i64) -> Alert {
        Alert::firing(
            [("alertname", name), ("pod", pod)],
            starts_at,
            starts_at + 1000 * MINUTE,
        )
    }

    fn pods(notification: &Option<Notification>) -> Vec<String> {
        let alerts = notification
            .iter()
            .flat_map(|notification| &notification.alerts);
        alerts
            .map(|alert| format!("{} {:?}", alert.labels["pod"], alert.status))
            .collect()
    }

    fn take(groups: &mut Groups, now: i64) -> Vec<String> {
        let due = groups.due(now, &config());
        if let Some(notification) = &due {
            groups.taken(&notification.notified, &config());
        }
        pods(&due)
    }

    #[test]
    fn a_group_waits_then_speaks_when_something_changes_and_repeats() {
        let mut groups = Groups::default();
        groups.put(alert("a", "1", 0), 0, &config());
        groups.put(alert("b", "9", 0), 0, &config());
        assert_eq!(groups.next_due(), Some(30 * SECOND));
        assert!(take(&mut groups, 29 * SECOND).is_empty());
        groups.put(alert("a", "2", 10), 10, &config());
        assert_eq!(take(&mut groups, 30 * SECOND), ["1 Firing", "2 Firing"]);
        assert_eq!(take(&mut groups, 30 * SECOND), ["9 Firing"]);
        groups.put(alert("a", "3", MINUTE), MINUTE, &config());
        assert!(
            take(&mut groups, 5 * MINUTE).is_empty(),
            "before group_interval"
        );
        assert_eq!(take(&mut groups, 5 * MINUTE + 30 * SECOND).len(), 3);
        for minute in 6..240 {
            assert!(
                take(&mut groups, minute * MINUTE).is_empty(),
                "nothing changed, minute {minute}"
            );
        }
        let mut repeats = 0;
        for minute in 240..=250 {
            repeats += usize::from(take(&mut groups, minute * MINUTE).len() == 3);
        }
        assert_eq!(repeats, 1);
    }

    #[test]
    fn resolved_alerts_are_notified_once_and_forgotten() {
        let mut groups = Groups::default();
        groups.put(alert("a", "1", 0), 0, &config());
        groups.put(alert("a", "2", 0), 0, &config());
        assert_eq!(take(&mut groups, MINUTE).len(), 2);
        groups.put(
            alert("a", "1", 0).resolved(2 * MINUTE),
            2 * MINUTE,
            &config(),
        );
        assert_eq!(take(&mut groups, 6 * MINUTE), ["2 Firing", "1 Resolved"]);
        assert_eq!(groups.len(), 1);
        groups.put(
            alert("a", "2", 0).resolved(7 * MINUTE),
            7 * MINUTE,
            &config(),
        );
        assert_eq!(take(&mut groups, 12 * MINUTE), ["2 Resolved"]);
        assert_eq!((groups.len(), groups.next_due()), (0, None));
    }

    #[test]
    fn what_was_resolved_before_it_was_notified_is_not_worth_a_word() {
        let mut groups = Groups::default();
        groups.put(alert("a", "1", 0), 0, &config());
        groups.put(alert("a", "1", 0).resolved(SECOND), SECOND, &config());
        assert!(take(&mut groups, MINUTE).is_empty());
        assert_eq!(groups.len(), 0);
    }

    #[test]
    fn what_fired_while_the_target_was_down_is_notified_as_resolved() {
        let mut groups = Groups::default();
        groups.put(alert("a", "1", 0), 0, &config());
        let due = groups.due(MINUTE, &config()).expect("it is due");
        groups.failed(&due, MINUTE + 100);
        assert_eq!(groups.owing(), 1);
        groups.put(
            alert("a", "1", 0).resolved(2 * MINUTE),
            2 * MINUTE,
            &config(),
        );
        assert_eq!(take(&mut groups, 3 * MINUTE), ["1 Resolved"]);
        assert_eq!(groups.owing(), 0);
    }

    #[test]
    fn an_alert_that_nobody_renews_is_resolved_but_not_by_a_restart() {
        let short = Alert::firing([("alertname", "a"), ("pod", "1")], 0, 4 * MINUTE);
        let mut groups = Groups::default();
        groups.put(short, 0, &config());
        assert_eq!(take(&mut groups, MINUTE), ["1 Firing"]);
        groups.trust_after_restart(60 * MINUTE);
        assert!(take(&mut groups, 61 * MINUTE).is_empty());
        assert_eq!(take(&mut groups, 70 * MINUTE), ["1 Resolved"]);
    }

    #[test]
    fn a_restart_knows_what_was_notified() {
        let mut groups = Groups::default();
        groups.put(alert("a", "1", 0), 0, &config());
        groups.put(alert("a", "2", 0), 0, &config());
        assert_eq!(take(&mut groups, MINUTE).len(), 2);
        let (alerts, notified) = groups.contents();
        let mut after = Groups::default();
        for (alert, at) in alerts {
            after.put(alert, at, &config());
        }
        for notified in &notified {
            after.taken(notified, &config());
        }
        assert_eq!(after.next_due(), Some(6 * MINUTE));
        assert!(take(&mut after, 7 * MINUTE).is_empty());
        after.put(
            alert("a", "1", 0).resolved(8 * MINUTE),
            8 * MINUTE,
            &config(),
        );
        assert_eq!(take(&mut after, 20 * MINUTE), ["2 Firing", "1 Resolved"]);
    }

    #[test]
    fn an_alert_that_changed_under_way_is_notified_again() {
        let mut groups = Groups::default();
        groups.put(alert("a", "1", 0), 0, &config());
        assert_eq!(take(&mut groups, MINUTE), ["1 Firing"]);
        groups.put(
            alert("a", "1", 0).resolved(2 * MINUTE),
            2 * MINUTE,
            &config(),
        );
        let due = groups.due(6 * MINUTE, &config()).expect("it was resolved");
        groups.put(alert("a", "1", 6 * MINUTE), 6 * MINUTE + 1, &config());
        groups.taken(&due.notified, &config());
        assert_eq!(take(&mut groups, 12 * MINUTE), ["1 Firing"]);
    }

    #[test]
    fn the_oldest_make_room() {
        let mut groups = Groups::default();
        for (pod, at) in [("1", 2), ("2", 1), ("3", 3)] {
            groups.put(alert("a", pod, at), at, &config());
        }
        assert_eq!(groups.shrink(2), 1);
        assert_eq!(take(&mut groups, MINUTE), ["1 Firing", "3 Firing"]);
    }

    #[test]
    fn keys_are_those_of_alertmanager() {
        let mut groups = Groups::default();
        groups.put(alert("a \"b\"", "1", 0), 0, &config());
        let due = groups.due(MINUTE, &config()).expect("it is due");
        assert_eq!(due.key, r#"{}:{alertname="a \"b\""}"#);
        let mut all = config();
        all.group_by = vec!["...".to_owned()];
        let mut groups = Groups::default();
        groups.put(alert("a", "1", 0), 0, &all);
        let due = groups.due(MINUTE, &all).expect("it is due");
        assert_eq!(due.key, r#"{}:{alertname="a", pod="1"}"#);
    }
}
