//! Kubernetes manifests with the labels by which the sidecar of Grafana's Helm chart finds them.

use super::dashboard::Dashboard;
use super::data_source::{DataSources, yaml};
use serde_json::{Value, json};

/// A manifest for the data sources, and one for each dashboard: `kubectl apply` keeps a copy of each
/// in an annotation, which may have 256 KB. With a token that of the data sources is a Secret.
pub(super) fn manifests(
    namespace: Option<&str>,
    sources: &DataSources<'_>,
    dashboards: &[&Dashboard],
) -> Result<String, String> {
    let metadata = |name: &str, label: &str| {
        let mut metadata = json!({"name": name, "labels": {label: "1"}});
        if let Some(namespace) = namespace {
            metadata["namespace"] = json!(namespace);
        }
        metadata
    };
    let (kind, field) = match sources.is_secret() {
        true => ("Secret", "stringData"),
        false => ("ConfigMap", "data"),
    };
    let mut all: Vec<Value> = vec![json!({
        "apiVersion": "v1",
        "kind": kind,
        "metadata": metadata("skald-datasource", "grafana_datasource"),
        field: {"skald.yaml": sources.file()?},
    })];
    for dashboard in dashboards {
        let name = format!("skald-dashboard-{}", dashboard.name);
        let file = format!("skald-{}.json", dashboard.name);
        all.push(json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": metadata(&name, "grafana_dashboard"),
            "data": {file: dashboard.json},
        }));
    }
    let texts: Result<Vec<String>, String> = all.iter().map(yaml).collect();
    Ok(texts?.join("---\n"))
}
