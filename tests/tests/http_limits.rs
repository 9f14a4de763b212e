//! Tenants and what they may do: several read at once, limits of their own, answers in part, queries shared,
//! tokens. Each as a client meets it.

use serde_json::{Value, json};
use skald_server::auth::tokens;
use skald_tests::http::{Answer, Client};
use skald_tests::local::Local;
use std::sync::mpsc;
use std::time::{Duration, Instant};

const API: &str = "/loki/api/v1";

/// 2026-03-01T00:00:00Z.
const BASE_S: i64 = 1_772_323_200;

fn send(
    client: &Client,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let headers: Vec<(String, String)> = headers
        .iter()
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
        .collect();
    client
        .send(method, target, &headers, body.as_bytes())
        .expect("the server answers")
}

fn get(client: &Client, target: &str, headers: &[(&str, &str)]) -> Answer {
    send(client, "GET", target, headers, "")
}

fn push(client: &Client, tenant: &str, app: &str, lines: &[&str]) -> Answer {
    let values: Vec<Value> = lines
        .iter()
        .enumerate()
        .map(|(i, line)| json!([format!("{}000000000", BASE_S + i as i64), line]))
        .collect();
    let body = json!({"streams": [{"stream": {"app": app}, "values": values}]}).to_string();
    let headers = [
        ("X-Scope-OrgID", tenant),
        ("Content-Type", "application/json"),
    ];
    send(client, "POST", &format!("{API}/push"), &headers, &body)
}

fn target(query: &str, more: &str) -> String {
    let encoded: String = query.bytes().map(|b| format!("%{b:02X}")).collect();
    format!(
        "{API}/query_range?query={encoded}&start={BASE_S}&end={}{more}",
        BASE_S + 60
    )
}

fn result(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text);
    serde_json::from_str(&answer.text).expect("the answer is JSON")
}

fn metric(client: &Client, line: &str) -> bool {
    get(client, "/metrics", &[]).text.lines().any(|l| l == line)
}

#[test]
fn several_tenants_are_read_at_once_and_told_apart() {
    let local = Local::start_with(|config| {
        config.auth_enabled = true;
        config.querier.multi_tenant_queries_enabled = true;
    });
    let client = local.client();
    for (tenant, line) in [("a", "of a"), ("b", "of b"), ("c", "of c")] {
        assert_eq!(push(&client, tenant, "web", &[line]).status, 204);
    }
    let ask = |tenants: &str, query: &str| {
        let found = result(&get(
            &client,
            &target(query, ""),
            &[("X-Scope-OrgID", tenants)],
        ));
        let streams = found["data"]["result"].as_array().expect("a list").clone();
        let shown = |s: &Value| {
            let what = s["values"][0][1].as_str().unwrap_or_default().to_owned();
            (
                s["stream"]["__tenant_id__"]
                    .as_str()
                    .or(s["metric"]["__tenant_id__"].as_str())
                    .unwrap_or("")
                    .to_owned(),
                what,
            )
        };
        streams.iter().map(shown).collect::<Vec<_>>()
    };
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(ask("a", "{app=\"web\"}"), [pair("", "of a")]);
    assert_eq!(
        ask("b|a", "{app=\"web\"}"),
        [pair("a", "of a"), pair("b", "of b")]
    );
    assert_eq!(
        ask("a|b|c", "{app=\"web\", __tenant_id__=~\"a|c\"}"),
        [pair("a", "of a"), pair("c", "of c")]
    );
    assert_eq!(
        ask(
            "a|b",
            "sum by (__tenant_id__) (count_over_time({app=\"web\"}[1m]))"
        ),
        [pair("a", "1"), pair("b", "1")]
    );
    let values = |target: &str| {
        result(&get(
            &client,
            &format!("{API}{target}"),
            &[("X-Scope-OrgID", "a|b")],
        ))["data"]
            .clone()
    };
    let range = format!("start={BASE_S}&end={}", BASE_S + 60);
    assert_eq!(
        values(&format!("/labels?{range}")),
        json!(["__tenant_id__", "app", "service_name"])
    );
    assert_eq!(
        values(&format!("/label/__tenant_id__/values?{range}")),
        json!(["a", "b"])
    );
    assert_eq!(values(&format!("/series?{range}"))[1]["__tenant_id__"], "b");
    let refused = push(&client, "a|b", "web", &["x"]);
    assert_eq!(
        (refused.status, refused.text.as_str()),
        (400, "multiple org IDs present\n")
    );
}

