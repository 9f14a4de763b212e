//! A query over HTTP, put together parameter by parameter.

use crate::http::{Answer, Client, target};
use serde_json::Value;
use std::fmt::Display;

/// A request to a query endpoint.
#[derive(Clone, Debug)]
pub struct Query {
    path: String,
    params: Vec<(String, String)>,
    headers: Vec<(String, String)>,
}

impl Query {
    /// A request to any path.
    pub fn path(path: impl Into<String>) -> Query {
        Query {
            path: path.into(),
            params: Vec::new(),
            headers: Vec::new(),
        }
    }

    /// `query_range` from `start` to `end`, nanoseconds since 1970.
    pub fn range(query: &str, start: i64, end: i64) -> Query {
        Query::path("/loki/api/v1/query_range")
            .with("query", query)
            .with("start", start)
            .with("end", end)
    }

    /// `query` at an instant, nanoseconds since 1970.
    pub fn instant(query: &str, time: i64) -> Query {
        Query::path("/loki/api/v1/query")
            .with("query", query)
            .with("time", time)
    }

    /// With one more parameter.
    pub fn with(mut self, name: &str, value: impl Display) -> Query {
        self.params.push((name.to_owned(), value.to_string()));
        self
    }

    /// With one more header.
    pub fn header(mut self, name: &str, value: &str) -> Query {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// As a tenant.
    pub fn tenant(self, tenant: &str) -> Query {
        self.header("X-Scope-OrgID", tenant)
    }

    /// With labels, metadata and parsed labels told apart, as Grafana asks.
    pub fn categorized(self) -> Query {
        self.header("X-Loki-Response-Encoding-Flags", "categorize-labels")
    }

    /// Path and encoded parameters.
    pub fn target(&self) -> String {
        target(&self.path, &self.params)
    }

    /// What the server says.
    pub fn ask(&self, client: &Client) -> Answer {
        client
            .send("GET", &self.target(), &self.headers, b"")
            .expect("the server answers")
    }

    /// The answer's JSON; panics when it is not a 200.
    pub fn json(&self, client: &Client) -> Value {
        let answer = self.ask(client);
        assert_eq!(answer.status, 200, "{}: {}", self.target(), answer.text);
        serde_json::from_str(&answer.text).expect("the answer is JSON")
    }

    /// `data.result` of the answer.
    pub fn result(&self, client: &Client) -> Vec<Value> {
        let mut answer = self.json(client);
        match answer["data"]["result"].take() {
            Value::Array(result) => result,
            other => vec![other],
        }
    }

    /// All lines of the answer, stream by stream.
    pub fn lines(&self, client: &Client) -> Vec<String> {
        let result = self.result(client);
        let values = result
            .iter()
            .filter_map(|stream| stream["values"].as_array())
            .flatten();
        values
            .map(|value| value[1].as_str().unwrap_or_default().to_owned())
            .collect()
    }
}
