//! Error texts that must not depend on where data lies.

use serde_json::json;
use skald_tests::BASE_S;
use skald_tests::local::Local;
use skald_tests::push::Push;
use skald_tests::query::Query;

#[test]
fn an_error_has_the_same_text_wherever_its_entry_lies() {
    let local = Local::start();
    let client = local.client();
    Push::stream(json!({"c": "text"}))
        .with_metadata(1, "{\"a\":\"1\"}", json!({"trace": "t1", "span": "s1"}))
        .with_metadata(
            2,
            "{\"a\":\"oops\",\"b\":\"2\"}",
            json!({"trace": "t2", "span": "s2"}),
        )
        .with_metadata(3, "{\"a\":\"3\"}", json!({"trace": "t3"}))
        .and_stream(json!({"c": "broken"}))
        .with_metadata(1, "{\"a\":", json!({"trace": "t4"}))
        .to(&client);
    let queries = [
        "sum(count_over_time({c=\"text\"} | json | a > 0 [1m]))",
        "sum by (trace) (count_over_time({c=\"text\"} | json | a > 0 [1m]))",
        "count_over_time({c=\"text\"} | json | a > 0 [1m])",
        "sum(sum_over_time({c=\"text\"} | json | unwrap a [1m]))",
        "sum by (a) (count_over_time({c=\"broken\"} | json [1m]))",
        "sum by (trace) (count_over_time({c=\"broken\"} | json | a=\"\" [1m]))",
    ];
    let texts = || {
        queries.map(|query| {
            let answer = Query::instant(query, (BASE_S + 60) * 1_000_000_000).ask(&client);
            assert_eq!(answer.status, 400, "{query}: {}", answer.text);
            answer.text
        })
    };
    let before = texts();
    for (query, text) in queries.iter().zip(&before) {
        assert!(text.contains("trace=\"t"), "{query}: {text}");
    }
    local.flush();
    assert_eq!(texts(), before);
    assert_eq!(texts(), before);
    local.compact();
    assert_eq!(texts(), before);
}