#[test]
fn tenants_have_limits_of_their_own_that_change_without_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("overrides.yaml");
    let write = |text: &str| std::fs::write(&file, text).expect("written");
    write(
        "overrides:\n  small: {ingestion_rate_mb: 0.00001, ingestion_burst_size_mb: 0.00002, max_query_length: 10s}\n",
    );
    let local = Local::start_with(|config| {
        config.auth_enabled = true;
        config.runtime.file = vec![file.display().to_string()];
        config.runtime.period = Duration::from_millis(100);
    });
    let client = local.client();
    let line = "x".repeat(30);
    let refused = push(&client, "small", "web", &[&line]);
    let text = "ingestion rate limit exceeded for user small (limit: 10 bytes/sec) while attempting to ingest '1' lines totaling '30' bytes, reduce log volume or contact your Loki administrator to see if the limit can be increased\n";
    assert_eq!((refused.status, refused.text.as_str()), (429, text));
    assert!(refused.header("retry-after").is_some());
    assert_eq!(push(&client, "other", "web", &[&line]).status, 204);
    let discarded = "loki_discarded_samples_total{reason=\"rate_limited\",tenant=\"small\",retention_hours=\"\",policy=\"\",format=\"loki\"} 1";
    assert!(metric(&client, discarded));
    let long = get(
        &client,
        &target("{app=\"web\"}", ""),
        &[("X-Scope-OrgID", "small")],
    );
    assert_eq!(
        (long.status, long.text.as_str()),
        (
            400,
            "the query time range exceeds the limit (query length: 1m0s, limit: 10s)"
        )
    );
    assert!(metric(
        &client,
        "skald_queries_refused_total{tenant=\"small\",reason=\"max_query_length\"} 1"
    ));
    let limits = get(
        &client,
        "/config/tenant/v1/limits",
        &[("X-Scope-OrgID", "small")],
    )
    .text;
    assert!(limits.contains("max_query_length: 10s\n"), "{limits}");
    write("overrides: {}\n");
    let deadline = Instant::now() + Duration::from_secs(30);
    while push(&client, "small", "web", &[&line]).status != 204 {
        assert!(Instant::now() < deadline, "the change is taken");
    }
}

