//! Routes lead paths to handlers; layers around them count, authenticate and compress.

use crate::api::inflight::Inflight;
use crate::api::sources::Sender;
use crate::api::{
    around, complete, delete, detected, export, format_query, index, labels, legacy, limits, map,
    page, parse, patterns, push, query, root, rules, saved, session, sources, status, tail,
};
use crate::app::{App, panic_text};
use crate::auth::{origin, tokens};
use crate::error::{self, ApiError};
use crate::net::outgoing;
use crate::openapi::{RING_PAGES, RULE_PATHS};
use crate::senders::{self, SenderRoute, Takes, UrlTokens};
use crate::sources::table::Sources;
use crate::telemetry::metrics::{RefusalReason, Upgrade};
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, get, on, post};
use axum::{Router, middleware};
use std::any::Any;
use std::sync::Arc;
use std::time::Instant;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use tower_http::compression::{CompressionLayer, CompressionLevel};

/// Answers smaller than this are sent as they are: gzip would save less than a packet.
const COMPRESS_BYTES_MIN: u16 = 1024;

/// All routes over a running server.
pub fn router(app: Arc<App>) -> Router {
    let compress = app.config.frontend.compress_responses;
    let router = all().router.fallback(not_found).with_state(app.clone());
    let guard = tokens::Guard {
        tokens: app.tokens.clone(),
        metrics: app.metrics.clone(),
        urls: match app.config.allow_query_string_auth {
            true => UrlTokens::OfDatadogAndSplunk,
            false => UrlTokens::OfDatadog,
        },
    };
    let router = router.layer(middleware::from_fn_with_state(guard, tokens::guard));
    let router = router.layer(middleware::from_fn_with_state(app.clone(), note_refused));
    let origins = origin::Guard::new(&app.config, app.metrics.clone());
    let router = router.layer(middleware::from_fn_with_state(origins, origin::guard));
    let router = router.layer(CatchPanicLayer::custom(caught(app.clone())));
    let router = router.layer(middleware::from_fn(in_form));
    let router = router.layer(middleware::from_fn(error::as_accepted));
    let outgoing = app.outgoing.clone();
    let router = router.layer(middleware::from_fn_with_state(
        outgoing.clone(),
        outgoing::charge,
    ));
    let router = if compress {
        router.layer(compression())
    } else {
        router
    };
    let router = router.layer(middleware::from_fn_with_state(outgoing, outgoing::watch));
    router.layer(middleware::from_fn_with_state(app, observe))
}

/// What is answered until the parts are open: agents try again, and `/ready` says why.
pub(crate) fn starting(why: &str, sources: &Arc<Sources>) -> Router {
    let error = ApiError::new(StatusCode::SERVICE_UNAVAILABLE, why);
    let sources = sources.clone();
    let answer = async move |request: Request| {
        if let Some(route) = pushes(&request) {
            let sender = Sender::of(&request.into_parts().0);
            sender.refused(&sources, route.protocol, "starting", &error.message);
        }
        let later = [(RETRY_AFTER, HeaderValue::from_static("1"))];
        (later, error.clone()).into_response()
    };
    let router = Router::new().fallback(answer);
    router.layer(middleware::from_fn(in_form))
}

/// Routes with the list of their paths, which the API document is checked against.
struct Routes {
    router: Router<Arc<App>>,
    paths: Vec<&'static str>,
}

impl Routes {
    fn route(mut self, path: &'static str, methods: MethodRouter<Arc<App>>) -> Routes {
        self.paths.push(path);
        self.router = self.router.route(path, methods);
        self
    }
}

fn all() -> Routes {
    page_in_a_browser(operational(own(of_rules(loki(receivers(Routes {
        router: Router::new(),
        paths: Vec::new(),
    }))))))
}

/// The paths of senders.
fn receivers(mut routes: Routes) -> Routes {
    for route in senders::ROUTES {
        let methods = route.methods.iter().filter_map(|method| {
            let method = Method::from_bytes(method.as_bytes()).ok()?;
            MethodFilter::try_from(method).ok()
        });
        for method in methods {
            let receive = move |State(app): State<Arc<App>>, request: Request| {
                push::receive(app, route, request)
            };
            routes = routes.route(route.path, on(method, receive));
        }
    }
    routes
}

/// The route of a request that brings entries.
fn pushes(request: &Request) -> Option<&'static SenderRoute> {
    let route = senders::route_of(request.uri().path());
    route.filter(|route| route.takes == Takes::Pushes)
}

