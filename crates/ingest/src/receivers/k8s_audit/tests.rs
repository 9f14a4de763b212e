//! Bodies as the API server sends them, and bodies it never sends.

use super::*;
use crate::limits::noise::NoiseRule;
use crate::receivers::events::tests::{empty, shown};

const NOW: i64 = 1_796_040_000_000_000_000;

fn check(body: &str, want: Result<&str, &str>) {
    let limits = IngestLimits::default();
    let decoded = decode(body.as_bytes(), Some("east"), &limits, NOW, empty());
    let got = decoded.map(|decoded| shown(&decoded));
    let got = got.as_deref().map_err(|error| error.to_string());
    assert_eq!(got, want.map_err(str::to_owned), "{body}");
}

const EVENT: &str = r#"{"level":"Metadata","auditID":"a-1","stage":"ResponseComplete","requestURI":"/api/v1/namespaces/shop/pods/web?x=1","verb":"get","user":{"username":"alice","groups":["dev","system:authenticated"]},"impersonatedUser":{"username":"bob"},"sourceIPs":["198.51.100.23","127.0.0.1"],"userAgent":"kubectl","objectRef":{"resource":"pods","namespace":"shop","name":"web","apiGroup":"apps","subresource":"log"},"responseStatus":{"metadata":{},"code":403},"requestReceivedTimestamp":"2026-11-30T12:00:00.000000Z","stageTimestamp":"2026-11-30T12:00:00.078928Z","annotations":{"authorization.k8s.io/decision":"forbid","authorization.k8s.io/reason":"no \"right\""}}"#;

fn kept() -> String {
    format!(
        "{{cluster=\"east\", code_class=\"4xx\", level=\"Metadata\", service_name=\"kube-apiserver-audit\", \
         stage=\"ResponseComplete\", verb=\"get\"}}\n  1796040000078928000 {EVENT} | detected_level=warn \
         | auditID=a-1 | user=alice | impersonatedUser=bob | namespace=shop | resource=pods | subresource=log \
         | name=web | apiGroup=apps | code=403 | sourceIP=198.51.100.23 | decision=forbid | latency_ms=78 \
         | userAgent=kubectl | requestURI=/api/v1/namespaces/shop/pods/web?x=1 | reason=no \"right\" \
         | groups=dev,system:authenticated\n"
    )
}

