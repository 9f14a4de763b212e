//! Pages of a log query: together they are the whole answer in one order, whatever happens to the
//! data between them. The export is the same order as one stream of lines.

use serde_json::{Value, json};
use skald_tests::BASE_S;
use skald_tests::http::{Client, target};
use skald_tests::local::Local;
use skald_tests::push::Push;

/// Many entries of few times: five streams, each with runs of equal times.
fn push(client: &Client, part: i64) {
    let mut body = Push::default();
    for stream in 0..5 {
        body = body.and_stream(json!({"app": "web", "host": stream.to_string()}));
        for number in part * 12..part * 12 + 12 {
            body = body.entry(number / 9, &format!("{stream}/{number}"));
        }
    }
    body.to(client);
}

fn params(direction: &str, more: &[(&str, &str)]) -> Vec<(String, String)> {
    let (start, end) = (BASE_S.to_string(), (BASE_S + 60).to_string());
    let all = [
        ("query", "{app=\"web\"}"),
        ("start", &start),
        ("end", &end),
        ("direction", direction),
    ];
    all.iter()
        .chain(more)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// Lines of one page (in the order of each stream), and the cursor.
fn page(
    client: &Client,
    direction: &str,
    limit: usize,
    cursor: Option<&str>,
) -> (Vec<String>, Option<String>) {
    let limit = limit.to_string();
    let params = params(
        direction,
        &[("limit", &limit), ("cursor", cursor.unwrap_or(""))],
    );
    let answer = client
        .send(
            "GET",
            &target("/loki/api/v1/query_range", &params),
            &[],
            b"",
        )
        .expect("the server answers");
    assert_eq!(answer.status, 200, "{}", answer.text);
    let body: Value = serde_json::from_str(&answer.text).expect("JSON");
    let streams = body["data"]["result"].as_array().expect("a list");
    let values = streams
        .iter()
        .flat_map(|s| s["values"].as_array().expect("a list"));
    let lines = values
        .map(|v| v[1].as_str().expect("a line").to_owned())
        .collect();
    let cursor = answer.header("x-skald-cursor").map(str::to_owned);
    assert_eq!(
        body["data"]["stats"]["skald"]["cursor"].as_str(),
        cursor.as_deref()
    );
    (lines, cursor)
}

fn export(client: &Client, direction: &str, more: &[(&str, &str)]) -> Vec<String> {
    let answer = client
        .send(
            "GET",
            &target("/skald/api/v1/export", &params(direction, more)),
            &[],
            b"",
        )
        .expect("an answer");
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, Some("application/x-ndjson")),
        "{}",
        answer.text
    );
    let line = |text: &str| {
        let line: Value = serde_json::from_str(text).expect("each line is JSON");
        line["line"]
            .as_str()
            .unwrap_or_else(|| panic!("{line} is an entry"))
            .to_owned()
    };
    answer.text.lines().map(line).collect()
}

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort();
    lines
}

#[test]
fn pages_are_stretches_of_one_order_while_data_moves_to_disk() {
    let local = Local::start();
    let client = local.client();
    push(&client, 0);
    local.flush();
    push(&client, 1);
    for direction in ["forward", "backward"] {
        let whole = export(&client, direction, &[]);
        assert_eq!(sorted(whole.clone()).len(), 120);
        for limit in [1, 7, 50] {
            let (mut at, mut cursor) = (0, None);
            loop {
                let (lines, next) = page(&client, direction, limit, cursor.as_deref());
                let expected = &whole[at..(at + limit).min(whole.len())];
                assert_eq!(
                    sorted(lines),
                    sorted(expected.to_vec()),
                    "{direction} {limit} from {at}"
                );
                at += expected.len();
                match at {
                    49 => local.flush(),
                    70 => local.compact(),
                    _ => {}
                }
                cursor = next;
                if cursor.is_none() {
                    break;
                }
            }
            assert_eq!(at, whole.len(), "{direction} {limit}");
        }
    }
}

#[test]
fn entries_that_arrive_between_pages_shift_nothing() {
    let local = Local::start();
    let client = local.client();
    push(&client, 0);
    let whole = export(&client, "backward", &[]);
    let (first, cursor) = page(&client, "backward", 10, None);
    assert_eq!(sorted(first), sorted(whole[..10].to_vec()));
    // Later than the first page, before it and beside its last entry.
    push(&client, 3);
    let mut late = Push::stream(json!({"app": "web", "host": "0"}));
    for i in 0..12 {
        late = late.entry(i / 9, &format!("late {i}"));
    }
    late.to(&client);
    let (second, _) = page(&client, "backward", 1000, cursor.as_deref());
    let old: Vec<String> = second
        .into_iter()
        .filter(|line| !line.starts_with("late"))
        .collect();
    assert_eq!(sorted(old), sorted(whole[10..].to_vec()));
}

#[test]
fn an_export_streams_more_than_one_page_and_stops_where_told() {
    let local = Local::start();
    let client = local.client();
    let mut many = Push::stream(json!({"app": "web"}));
    for i in 0..45_000 {
        many = many.at(BASE_S * 1_000_000_000 + i * 1_000_000, &format!("n{i}"));
    }
    many.to(&client);
    let lines = export(&client, "forward", &[]);
    assert!(
        lines
            .iter()
            .enumerate()
            .all(|(i, line)| *line == format!("n{i}"))
            && lines.len() == 45_000,
        "{}",
        lines.len()
    );
    assert_eq!(
        export(&client, "backward", &[("limit", "30001")])
            .last()
            .map(String::as_str),
        Some("n14999")
    );
}

#[test]
fn equal_streams_of_several_tenants_are_paged_apart() {
    let local = Local::start_with(|config| {
        config.auth_enabled = true;
        config.querier.multi_tenant_queries_enabled = true;
    });
    let client = local.client();
    let tenants = |names: &str| vec![("X-Scope-OrgID".to_owned(), names.to_owned())];
    let mut same = Push::stream(json!({"app": "web"}));
    for i in 0..40 {
        same = same.entry(0, &format!("request {i} was served"));
    }
    for tenant in ["a", "b"] {
        let answer = same.send(&client, tenant);
        assert_eq!(answer.status, 204, "{}", answer.text);
        local.flush();
    }
    let ask = |path: &str, more: &[(&str, &str)]| {
        let answer = client
            .send(
                "GET",
                &target(path, &params("forward", more)),
                &tenants("a|b"),
                b"",
            )
            .expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer
    };
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let answer = ask(
            "/loki/api/v1/query_range",
            &[("limit", "7"), ("cursor", &cursor)],
        );
        let body: Value = serde_json::from_str(&answer.text).expect("JSON");
        for stream in body["data"]["result"].as_array().expect("a list") {
            let tenant = stream["stream"]["__tenant_id__"]
                .as_str()
                .expect("a tenant");
            let values = stream["values"].as_array().expect("a list").iter();
            seen.extend(values.map(|v| format!("{tenant} {}", v[1].as_str().expect("a line"))));
        }
        match answer.header("x-skald-cursor") {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    let all = sorted(seen);
    assert!(
        all.len() == 80 && all.windows(2).all(|pair| pair[0] != pair[1]),
        "{all:?}"
    );
    assert_eq!(ask("/skald/api/v1/export", &[]).text.lines().count(), 80);
    let patterns: Value =
        serde_json::from_str(&ask("/loki/api/v1/patterns", &[]).text).expect("JSON");
    assert_eq!(
        patterns["data"][0]["samples"],
        json!([[BASE_S, 80]]),
        "{patterns}"
    );
}
