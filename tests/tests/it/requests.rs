//! How the server treats requests: forms and long URLs, forgiving paths, compression, defaults of
//! metric queries, clients that leave, pages for operators.

use serde_json::{Value, json};
use skald_model::TenantId;
use skald_query::Cancel;
use skald_tests::http::Client;
use skald_tests::local::Local;
use skald_tests::push::Push;
use skald_tests::{API, BASE_S};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc;
use std::time::{Duration, Instant};

fn push(client: &Client, count: i64) {
    let mut push = Push::stream(json!({"app": "web"}));
    for i in 0..count {
        push = push.entry(i, &format!("line {i} <&>"));
    }
    push.to(client);
}

fn get(client: &Client, target: &str) -> Value {
    let reply = client.get(target, &[], &[]).expect("the server answers");
    assert_eq!(reply.status, 200, "{target}: {}", reply.text);
    serde_json::from_str(&reply.text).expect("the answer is JSON")
}

fn lines(answer: &Value) -> usize {
    let streams = answer["data"]["result"]
        .as_array()
        .expect("a result is a list");
    streams
        .iter()
        .map(|s| s["values"].as_array().map_or(0, Vec::len))
        .sum()
}

#[test]
fn a_form_and_the_url_are_one_and_the_form_comes_first() {
    let local = Local::start();
    let client = local.client();
    push(&client, 10);
    let range = format!("start={BASE_S}&end={}", BASE_S + 60);
    let form = format!("query=%7Bapp%3D%22web%22%7D&limit=3&{range}");
    let target = format!("{API}/query_range?limit=7");
    let reply = client
        .post(
            &target,
            "application/x-www-form-urlencoded",
            form.as_bytes(),
        )
        .expect("the server answers");
    assert_eq!(lines(&serde_json::from_str(&reply.text).expect("JSON")), 3);
    let reply = client
        .post(&format!("{target}&{form}"), "text/plain", b"query=x")
        .expect("the server answers");
    assert_eq!(lines(&serde_json::from_str(&reply.text).expect("JSON")), 7);
}

#[test]
fn the_parameters_of_a_delete_lie_in_the_url_a_form_or_both() {
    let local = Local::start();
    let client = local.client();
    push(&client, 3);
    let query = "query=%7Bapp%3D%22web%22%7D%20%7C%3D%20%22line";
    let times = format!("start={BASE_S}&end={}", BASE_S + 60);
    let form = "application/x-www-form-urlencoded; charset=utf-8";
    for (url, kind, body) in [
        (format!("{query}%200%22&{times}"), form, String::new()),
        (times.clone(), form, format!("{query}%201%22")),
        (format!("{query}%202%22"), form, times.clone()),
    ] {
        let target = format!("{API}/delete?{url}");
        let reply = client.post(&target, kind, body.as_bytes());
        let reply = reply.expect("the server answers");
        assert_eq!(reply.status, 204, "{target} {body}: {}", reply.text);
    }
    let reply = client.post(
        &format!("{API}/delete?{times}"),
        "text/plain",
        query.as_bytes(),
    );
    let reply = reply.expect("the server answers");
    assert!(
        reply.status == 400 && reply.text.contains("query not set"),
        "{}",
        reply.text
    );
    let all = format!("{API}/query_range?query=%7Bapp%3D%22web%22%7D&{times}");
    assert_eq!(lines(&get(&client, &all)), 0, "each of the three is hidden");
}

#[test]
fn long_urls_doubled_prefixes_and_trailing_slashes_are_taken() {
    let local = Local::start();
    let client = local.client();
    push(&client, 2);
    let range = format!("start={BASE_S}&end={}", BASE_S + 60);
    let filters = "%20!%3D%20%22nothing%20like%20this%22".repeat(1700);
    let target = format!("{API}/query_range?query=%7Bapp%3D%22web%22%7D{filters}&{range}");
    assert!(
        target.len() > 60_000 && target.len() < 65_534,
        "{}",
        target.len()
    );
    assert_eq!(lines(&get(&client, &target)), 2);
    for path in [
        "/loki/api/v1/loki/api/v1/labels",
        "/loki/api/v1/labels/",
        "/loki/api/v1/label",
        "/api/prom/label",
    ] {
        assert_eq!(
            get(&client, &format!("{path}?{range}"))["data"],
            json!(["app", "service_name"]),
            "{path}"
        );
    }
}

