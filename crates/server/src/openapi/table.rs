//! The table of operations lists every route, its methods and parameters.

use super::params::*;
use super::{own, rules};
use crate::senders::{ROUTES, SenderRoute, Takes};

/// Loki's ring pages. Here one process holds everything, and each page says so.
pub(crate) const RING_PAGES: [&str; 9] = [
    "/ring",
    "/distributor/ring",
    "/ruler/ring",
    "/compactor/ring",
    "/indexgateway/ring",
    "/scheduler/ring",
    "/pattern/ring",
    "/partition-ring",
    "/memberlist",
];

/// Where rules are read and changed: all of them, those of a namespace, and a group.
pub(crate) const RULE_PATHS: [[&str; 3]; 4] = [
    [
        "/loki/api/v1/rules",
        "/loki/api/v1/rules/{namespace}",
        "/loki/api/v1/rules/{namespace}/{group}",
    ],
    [
        "/api/prom/rules",
        "/api/prom/rules/{namespace}",
        "/api/prom/rules/{namespace}/{group}",
    ],
    [
        "/prometheus/config/v1/rules",
        "/prometheus/config/v1/rules/{namespace}",
        "/prometheus/config/v1/rules/{namespace}/{group}",
    ],
    [
        "/api/v1/rules",
        "/api/v1/rules/{namespace}",
        "/api/v1/rules/{namespace}/{group}",
    ],
];

/// What an answer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    Json,
    /// Newline-delimited JSON.
    Lines,
    Text,
    /// YAML.
    Yaml,
    /// What was asked for is done, said in JSON: 202.
    Accepted,
    /// For people, or JSON.
    Page,
    /// A WebSocket, or an event stream.
    Stream,
    None,
}

impl Body {
    pub(super) fn status(self) -> &'static str {
        match self {
            Body::None => "204",
            Body::Accepted => "202",
            _ => "200",
        }
    }
}

/// A path.
pub(super) struct Operation {
    pub(super) path: &'static str,
    pub(super) methods: &'static [&'static str],
    pub(super) summary: &'static str,
    pub(super) answer: &'static str,
    pub(super) body: Body,
    pub(super) params: Vec<Param>,
}

pub(super) const GET: &[&str] = &["GET"];
pub(super) const POST: &[&str] = &["POST"];
pub(super) const BOTH: &[&str] = &["GET", "POST"];

pub(super) const RANGE: [Param; 3] = [START, END, SINCE];

