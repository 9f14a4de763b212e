//! Where alerts of each tenant go.

use crate::alert::{Alert, LabelSet};
use crate::alertmanager::AlertmanagerConfig;
use crate::relabel::Relabeling;
use crate::webhook::WebhookConfig;
use std::collections::BTreeMap;

/// Where alerts go.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NotifierConfig {
    /// Those of tenants that have nothing of their own.
    pub default: TenantNotifications,
    /// Tenants with settings of their own, which replace all of the default.
    pub tenants: BTreeMap<String, TenantNotifications>,
}

impl NotifierConfig {
    /// The same for all tenants.
    pub fn for_all(default: TenantNotifications) -> NotifierConfig {
        NotifierConfig {
            default,
            tenants: BTreeMap::new(),
        }
    }

    /// The settings of a tenant.
    pub(super) fn of(&self, tenant: &str) -> &TenantNotifications {
        self.tenants.get(tenant).unwrap_or(&self.default)
    }
}

/// Where a tenant's alerts go.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TenantNotifications {
    /// Alertmanagers.
    pub alertmanagers: Option<AlertmanagerConfig>,
    /// Webhooks; names are distinct.
    pub webhooks: Vec<WebhookConfig>,
    /// Labels that are added where an alert has none of that name.
    pub external_labels: LabelSet,
    /// What becomes of labels then.
    pub alert_relabel_configs: Relabeling,
}

impl TenantNotifications {
    /// The alert as it is sent; `None` when a rule drops it or leaves it without labels.
    pub(super) fn outgoing(&self, mut alert: Alert) -> Option<Alert> {
        for (name, value) in &self.external_labels {
            alert
                .labels
                .entry(name.clone())
                .or_insert_with(|| value.clone());
        }
        alert.labels = self.alert_relabel_configs.apply(alert.labels)?;
        // A label without a value is none to Alertmanager, and would make two alerts of one.
        alert.labels.retain(|_, value| !value.is_empty());
        (!alert.labels.is_empty()).then_some(alert)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn external_labels_come_first_and_rules_may_drop() {
        let settings = TenantNotifications {
            external_labels: LabelSet::from([
                ("cluster".to_owned(), "c1".to_owned()),
                ("severity".to_owned(), "none".to_owned()),
            ]),
            alert_relabel_configs: serde_yaml_ng::from_str(
                "[{source_labels: [cluster, severity], regex: 'c1;high', target_label: team, replacement: red},\
                  {source_labels: [alertname], regex: Watchdog, action: drop}]",
            )
            .expect("rules"),
            ..TenantNotifications::default()
        };
        let alert = Alert::firing(
            [("alertname", "a"), ("severity", "high"), ("empty", "")],
            0,
            1,
        );
        let sent = settings.outgoing(alert).expect("it is kept");
        let shown: Vec<String> = sent
            .labels
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        assert_eq!(
            shown,
            ["alertname=a", "cluster=c1", "severity=high", "team=red"]
        );
        assert_eq!(
            settings.outgoing(Alert::firing([("alertname", "Watchdog")], 0, 1)),
            None
        );
        assert_eq!(
            TenantNotifications::default().outgoing(Alert::firing([("a", "")], 0, 1)),
            None
        );
    }
}