#[test]
fn points_of_metric_queries_lie_at_multiples_of_the_step() {
    let local = Local::start();
    let client = local.client();
    push(&client, 60);
    let query = "query=count_over_time(%7Bapp%3D%22web%22%7D%5B10s%5D)&step=10";
    let answer = get(
        &client,
        &format!(
            "{API}/query_range?{query}&start={}&end={}",
            BASE_S + 13,
            BASE_S + 38
        ),
    );
    let times: Vec<i64> = answer["data"]["result"][0]["values"]
        .as_array()
        .expect("points")
        .iter()
        .filter_map(|p| p[0].as_i64())
        .collect();
    assert_eq!(times, [10, 20, 30, 40].map(|s| BASE_S + s));
}

#[test]
fn answers_are_compressed_for_those_who_take_it() {
    let local = Local::start();
    push(&local.client(), 100);
    let ask = |encoding: &str| {
        let mut stream = TcpStream::connect(local.address()).expect("the server accepts");
        let range = format!("start={BASE_S}&end={}", BASE_S + 600);
        write!(
            stream,
            "GET {API}/query_range?query=%7Bapp%3D%22web%22%7D&{range} HTTP/1.1\r\nHost: localhost\r\n{encoding}Connection: close\r\n\r\n"
        )
        .expect("sent");
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("the answer arrives");
        let end = bytes
            .windows(4)
            .position(|w| w == b"\r\n\r\n")
            .expect("the head ends");
        (
            String::from_utf8_lossy(&bytes[..end]).to_lowercase(),
            bytes.len(),
        )
    };
    let (plain_head, plain) = ask("");
    let (gzip_head, gzip) = ask("Accept-Encoding: gzip\r\n");
    assert!(
        !plain_head.contains("content-encoding") && gzip_head.contains("content-encoding: gzip"),
        "{gzip_head}"
    );
    assert!(gzip * 3 < plain, "{gzip} of {plain}");
}

#[test]
fn text_is_safe_in_html_and_bytes_that_are_no_text_are_replaced() {
    let local = Local::start();
    let client = local.client();
    push(&client, 1);
    let range = format!(
        "query=%7Bapp%3D%22web%22%7D&start={BASE_S}&end={}",
        BASE_S + 60
    );
    let reply = client
        .get(&format!("{API}/query_range?{range}"), &[], &[])
        .expect("the server answers");
    assert!(
        reply
            .text
            .contains(r#"["1772323200000000000","line 0 \u003c\u0026\u003e"]"#),
        "{}",
        reply.text
    );
}

#[test]
fn a_client_that_leaves_cancels_its_query() {
    let local = Local::start();
    let app = local.running().app().clone();
    let (began, begun) = mpsc::channel();
    let (told, cancelled) = mpsc::channel();
    let reader = app.read_scope(TenantId::fake());
    let asking = local.runtime.spawn(async move {
        app.ask(&reader, move |_, cancel| {
            began.send(()).expect("the test listens");
            while !cancel.is_cancelled() {
                std::thread::yield_now();
            }
            told.send(()).expect("the test listens");
            Ok(())
        })
        .await
    });
    begun
        .recv_timeout(Duration::from_secs(30))
        .expect("the query begins");
    asking.abort();
    cancelled
        .recv_timeout(Duration::from_secs(30))
        .expect("the query is told");
}

#[test]
fn a_closed_connection_ends_its_request() {
    let local = Local::start();
    let app = local.running().app().clone();
    // Every thread of the engine is kept busy, so that the query waits.
    let (release, released) = mpsc::channel::<()>();
    let released = std::sync::Arc::new(std::sync::Mutex::new(released));
    for _ in 0..256 {
        let released = released.clone();
        let job = move || drop(released.lock().map(|channel| channel.recv()));
        app.engine
            .run(&TenantId::fake(), &Cancel::default(), usize::MAX, job)
            .expect("there is room");
    }
    let mut stream = TcpStream::connect(local.address()).expect("the server accepts");
    write!(
        stream,
        "GET {API}/query?query=vector(1) HTTP/1.1\r\nHost: localhost\r\n\r\n"
    )
    .expect("the request is sent");
    let waiting = "loki_inflight_requests{method=\"GET\",route=\"loki_api_v1_query\"} 1\n";
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let metrics = local.client().get("/metrics", &[], &[]);
        let metrics = metrics.expect("the server answers").text;
        if metrics.contains(waiting) {
            break;
        }
        assert!(Instant::now() < deadline, "no {waiting:?} in {metrics}");
    }
    drop(stream);
    let ended = local
        .runtime
        .block_on(async { tokio::time::timeout(Duration::from_secs(30), app.idle()).await });
    drop(release);
    ended.expect("the request ends although its query could not begin");
}

