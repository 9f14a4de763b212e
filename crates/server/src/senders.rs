//! Senders' routes: which path leads to which receiver, and how its senders show their tokens.
//!
//! One table for the router, for rights, for tokens and for the API document. Errors on these paths
//! are answered in the form that the senders of the path expect, wherever they arise.

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use skald_ingest::{Ending, Parameters, Protocol, PushReply};

use crate::break_off::break_off;
use crate::error::{self, ApiError};

/// A path that senders use.
#[derive(Debug)]
pub(crate) struct SenderRoute {
    /// As the router has it; `{name}` stands for one segment, `{tenant}` for the tenant.
    pub(crate) path: &'static str,
    /// In capitals.
    pub(crate) methods: &'static [&'static str],
    /// Who takes it.
    pub(crate) protocol: Protocol,
    /// What comes by it.
    pub(crate) takes: Takes,
    /// For the API document.
    pub(crate) about: &'static str,
}

/// What comes by a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    /// Entries.
    Pushes,
    /// Questions that the receiver answers by itself.
    Questions,
}

const POST: &[&str] = &["POST"];

const fn push(path: &'static str, protocol: Protocol, about: &'static str) -> SenderRoute {
    SenderRoute {
        path,
        methods: POST,
        protocol,
        takes: Takes::Pushes,
        about,
    }
}

/// What `/upload` takes.
const JOURNAL: &str = "Push entries of the journal: systemd-journal-upload";

/// What the paths of the audit webhook are for.
const K8S_AUDIT: &str = "Push Kubernetes audit events: the API server's webhook";

/// All of them.
pub(crate) static ROUTES: &[SenderRoute] = &[
    push(
        "/loki/api/v1/push",
        Protocol::Loki,
        "Push entries: protobuf with snappy, or JSON",
    ),
    push(
        "/api/prom/push",
        Protocol::LokiLegacy,
        "Push entries, labels as text in JSON",
    ),
    push("/otlp/v1/logs", Protocol::Otlp, "Push OpenTelemetry logs"),
    push("/ingest/k8s-audit", Protocol::K8sAudit, K8S_AUDIT),
    // A client of Kubernetes joins paths as they are, and a redirect would lose the batch.
    push("/ingest/k8s-audit/", Protocol::K8sAudit, K8S_AUDIT),
    push("/ingest/k8s-audit/{cluster}", Protocol::K8sAudit, K8S_AUDIT),
    push(
        "/ingest/k8s-audit/{cluster}/{tenant}",
        Protocol::K8sAudit,
        K8S_AUDIT,
    ),
    push(
        "/ingest/falco",
        Protocol::Falco,
        "Push events of Falco: its `http_output`",
    ),
    push(
        "/ingest/calico-flows",
        Protocol::CalicoFlows,
        "Push flow logs of Calico: a flow a line",
    ),
    push(
        "/ingest/hubble",
        Protocol::Hubble,
        "Push lines that Hubble exports",
    ),
    push(
        "/ingest/ndjson",
        Protocol::Ndjson,
        "Push JSON objects, one a line",
    ),
    push("/upload", Protocol::Journal, JOURNAL),
    push("/ingest/journal/upload", Protocol::Journal, JOURNAL),
    push(
        "/ingest/journal/{tenant}/upload",
        Protocol::Journal,
        JOURNAL,
    ),
    push("/ingest/csv", Protocol::Csv, "Push comma-separated values"),
    push(
        "/v1/logs",
        Protocol::OtlpHttp,
        "Push OpenTelemetry logs, with the answers of OTLP",
    ),
    bulk("/_bulk"),
    bulk("/{index}/_bulk"),
    document("/{index}/_doc"),
    document("/{index}/_doc/{id}"),
    document("/{index}/_create/{id}"),
    handshake("/_license"),
    handshake("/_xpack"),
    handshake("/_cluster/health"),
    handshake("/_nodes"),
    handshake("/_nodes/http"),
    handshake("/_nodes/_all/http"),
    handshake("/_ilm/policy/{name}"),
    handshake("/_template/{name}"),
    handshake("/_index_template/{name}"),
    handshake("/_component_template/{name}"),
    handshake("/_ingest/pipeline/{name}"),
    handshake("/_data_stream/{name}"),
    handshake("/_alias/{name}"),
    events("/services/collector"),
    events("/services/collector/event"),
    events("/services/collector/event/1.0"),
    raw("/services/collector/raw"),
    raw("/services/collector/raw/1.0"),
    ask(
        "/services/collector/health",
        GET,
        Protocol::SplunkEvents,
        "Health of the HTTP Event Collector",
    ),
    ask(
        "/services/collector/health/1.0",
        GET,
        Protocol::SplunkEvents,
        "Health of the HTTP Event Collector",
    ),
    ask(
        "/services/collector/ack",
        BOTH,
        Protocol::SplunkEvents,
        "Acknowledgements: not offered",
    ),
    push("/api/v2/logs", Protocol::Datadog, "Push logs as to Datadog"),
    push(
        "/v1/input",
        Protocol::Datadog,
        "Push logs as older agents of Datadog do",
    ),
    push(
        "/v1/input/{api_key}",
        Protocol::Datadog,
        "Push logs as older agents of Datadog do, with the key in the path",
    ),
    ask(
        "/api/v1/validate",
        GET,
        Protocol::Datadog,
        "Whether the key is good",
    ),
];

