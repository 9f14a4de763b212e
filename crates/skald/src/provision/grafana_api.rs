//! A running Grafana: data sources and dashboards are made there, or replaced, over its HTTP API.

use super::dashboard::Dashboard;
use super::data_source::DataSources;
use serde_json::{Value, json};

/// Sends all to the Grafana at `url`. Returns what was done, a line each.
pub(super) fn send(
    url: &str,
    token: Option<&str>,
    sources: &DataSources<'_>,
    dashboards: &[&Dashboard],
) -> Result<String, String> {
    if !url.starts_with("http://") {
        return Err(format!(
            "{url}: this command speaks plain http alone. Use --out or --configmap, or Grafana's own port"
        ));
    }
    let grafana = Grafana {
        base: url.trim_end_matches('/'),
        token,
        agent: ureq::Agent::config_builder()
            .http_status_as_error(false)
            .build()
            .into(),
    };
    let mut said = String::new();
    for source in sources.all() {
        grafana.put_data_source(&source)?;
        said.push_str(&format!(
            "data source {}\n",
            source["name"].as_str().unwrap_or_default()
        ));
    }
    for dashboard in dashboards {
        grafana.put_dashboard(dashboard)?;
        said.push_str(&format!("dashboard {}\n", dashboard.name));
    }
    Ok(said)
}

struct Grafana<'a> {
    base: &'a str,
    token: Option<&'a str>,
    agent: ureq::Agent,
}

impl Grafana<'_> {
    fn put_data_source(&self, source: &Value) -> Result<(), String> {
        let made = self.ask("POST", "/api/datasources", source)?;
        let (path, answer) = match made.0 {
            // There is one of this name or uid.
            409 => {
                let uid = source["uid"].as_str().unwrap_or_default();
                let path = format!("/api/datasources/uid/{uid}");
                let answer = self.ask("PUT", &path, source)?;
                (path, answer)
            }
            _ => ("/api/datasources".to_owned(), made),
        };
        self.check(&path, &answer)
    }

    fn put_dashboard(&self, dashboard: &Dashboard) -> Result<(), String> {
        let content: Value = serde_json::from_str(dashboard.json)
            .map_err(|error| format!("dashboard {}: {error}", dashboard.name))?;
        let body = json!({"dashboard": content, "overwrite": true, "message": "skald provision"});
        let path = "/api/dashboards/db";
        self.check(path, &self.ask("POST", path, &body)?)
    }

    /// Status and body of the answer.
    fn ask(&self, method: &str, path: &str, body: &Value) -> Result<(u16, String), String> {
        let failed = |error: ureq::Error| {
            format!(
                "{} does not answer ({error}): is it Grafana's address?",
                self.base
            )
        };
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header("Content-Type", "application/json");
        if let Some(token) = self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let request = request
            .body(body.to_string())
            .map_err(|error| format!("{}: {error}", self.base))?;
        let mut answer = self.agent.run(request).map_err(failed)?;
        let status = answer.status().as_u16();
        let text = answer.body_mut().read_to_string().map_err(failed)?;
        Ok((status, text))
    }

    fn check(&self, path: &str, (status, text): &(u16, String)) -> Result<(), String> {
        let why = text.trim_end();
        match status {
            200..300 => Ok(()),
            401 | 403 => Err(format!(
                "{}{path}: {status}: {why}. Give --token TOKEN of a service account that is an admin",
                self.base
            )),
            _ => Err(format!("{}{path}: {status}: {why}", self.base)),
        }
    }
}
