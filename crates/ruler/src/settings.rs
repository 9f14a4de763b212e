//! Settings of the ruler, for all tenants.

/// Nanoseconds of a second.
const SECOND: i64 = 1_000_000_000;

/// Settings; the default is Loki's where Loki has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `evaluation_interval`: distance of slots of groups that do not say theirs, nanoseconds.
    pub evaluation_interval: i64,
    /// `resend_delay`: nanoseconds after which what fires is sent again.
    pub resend_delay: i64,
    /// `for_outage_tolerance`: how far back slots are evaluated again after the process was away,
    /// nanoseconds.
    pub outage_tolerance: i64,
    /// Whether a rule that fails is an alert of its own.
    pub failure_alerts: FailureAlerts,
    /// Groups that are evaluated at once.
    pub groups_at_once: usize,
    /// Groups of one tenant that are evaluated at once.
    pub groups_of_tenant_at_once: usize,
}

/// Whether a rule that fails is an alert of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailureAlerts {
    /// `RuleEvaluationFailed` fires while a rule fails.
    #[default]
    On,
    /// Failures are seen in the view and in metrics alone.
    Off,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            evaluation_interval: 60 * SECOND,
            resend_delay: 60 * SECOND,
            outage_tolerance: 3600 * SECOND,
            failure_alerts: FailureAlerts::On,
            groups_at_once: 16,
            groups_of_tenant_at_once: 4,
        }
    }
}