const GET: &[&str] = &["GET"];
const BOTH: &[&str] = &["GET", "POST"];

/// Clients of version 8 and 9 put, others post.
const fn bulk(path: &'static str) -> SenderRoute {
    SenderRoute {
        methods: &["POST", "PUT"],
        ..push(
            path,
            Protocol::Elasticsearch,
            "Bulk requests of Elasticsearch's clients",
        )
    }
}

const fn document(path: &'static str) -> SenderRoute {
    SenderRoute {
        methods: &["POST", "PUT"],
        ..push(
            path,
            Protocol::ElasticsearchDocument,
            "One document, as to Elasticsearch",
        )
    }
}

const fn events(path: &'static str) -> SenderRoute {
    push(
        path,
        Protocol::SplunkEvents,
        "Push events as to Splunk's HTTP Event Collector",
    )
}

const fn raw(path: &'static str) -> SenderRoute {
    push(
        path,
        Protocol::SplunkRaw,
        "Push lines as to Splunk's HTTP Event Collector",
    )
}

const fn ask(
    path: &'static str,
    methods: &'static [&'static str],
    protocol: Protocol,
    about: &'static str,
) -> SenderRoute {
    SenderRoute {
        methods,
        takes: Takes::Questions,
        ..push(path, protocol, about)
    }
}

/// Read and, where clients set something up, written to no effect.
const fn handshake(path: &'static str) -> SenderRoute {
    ask(
        path,
        &["GET", "POST", "PUT"],
        Protocol::Elasticsearch,
        "What clients of Elasticsearch ask before they write",
    )
}

/// The route of a path, whatever the method.
pub(crate) fn route_of(path: &str) -> Option<&'static SenderRoute> {
    ROUTES.iter().find(|route| segments(route, path).is_some())
}

impl SenderRoute {
    /// What stands in this path for the names of the route's.
    pub(crate) fn parameters(&self, path: &str) -> Vec<(String, String)> {
        segments(self, path).unwrap_or_default()
    }
}

/// The named segments of a path, if it is one of the route's.
fn segments(route: &SenderRoute, path: &str) -> Option<Vec<(String, String)>> {
    let mut named = Vec::new();
    let mut given = path.split('/');
    for expected in route.path.split('/') {
        let segment = given.next()?;
        let name = expected.strip_prefix('{').and_then(|e| e.strip_suffix('}'));
        match name {
            Some(name) if !segment.is_empty() => named.push((name.to_owned(), decoded(segment))),
            None if segment == expected => {}
            _ => return None,
        }
    }
    given.next().is_none().then_some(named)
}

/// A text without its percent signs; what they can't stand for stays as it is.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    while let [first, after @ ..] = rest {
        rest = after;
        let byte = match (first, after) {
            (b'%', [high, low, further @ ..]) => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => {
                    rest = further;
                    high << 4 | low
                }
                _ => b'%',
            },
            _ => *first,
        };
        bytes.push(byte);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The parameters of a path and its query, those of the path first.
pub(crate) fn parameters(route: &SenderRoute, path: &str, query: &str) -> Parameters {
    let mut all = route.parameters(path);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let text = |text: &str| decoded(&text.replace('+', " "));
        all.push((text(name), text(value)));
    }
    Parameters(all)
}

/// Whose tokens may stand in URLs, which other programs may log: Skald never does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UrlTokens {
    /// Those of Datadog's senders, some of which have no other place for them.
    OfDatadog,
    /// Those of Splunk's as well, where it is an option too.
    OfDatadogAndSplunk,
}

