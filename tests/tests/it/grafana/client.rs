//! Requests with the headers that Grafana sends, their answers checked against a shape.

use super::{API, END_NS, START_NS};
use serde_json::Value;
use skald_tests::http::Client;
use skald_tests::schema;

/// Who asks, told by headers.
#[derive(Clone, Copy)]
pub(super) enum From {
    /// The data source, for a panel.
    Panel,
    /// The data source, for something beside a panel.
    Beside(&'static str),
    /// The label browser and the editor: no headers of Loki's.
    Resource,
    /// Logs Drilldown.
    Drilldown,
}

pub(super) fn headers(from: From) -> Vec<(String, String)> {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let categorize = pair("X-Loki-Response-Encoding-Flags", "categorize-labels");
    match from {
        From::Panel => vec![categorize],
        From::Beside(source) => vec![
            categorize,
            pair("X-Query-Tags", &format!("Source={source}")),
        ],
        From::Resource => vec![],
        From::Drilldown => vec![pair("X-Query-Tags", "Source=grafana-lokiexplore-app")],
    }
}

pub(super) struct Grafana {
    pub(super) client: Client,
}

impl Grafana {
    /// Asks, checks the answer's form, gives the answer.
    pub(super) fn ask(
        &self,
        from: From,
        path: &str,
        params: &[(&str, &str)],
        schema: &Value,
    ) -> Value {
        let params: Vec<(String, String)> = params
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect();
        let reply = self
            .client
            .get(&format!("{API}/{path}"), &params, &headers(from))
            .expect("the server answers");
        assert_eq!(reply.status, 200, "{path} {params:?}: {}", reply.text);
        let answer: Value = serde_json::from_str(&reply.text).expect("the answer is JSON");
        if let Err(why) = schema::check(schema, &answer) {
            panic!("{path} {params:?}: {why}");
        }
        answer
    }

    /// A range query of a panel over the hour.
    pub(super) fn range(
        &self,
        from: From,
        query: &str,
        more: &[(&str, &str)],
        schema: &Value,
    ) -> Value {
        let params = [
            &[
                ("query", query),
                ("start", START_NS),
                ("end", END_NS),
                ("step", "15000ms"),
            ][..],
            more,
        ]
        .concat();
        self.ask(from, "query_range", &params, schema)
    }
}

pub(super) fn result(answer: &Value) -> &Vec<Value> {
    answer["data"]["result"]
        .as_array()
        .expect("a result is a list")
}

pub(super) fn lines(answer: &Value) -> usize {
    result(answer)
        .iter()
        .map(|s| s["values"].as_array().map_or(0, Vec::len))
        .sum()
}
