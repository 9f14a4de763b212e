//! Limits of a query: answers in part, refusals, queries shared, work that ends with its client.

use super::asking::{get, metric, push, result, target};
use serde_json::{Value, json};
use skald_tests::BASE_S;
use skald_tests::local::Local;
use std::sync::mpsc;
use std::time::{Duration, Instant};

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
            // On a machine too busy to begin a query within a second everybody gets the refusal: it
            // is asked again.
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
        format!("GET {heavy} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes(),
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