/// The credentials of a request as an `Authorization` header has them: where its senders put them
/// elsewhere, from there.
pub(crate) fn authorization(headers: &HeaderMap, uri: &Uri, urls: UrlTokens) -> String {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let header = text(AUTHORIZATION).unwrap_or("");
    let Some(route) = route_of(uri.path()) else {
        return header.to_owned();
    };
    let (scheme, rest) = header.split_once(' ').unwrap_or((header, ""));
    match scheme.to_ascii_lowercase().as_str() {
        "splunk" => format!("Bearer {rest}"),
        // Base64 of an id and a key, as name and password are for Basic.
        "apikey" => format!("Basic {rest}"),
        "" => {
            let key = text(DD_API_KEY).map(str::to_owned);
            let key = key.or_else(|| url_token(route, uri, urls));
            key.map_or_else(String::new, |key| format!("Bearer {key}"))
        }
        _ => header.to_owned(),
    }
}

/// The token in a URL, where it may stand there.
fn url_token(route: &SenderRoute, uri: &Uri, urls: UrlTokens) -> Option<String> {
    let names: &[&str] = match (route.protocol, urls) {
        (Protocol::Datadog, _) => &["api_key", "dd-api-key"],
        (Protocol::SplunkEvents | Protocol::SplunkRaw, UrlTokens::OfDatadogAndSplunk) => &["token"],
        _ => return None,
    };
    let all = parameters(route, uri.path(), uri.query().unwrap_or(""));
    names
        .iter()
        .find_map(|name| all.get(name))
        .map(str::to_owned)
}

/// Where agents of Datadog put their key.
const DD_API_KEY: HeaderName = HeaderName::from_static("dd-api-key");

/// A receiver's answer as a response.
pub(crate) fn answer(reply: PushReply) -> Response {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = if reply.body.is_empty() && status == StatusCode::NO_CONTENT {
        status.into_response()
    } else if reply.content_type.starts_with("text/plain") {
        let message = String::from_utf8_lossy(&reply.body)
            .trim_end_matches('\n')
            .to_owned();
        let mut response = error::plain(status, format!("{message}\n"));
        response
            .extensions_mut()
            .insert(ApiError { status, message });
        response
    } else {
        (
            status,
            [(CONTENT_TYPE, HeaderValue::from_static(reply.content_type))],
            Body::from(reply.body),
        )
            .into_response()
    };
    let headers = response.headers_mut();
    if let Some(seconds) = reply.retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    for (name, value) in reply.headers {
        headers.insert(*name, HeaderValue::from_static(value));
    }
    response.extensions_mut().insert(InForm);
    match reply.ending {
        Ending::Whole => response,
        Ending::BrokenOff => break_off(response),
    }
}

/// Marks answers that have the form of their protocol already.
#[derive(Clone, Copy, Debug)]
struct InForm;

/// Whether an answer has the form of its protocol already.
pub(crate) fn is_in_form(response: &Response) -> bool {
    response.extensions().get::<InForm>().is_some()
}

/// The form that errors have for the sender of a request.
pub(crate) struct Form {
    protocol: Protocol,
    content_type: Option<String>,
}

impl Form {
    /// `None` for requests that are nobody's, or Loki's own: its errors are texts everywhere.
    pub(crate) fn of(request: &Request) -> Option<Form> {
        let protocol = route_of(request.uri().path())?.protocol;
        let is_loki = matches!(protocol, Protocol::Loki | Protocol::LokiLegacy);
        (!is_loki).then(|| Form {
            protocol,
            content_type: content_type(request.headers()),
        })
    }

    /// The response, in this form if it is an error that has none yet.
    pub(crate) fn apply(&self, response: Response) -> Response {
        let status = response.status();
        if !(status.is_client_error() || status.is_server_error())
            || response.extensions().get::<InForm>().is_some()
        {
            return response;
        }
        let error = response.extensions().get::<ApiError>();
        let text = error.map_or(status.canonical_reason().unwrap_or("failed"), |error| {
            &error.message
        });
        let content_type = self.content_type.as_deref();
        let reply = skald_ingest::refusal(self.protocol, content_type, status.as_u16(), text);
        let mut formed = answer(reply);
        for (name, value) in response.headers() {
            if !formed.headers().contains_key(name) && name != "content-length" {
                formed.headers_mut().insert(name, value.clone());
            }
        }
        formed
    }
}

