//! What logcli and Grafana's data source asked a real Loki over the conformance data set, asked
//! again: the same data must come back. Left to differ: statistics, byte and chunk counts (Loki
//! rounds them to its chunks), and a scalar's time, which Loki gives in milliseconds.

use serde_json::Value;
use skald_tests::conformance::{self, Case};
use skald_tests::http::decode;
use skald_tests::local::Local;

fn case(exchange: &Value) -> Case {
    let target = exchange["path"].as_str().expect("an exchange has a path");
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let params = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(n, v)| (decode(n), decode(v)));
    // The client decompresses by itself only what it asked for itself.
    let headers = exchange["headers"]
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, _)| !name.eq_ignore_ascii_case("accept-encoding"));
    let headers = headers.map(|(n, v)| (n.clone(), v.as_str().unwrap_or_default().to_owned()));
    let status = exchange["status"]
        .as_u64()
        .expect("an exchange has a status") as u16;
    let body = exchange["response"].as_str().unwrap_or_default();
    Case::of_exchange(
        target.to_owned(),
        path,
        params.collect(),
        headers.collect(),
        status,
        body,
    )
}

/// Names and counts that do not depend on how data is packed.
fn unpacked(path: &str, body: &str) -> Option<Value> {
    let value: Value = serde_json::from_str(body).ok()?;
    if path.starts_with("/loki/api/v1/index/stats") {
        return Some(serde_json::json!([value["streams"], value["entries"]]));
    }
    if path.starts_with("/loki/api/v1/index/volume") {
        let mut metrics: Vec<String> = value["data"]["result"]
            .as_array()?
            .iter()
            .map(|s| s["metric"].to_string())
            .collect();
        metrics.sort();
        return Some(serde_json::json!([value["data"]["resultType"], metrics]));
    }
    if path.starts_with("/loki/api/v1/detected_fields") {
        let mut fields = value["fields"].as_array()?.clone();
        for field in &mut fields {
            // Both are estimates.
            field.as_object_mut()?.remove("cardinality");
        }
        fields.sort_by_key(|field| field["label"].to_string());
        return Some(Value::Array(fields));
    }
    None
}

fn differences(local: &Local, recording: &str) -> Vec<String> {
    let path = format!("{}/fixtures/{recording}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("the recording is readable");
    let client = local.client();
    let mut differences = Vec::new();
    for line in text.lines() {
        let exchange: Value = serde_json::from_str(line).expect("an exchange is JSON");
        let case = case(&exchange);
        let (reply, mut difference) = case.ask(&client);
        let recorded = exchange["response"].as_str().unwrap_or_default();
        if let (Some(want), Some(got)) = (
            unpacked(&case.id, recorded),
            unpacked(&case.id, &reply.text),
        ) {
            difference = (want != got).then(|| format!("want {want} got {got}"));
        }
        // Which of several lines that fail is met first is free.
        let words = recorded
            .split(" for series: ")
            .next()
            .unwrap_or(recorded)
            .trim_end();
        if reply.status >= 400 && difference.is_none() && !reply.text.starts_with(words) {
            difference = Some(format!("want {recorded:?} got {:?}", reply.text));
        }
        differences.extend(difference.map(|d| format!("{}: {d}", case.id)));
    }
    differences
}

fn check(recording: &str) {
    let local = Local::start();
    conformance::push(&local.client());
    assert_eq!(differences(&local, recording), [""; 0], "from the head");
    local.flush();
    assert_eq!(differences(&local, recording), [""; 0], "from parts");
}

#[test]
fn logcli_gets_the_answers_it_got_from_loki() {
    check("logcli-3.7.jsonl");
}

#[test]
fn grafanas_data_source_gets_the_answers_it_got_from_loki() {
    check("grafana-datasource.jsonl");
}