#[test]
fn lists_events_and_lines_give_the_same() {
    let list = |version: &str| {
        format!(
            r#"{{"kind":"EventList","apiVersion":"audit.k8s.io/{version}","metadata":{{}},"items":[{EVENT}]}}"#
        )
    };
    for body in [
        list("v1"),
        list("v1beta1"),
        format!(r#"{{ "items" : [ {EVENT} ] , "kind":"EventList" }}"#),
        EVENT.to_owned(),
        format!("\u{feff}{EVENT}\n"),
        format!("[{EVENT}]"),
    ] {
        check(&body, Ok(&kept()));
    }
}

#[test]
fn a_bad_neighbour_is_kept_as_a_line() {
    let bad = "{cluster=\"east\", service_name=\"kube-apiserver-audit\"}\n";
    for (item, details) in [
        ("5", "an audit event is a number"),
        ("\"x\"", "an audit event is a string"),
        ("{\"a\":tru}", "an audit event is no JSON"),
        ("null", "an audit event is null"),
    ] {
        let body = format!(r#"{{"items":[{EVENT},{item}]}}"#);
        let want = format!("{}{bad}  {NOW} {item} | malformed={details}\n", kept());
        check(&body, Ok(&want));
    }
    let cut = &EVENT[..100];
    let want = format!(
        "{}{bad}  {NOW} {cut} | malformed=an audit event is no JSON\n",
        kept()
    );
    check(&format!("{EVENT}\n\r\n{cut}\n"), Ok(&want));
}

#[test]
fn wrong_types_cost_a_column_and_not_the_event() {
    for (event, columns) in [
        (
            r#"{"auditID":"a","stageTimestamp":"2026-11-30T12:00:00Z","verb":["get"],"user":{}}"#,
            "auditID=a | malformed=verb is an array, not a string",
        ),
        (
            r#"{"auditID":"a","stageTimestamp":"soon"}"#,
            "auditID=a | malformed=stageTimestamp is no time",
        ),
        (
            r#"{"stageTimestamp":"2026-11-30T12:00:00Z","user":"root"}"#,
            "malformed=user is a string, not an object",
        ),
        (
            r#"{"auditID":"a","stageTimestamp":"2026-11-30T12:00:00Z","user":null,"sourceIPs":null,"responseStatus":{"code":"200"}}"#,
            "auditID=a | malformed=responseStatus.code is a string, not a number",
        ),
        (r#"{}"#, "malformed=no auditID"),
    ] {
        let want = format!(
            "{{cluster=\"east\", service_name=\"kube-apiserver-audit\"}}\n  {NOW} {event} | detected_level=info | {columns}\n"
        );
        check(event, Ok(&want));
    }
}

#[test]
fn bodies_without_events_are_refused_or_empty() {
    check(r#"{"kind":"EventList","items":[]}"#, Ok(""));
    check(r#"{"kind":"EventList","items":null}"#, Ok(""));
    check(r#"{"kind":"EventList"}"#, Ok(""));
    check(
        "5",
        Err("an audit event or a list of them is an object, not a number"),
    );
    check(
        r#"{"items":5}"#,
        Err("items of an EventList is a number, not an array"),
    );
    for body in [
        "",
        "{",
        r#"{"kind":"EventList","items":[{"a":1}"#,
        "hello\nworld",
    ] {
        let limits = IngestLimits::default();
        let error = decode(body.as_bytes(), None, &limits, NOW, empty());
        let error = error.expect_err("the body is no JSON");
        assert!(
            error.to_string().starts_with("the body is no JSON"),
            "{error}"
        );
        assert_eq!(error.status(), 400);
    }
}

#[test]
fn noise_is_left_out_and_counted() {
    let rule = NoiseRule {
        reason: "logs".to_owned(),
        resources: vec!["pods/log".to_owned()],
        ..NoiseRule::default()
    };
    let other = EVENT.replace("\"log\"", "\"exec\"");
    let body = format!("{EVENT}\n{other}\n{EVENT}\n");
    let limits = IngestLimits {
        k8s_audit_drop: vec![rule],
        ..IngestLimits::default()
    };
    let decoded = decode(body.as_bytes(), None, &limits, NOW, empty()).expect("it is read");
    assert_eq!(decoded.entries.len(), 1);
    let dropped: Vec<_> = decoded.dropped.into_iter().collect();
    assert_eq!(dropped, [("logs".to_owned(), (2, 2 * EVENT.len() as u64))]);
}

#[test]
fn an_event_that_is_too_large_keeps_all_but_its_objects() {
    let objects = format!(r#","requestObject":{{"data":"{}"}}"#, "x".repeat(2000));
    let large = EVENT.replacen(
        ",\"responseStatus\"",
        &format!("{objects},\"responseStatus\""),
        1,
    );
    let limits = IngestLimits {
        max_line_size: 1500,
        ..IngestLimits::default()
    };
    let decoded =
        decode(large.as_bytes(), Some("east"), &limits, NOW, empty()).expect("it is read");
    assert_eq!((decoded.truncated, decoded.entries.len()), (1, 1));
    let annotation = r#""annotations":{"audit.k8s.io/truncated":"true","authorization"#;
    let line = EVENT.replacen("\"annotations\":{\"authorization", annotation, 1);
    let want = kept().replacen(EVENT, &line, 1);
    let want = want.trim_end().to_owned() + " | truncated=true\n";
    assert_eq!(shown(&decoded), want);
    // What the API server truncated by itself says the same.
    let decoded = decode(line.as_bytes(), Some("east"), &limits, NOW, empty()).expect("it is read");
    assert_eq!((decoded.truncated, shown(&decoded)), (0, want));
}

#[test]
fn an_event_without_objects_is_left_to_the_limit() {
    let limits = IngestLimits {
        max_line_size: 100,
        ..IngestLimits::default()
    };
    let decoded = decode(EVENT.as_bytes(), None, &limits, NOW, empty()).expect("it is read");
    assert_eq!(
        (decoded.truncated, &*decoded.entries[0].line),
        (0, EVENT.as_bytes())
    );
}

#[test]
fn copies_of_an_event_have_one_key_and_other_events_have_others() {
    let key = |cluster: Option<&str>, event: &str| {
        let limits = IngestLimits::default();
        let decoded = decode(event.as_bytes(), cluster, &limits, NOW, empty()).expect("it is read");
        assert_eq!(decoded.entries.len(), 1, "{event}");
        decoded.keys.first().copied().flatten()
    };
    let own = key(None, EVENT);
    assert!(own.is_some());
    for copy in [
        EVENT.replacen('{', r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","#, 1),
        EVENT.replacen("12:00:00.000000Z", "12:00:00Z", 1),
        EVENT.replacen("12:00:00.078928Z", "13:00:00.078928+01:00", 1),
        format!("{{\"items\":[{EVENT}]}}"),
    ] {
        assert_ne!(copy, EVENT);
        assert_eq!(key(None, &copy), own, "{copy}");
    }
    assert_ne!(key(Some("east"), EVENT), own);
    for other in [
        EVENT.replacen("a-1", "a-2", 1),
        EVENT.replacen("ResponseComplete", "ResponseStarted", 1),
        EVENT.replacen("078928", "078929", 1),
    ] {
        assert_ne!(key(None, &other), own, "{other}");
    }
    assert_eq!(key(None, &EVENT.replacen("a-1", "", 1)), None);
}
