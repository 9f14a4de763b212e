//! Targets of rules: where alerts and samples of each tenant go, by the settings and the limits of
//! tenants in force.

use crate::config::ruler::AlertmanagerConfig;
use crate::config::{Limits, RulerConfig};
use crate::limits::overrides::Overrides;
use skald_outbound::{
    NotifierConfig, Relabeling, RemoteWriteConfig, TenantNotifications, TenantRemoteWrite,
};

/// Where alerts go.
pub(super) fn of_alerts(
    config: &RulerConfig,
    base: &Limits,
    overrides: &Overrides,
) -> NotifierConfig {
    let default = notifications(config, base);
    let tenants = overrides.tenants().into_iter().filter_map(|tenant| {
        let own = notifications(config, &overrides.of(&tenant).limits);
        (own != default).then(|| (tenant.as_str().to_owned(), own))
    });
    NotifierConfig {
        tenants: tenants.collect(),
        default,
    }
}

fn notifications(config: &RulerConfig, limits: &Limits) -> TenantNotifications {
    let alertmanager = config.alertmanager_of(limits);
    let webhooks = match limits.ruler_webhooks.0.is_empty() {
        true => &config.webhooks,
        false => &limits.ruler_webhooks,
    };
    TenantNotifications {
        alertmanagers: checked(alertmanager),
        webhooks: webhooks.read(),
        external_labels: config.external_labels.0.clone(),
        alert_relabel_configs: Relabeling::new(alertmanager.relabel_configs.read()),
    }
}

/// What was checked when the settings were read.
fn checked(alertmanager: &AlertmanagerConfig) -> Option<skald_outbound::AlertmanagerConfig> {
    alertmanager.target().unwrap_or_default()
}

/// Where samples go.
pub(super) fn of_samples(config: &RulerConfig, overrides: &Overrides) -> RemoteWriteConfig {
    let clients = config.receivers();
    let tenants = overrides.tenants().into_iter().filter_map(|tenant| {
        let own = of_tenant(config, &overrides.of(&tenant).limits)?;
        Some((tenant.as_str().to_owned(), own))
    });
    RemoteWriteConfig {
        tenants: tenants.collect(),
        clients,
        add_org_id_header: !config.remote_write.omit_org_id.0,
        queue_bytes: config.remote_write.queue_size.0,
    }
}

/// What is different for a tenant: receivers that take the place of those with their id.
fn of_tenant(config: &RulerConfig, limits: &Limits) -> Option<TenantRemoteWrite> {
    let own = &limits.ruler_remote_write_config.0;
    if own.is_empty() && !limits.ruler_remote_write_disabled {
        return None;
    }
    let mut clients = config.receivers();
    if config.remote_write.enabled {
        clients.extend(
            own.iter()
                .map(|(id, block)| (id.clone(), block.read.clone())),
        );
    }
    Some(TenantRemoteWrite {
        is_disabled: limits.ruler_remote_write_disabled,
        clients: Some(clients),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, file};

    #[test]
    fn tenants_have_receivers_of_their_own() {
        let folder = tempfile::tempdir().expect("a folder");
        let tenants = folder.path().join("tenants.yaml");
        let text = "overrides:\n  a: {ruler_remote_write_config: {b: {url: 'http://own/w'}}, \
                    ruler_alertmanager_config: {alertmanager_url: 'http://own'}}\n  \
                    c: {ruler_remote_write_disabled: true}\n  d: {max_line_size: 1KB}\n";
        std::fs::write(&tenants, text).expect("written");
        let mut config = Config::default();
        let text = format!(
            "ruler: {{alertmanager_url: 'http://u:p@all', webhooks: [{{name: chat, url: 'http://chat/h'}}], \
             remote_write: {{enabled: true, clients: {{a: {{url: 'http://a/w'}}, b: {{url: 'http://b/w'}}}}}}}}\n\
             runtime_config: {{file: '{}'}}\n",
            tenants.display()
        );
        file::apply(&mut config, &text, &[], |_| None).expect("the file loads");
        let overrides = Overrides::open(&config).expect("the tenants can be read");
        let alerts = of_alerts(&config.ruler, &config.limits, &overrides);
        assert_eq!(alerts.tenants.keys().collect::<Vec<_>>(), ["a"]);
        let urls = |to: &TenantNotifications| {
            let urls = to.alertmanagers.iter().flat_map(|a| &a.urls);
            urls.map(|url| url.to_string())
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert!(
            urls(&alerts.default).contains("//all"),
            "{}",
            urls(&alerts.default)
        );
        assert!(urls(&alerts.tenants["a"]).contains("//own"));
        assert_eq!(alerts.tenants["a"].webhooks.len(), 1);
        let samples = of_samples(&config.ruler, &overrides);
        assert_eq!(samples.clients.len(), 2);
        assert_eq!(samples.tenants.keys().collect::<Vec<_>>(), ["a", "c"]);
        assert!(samples.tenants["c"].is_disabled);
        let own = samples.tenants["a"].clients.as_ref().expect("its own");
        assert_eq!(own["a"], samples.clients["a"]);
        assert!(own["b"].url.to_string().contains("//own"));
    }
}