#[test]
fn a_fault_is_answered_and_counted_and_the_server_lives() {
    let local = Local::start();
    let app = local.running().app().clone();
    let reader = app.read_scope(TenantId::fake());
    let asked = local
        .runtime
        .block_on(app.ask(&reader, |_, _| -> Result<(), _> { panic!("on purpose") }));
    assert_eq!(asked.map_err(|e| e.status.as_u16()), Err(500));
    let metrics = local
        .client()
        .get("/metrics", &[], &[])
        .expect("the server answers")
        .text;
    assert!(metrics.contains("\nloki_panic_total 1\n"), "{metrics}");
}

#[test]
fn what_is_older_than_the_lookback_is_not_seen() {
    let local =
        Local::start_with(|config| config.limits.max_query_lookback = Duration::from_secs(3600));
    let client = local.client();
    push(&client, 3);
    let range = format!("start={BASE_S}&end={}", BASE_S + 60);
    assert_eq!(
        get(&client, &format!("{API}/labels?{range}")),
        json!({"status": "success"})
    );
    assert_eq!(
        lines(&get(
            &client,
            &format!("{API}/query_range?query=%7Bapp%3D%22web%22%7D&{range}")
        )),
        0
    );
}

#[test]
fn the_tenant_header_is_ignored_while_authentication_is_off() {
    let local = Local::start();
    let client = local.client();
    push(&client, 1);
    let headers = [("X-Scope-OrgID".to_owned(), "somebody".to_owned())];
    let target = format!("{API}/label/app/values?start={BASE_S}&end={}", BASE_S + 60);
    let reply = client
        .get(&target, &[], &headers)
        .expect("the server answers");
    assert_eq!(reply.text, "{\"status\":\"success\",\"data\":[\"web\"]}\n");
}

#[test]
fn pages_for_operators_are_there() {
    let local = Local::start();
    let client = local.client();
    let text = |target: &str| {
        client
            .get(target, &[], &[])
            .expect("the server answers")
            .text
    };
    assert_eq!(text("/ready"), "ready\n");
    assert!(text("/services").contains("querier => Running\n"));
    assert!(text("/config").contains("max_line_size: 256KB\n"));
    assert!(text("/config?mode=diff").contains("http_listen_port: 0\n"));
    assert!(text("/config/tenant/v1/limits").contains("\nmax_line_size: 256KB\n"));
    assert_eq!(
        get(&client, &format!("{API}/status/buildinfo"))["revision"]
            .as_str()
            .map(|r| &r[..6]),
        Some("skald-")
    );
    assert_eq!(
        get(&client, &format!("{API}/drilldown-limits"))["limits"]["volume_enabled"],
        json!(true)
    );
    assert_eq!(
        get(&client, &format!("{API}/patterns?query=%7Ba%3D%22b%22%7D")),
        json!({"status": "success", "data": []})
    );
    push(&client, 3);
    assert_eq!(
        client
            .get("/flush", &[], &[])
            .expect("the server answers")
            .status,
        204
    );
    let metrics = text("/metrics");
    for expected in [
        "loki_request_duration_seconds_bucket{method=\"POST\",route=\"loki_api_v1_push\",status_code=\"204\",ws=\"false\",le=\"+Inf\"} 1\n",
        "\nskald_parts 1\n",
        "\nprocess_open_fds ",
    ] {
        assert!(metrics.contains(expected), "{expected}: {metrics}");
    }
}

#[test]
fn grafanas_health_check_at_its_odd_time_is_answered() {
    let local = Local::start();
    let answer = get(
        &local.client(),
        &format!("{API}/query?direction=backward&query=vector(1)%2Bvector(1)&time=4000000000"),
    );
    assert_eq!(
        answer["data"]["result"],
        json!([{"metric": {}, "value": [4_000_000_000i64, "2"]}])
    );
}

#[test]
fn the_legacy_endpoint_gives_labels_as_one_text() {
    let local = Local::start();
    let client = local.client();
    push(&client, 3);
    let answer = get(
        &client,
        &format!(
            "/api/prom/query?query=%7Bapp%3D%22web%22%7D&regexp=line+1&start={BASE_S}&end={}",
            BASE_S + 60
        ),
    );
    assert_eq!(
        answer["streams"][0]["labels"],
        json!("{app=\"web\", detected_level=\"unknown\", service_name=\"web\"}")
    );
    assert_eq!(
        answer["streams"][0]["entries"],
        json!([{"ts": "2026-03-01T00:00:01Z", "line": "line 1 <&>"}])
    );
}
