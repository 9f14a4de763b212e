//! `ruler`: the settings of the server; names are Loki's where Loki has the setting.

use super::alertmanager::AlertmanagerConfig;
use super::block::{Block, Blocks};
use super::texts::{Named, Single, Texts};
use crate::config::Limits;
use crate::config::setting::ByteSize;
use skald_outbound::{RemoteWriteBlock, WebhookConfig};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// `ruler`
#[derive(Clone, Debug)]
pub struct RulerConfig {
    /// Whether rules can be read and changed over HTTP.
    pub enable_api: bool,
    /// Tenants whose rules are evaluated; empty is all.
    pub enabled_tenants: Vec<String>,
    /// Tenants whose rules are not.
    pub disabled_tenants: Vec<String>,
    /// Where rules are kept.
    pub storage: RuleStorage,
    /// Interval of groups that have none.
    pub evaluation_interval: Duration,
    /// How often the directory of rules is looked at for changes.
    pub poll_interval: Duration,
    /// Evaluations at once, of which a tenant has at most half.
    pub max_concurrent: usize,
    /// Whether results of recording rules are stored as streams of their tenant.
    pub store_results: bool,
    /// Whether a rule that can't be evaluated fires an alert of its own.
    pub alert_on_failure: bool,
    /// Base of the links in alerts: that of Grafana.
    pub external_url: String,
    /// The data source that these links name.
    pub datasource_uid: String,
    /// Labels that every alert gets unless it has them.
    pub external_labels: Texts,
    /// Longest time a stopped server's pending alerts are still counted on.
    pub for_outage_tolerance: Duration,
    /// Least time between two sends of an alert that goes on.
    pub resend_delay: Duration,
    /// Where alerts go.
    pub alertmanager: AlertmanagerConfig,
    /// Receivers that are notified without an Alertmanager.
    pub webhooks: Blocks<WebhookConfig>,
    /// Where samples go.
    pub remote_write: RemoteWriteConfig,
    /// Leaves the label `rule_group` out of metrics.
    pub disable_rule_group_label: bool,
}

/// `ruler.storage`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleStorage {
    /// A directory with a folder of rule files for each tenant, which only its owner changes; empty
    /// keeps rules in the data directory, where the API changes them.
    pub directory: String,
}

/// `ruler.remote_write`
#[derive(Clone, Debug)]
pub struct RemoteWriteConfig {
    /// Whether samples are sent.
    pub enabled: bool,
    /// Receivers by their id.
    pub clients: Named<Block<RemoteWriteBlock>>,
    /// The one receiver of older versions.
    pub client: Single<Block<RemoteWriteBlock>>,
    /// Bytes of samples that may wait on disk for a receiver of a tenant.
    pub queue_size: ByteSize,
    /// Leaves `X-Scope-OrgID` out, which has the tenant.
    pub omit_org_id: OmitOrgId,
}

/// Whether requests name their tenant, as `add_org_id_header` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OmitOrgId(pub bool);

impl crate::config::setting::Setting for OmitOrgId {
    fn read(value: &serde_yaml_ng::Value) -> Result<Self, String> {
        bool::read(value).map(|add| OmitOrgId(!add))
    }

    fn show(&self) -> serde_yaml_ng::Value {
        serde_yaml_ng::Value::from(!self.0)
    }
}

impl Default for RemoteWriteConfig {
    fn default() -> RemoteWriteConfig {
        RemoteWriteConfig {
            enabled: false,
            clients: Named::default(),
            client: Single::default(),
            queue_size: ByteSize(skald_outbound::RemoteWriteConfig::default().queue_bytes),
            omit_org_id: OmitOrgId::default(),
        }
    }
}

impl Default for RulerConfig {
    fn default() -> RulerConfig {
        RulerConfig {
            enable_api: true,
            enabled_tenants: Vec::new(),
            disabled_tenants: Vec::new(),
            storage: RuleStorage::default(),
            evaluation_interval: Duration::from_secs(60),
            poll_interval: Duration::from_secs(5),
            max_concurrent: 8,
            store_results: true,
            alert_on_failure: true,
            external_url: String::new(),
            datasource_uid: String::new(),
            external_labels: Texts::default(),
            for_outage_tolerance: Duration::from_secs(3600),
            resend_delay: Duration::from_secs(60),
            alertmanager: AlertmanagerConfig::default(),
            webhooks: Blocks::default(),
            remote_write: RemoteWriteConfig::default(),
            disable_rule_group_label: false,
        }
    }
}

