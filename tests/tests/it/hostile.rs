//! Parameters nobody means: whatever they are, the answer is an answer, and never a fault of the
//! server.

use serde_json::json;
use skald_tests::local::Local;

const ENDPOINTS: [&str; 17] = [
    "/loki/api/v1/query",
    "/loki/api/v1/query_range",
    "/loki/api/v1/labels",
    "/loki/api/v1/label/app/values",
    "/loki/api/v1/series",
    "/loki/api/v1/index/stats",
    "/loki/api/v1/index/shards",
    "/loki/api/v1/index/volume",
    "/loki/api/v1/index/volume_range",
    "/loki/api/v1/patterns",
    "/loki/api/v1/detected_labels",
    "/loki/api/v1/detected_fields",
    "/loki/api/v1/detected_field/app/values",
    "/loki/api/v1/format_query",
    "/loki/api/v1/tail",
    "/api/prom/query",
    "/config",
];

const PARAMETERS: [&str; 12] = [
    "start",
    "end",
    "time",
    "since",
    "step",
    "interval",
    "limit",
    "line_limit",
    "delay_for",
    "direction",
    "targetBytesPerShard",
    "query",
];

const VALUES: [&str; 20] = [
    "x",
    "-1",
    "0",
    "0.0000000001",
    "1e308",
    "-1e308",
    "nan",
    "inf",
    "9223372036854775807",
    "-9223372036854775808",
    "99999999999999999999",
    "9999-12-31T23:59:59.999999999Z",
    "-009999-01-01T00:00:00Z",
    "2026-13-45T99:99:99Z",
    "9999999999y",
    "\u{0}\u{fffd}\u{202e}",
    "{",
    "{app=~\"(a*)*b\"}",
    "sum(count_over_time({app=\"web\"}[292y]))",
    "((((((((((((((((((((((((((((((((1))))))))))))))))))))))))))))))))",
];

#[test]
fn no_parameter_makes_the_server_fail() {
    let local = Local::start();
    let client = local.client();
    let body = json!({"streams": [{"stream": {"app": "web"}, "values": [["1772323200000000000", "a line"]]}]});
    assert_eq!(
        client
            .push(&body.to_string())
            .expect("the server answers")
            .status,
        204
    );
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    for endpoint in ENDPOINTS {
        for parameter in PARAMETERS {
            for value in VALUES {
                let mut params = vec![pair(parameter, value)];
                for (name, usual) in [("query", "{app=\"web\"}"), ("targetBytesPerShard", "1")] {
                    if name != parameter {
                        params.push(pair(name, usual));
                    }
                }
                let reply = client
                    .get(endpoint, &params, &[])
                    .expect("the server answers");
                assert!(
                    reply.status < 500,
                    "{endpoint} {params:?}: {} {}",
                    reply.status,
                    reply.text
                );
            }
        }
    }
    let metrics = client
        .get("/metrics", &[], &[])
        .expect("the server answers")
        .text;
    assert!(metrics.contains("\nloki_panic_total 0\n"), "{metrics}");
}

#[test]
fn extreme_ranges_of_metric_queries_are_answered() {
    let local = Local::start();
    let client = local.client();
    let ends = [
        "-9223372036854775808",
        "0",
        "1772323200",
        "9223372036854775807",
        "9223372036854775806",
    ];
    for start in ends {
        for end in ends {
            for query in [
                "{app=\"web\"}",
                "vector(1)",
                "rate({app=\"web\"}[5m])",
                "rate({app=\"web\"}[5m] offset -5m)",
            ] {
                for step in ["", "1ms", "9223372036"] {
                    let pairs = [
                        ("query", query),
                        ("start", start),
                        ("end", end),
                        ("step", step),
                    ];
                    let params: Vec<(String, String)> =
                        pairs.map(|(n, v)| (n.to_owned(), v.to_owned())).to_vec();
                    let reply = client
                        .get("/loki/api/v1/query_range", &params, &[])
                        .expect("the server answers");
                    assert!(
                        reply.status < 500,
                        "{params:?}: {} {}",
                        reply.status,
                        reply.text
                    );
                }
            }
        }
    }
}
