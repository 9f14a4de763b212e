//! An entry is answered among others as it is alone: no neighbour in its block decides under which
//! names its metadata is seen, or what a filter is asked of.

use serde_json::{Value, json};
use skald_tests::BASE_S;
use skald_tests::http::Client;
use skald_tests::local::Local;
use skald_tests::push::Push;
use skald_tests::query::Query;
use std::collections::BTreeMap;

const ENTRIES: usize = 24;
const QUERIES: usize = 60;

/// Numbers that are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) as usize % bound
    }

    fn of<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }

    /// Some of the names, each with a value.
    fn pairs(&mut self) -> BTreeMap<String, Value> {
        let mut pairs = BTreeMap::new();
        for (name, values) in [
            ("zri", ["s", "sm", "10.0.0.1"]),
            ("zri_extracted", ["q", "p", "7"]),
            ("n", ["1", "x", "3MB"]),
        ] {
            if self.below(5) < 2 {
                pairs.insert(name.to_owned(), json!(self.of(&values)));
            }
        }
        pairs
    }

    /// A push of one entry.
    fn entry(&mut self, second: usize) -> Push {
        let mut labels = self.pairs();
        labels.insert("c".to_owned(), json!("x"));
        let fields = self.pairs();
        let line = match self.below(8) {
            0 => "{\"zri\":".to_owned(),
            1..4 => json!(fields).to_string(),
            _ => {
                let field = |(name, value): (&String, &Value)| {
                    format!("{name}={}", value.as_str().unwrap_or_default())
                };
                fields.iter().map(field).collect::<Vec<_>>().join(" ")
            }
        };
        let metadata = json!(self.pairs());
        Push::stream(json!(labels)).with_metadata(second as i64, &line, metadata)
    }

    fn stage(&mut self) -> &'static str {
        self.of(&[
            "zri_extracted=\"p\"",
            "zri_extracted!=\"sm\"",
            "zri_extracted=~\"s|q\"",
            "zri_extracted > 4",
            "zri=\"s\" or zri_extracted=\"sm\"",
            "zri_extracted=ip(\"10.0.0.0/8\")",
            "n > 1MB",
            "__error__=\"\"",
            "logfmt",
            "json",
            "logfmt zri",
            "json zri",
            "pattern \"zri=<zri>\"",
            "drop zri",
            "drop zri_extracted",
            "keep c, zri_extracted",
            "label_format y=zri_extracted",
            "line_format \"{{.zri_extracted}}\"",
        ])
    }

    fn query(&mut self) -> String {
        let mut query = "{c=\"x\"}".to_owned();
        for _ in 0..self.below(4) {
            query = format!("{query} | {}", self.stage());
        }
        match self.below(4) {
            0 => query,
            1 => format!("count_over_time({query} | drop __error__, __error_details__ [1m])"),
            2 => format!("sum by (zri_extracted) (count_over_time({query} | __error__=\"\" [1m]))"),
            _ => format!("sum by (zri) (bytes_over_time({query} | __error__=\"\" [1m]))"),
        }
    }
}

/// Entries, or series and their values, each with how many there are of it.
fn ask(client: &Client, tenant: &str, query: &str) -> BTreeMap<String, f64> {
    let time = |seconds: i64| (BASE_S + seconds) * 1_000_000_000;
    let request = if query.starts_with('{') {
        Query::range(query, time(0), time(60)).with("limit", 1_000)
    } else {
        Query::instant(query, time(59))
    };
    let mut found = BTreeMap::new();
    for part in request.tenant(tenant).result(client) {
        match part["values"].as_array() {
            Some(entries) => {
                for entry in entries {
                    *found
                        .entry(format!("{} {entry}", part["stream"]))
                        .or_default() += 1.0;
                }
            }
            None => {
                let value = part["value"][1]
                    .as_str()
                    .and_then(|v| v.parse::<f64>().ok());
                *found.entry(part["metric"].to_string()).or_default() += value.unwrap_or(f64::NAN);
            }
        }
    }
    found
}

#[test]
fn an_entry_is_answered_among_others_as_it_is_alone() {
    let mut local = Local::start_with(|config| config.auth_enabled = true);
    let mut numbers = Numbers(14);
    let entries: Vec<Push> = (0..ENTRIES).map(|i| numbers.entry(i)).collect();
    let alone = |i: usize| format!("alone{i}");
    for (i, entry) in entries.iter().enumerate() {
        for tenant in ["all", &alone(i)] {
            let answer = entry.send(&local.client(), tenant);
            assert_eq!(answer.status, 204, "{}", answer.text);
        }
        if i == ENTRIES / 2 {
            local.flush();
        }
    }
    let queries: Vec<String> = (0..QUERIES).map(|_| numbers.query()).collect();
    let client = local.client();
    let right: Vec<BTreeMap<String, f64>> = queries
        .iter()
        .map(|query| {
            let mut sum = BTreeMap::new();
            for i in 0..ENTRIES {
                for (key, count) in ask(&client, &alone(i), query) {
                    *sum.entry(key).or_default() += count;
                }
            }
            sum
        })
        .collect();
    let check = |state: &str, client: &Client| {
        for (query, right) in queries.iter().zip(&right) {
            assert_eq!(&ask(client, "all", query), right, "{state}: {query}");
        }
    };
    check("half of them flushed", &local.client());
    local.flush();
    check("flushed", &local.client());
    local.compact();
    check("merged", &local.client());
    local.restart();
    check("after a restart", &local.client());
}