#[test]
fn attributes_of_otlp_go_where_the_tenant_wants_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("overrides.yaml");
    let own = "overrides: {own: {otlp_config: {resource_attributes: {ignore_defaults: true, attributes_config: [\
        {action: drop, regex: 'host.*'}, {action: index_label, attributes: [team]}]}, \
        log_attributes: [{action: index_label, attributes: [job]}]}}}";
    std::fs::write(&file, own).expect("written");
    let local = Local::start_with(|config| {
        config.auth_enabled = true;
        config.runtime.file = vec![file.display().to_string()];
    });
    let client = local.client();
    let attribute = |name: &str, value: &str| json!({"key": name, "value": {"stringValue": value}});
    let record = |job: &str| json!({"timeUnixNano": format!("{BASE_S}000000000"), "body": {"stringValue": "x"}, "attributes": [attribute("job", job)]});
    let resource = [
        attribute("k8s.pod.name", "p"),
        attribute("team", "t"),
        attribute("host.name", "h"),
    ];
    let body = json!({"resourceLogs": [{"resource": {"attributes": resource}, "scopeLogs": [{"logRecords": [record("a"), record("b")]}]}]});
    let check = |tenant: &str, series: Value, lines: Value| {
        let headers = [
            ("X-Scope-OrgID", tenant),
            ("Content-Type", "application/json"),
        ];
        let pushed = send(
            &client,
            "POST",
            "/otlp/v1/logs",
            &headers,
            &body.to_string(),
        );
        assert_eq!(pushed.status, 204, "{}", pushed.text);
        let range = format!("{API}/series?start={BASE_S}&end={}", BASE_S + 60);
        assert_eq!(
            result(&get(&client, &range, &headers))["data"],
            series,
            "{tenant}"
        );
        let categorized = [
            headers[0],
            ("X-Loki-Response-Encoding-Flags", "categorize-labels"),
        ];
        let found = result(&get(
            &client,
            &target(
                "{service_name=~\".+\"} | job=\"a\" | drop detected_level",
                "",
            ),
            &categorized,
        ));
        assert_eq!(
            found["data"]["result"][0]["values"][0][2]["structuredMetadata"], lines,
            "{tenant}"
        );
    };
    let labels = |job: &str| json!({"job": job, "service_name": "unknown_service", "team": "t"});
    check(
        "own",
        json!([labels("a"), labels("b")]),
        json!({"k8s_pod_name": "p"}),
    );
    let metadata = json!({"host_name": "h", "job": "a", "team": "t"});
    check(
        "other",
        json!([{"k8s_pod_name": "p", "service_name": "unknown_service"}]),
        metadata,
    );
}

#[test]
fn answers_over_a_limit_are_cut_for_those_who_show_warnings() {
    let start = |strict: bool| {
        Local::start_with(move |config| {
            config.limits.max_query_series = 2;
            config.limits.max_entries_limit_per_query = 3;
            config.limits.strict = strict;
        })
    };
    let grafana = ("X-Loki-Response-Encoding-Flags", "categorize-labels");
    for strict in [false, true] {
        let local = start(strict);
        let client = local.client();
        for app in ["a", "b", "c"] {
            assert_eq!(push(&client, "", app, &["1", "2"]).status, 204);
        }
        let series = target("count_over_time({app=~\".+\"}[1m])", "");
        let refused = get(&client, &series, &[]);
        assert_eq!(refused.status, 400);
        assert!(
            refused
                .text
                .starts_with("maximum number of series (2) reached for a single query; consider"),
            "{}",
            refused.text
        );
        let entries = target("{app=~\".+\"}", "&limit=5");
        let refused = get(&client, &entries, &[]);
        let text =
            "max entries limit per query exceeded, limit > max_entries_limit_per_query (5 > 3)";
        assert_eq!((refused.status, refused.text.as_str()), (400, text));
        let (series, entries) = (
            get(&client, &series, &[grafana]),
            get(&client, &entries, &[grafana]),
        );
        if strict {
            assert_eq!((series.status, entries.status), (400, 400));
            continue;
        }
        let (series, entries) = (result(&series), result(&entries));
        let warning =
            "maximum number of series (2) reached for a single query; returning partial results";
        assert_eq!(series["warnings"], json!([warning]));
        assert_eq!(series["data"]["result"].as_array().map(Vec::len), Some(2));
        let count: usize = entries["data"]["result"]
            .as_array()
            .expect("streams")
            .iter()
            .filter_map(|s| s["values"].as_array())
            .map(Vec::len)
            .sum();
        assert_eq!(
            (count, entries["warnings"].as_array().map(Vec::len)),
            (3, Some(1)),
            "{entries}"
        );
        assert!(metric(
            &client,
            "skald_queries_partial_total{tenant=\"fake\"} 2"
        ));
    }
}

