//! What docs/rules.md shows can be read.

use serde::Deserialize;
use skald_outbound::{RelabelRule, RemoteWriteBlock, WebhookConfig};
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Shown {
    ruler: Option<Ruler>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Ruler {
    webhooks: Vec<WebhookConfig>,
    alert_relabel_configs: Vec<RelabelRule>,
    remote_write: RemoteWrite,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RemoteWrite {
    clients: BTreeMap<String, RemoteWriteBlock>,
}

#[test]
fn targets_in_the_documents_can_be_read() {
    let text = include_str!("../../../../docs/rules.md");
    let blocks = text
        .split("```yaml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next());
    let (mut webhooks, mut rules, mut clients) = (0, 0, 0);
    for block in blocks {
        let shown: Shown =
            serde_yaml_ng::from_str(block).unwrap_or_else(|error| panic!("{error} in\n{block}"));
        let ruler = shown.ruler.unwrap_or_default();
        webhooks += ruler.webhooks.len();
        rules += ruler.alert_relabel_configs.len();
        clients += ruler.remote_write.clients.len();
    }
    assert_eq!((webhooks, rules, clients), (2, 2, 2));
}