/// Middleware that notes pushes which are refused before they come to their receiver: who wonders
/// where his logs are may have a wrong token.
async fn note_refused(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let Some(route) = pushes(&request) else {
        return next.run(request).await;
    };
    let (parts, body) = request.into_parts();
    let sender = Sender::of(&parts);
    let response = next.run(Request::from_parts(parts, body)).await;
    let status = response.status();
    let is_refused = status.is_client_error() || status.is_server_error();
    if is_refused && !senders::is_in_form(&response) {
        let error = response.extensions().get::<ApiError>();
        let text = error.map_or("", |error| &error.message);
        let reply = skald_ingest::refusal(route.protocol, None, status.as_u16(), text);
        sender.record(&app, route.protocol, &reply);
    }
    response
}

/// Middleware that gives errors the form which the senders of the path expect.
async fn in_form(request: Request, next: Next) -> Response {
    match senders::Form::of(&request) {
        Some(form) => form.apply(next.run(request).await),
        None => next.run(request).await,
    }
}

fn own(routes: Routes) -> Routes {
    routes
        .route("/skald/api/v1/entries/around", both(around::around))
        .route("/skald/api/v1/complete", both(complete::completions))
        .route("/skald/api/v1/parse", both(parse::check))
        .route("/skald/api/v1/tenants", get(session::tenants))
        .route("/skald/api/v1/sources", get(sources::sources))
        .route(
            "/skald/api/v1/session",
            post(session::begin).delete(session::end),
        )
        .route(
            "/skald/api/v1/saved",
            get(saved::list).post(saved::keep).delete(saved::remove),
        )
}

fn page_in_a_browser(routes: Routes) -> Routes {
    routes
        .route("/", get(root::root))
        .route("/ui", get(page::without_slash))
        .route("/ui/", get(page::index))
        .route("/ui/{file}", get(page::file))
}

fn loki(routes: Routes) -> Routes {
    routes
        .route("/loki/api/v1/query", both(query::instant))
        .route("/loki/api/v1/query_range", both(query::range))
        .route("/loki/api/v1/labels", both(labels::names))
        .route("/loki/api/v1/label", both(labels::names))
        .route("/loki/api/v1/label/{name}/values", both(labels::values))
        .route("/loki/api/v1/series", both(labels::series))
        .route("/loki/api/v1/index/stats", both(index::stats))
        .route("/loki/api/v1/index/shards", both(index::shards))
        .route("/loki/api/v1/index/volume", both(index::volume))
        .route("/loki/api/v1/index/volume_range", both(index::volume_range))
        .route("/loki/api/v1/patterns", both(patterns::patterns))
        .route("/loki/api/v1/detected_labels", both(detected::labels))
        .route("/loki/api/v1/detected_fields", both(detected::fields))
        .route(
            "/loki/api/v1/detected_field/{name}/values",
            both(detected::values),
        )
        .route("/loki/api/v1/tail", get(tail::tail).post(tail::tail))
        .route(
            "/loki/api/v1/format_query",
            both(format_query::format_query),
        )
        .route("/loki/api/v1/drilldown-limits", get(limits::limits))
        .route("/loki/api/v1/status/buildinfo", get(status::buildinfo))
        .route(
            "/loki/api/v1/delete",
            get(delete::list_requests)
                .post(delete::create)
                .put(delete::create)
                .delete(delete::cancel),
        )
        .route(
            "/loki/api/v1/cache/generation_numbers",
            get(delete::generation),
        )
        .route("/skald/api/v1/export", both(export::export))
        .route("/skald/api/v1/map", both(map::map))
        .route("/skald/api/v1/openapi.json", get(status::openapi))
        .route("/api/prom/query", both(legacy::query))
        .route("/api/prom/label", both(labels::names))
        .route("/api/prom/label/{name}/values", both(labels::values))
        .route("/api/prom/series", both(labels::series))
        .route("/api/prom/tail", get(tail::tail).post(tail::tail))
}

/// Rules, under Loki's two paths and those of Mimir that its tools know.
fn of_rules(mut routes: Routes) -> Routes {
    for [all, namespace, group] in RULE_PATHS {
        let of_namespace = get(rules::list_namespace).post(rules::set);
        routes = routes
            .route(all, get(rules::list))
            .route(namespace, of_namespace.delete(rules::remove_namespace))
            .route(group, get(rules::group).delete(rules::remove));
    }
    routes
        .route("/prometheus/api/v1/rules", get(rules::states))
        .route("/prometheus/api/v1/alerts", get(rules::alerts))
        .route("/skald/api/v1/rules", get(rules::history))
        .route("/skald/api/v1/rules/test", post(rules::test))
}

fn operational(routes: Routes) -> Routes {
    let mut routes = routes
        .route("/ready", get(status::ready))
        .route("/metrics", get(status::metrics))
        .route("/config", get(status::config))
        .route("/config/tenant/v1/limits", get(limits::tenant_limits))
        .route("/services", get(status::services))
        .route(
            "/log_level",
            get(status::log_level).post(status::set_log_level),
        )
        .route("/flush", get(status::flush).post(status::flush))
        .route("/flush/tenant", post(status::flush));
    for path in RING_PAGES {
        routes = routes.route(path, get(status::ring));
    }
    routes
}

