//! Kinds of faults that depend on how much lies in a block: columns, counts of directories, cached
//! samples.

use serde_json::{Value, json};
use skald_tests::BASE_S;
use skald_tests::http::Client;
use skald_tests::local::Local;
use skald_tests::push::Push;
use skald_tests::query::Query;
use std::collections::BTreeMap;

fn nanos(seconds: i64) -> i64 {
    (BASE_S + seconds) * 1_000_000_000
}

/// Values of an instant query by the label `by`.
fn by_label(client: &Client, query: &str, seconds: i64, by: &str) -> BTreeMap<String, String> {
    let result = Query::instant(query, nanos(seconds)).result(client);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let pair = |series: &Value| (text(&series["metric"][by]), text(&series["value"][1]));
    result.iter().map(pair).collect()
}

/// Calls `check` in each state of the data.
fn in_each_state(mut local: Local, check: impl Fn(&str, &Client)) {
    check("in the head", &local.client());
    local.flush();
    check("flushed", &local.client());
    check("flushed, asked again", &local.client());
    local.compact();
    check("merged", &local.client());
    local.restart();
    check("after a restart", &local.client());
}

#[test]
fn broken_lines_between_windows_of_large_blocks_fail_nothing() {
    let local = Local::start();
    let client = local.client();
    for part in 0..2 {
        let mut push = Push::stream(json!({"c": "gaps"}));
        for second in part * 1_500 + 1..=part * 1_500 + 1_500 {
            let status = if second % 2 == 0 { "200" } else { "500" };
            let line = match second % 300 {
                100 => "{\"status\":".to_owned(),
                150 => "no JSON".to_owned(),
                _ => format!("{{\"status\":\"{status}\",\"took\":\"{second}ms\",\"n\":{second}}}"),
            };
            push = push.entry(second, &line);
        }
        push.to(&client);
        if part == 0 {
            local.flush();
        }
    }
    let points = |client: &Client, query: &str, range: &str| {
        let query = query.replace("RANGE", range);
        let answer = Query::range(&query, nanos(300), nanos(3_000))
            .with("step", "300")
            .ask(client);
        (answer.status, answer.text)
    };
    in_each_state(local, |state, client| {
        for query in [
            "sum by (status) (count_over_time({c=\"gaps\"} | json [RANGE]))",
            "sum by (status) (count_over_time({c=\"gaps\"} | json | took > 0s [RANGE]))",
            "sum by (status) (sum_over_time({c=\"gaps\"} | json | unwrap duration(took) [RANGE])) * 0 + 30",
            "count_over_time({c=\"gaps\"} | json | keep status [RANGE])",
        ] {
            let (status, text) = points(client, query, "1m");
            assert_eq!(status, 200, "{state}: {query}: {text}");
            let answer: Value = serde_json::from_str(&text).expect("the answer is JSON");
            let series = answer["data"]["result"].as_array().expect("a matrix");
            assert_eq!(series.len(), 2, "{state}: {query}: {series:?}");
            for series in series {
                let values = series["values"].as_array().expect("points");
                assert_eq!(values.len(), 10, "{state}: {query}");
                assert!(
                    values.iter().all(|v| v[1] == "30"),
                    "{state}: {query}: {values:?}"
                );
            }
            // A window that holds a broken line sees it.
            if !query.contains("took") {
                let (status, text) = points(client, query, "200s");
                assert_eq!(status, 400, "{state}: {query}: {text}");
            }
        }
    });
}

#[test]
fn renamed_metadata_of_large_blocks_is_counted_and_filtered() {
    let local = Local::start();
    let client = local.client();
    for part in 0..2 {
        let mut push = Push::stream(json!({"c": "many", "zone": "label"}));
        for i in 0..1_500 {
            let line = format!("{{\"i\":{i},\"zone\":\"line{}\"}}", i % 2);
            push = push.with_metadata(
                part * 1_500 + i,
                &line,
                json!({"zone": format!("m{}", i % 3)}),
            );
        }
        push = push.and_stream(json!({"c": "many", "other": "1"}));
        for i in 0..1_500 {
            let line = format!("{{\"i\":{i},\"zone\":\"line{}\"}}", i % 2);
            let metadata = if i % 3 == 0 {
                json!({"zone_extracted": "real"})
            } else {
                json!({})
            };
            push = push.with_metadata(part * 1_500 + i, &line, metadata);
        }
        push.to(&client);
        if part == 0 {
            local.flush();
        }
    }
    let expect = |pairs: &[(&str, i64)]| -> BTreeMap<String, String> {
        let pair = |(name, count): &(&str, i64)| ((*name).to_owned(), count.to_string());
        pairs.iter().map(pair).collect()
    };
    in_each_state(local, |state, client| {
        let check = |query: &str, pairs: &[(&str, i64)]| {
            let found = by_label(client, query, 3_000, "zone_extracted");
            assert_eq!(found, expect(pairs), "{state}: {query}");
        };
        check(
            "sum by (zone_extracted) (count_over_time({c=\"many\"}[2h]))",
            &[
                ("", 2_000),
                ("m0", 1_000),
                ("m1", 1_000),
                ("m2", 1_000),
                ("real", 1_000),
            ],
        );
        check(
            "sum by (zone_extracted) (count_over_time({c=\"many\"} | zone_extracted=~\"m1|real\" [2h]))",
            &[("m1", 1_000), ("real", 1_000)],
        );
        // In streams with the label, what the parser finds covers the metadata.
        check(
            "sum by (zone_extracted) (count_over_time({c=\"many\"} | json [2h]))",
            &[
                ("", 2_000),
                ("line0", 1_500),
                ("line1", 1_500),
                ("real", 1_000),
            ],
        );
        check(
            "sum by (zone_extracted) (count_over_time({c=\"many\"} | json | zone_extracted=\"line1\" [2h]))",
            &[("line1", 1_500)],
        );
        check(
            "sum by (zone_extracted) (count_over_time({c=\"many\"} | json | i < 3 | zone_extracted!=\"m0\" [2h]))",
            &[("", 4), ("line0", 4), ("line1", 2), ("real", 2)],
        );
    });
}