/// All there is.
pub(super) fn operations() -> Vec<Operation> {
    [
        pushes(),
        queries(),
        metadata(),
        drilldown(),
        deletes(),
        rules::operations(),
        legacy(),
        own::operations(),
        pages(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

pub(super) fn read(path: &'static str, summary: &'static str, params: &[&[Param]]) -> Operation {
    let params = params
        .iter()
        .copied()
        .flatten()
        .copied()
        .chain([TENANT])
        .collect();
    Operation {
        path,
        methods: BOTH,
        summary,
        answer: "The answer, in Loki's shape.",
        body: Body::Json,
        params,
    }
}

fn page(
    path: &'static str,
    methods: &'static [&'static str],
    summary: &'static str,
    body: Body,
) -> Operation {
    Operation {
        path,
        methods,
        summary,
        answer: "Done, or the page.",
        body,
        params: Vec::new(),
    }
}

fn pushes() -> Vec<Operation> {
    let of_sender = |route: &'static SenderRoute| {
        let place = |param: &Param| route.path.find(&format!("{{{}}}", param.name));
        let named = OF_SENDERS.iter().filter(|param| place(param).is_some());
        let mut params: Vec<Param> = named.copied().collect();
        params.sort_by_key(place);
        params.push(TENANT);
        let body = match route.takes {
            Takes::Pushes => Body::None,
            Takes::Questions => Body::Json,
        };
        Operation {
            params,
            ..page(route.path, route.methods, route.about, body)
        }
    };
    ROUTES.iter().map(of_sender).collect()
}

fn queries() -> Vec<Operation> {
    let shown = [LIMIT, DIRECTION, ENCODING, TAGS, SKIP_ERRORS];
    let tail = |path| Operation {
        body: Body::Stream,
        answer: "History, then new entries: over a WebSocket, as server-sent events or as NDJSON.",
        ..read(
            path,
            "Follow a log query",
            &[&[LOG_QUERY, TAIL_START, LIMIT, DELAY_FOR, ENCODING]],
        )
    };
    vec![
        read(
            "/loki/api/v1/query",
            "Evaluate at an instant",
            &[&[QUERY, TIME], &shown],
        ),
        read(
            "/loki/api/v1/query_range",
            "Evaluate over a range of time",
            &[&[QUERY], &RANGE, &[STEP, INTERVAL, CURSOR], &shown],
        ),
        tail("/loki/api/v1/tail"),
        tail("/api/prom/tail"),
        read("/loki/api/v1/format_query", "Lay a query out", &[&[QUERY]]),
        Operation {
            answer: "Nodes, and edges with counts, bytes, verdicts and the log query behind each.",
            ..read(
                "/skald/api/v1/map",
                "Who talks to whom, from flow logs",
                &[&[FLOWS, MAP_BY], &RANGE],
            )
        },
        Operation {
            body: Body::Lines,
            answer: "An entry a line: timestamp, stream, structuredMetadata, parsed, line. Trouble on the way is a line \
                with `error`.",
            ..read(
                "/skald/api/v1/export",
                "All entries of a log query",
                &[
                    &[LOG_QUERY],
                    &RANGE,
                    &[
                        EXPORT_LIMIT,
                        DIRECTION,
                        CURSOR,
                        EXPORT_FORMAT,
                        EXPORT_COLUMNS,
                        EXPORT_TENANT,
                    ],
                ],
            )
        },
    ]
}

fn metadata() -> Vec<Operation> {
    vec![
        read(
            "/loki/api/v1/labels",
            "Names of labels",
            &[&[NARROWED], &RANGE],
        ),
        read(
            "/loki/api/v1/label",
            "Names of labels",
            &[&[NARROWED], &RANGE],
        ),
        read(
            "/loki/api/v1/label/{name}/values",
            "Values of a label",
            &[&[NAME, NARROWED], &RANGE],
        ),
        read(
            "/loki/api/v1/series",
            "Labels of streams",
            &[&[MATCH], &RANGE],
        ),
        read(
            "/loki/api/v1/index/stats",
            "How much a selector would read",
            &[&[SELECTOR], &RANGE],
        ),
        read(
            "/loki/api/v1/index/shards",
            "How a query could be divided: not at all",
            &[&[SELECTOR, SHARD_BYTES], &RANGE],
        ),
        read(
            "/loki/api/v1/index/volume",
            "Bytes of streams",
            &[
                &[SELECTOR, VOLUME_LIMIT, TARGET_LABELS, AGGREGATE_BY],
                &RANGE,
            ],
        ),
        read(
            "/loki/api/v1/index/volume_range",
            "Bytes of streams over time",
            &[
                &[SELECTOR, VOLUME_LIMIT, TARGET_LABELS, AGGREGATE_BY, STEP],
                &RANGE,
            ],
        ),
    ]
}

fn drilldown() -> Vec<Operation> {
    let limits = read(
        "/loki/api/v1/drilldown-limits",
        "What the tenant may do",
        &[],
    );
    vec![
        read(
            "/loki/api/v1/patterns",
            "Templates of lines over time",
            &[&[SELECTOR, STEP], &RANGE],
        ),
        read(
            "/loki/api/v1/detected_labels",
            "Labels worth showing",
            &[&[NARROWED], &RANGE],
        ),
        read(
            "/loki/api/v1/detected_fields",
            "Fields of a sample of lines",
            &[&[LOG_QUERY, LINE_LIMIT, FIELD_LIMIT, STEP], &RANGE],
        ),
        read(
            "/loki/api/v1/detected_field/{name}/values",
            "Values of a field in a sample of lines",
            &[&[NAME, LOG_QUERY, LINE_LIMIT, FIELD_LIMIT, STEP], &RANGE],
        ),
        Operation {
            methods: GET,
            ..limits
        },
    ]
}

fn deletes() -> Vec<Operation> {
    let path = "/loki/api/v1/delete";
    let create = Operation {
        methods: &["POST", "PUT"],
        body: Body::None,
        answer: "Done; `X-Delete-Request-ID` has the request's id.",
        ..read(
            path,
            "Delete entries",
            &[&[LOG_QUERY, DELETE_START, DELETE_END, MAX_INTERVAL]],
        )
    };
    let cancel = Operation {
        methods: &["DELETE"],
        body: Body::None,
        answer: "Done.",
        ..read(path, "Take a delete request back", &[&[REQUEST_ID, FORCE]])
    };
    vec![
        create,
        Operation {
            methods: GET,
            ..read(path, "Delete requests", &[&[QUERYTIME]])
        },
        cancel,
        Operation {
            methods: GET,
            ..read(
                "/loki/api/v1/cache/generation_numbers",
                "Changes when what is deleted does",
                &[],
            )
        },
    ]
}

fn legacy() -> Vec<Operation> {
    vec![
        read(
            "/api/prom/query",
            "Lines over a range of time, labels as text",
            &[&[LOG_QUERY, REGEXP, LIMIT, DIRECTION], &RANGE],
        ),
        read("/api/prom/label", "Names of labels", &[&[NARROWED], &RANGE]),
        read(
            "/api/prom/label/{name}/values",
            "Values of a label",
            &[&[NAME, NARROWED], &RANGE],
        ),
        read("/api/prom/series", "Labels of streams", &[&[MATCH], &RANGE]),
    ]
}

fn pages() -> Vec<Operation> {
    let rings = RING_PAGES.map(|path| {
        let about = "The ring: one process, which holds everything";
        page(path, GET, about, Body::Page)
    });
    let about_flush = "Write what is in memory to parts";
    let mut all = vec![
        page("/ready", GET, "Whether pushes are accepted", Body::Text),
        page("/metrics", GET, "Metrics for Prometheus", Body::Text),
        page("/services", GET, "Modules and their state", Body::Text),
        page("/flush", BOTH, about_flush, Body::None),
        page("/flush/tenant", POST, about_flush, Body::None),
    ];
    all.extend(page_in_a_browser());
    all.extend(settings_pages());
    all.extend(version_pages());
    all.extend(rings);
    all
}

fn page_in_a_browser() -> [Operation; 4] {
    let about_root = "The page for browsers, else what Elasticsearch clients ask before they write";
    [
        page("/", GET, about_root, Body::Json),
        page("/ui", GET, "Leads to the page", Body::Page),
        page("/ui/", GET, "The page", Body::Page),
        Operation {
            params: vec![FILE],
            ..page("/ui/{file}", GET, "A file of the page", Body::Text)
        },
    ]
}

fn settings_pages() -> [Operation; 3] {
    let about_limits = "Limits of the tenant, as YAML";
    let about_level = "The log level, or a new one";
    [
        Operation {
            params: vec![MODE],
            ..page("/config", GET, "Settings in force, as YAML", Body::Text)
        },
        Operation {
            params: vec![TENANT],
            ..page("/config/tenant/v1/limits", GET, about_limits, Body::Text)
        },
        Operation {
            params: vec![LOG_LEVEL],
            ..page("/log_level", BOTH, about_level, Body::Json)
        },
    ]
}

fn version_pages() -> [Operation; 2] {
    let build = "/loki/api/v1/status/buildinfo";
    let document = "/skald/api/v1/openapi.json";
    [
        page(build, GET, "Version of the API and of Skald", Body::Json),
        page(document, GET, "This document", Body::Json),
    ]
}
