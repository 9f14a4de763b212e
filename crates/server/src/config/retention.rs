//! How long entries are kept, and what becomes of deleted ones: `retention_period`,
//! `retention_stream`, `deletion_mode`.

use super::Config;
use super::limits::{Limits, nanoseconds};
use super::record::{Record, field, mapping};
use super::setting::{Setting, word_setting};
use super::syslog;
use serde_yaml_ng::Mapping;
use skald_model::Matcher;
use skald_store::{Retention, RetentionStart, StreamRetention};
use std::time::Duration;

/// `retention_stream`: how long streams of a selector are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetentionStream {
    /// LogQL selector.
    pub selector: String,
    /// Of several that match, the highest counts.
    pub priority: usize,
    /// How long.
    pub period: Duration,
}

/// `deletion_mode`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeletionMode {
    /// Deletes are refused.
    Disabled,
    /// What was deleted is hidden from queries, and kept.
    FilterOnly,
    /// What was deleted is hidden at once and removed later; `whole-stream-deletion` was a mode of
    /// Loki 2 that did less.
    FilterAndDelete,
}

word_setting!(DeletionMode {
    "disabled" => DeletionMode::Disabled,
    "filter-only" => DeletionMode::FilterOnly,
    "filter-and-delete" | "whole-stream-deletion" => DeletionMode::FilterAndDelete,
});

impl Record for RetentionStream {
    const KEYS: &'static [&'static str] = &["selector", "priority", "period"];

    fn read(fields: &Mapping) -> Result<Self, String> {
        let selector: String = field(fields, "selector")?.ok_or("a rule needs a selector")?;
        skald_logql::parse_selector(&selector)
            .map_err(|error| format!("selector {selector:?}: {}", error.message))?;
        let period = field(fields, "period")?.ok_or("a rule needs a period")?;
        Ok(RetentionStream {
            selector,
            priority: field(fields, "priority")?.unwrap_or(0),
            period,
        })
    }

    fn show(&self) -> Mapping {
        mapping([
            ("selector", self.selector.show()),
            ("priority", self.priority.show()),
            ("period", self.period.show()),
        ])
    }
}

impl Limits {
    /// Whether anything is to expire.
    pub fn expires(&self) -> bool {
        self.retention_period > Duration::ZERO
            || !self.retention_stream.is_empty()
            || self.retention_size.0 > 0
    }

    /// What the store keeps; without `enabled` everything.
    pub fn retention(&self, enabled: bool) -> Result<Retention, String> {
        let keep_deleted = self.deletion_mode != DeletionMode::FilterAndDelete;
        if !enabled {
            return Ok(Retention {
                keep_deleted,
                ..Retention::default()
            });
        }
        let rule = |rule: &RetentionStream| {
            let failed =
                |error: String| format!("retention_stream: selector {:?}: {error}", rule.selector);
            let selector = skald_logql::parse_selector(&rule.selector)
                .map_err(|error| failed(error.message))?;
            let matcher = |m: &skald_logql::ast::MatcherExpr| Matcher::new(&m.name, m.op, &m.value);
            let matchers: Result<Vec<Matcher>, _> = selector.matchers.iter().map(matcher).collect();
            let matchers = matchers.map_err(|error| failed(error.to_string()))?;
            let priority = u32::try_from(rule.priority).unwrap_or(u32::MAX);
            Ok::<_, String>(StreamRetention {
                matchers,
                priority,
                period: rule.period,
            })
        };
        Ok(Retention {
            period: (self.retention_period > Duration::ZERO).then_some(self.retention_period),
            streams: self
                .retention_stream
                .iter()
                .filter(|r| r.period > Duration::ZERO)
                .map(rule)
                .collect::<Result<_, _>>()?,
            starts: match self.retention_from_arrival {
                true => RetentionStart::Arrival,
                false => RetentionStart::Time,
            },
            size: (self.retention_size.0 > 0).then_some(self.retention_size.0),
            keep_deleted,
        })
    }

    /// Checks what belongs together; the error names the setting.
    fn check(&self) -> Result<(), String> {
        self.check_rules()
            .map_err(|error| format!("limits_config.{error}"))?;
        self.otlp.check()?;
        super::audit_noise::check(&self.k8s_audit_drop)?;
        self.retention(true).map(drop)
    }

    /// Checks that nothing expires before its day is over.
    fn check_periods(&self) -> Result<(), String> {
        let too_short = |period: &Duration| *period > Duration::ZERO && *period < RETENTION_MIN;
        let mut periods = std::iter::once(&self.retention_period)
            .chain(self.retention_stream.iter().map(|rule| &rule.period));
        match periods.find(|period| too_short(period)) {
            Some(period) => Err(format!(
                "retention period must be >= 24h was {}",
                crate::duration::show(nanoseconds(*period))
            )),
            None => Ok(()),
        }
    }
}

impl Config {
    /// Checks what belongs together; the error names the setting.
    pub fn check(&self) -> Result<(), String> {
        self.check_limits(&self.limits)?;
        self.ruler.check()?;
        syslog::check(&self.syslog.listeners, self.auth_enabled, &self.server.tls)
    }

    /// The same of a tenant's limits. How long entries are kept counts only where they expire.
    pub fn check_limits(&self, limits: &Limits) -> Result<(), String> {
        limits.check()?;
        if self.compactor.retention_enabled {
            limits.check_periods()?;
        }
        Ok(())
    }
}

/// Shortest retention; Loki's, because data is dropped by days.
const RETENTION_MIN: Duration = Duration::from_secs(86_400);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::limits::BlockedQuery;

    fn check<T: Setting>(yaml: &str, expected: Result<&str, &str>) {
        let value = crate::config::yaml::parse(yaml).expect("valid YAML");
        let shown = T::read(&value).map(|v| {
            serde_yaml_ng::to_string(&v.show())
                .expect("shown")
                .trim()
                .to_owned()
        });
        assert_eq!(
            shown,
            expected.map(str::to_owned).map_err(str::to_owned),
            "{yaml}"
        );
    }

    #[test]
    fn lists_of_rules_are_read_from_yaml_and_from_text() {
        let rule = "- selector: '{app=\"x\"}'\n  priority: 1\n  period: 1d";
        check::<Vec<RetentionStream>>(rule, Ok(rule));
        check::<Vec<RetentionStream>>(
            "'[{selector: \"{app=\\\"x\\\"}\", priority: 1, period: 24h}]'",
            Ok(rule),
        );
        check::<Vec<RetentionStream>>("[{period: 24h}]", Err("a rule needs a selector"));
        check::<Vec<RetentionStream>>(
            "[1]",
            Err("expected a mapping with selector, priority, period"),
        );
        check::<Vec<BlockedQuery>>(
            "[{pattern: '(', regex: true}]",
            Err("pattern \"(\": error parsing regexp: missing closing ): `(`"),
        );
        check::<Vec<BlockedQuery>>("", Ok("[]"));
    }

    #[test]
    fn what_expires_is_kept_for_at_least_a_day() {
        let mut config = Config::default();
        config.limits.retention_period = Duration::from_secs(3600);
        let expected = "retention period must be >= 24h was 1h";
        assert_eq!(config.check(), Err(expected.to_owned()));
        config.compactor.retention_enabled = false;
        assert_eq!(config.check(), Ok(()));
        config.compactor.retention_enabled = true;
        config.limits.retention_period = Duration::from_secs(86_400);
        assert_eq!(config.check(), Ok(()));
    }
}