/// `Content-Type`, as sent.
pub(crate) fn content_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_TYPE)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const INDEXED: SenderRoute = push("/{index}/in/{tenant}", Protocol::Loki, "");

    #[test]
    fn paths_lead_to_routes_and_name_what_stands_in_them() {
        let found = |path: &str| route_of(path).map(|route| route.path);
        assert_eq!(found("/loki/api/v1/push"), Some("/loki/api/v1/push"));
        for other in ["/loki/api/v1/push/x", "/loki/api/v1", "/", ""] {
            assert_eq!(found(other), None, "{other}");
        }
        let check = |path: &str, expected: Option<[&str; 2]>| {
            let found = segments(&INDEXED, path);
            let values: Option<Vec<String>> =
                found.map(|pairs| pairs.into_iter().map(|(_, value)| value).collect());
            assert_eq!(values, expected.map(|e| e.map(str::to_owned).to_vec()));
        };
        check("/a/in/b%20c", Some(["a", "b c"]));
        check("/a%/in/%zz", Some(["a%", "%zz"]));
        check("//in/b", None);
        check("/a/on/b", None);
    }

    #[test]
    fn tokens_are_where_their_senders_put_them() {
        let check = |path: &'static str, (name, value): (&'static str, &str), expected: &str| {
            let value = HeaderValue::from_str(value).expect("a header");
            let headers = HeaderMap::from_iter([(HeaderName::from_static(name), value)]);
            let uri = Uri::from_static(path);
            let found = authorization(&headers, &uri, UrlTokens::OfDatadogAndSplunk);
            assert_eq!(found, expected, "{path}");
        };
        let hec = "/services/collector/event";
        check(hec, ("authorization", "Splunk x"), "Bearer x");
        check(hec, ("authorization", "Basic x"), "Basic x");
        check("/_bulk", ("authorization", "ApiKey x"), "Basic x");
        check("/api/v2/logs", ("dd-api-key", "x"), "Bearer x");
        check("/loki/api/v1/query", ("dd-api-key", "x"), "");
        check("/metrics", ("authorization", "Splunk x"), "Splunk x");
        check(
            "/api/v2/logs?dd-api-key=y",
            ("authorization", "Bearer x"),
            "Bearer x",
        );
    }

    #[test]
    fn tokens_in_urls_are_read_where_they_may_be() {
        let check = |uri: &'static str, datadog: &str, both: &str| {
            let found = |urls| authorization(&HeaderMap::new(), &Uri::from_static(uri), urls);
            assert_eq!(found(UrlTokens::OfDatadog), datadog, "{uri}");
            assert_eq!(found(UrlTokens::OfDatadogAndSplunk), both, "{uri}");
        };
        for uri in [
            "/api/v2/logs?ddsource=a&dd-api-key=x%2B",
            "/v1/input/x%2B",
            "/v1/input/x%2B?dd-api-key=other",
            "/v1/input?api_key=x%2B",
            "/api/v1/validate?api_key=x%2B",
        ] {
            check(uri, "Bearer x+", "Bearer x+");
        }
        check("/services/collector/raw?token=x&host=a", "", "Bearer x");
        check("/services/collector/event?token=x", "", "Bearer x");
        check("/services/collector?dd-api-key=x", "", "");
        check("/_bulk?token=x", "", "");
        check("/loki/api/v1/push?token=x&dd-api-key=x", "", "");
        check("/loki/api/v1/query?token=x", "", "");
    }

    #[test]
    fn parameters_of_the_path_come_before_those_of_the_query() {
        let all = parameters(&INDEXED, "/a/in/b", "index=c&x=1+2%33&&y");
        assert_eq!((all.get("index"), all.get("x")), (Some("a"), Some("1 23")));
        assert_eq!((all.get("y"), all.0.len()), (None, 5));
    }

    #[test]
    fn errors_get_the_form_of_their_senders() {
        let request = |path: &str| {
            let request = Request::builder().uri(path).body(Body::empty());
            Form::of(&request.expect("a request"))
        };
        assert!(request("/loki/api/v1/push").is_none());
        assert!(request("/ready").is_none());
        let form = request("/otlp/v1/logs").expect("a receiver's path");
        let formed = form.apply(ApiError::new(StatusCode::TOO_MANY_REQUESTS, "x").into_response());
        let headers = formed.headers();
        assert_eq!(headers[CONTENT_TYPE], "application/x-protobuf");
        assert!(headers.contains_key(RETRY_AFTER));
        let fine = form.apply(StatusCode::NO_CONTENT.into_response());
        assert!(fine.headers().get(CONTENT_TYPE).is_none());
    }
}
