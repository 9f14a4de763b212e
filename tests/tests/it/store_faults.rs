//! What clients are told while the store starts, while its disk is full, and when the disk fails.

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt;
use skald_model::TenantId;
use skald_server::app::App;
use skald_server::auth::tokens::Tokens;
use skald_server::limits::overrides::Overrides;
use skald_server::telemetry::metrics::Metrics;
use skald_server::{Config, routes};
use skald_store::{Options, Store};
use skald_wal::sim::{Fault, SimFiles};
use std::sync::Arc;
use std::time::Duration;
use tower::ServiceExt;

/// A server's routes over a disk in memory, without sockets.
struct Simulated {
    store: Arc<Store>,
    router: Router,
}

/// What a request was answered.
struct Answer {
    status: StatusCode,
    retry_after: Option<String>,
    text: String,
}

fn options(files: &SimFiles) -> Options {
    Options {
        background: false,
        full_retry: Duration::ZERO,
        files: Arc::new(files.clone()),
        ..Options::new("/data")
    }
}

impl Simulated {
    /// Opens the parts and leaves the WAL to the test.
    fn start(files: &SimFiles) -> Simulated {
        let config = Config::default();
        let store = Arc::new(Store::open_parts(options(files)).expect("the directory opens"));
        let overrides = Arc::new(Overrides::open(&config).expect("there is no file of limits"));
        let app = App::new(
            config,
            overrides,
            Arc::new(Tokens::open("").expect("no file to read")),
            TenantId::fake(),
            store.clone(),
            Arc::new(Metrics::new()),
        );
        Simulated {
            store,
            router: routes::router(Arc::new(app)),
        }
    }

    async fn ask(&self, request: Request<Body>) -> Answer {
        let response = self
            .router
            .clone()
            .oneshot(request)
            .await
            .expect("routers do not fail");
        let retry_after = response
            .headers()
            .get("retry-after")
            .map(|v| v.to_str().expect("text").to_owned());
        let status = response.status();
        let body = response
            .into_body()
            .collect()
            .await
            .expect("bodies in memory can be read")
            .to_bytes();
        Answer {
            status,
            retry_after,
            text: String::from_utf8_lossy(&body).into_owned(),
        }
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask(
            Request::get(path)
                .body(Body::empty())
                .expect("valid request"),
        )
        .await
    }

    async fn push(&self, line: &str) -> Answer {
        let body = format!(
            r#"{{"streams":[{{"stream":{{"app":"a"}},"values":[["1772323200000000000","{line}"]]}}]}}"#
        );
        let request = Request::post("/loki/api/v1/push").header("content-type", "application/json");
        self.ask(request.body(Body::from(body)).expect("valid request"))
            .await
    }

    async fn lines(&self) -> Answer {
        self.get(
            "/loki/api/v1/query_range?query=%7Bapp%3D%22a%22%7D&start=1772323200&end=1772323201",
        )
        .await
    }

    /// The value of a metric without labels.
    async fn metric(&self, name: &str) -> String {
        let page = self.get("/metrics").await.text;
        let line = page
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{name} is not among the metrics"))
            .to_owned()
    }
}

#[tokio::test]
async fn while_the_log_is_replayed_parts_answer_and_pushes_wait() {
    let files = SimFiles::default();
    let store = Simulated::start(&files);
    store.store.recover().expect("the log is replayed");
    assert_eq!(store.push("in a part").await.status, 204);
    store.store.flush().expect("flushing works");
    assert_eq!(store.push("in the log").await.status, 204);
    drop(store);

    let server = Simulated::start(&files.after_kill());
    let ready = server.get("/ready").await;
    assert_eq!(ready.status, 503);
    assert!(
        ready
            .text
            .starts_with("Ingester not ready: the server is starting"),
        "{}",
        ready.text
    );
    let refused = server.push("too early").await;
    assert_eq!(
        (refused.status.as_u16(), refused.retry_after.is_some()),
        (503, true),
        "{}",
        refused.text
    );
    let found = server.lines().await;
    assert_eq!(found.status, 200);
    assert!(
        found.text.contains("in a part") && !found.text.contains("in the log"),
        "{}",
        found.text
    );
    assert!(found.text.contains(
        r#""warnings":["the server is starting: entries that are only in the write-ahead log"#
    ));

    server.store.recover().expect("the log is replayed");
    assert_eq!(server.get("/ready").await.text, "ready\n");
    let found = server.lines().await;
    assert!(
        found.text.contains("in a part") && found.text.contains("in the log"),
        "{}",
        found.text
    );
    assert!(
        !found.text.contains("warnings") && !found.text.contains("too early"),
        "{}",
        found.text
    );
    assert_eq!(server.push("again").await.status, 204);
}

#[tokio::test]
async fn a_full_disk_refuses_pushes_for_a_while_and_heals_by_itself() {
    let files = SimFiles::default();
    let server = Simulated::start(&files);
    server.store.recover().expect("the log is replayed");
    assert_eq!(server.push("before").await.status, 204);
    files.set_capacity(Some(files.used()));
    for _ in 0..2 {
        let refused = server.push("into a full disk").await;
        assert_eq!(
            (refused.status.as_u16(), refused.retry_after.is_some()),
            (503, true),
            "{}",
            refused.text
        );
        assert!(
            refused.text.contains("no space left on the data disk"),
            "{}",
            refused.text
        );
        assert!(
            server.store.flush().is_err(),
            "a flush finds no room either"
        );
        let found = server.lines().await;
        assert_eq!(found.status, 200);
        assert!(found.text.contains("before"), "reads go on: {}", found.text);
        assert_eq!(
            server.get("/ready").await.status,
            200,
            "the server is of use to readers"
        );
    }
    assert_eq!(server.metric("skald_disk_full").await, "1");
    files.set_capacity(None);
    assert_eq!(server.push("after").await.status, 204);
    server.store.flush().expect("there is room again");
    assert_eq!(server.metric("skald_disk_full").await, "0");
    let found = server.lines().await.text;
    assert!(
        found.contains("before") && found.contains("after"),
        "{found}"
    );
}

#[tokio::test]
async fn a_failed_fsync_ends_pushes_for_good_and_says_so() {
    let files = SimFiles::default();
    let server = Simulated::start(&files);
    server.store.recover().expect("the log is replayed");
    assert_eq!(server.push("durable").await.status, 204);
    files.fail_syncs(1, Fault::Broken);
    for _ in 0..2 {
        assert_eq!(server.push("of unknown fate").await.status, 503);
        let ready = server.get("/ready").await;
        assert_eq!(ready.status, 503);
        assert!(
            ready.text.starts_with("Ingester not ready: "),
            "{}",
            ready.text
        );
        assert_eq!(server.metric("skald_writes_stopped").await, "1");
        assert!(server.lines().await.text.contains("durable"), "reads go on");
    }
    let server = Simulated::start(&files.after_kill());
    server.store.recover().expect("the log is replayed");
    assert_eq!(
        server.get("/ready").await.status,
        200,
        "a restart has read what the disk holds"
    );
    assert_eq!(server.push("after the restart").await.status, 204);
}
