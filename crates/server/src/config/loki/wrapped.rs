//! Wrapped files, a Kubernetes ConfigMap or Helm values, are recognised and explained.

use serde_yaml_ng::Value;

/// What to do instead, when a document is no file of settings but something that holds or makes
/// one.
pub(in crate::config) fn advice(root: &Value) -> Option<String> {
    kubernetes(root).or_else(|| chart(root))
}

fn kubernetes(root: &Value) -> Option<String> {
    let kind = root.get("kind")?.as_str()?;
    root.get("apiVersion")?;
    let texts = ["data", "stringData"]
        .into_iter()
        .filter_map(|section| Some((section, root.get(section)?.as_mapping()?)));
    let names: Vec<String> = texts
        .flat_map(|(section, texts)| {
            texts
                .keys()
                .filter_map(move |key| Some(format!("{section}.{}", key.as_str()?)))
        })
        .collect();
    Some(if names.is_empty() {
        format!("the file is a Kubernetes {kind}, not a file of settings")
    } else {
        format!(
            "the file is a Kubernetes {kind}: save the text that stands under {} as a file of its own",
            names.join(" or ")
        )
    })
}

/// Names under which charts of Loki hold settings in their own spelling.
const CHART_NAMES: &[&str] = &[
    "structuredConfig",
    "schemaConfig",
    "commonConfig",
    "storageConfig",
];

fn chart(root: &Value) -> Option<String> {
    let own = CHART_NAMES.iter().any(|name| root.get(*name).is_some());
    let of_loki = root.get("loki").is_some_and(Value::is_mapping);
    (own || of_loki).then(|| {
        "the file holds values of a Helm chart: Loki's file is what the chart makes of them \
         (helm template, or the ConfigMap in the cluster)"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::yaml;

    fn check(text: &str, expected: &str) {
        let advice = advice(&yaml::parse(text).expect("valid YAML")).unwrap_or_default();
        assert!(
            if expected.is_empty() {
                advice.is_empty()
            } else {
                advice.contains(expected)
            },
            "{text}: {advice}"
        );
    }

    #[test]
    fn what_holds_a_file_is_told_from_one() {
        let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: loki}\ndata:\n  config.yaml: |\n    auth_enabled: false\n";
        check(
            map,
            "a Kubernetes ConfigMap: save the text that stands under data.config.yaml",
        );
        let secret = "apiVersion: v1\nkind: Secret\nstringData: {loki.yaml: x, b: y}\n";
        check(secret, "stringData.loki.yaml or stringData.b");
        check(
            "apiVersion: apps/v1\nkind: Deployment\nspec: {}\n",
            "a Kubernetes Deployment, not",
        );
        check(
            "loki: {commonConfig: {replication_factor: 1}}\nsingleBinary: {replicas: 1}\n",
            "a Helm chart",
        );
        check("structuredConfig: {auth_enabled: false}\n", "a Helm chart");
        check("auth_enabled: false\ncommon: {path_prefix: /loki}\n", "");
        check("kind: x\n", "");
        check("", "");
    }
}
