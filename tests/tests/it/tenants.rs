//! Tenants and what they may do: several read at once, limits of their own, tokens.

use super::asking::{get, metric, push, result, send, target};
use serde_json::{Value, json};
use skald_server::auth::tokens;
use skald_tests::local::Local;
use skald_tests::{API, BASE_S};
use std::time::{Duration, Instant};

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