#[test]
fn a_query_out_of_time_is_answered_in_part_or_in_lokis_words() {
    let refusal = "request timed out, decrease the duration of the request or add more label matchers (prefer exact match over \
        regex match) to reduce the amount of data processed";
    for strict in [false, true] {
        let local = Local::start_with(|config| {
            config.limits.query_timeout = Duration::from_nanos(1);
            config.limits.strict = strict;
        });
        let client = local.client();
        assert_eq!(push(&client, "", "web", &["1", "2"]).status, 204);
        for query in ["{app=\"web\"}", "count_over_time({app=\"web\"}[1m])"] {
            let refused = get(&client, &target(query, ""), &[]);
            assert_eq!((refused.status, refused.text.as_str()), (504, refusal));
            let ask = || get(&client, &target(query, ""), &[("X-Skald-Partial", "true")]);
            if strict {
                assert_eq!((ask().status, ask().text.as_str()), (504, refusal));
                continue;
            }
            // On a machine too busy to begin a query within a second everybody gets the refusal: it is asked again.
            let part = std::iter::repeat_with(ask)
                .take(20)
                .find(|answer| answer.status == 200)
                .expect("a part is answered");
            let part = result(&part);
            assert_eq!(
                part["warnings"],
                json!(["the query ran out of time; returning partial results"])
            );
            assert_eq!(part["data"]["result"], json!([]));
        }
        assert!(
            get(&client, "/metrics", &[])
                .text
                .contains("skald_queries_refused_total{tenant=\"fake\",reason=\"query_timeout\"}")
        );
    }
}

#[test]
fn a_request_may_tighten_its_limits() {
    let local = Local::start_with(|config| config.querier.per_request_limits_enabled = true);
    let client = local.client();
    let header = (
        "X-Loki-Query-Limits",
        r#"{"maxQueryLength":"30s","requiredLabels":["env"]}"#,
    );
    let refused = get(&client, &target("{app=\"web\", env=\"x\"}", ""), &[header]);
    assert_eq!(
        refused.text,
        "the query time range exceeds the limit (query length: 1m0s, limit: 30s)"
    );
    let refused = get(&client, &target("{app=\"web\"}", ""), &[header]);
    assert_eq!(
        refused.text,
        "stream selector is missing required matchers [env], labels present in the query were [app]"
    );
}

#[test]
fn equal_queries_under_way_run_once() {
    let local = Local::start();
    let client = local.client();
    assert_eq!(push(&client, "", "web", &["x"]).status, 204);
    // All threads are kept busy, so that the queries wait together.
    let (release, released) = mpsc::channel::<()>();
    let released = std::sync::Arc::new(std::sync::Mutex::new(released));
    let (app, fake) = (local.running().app().clone(), skald_model::TenantId::fake());
    for _ in 0..64 {
        let released = released.clone();
        let job = move || drop(released.lock().map(|channel| channel.recv()));
        app.engine
            .run(&fake, &skald_query::Cancel::default(), usize::MAX, job)
            .expect("there is room");
    }
    let asking: Vec<_> = (0..5)
        .map(|_| {
            let client = local.client();
            std::thread::spawn(move || get(&client, &target("{app=\"web\"}", ""), &[]).text)
        })
        .collect();
    let deadline = Instant::now() + Duration::from_secs(30);
    while !metric(&client, "skald_queries_shared_total 4") {
        assert!(Instant::now() < deadline, "four of five join the first");
    }
    drop(release);
    let answers: Vec<String> = asking
        .into_iter()
        .map(|asked| asked.join().expect("an answer"))
        .collect();
    assert!(
        answers[0].contains("\"x\"") && answers.iter().all(|answer| *answer == answers[0]),
        "{answers:?}"
    );
}