impl Limits {
    /// Checks where alerts of a tenant go; the error names the setting.
    pub(in crate::config) fn check_rules(&self) -> Result<(), String> {
        if let Some(alertmanager) = &self.ruler_alertmanager_config.0 {
            let target = alertmanager.target();
            target.map_err(|error| format!("ruler_alertmanager_config: {error}"))?;
        }
        check_names(&self.ruler_webhooks).map_err(|error| format!("ruler_webhooks: {error}"))
    }
}

impl RulerConfig {
    /// Whether rules of this tenant are evaluated.
    pub fn serves(&self, tenant: &str) -> bool {
        let named = |list: &[String]| list.iter().any(|name| name == tenant);
        (self.enabled_tenants.is_empty() || named(&self.enabled_tenants))
            && !named(&self.disabled_tenants)
    }

    /// The Alertmanagers of a tenant: its own, or those of all.
    pub fn alertmanager_of<'a>(&'a self, limits: &'a Limits) -> &'a AlertmanagerConfig {
        let own = limits.ruler_alertmanager_config.0.as_ref();
        own.unwrap_or(&self.alertmanager)
    }

    /// Receivers of samples, by their id.
    pub fn receivers(&self) -> BTreeMap<String, RemoteWriteBlock> {
        let settings = &self.remote_write;
        if !settings.enabled {
            return BTreeMap::new();
        }
        let single = settings.client.0.iter();
        let single = single.map(|block| ("default".to_owned(), block.read.clone()));
        let named = settings.clients.0.iter();
        single
            .chain(named.map(|(id, block)| (id.clone(), block.read.clone())))
            .collect()
    }

    /// Checks what belongs together; the error names the setting.
    pub(in crate::config) fn check(&self) -> Result<(), String> {
        let url = &self.external_url;
        let is_url = url.starts_with("http://") || url.starts_with("https://");
        if !url.is_empty() && !is_url {
            return Err(format!(
                "ruler.external_url: expected http:// or https://, found {url:?}"
            ));
        }
        self.alertmanager
            .target()
            .map_err(|error| format!("ruler.{error}"))?;
        check_names(&self.webhooks).map_err(|error| format!("ruler.webhooks: {error}"))?;
        Ok(())
    }
}

/// Names of webhooks tell their queues apart.
pub(in crate::config) fn check_names(webhooks: &Blocks<WebhookConfig>) -> Result<(), String> {
    let mut names = BTreeSet::new();
    let twice = |webhook: &&Block<WebhookConfig>| !names.insert(webhook.read.name.clone());
    match webhooks.0.iter().find(twice) {
        Some(webhook) => Err(format!("two of them have the name {:?}", webhook.read.name)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, file};

    fn read(text: &str) -> Config {
        let mut config = Config::default();
        file::apply(&mut config, text, &[], |_| None).expect("the file loads");
        config
    }

    #[test]
    fn tenants_are_served_unless_they_are_left_out() {
        let serves = |text: &str, tenant: &str| read(text).ruler.serves(tenant);
        assert!(serves("", "a"));
        assert!(serves("ruler: {enabled_tenants: 'a,b'}", "b"));
        assert!(!serves("ruler: {enabled_tenants: 'a,b'}", "c"));
        assert!(!serves("ruler: {disabled_tenants: a}", "a"));
    }

    #[test]
    fn a_tenant_may_have_alertmanagers_of_its_own() {
        let config = read(
            "ruler: {alertmanager_url: 'http://of-all'}\n\
             limits_config: {ruler_alertmanager_config: {alertmanager_url: 'http://u:p@own'}}",
        );
        let own = config.ruler.alertmanager_of(&config.limits);
        assert_eq!(own.urls.0, ["http://u:p@own"]);
        let of_all = config.ruler.alertmanager_of(&Limits::default()).clone();
        assert_eq!(of_all.urls.0, ["http://of-all"]);
        assert!(!crate::config::keys::to_yaml(&config, None).contains("u:p"));
    }
}