/// GET and POST, as Loki's query routes take both.
fn both<H, T>(handler: H) -> MethodRouter<Arc<App>>
where
    H: axum::handler::Handler<T, Arc<App>>,
    T: 'static,
{
    get(handler.clone()).post(handler)
}

/// A path there is none of. What is pushed to one is noted, for who wonders where his logs are.
async fn not_found(State(app): State<Arc<App>>, request: Request) -> Response {
    if [Method::POST, Method::PUT].contains(request.method()) {
        let (parts, _) = request.into_parts();
        sources::Sender::of(&parts).record_unknown_path(&app, &parts);
    }
    ApiError::new(StatusCode::NOT_FOUND, "404 page not found\n").into_response()
}

fn compression() -> CompressionLayer<impl Predicate> {
    let streams = NotForContentType::const_new("text/event-stream")
        .and(NotForContentType::const_new("application/x-ndjson"));
    CompressionLayer::new()
        .quality(CompressionLevel::Fastest)
        .compress_when(SizeAbove::new(COMPRESS_BYTES_MIN).and(streams))
}

fn caught(
    app: Arc<App>,
) -> impl Fn(Box<dyn Any + Send>) -> Response + Clone + Send + Sync + 'static {
    move |panic| {
        app.metrics.count_panic();
        tracing::error!(
            panic = panic_text(&*panic),
            "internal error: handler panicked"
        );
        ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal error: handler panicked",
        )
        .into_response()
    }
}

/// Counts a request and the time it took.
async fn observe(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let method = request.method().as_str().to_owned();
    let route = match request.extensions().get::<MatchedPath>() {
        Some(path) if path.as_str() == "/" => "root".to_owned(),
        Some(path) => route_label(path.as_str()),
        None => "other".to_owned(),
    };
    let inflight = Inflight::new(app.clone(), method.clone(), route.clone());
    let started = Instant::now();
    // Probes and scrapes must get through when the server is full.
    let response = if inflight.admitted || matches!(route.as_str(), "ready" | "metrics") {
        next.run(request).await
    } else {
        one_too_many(&app, request)
    };
    drop(inflight);
    let status = response.status();
    let upgrade = if status == StatusCode::SWITCHING_PROTOCOLS {
        Upgrade::Yes
    } else {
        Upgrade::No
    };
    app.metrics
        .observe(&method, &route, status.as_u16(), upgrade, started.elapsed());
    tracing::debug!(method, route, status = status.as_u16(), duration = ?started.elapsed(), "request");
    response
}

/// The answer when as many requests as may wait for one do.
fn one_too_many(app: &App, request: Request) -> Response {
    app.metrics.refuse("", RefusalReason::Requests);
    let text = "The server cannot accept more requests at this time.";
    let refused = (
        [(RETRY_AFTER, HeaderValue::from_static("1"))],
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, text),
    )
        .into_response();
    let response = match senders::Form::of(&request) {
        Some(form) => form.apply(refused),
        None => refused,
    };
    if let Some(route) = pushes(&request) {
        let sender = Sender::of(&request.into_parts().0);
        sender.refused(&app.sources, route.protocol, "too_many_requests", text);
    }
    response
}

/// Loki's name of a route in metrics: slashes become underscores, braces go.
fn route_label(path: &str) -> String {
    path.trim_matches('/')
        .replace('/', "_")
        .replace(['{', '}'], "")
        .to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[tokio::test]
    async fn until_the_data_is_there_everything_is_unavailable() {
        for path in ["/ready", "/loki/api/v1/push"] {
            let request = Request::builder()
                .uri(path)
                .body(axum::body::Body::empty())
                .expect("valid request");
            let sources = Arc::new(Sources::new(Vec::new(), 10));
            let response = tower::ServiceExt::oneshot(starting("later", &sources), request)
                .await
                .expect("routers do not fail");
            let noted: Vec<_> = sources.rows(|_| true);
            let reasons: Vec<_> = noted.iter().flat_map(|s| s.refused.keys()).collect();
            let expected: &[&str] = if path == "/ready" { &[] } else { &["starting"] };
            assert_eq!(reasons, expected, "{path}");
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
            assert!(response.headers().contains_key(RETRY_AFTER), "{path}");
        }
    }

    #[test]
    fn routes_have_lokis_labels() {
        assert_eq!(
            route_label("/loki/api/v1/label/{name}/values"),
            "loki_api_v1_label_name_values"
        );
        assert_eq!(route_label("/ready"), "ready");
    }

    #[test]
    fn every_route_is_in_the_document_and_nothing_else() {
        let document = crate::openapi::document();
        let described = document["paths"].as_object().expect("an object");
        let described: BTreeSet<&str> = described.keys().map(String::as_str).collect();
        assert_eq!(all().paths.into_iter().collect::<BTreeSet<_>>(), described);
    }
}