#[test]
fn a_dropped_connection_ends_the_work_of_its_query() {
    let local = Local::start();
    let client = local.client();
    let app = local.running().app().clone();
    let values: Vec<Value> = (0..200_000i64)
        .map(|i| {
            json!([
                (BASE_S * 1_000_000_000 + i).to_string(),
                format!("n={i} m={}", i * 7)
            ])
        })
        .collect();
    let body = json!({"streams": [{"stream": {"app": "web"}, "values": values}]}).to_string();
    assert_eq!(client.push(&body).expect("the server answers").status, 204);
    let heavy = target(
        "sum by (n) (count_over_time({app=\"web\"} | logfmt | line_format `{{.m}}{{.n}}` |~ `(1|2|3)+` [1m]))",
        "&step=1",
    );
    let mut stream = std::net::TcpStream::connect(local.address()).expect("the server accepts");
    std::io::Write::write_all(
        &mut stream,
        format!("GET {heavy} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes(),
    )
    .expect("sent");
    let deadline = Instant::now() + Duration::from_secs(60);
    while app.engine.load().0 == 0 {
        assert!(Instant::now() < deadline, "the query begins");
    }
    drop(stream);
    let left = Instant::now();
    while app.engine.load() != (0, 0) {
        assert!(Instant::now() < deadline, "the query ends");
    }
    std::io::Write::write_all(
        &mut std::io::stderr(),
        format!(
            "the query ended {:?} after its client had left\n",
            left.elapsed()
        )
        .as_bytes(),
    )
    .expect("stderr is open");
}

#[test]
fn tokens_bind_tenants_and_rights() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("tokens.yaml");
    let list = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
    let make = |name: &str, tenants: &str, rights: &str| {
        tokens::new_token(name, &list(tenants), &list(rights)).expect("a token")
    };
    let (agent, agent_entry) = make("agent", "a", "write");
    let (person, person_entry) = make("person", "a,b", "read");
    let (operator, operator_entry) = make("operator", "*", "read,write,admin");
    std::fs::write(
        &file,
        format!("tokens:\n{agent_entry}{person_entry}{operator_entry}"),
    )
    .expect("written");
    let local = Local::start_with(|config| {
        config.auth_enabled = true;
        config.tokens_file = file.display().to_string();
    });
    let client = local.client();
    let check = |token: &str, tenant: &str, target: &str, status: u16| {
        let bearer = format!("Bearer {token}");
        let headers = [
            ("Authorization", bearer.as_str()),
            ("X-Scope-OrgID", tenant),
        ];
        let used = match (token, tenant) {
            ("", _) => &headers[1..],
            (_, "") => &headers[..1],
            _ => &headers[..],
        };
        let (method, body) = if target.ends_with("push") {
            ("POST", r#"{"streams":[{"stream":{"a":"b"},"values":[]}]}"#)
        } else {
            ("GET", "")
        };
        let with_type = [used, &[("Content-Type", "application/json")]].concat();
        let answer = send(&client, method, target, &with_type, body);
        assert_eq!(answer.status, status, "{tenant} {target}: {}", answer.text);
    };
    let (push, labels) = ("/loki/api/v1/push", "/loki/api/v1/labels");
    check("", "", "/ready", 200);
    check("", "a", labels, 401);
    check("wrong", "a", labels, 401);
    check(&agent, "", push, 204);
    check(&agent, "b", push, 403);
    check(&agent, "a", labels, 403);
    check(&person, "b", labels, 200);
    check(&person, "c", labels, 403);
    check(&person, "", labels, 401);
    check(&person, "a", push, 403);
    check(&person, "a", "/config", 403);
    check(&operator, "z", labels, 200);
    check(&operator, "", "/config", 200);
    let basic = base64::Engine::encode(
        &base64::engine::general_purpose::STANDARD,
        format!("person:{person}"),
    );
    let headers = [
        ("Authorization", format!("Basic {basic}")),
        ("X-Scope-OrgID", "a".to_owned()),
    ];
    assert_eq!(
        get(
            &client,
            labels,
            &headers.each_ref().map(|(n, v)| (*n, v.as_str()))
        )
        .status,
        200
    );
    let unauthorized = get(&client, labels, &[]);
    assert_eq!(
        unauthorized.header("www-authenticate"),
        Some("Basic realm=\"skald\"")
    );
}
