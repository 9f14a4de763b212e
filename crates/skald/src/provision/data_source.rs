//! Grafana's data sources for a server: its logs, its own logs among tenants, a Prometheus.

use serde_json::{Value, json};

/// Lines that a panel of logs asks for.
const LINES_MAX: u64 = 1000;

/// Links of a trace id to the logs that have it, in the Explore view of the data source `skald`.
const EXPLORE: &str = concat!(
    "/explore?schemaVersion=1&panes=%7B%22a%22:%7B%22datasource%22:%22skald%22,%22queries%22:%5B%7B",
    "%22refId%22:%22A%22,%22datasource%22:%7B%22type%22:%22loki%22,%22uid%22:%22skald%22%7D,%22expr",
    "%22:%22%7Bservice_name%3D~%5C%22.%2B%5C%22%7D%20%7C%20trace_id%3D%5C%22${__value.raw}%5C%22%22",
    "%7D%5D,%22range%22:%7B%22from%22:%22now-24h%22,%22to%22:%22now%22%7D%7D%7D"
);

/// What data sources are made of.
#[derive(Debug, Default)]
pub(super) struct DataSources<'a> {
    /// The server's URL as Grafana reaches it.
    pub(super) addr: &'a str,
    /// Sent as X-Scope-OrgID.
    pub(super) tenant: Option<&'a str>,
    /// Sent as a bearer token.
    pub(super) read_token: Option<&'a str>,
    /// URL of a Prometheus.
    pub(super) prometheus: Option<&'a str>,
    /// Data source that trace ids lead to.
    pub(super) traces: Option<&'a str>,
}

impl DataSources<'_> {
    /// Each as Grafana's API takes it. With a tenant the own logs have one of their own.
    pub(super) fn all(&self) -> Vec<Value> {
        let mut all = vec![self.loki("Skald", "skald", self.tenant)];
        if self.tenant.is_some() {
            all.push(self.loki("Skald's own logs", "skald-own", Some("__skald__")));
        }
        all.extend(self.prometheus.map(|url| {
            json!({"name": "Skald's metrics", "uid": "skald-metrics", "type": "prometheus", "access": "proxy", "url": url})
        }));
        all
    }

    /// A file for Grafana's provisioning, which expands `$NAME` but for `$$`.
    pub(super) fn file(&self) -> Result<String, String> {
        let escaped = self.all().into_iter().map(escaped).collect::<Vec<_>>();
        yaml(&json!({"apiVersion": 1, "datasources": escaped}))
    }

    /// Whether the file has to be secret.
    pub(super) fn is_secret(&self) -> bool {
        self.read_token.is_some()
    }

    fn loki(&self, name: &str, uid: &str, tenant: Option<&str>) -> Value {
        let mut options = json!({"maxLines": LINES_MAX, "derivedFields": self.trace_ids()});
        let mut secrets = json!({});
        let token = self.read_token.map(|token| format!("Bearer {token}"));
        let headers = [
            ("X-Scope-OrgID", tenant.map(str::to_owned)),
            ("Authorization", token),
        ];
        let headers = headers.into_iter().filter_map(|(n, v)| Some((n, v?)));
        for (at, (name, value)) in headers.enumerate() {
            options[format!("httpHeaderName{}", at + 1)] = json!(name);
            secrets[format!("httpHeaderValue{}", at + 1)] = json!(value);
        }
        json!({
            "name": name, "uid": uid, "type": "loki", "access": "proxy",
            "url": self.addr.trim_end_matches('/'), "jsonData": options, "secureJsonData": secrets,
        })
    }

    /// Of the column that OTLP and access logs have, and of lines that name one.
    fn trace_ids(&self) -> Value {
        let line = "[tT]race_?[iI][dD][\"'=: ]+([0-9a-fA-F]{16,32})";
        let fields = [
            ("trace_id", "label", "trace_id"),
            ("traceID", "regex", line),
        ];
        let field = |(name, kind, matcher): (&str, &str, &str)| {
            let mut field = json!({"name": name, "matcherType": kind, "matcherRegex": matcher});
            match self.traces {
                Some(uid) => {
                    field["datasourceUid"] = json!(uid);
                    field["url"] = json!("${__value.raw}");
                    field["urlDisplayLabel"] = json!("Trace");
                }
                None => {
                    field["url"] = json!(EXPLORE);
                    field["urlDisplayLabel"] = json!("Logs of this trace");
                }
            }
            field
        };
        fields.map(field).to_vec().into()
    }
}

/// With `$` in texts written twice.
fn escaped(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(text.replace('$', "$$")),
        Value::Array(list) => list.into_iter().map(escaped).collect(),
        Value::Object(map) => map.into_iter().map(|(n, v)| (n, escaped(v))).collect(),
        other => other,
    }
}

/// A value as YAML.
pub(super) fn yaml(value: &Value) -> Result<String, String> {
    serde_yaml_ng::to_string(value).map_err(|error| format!("writing YAML: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenant_and_token_go_into_headers() {
        let sources = DataSources {
            addr: "http://skald:3100/",
            tenant: Some("a"),
            read_token: Some("$t"),
            prometheus: Some("http://p"),
            traces: Some("tempo"),
        };
        let all = sources.all();
        let uids: Vec<&str> = all.iter().filter_map(|s| s["uid"].as_str()).collect();
        assert_eq!(uids, ["skald", "skald-own", "skald-metrics"]);
        assert_eq!(all[0]["url"], "http://skald:3100");
        assert_eq!(all[0]["jsonData"]["httpHeaderName1"], "X-Scope-OrgID");
        assert_eq!(all[0]["secureJsonData"]["httpHeaderValue1"], "a");
        assert_eq!(all[1]["secureJsonData"]["httpHeaderValue1"], "__skald__");
        assert_eq!(all[0]["jsonData"]["httpHeaderName2"], "Authorization");
        assert_eq!(all[0]["secureJsonData"]["httpHeaderValue2"], "Bearer $t");
        assert_eq!(
            all[0]["jsonData"]["derivedFields"][0]["datasourceUid"],
            "tempo"
        );
        let file = sources.file().expect("YAML");
        assert!(
            file.contains("$${__value.raw}") && file.contains("Bearer $$t"),
            "{file}"
        );
    }

    #[test]
    fn without_either_there_are_no_headers_and_one_source() {
        let sources = DataSources {
            addr: "http://skald:3100",
            ..DataSources::default()
        };
        let all = sources.all();
        assert_eq!(all.len(), 1);
        assert_eq!(all[0]["secureJsonData"], json!({}));
        let url = &all[0]["jsonData"]["derivedFields"][0]["url"];
        assert!(
            url.as_str().is_some_and(|url| url.starts_with("/explore?")),
            "{url}"
        );
        assert!(!sources.is_secret());
    }
}
