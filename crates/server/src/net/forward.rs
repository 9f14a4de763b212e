//! Forwarder sends the bodies of audit webhooks on to a second receiver: an API server has one
//! webhook only.
//!
//! Bodies wait in a queue of bounded bytes and are sent one after the other by a task of their own,
//! so that a slow receiver holds up no answer. What does not fit, is refused or fails too often is
//! dropped and counted; what waits at the end of the server is lost to the second receiver.

use axum::http::StatusCode;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use skald_ingest::PushRequest;
use skald_model::{Budget, Held, MemoryUser};
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::mpsc;

/// How often a body is sent before it is given up.
const ATTEMPTS: u32 = 5;

/// The pause after a first failure; each later one is twice as long.
const PAUSE: Duration = Duration::from_secs(1);

/// How long the receiver has for an answer: what the API server grants.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Bodies that wait at most, whatever their size.
const BODIES_MAX: usize = 10_000;

/// A body on its way.
struct Forwarded {
    push: PushRequest,
    /// The memory it takes while it waits.
    _held: Held,
}

/// What became of bodies.
#[derive(Debug, Default)]
struct Counters {
    sent: AtomicU64,
    /// An answer that trying again does not change.
    refused: AtomicU64,
    /// No good answer in all attempts.
    failed: AtomicU64,
    /// There was no place for it.
    queue_full: AtomicU64,
    /// Attempts after the first.
    retries: AtomicU64,
    /// Bytes that wait or are being sent.
    waiting: AtomicUsize,
}

/// Sends bodies on to one address.
pub(crate) struct Forwarder {
    url: String,
    bytes_max: usize,
    budget: Arc<Budget>,
    counters: Arc<Counters>,
    /// The task, which begins with the first body.
    queue: OnceLock<mpsc::Sender<Forwarded>>,
}

impl Forwarder {
    /// To an address, with a queue of that many bytes; `None` without an address.
    pub(crate) fn new(url: &str, bytes_max: usize, budget: &Arc<Budget>) -> Option<Forwarder> {
        (!url.is_empty()).then(|| Forwarder {
            url: url.to_owned(),
            bytes_max,
            budget: Arc::clone(budget),
            counters: Arc::default(),
            queue: OnceLock::new(),
        })
    }

    /// Queues a body, if there is a place for it.
    pub(crate) fn send(&self, push: PushRequest) {
        let bytes = push.body.len();
        let waiting = self.counters.waiting.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let held = (waiting <= self.bytes_max)
            .then(|| Held::taken(&self.budget, MemoryUser::Pushes, bytes))
            .flatten();
        let queued = held.is_some_and(|held| {
            let forwarded = Forwarded { push, _held: held };
            let queue = self.queue.get_or_init(|| self.start());
            queue.try_send(forwarded).is_ok()
        });
        if !queued {
            self.counters.waiting.fetch_sub(bytes, Ordering::Relaxed);
            let before = self.counters.queue_full.fetch_add(1, Ordering::Relaxed);
            if before.is_multiple_of(1000) {
                tracing::warn!(url = self.url, "a body could not be queued to be forwarded");
            }
        }
    }

    /// Starts the task that sends.
    fn start(&self) -> mpsc::Sender<Forwarded> {
        let (sender, mut queue) = mpsc::channel::<Forwarded>(BODIES_MAX);
        let (url, counters) = (self.url.clone(), Arc::clone(&self.counters));
        tokio::spawn(async move {
            let client = match client() {
                Ok(client) => client,
                Err(error) => return tracing::error!(%error, "nothing can be forwarded"),
            };
            while let Some(forwarded) = queue.recv().await {
                deliver(&client, &url, &forwarded.push, &counters).await;
                let bytes = forwarded.push.body.len();
                counters.waiting.fetch_sub(bytes, Ordering::Relaxed);
            }
        });
        sender
    }

    /// Appends counters in Prometheus text form.
    pub(crate) fn write_metrics(&self, out: &mut String) {
        let counters = &self.counters;
        let name = "skald_k8s_audit_forwarded_total";
        let mut text = format!(
            "# HELP {name} Bodies for the second receiver of audit events.\n# TYPE {name} counter\n"
        );
        for (outcome, count) in [
            ("sent", &counters.sent),
            ("refused", &counters.refused),
            ("failed", &counters.failed),
            ("queue_full", &counters.queue_full),
        ] {
            let count = count.load(Ordering::Relaxed);
            writeln!(text, "{name}{{outcome=\"{outcome}\"}} {count}")
                .expect("writing to a string succeeds");
        }
        let retries = counters.retries.load(Ordering::Relaxed);
        let waiting = counters.waiting.load(Ordering::Relaxed);
        write!(
            text,
            "# HELP skald_k8s_audit_forward_retries_total Bodies sent again.\n\
             # TYPE skald_k8s_audit_forward_retries_total counter\n\
             skald_k8s_audit_forward_retries_total {retries}\n\
             # HELP skald_k8s_audit_forward_queue_bytes Bytes that wait for the second receiver.\n\
             # TYPE skald_k8s_audit_forward_queue_bytes gauge\n\
             skald_k8s_audit_forward_queue_bytes {waiting}\n"
        )
        .expect("writing to a string succeeds");
        out.push_str(&text);
    }
}

fn client() -> Result<reqwest::Client, reqwest::Error> {
    // Another part of the server may have chosen it before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .timeout(TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .build()
}

/// What an attempt came to.
enum Attempt {
    Sent,
    Refused(StatusCode),
    Later(String),
}

/// Sends a body until it is taken, refused, or has failed too often.
async fn deliver(client: &reqwest::Client, url: &str, push: &PushRequest, counters: &Counters) {
    let mut pause = PAUSE;
    let mut last = String::new();
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            counters.retries.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        match post(client, url, push).await {
            Attempt::Sent => {
                counters.sent.fetch_add(1, Ordering::Relaxed);
                return;
            }
            Attempt::Refused(status) => {
                counters.refused.fetch_add(1, Ordering::Relaxed);
                return tracing::warn!(url, %status, "a forwarded body was refused");
            }
            Attempt::Later(why) => last = why,
        }
    }
    counters.failed.fetch_add(1, Ordering::Relaxed);
    tracing::warn!(url, why = last, "a body could not be forwarded");
}

async fn post(client: &reqwest::Client, url: &str, push: &PushRequest) -> Attempt {
    let mut request = client.post(url).body(push.body.clone());
    let content_type = push.content_type.as_deref();
    request = request.header(CONTENT_TYPE, content_type.unwrap_or("application/json"));
    if let Some(encoding) = &push.content_encoding {
        request = request.header(CONTENT_ENCODING, encoding);
    }
    match request.send().await {
        Ok(answer) if answer.status().is_success() => Attempt::Sent,
        Ok(answer) if is_final(answer.status()) => Attempt::Refused(answer.status()),
        Ok(answer) => Attempt::Later(answer.status().to_string()),
        Err(error) => Attempt::Later(error.to_string()),
    }
}

/// Whether trying again changes nothing.
fn is_final(status: StatusCode) -> bool {
    !status.is_server_error()
        && !matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::routing::post;
    use bytes::Bytes;
    use skald_ingest::Protocol;
    use tokio::sync::mpsc::unbounded_channel;

    /// A receiver that answers as it is asked to, one answer a body, and hands the bodies on.
    async fn receiver(answers: Vec<u16>) -> (String, mpsc::UnboundedReceiver<(u16, Bytes)>) {
        let (sender, bodies) = unbounded_channel();
        let answers = Arc::new(parking_lot::Mutex::new(answers.into_iter()));
        let handler = move |body: Bytes| {
            let status = answers.lock().next().unwrap_or(200);
            drop(sender.send((status, body)));
            async move { StatusCode::from_u16(status).expect("a status") }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        let router = Router::new().route("/", post(handler));
        tokio::spawn(async move { axum::serve(listener, router).await });
        (url, bodies)
    }

    fn text(forwarder: &Forwarder) -> String {
        let mut out = String::new();
        forwarder.write_metrics(&mut out);
        out
    }

    #[tokio::test]
    async fn bodies_arrive_in_order_and_again_after_a_failure() {
        let (url, mut bodies) = receiver(vec![503, 200, 400, 200]).await;
        let budget = Arc::new(Budget::new(100 << 20));
        let forwarder = Forwarder::new(&url, 1 << 20, &budget).expect("there is an address");
        for body in ["a", "b", "c"] {
            forwarder.send(PushRequest::new(Protocol::K8sAudit, body));
        }
        let mut came = Vec::new();
        for _ in 0..4 {
            let (status, body) = bodies.recv().await.expect("a body");
            came.push((status, String::from_utf8_lossy(&body).into_owned()));
        }
        let want = [(503, "a"), (200, "a"), (400, "b"), (200, "c")];
        assert_eq!(came, want.map(|(status, body)| (status, body.to_owned())));
        while !text(&forwarder).contains("queue_bytes 0\n") {
            tokio::task::yield_now().await;
        }
        let metrics = text(&forwarder);
        for line in [
            "outcome=\"sent\"} 2",
            "outcome=\"refused\"} 1",
            "retries_total 1",
        ] {
            assert!(metrics.contains(line), "{metrics}");
        }
        while budget.held(MemoryUser::Pushes) > 0 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn what_does_not_fit_is_dropped_and_counted() {
        let budget = Arc::new(Budget::new(100 << 20));
        let forwarder = Forwarder::new("http://127.0.0.1:1/", 10, &budget).expect("an address");
        forwarder.send(PushRequest::new(Protocol::K8sAudit, "eight by"));
        forwarder.send(PushRequest::new(Protocol::K8sAudit, "eight by"));
        let metrics = text(&forwarder);
        assert!(metrics.contains("outcome=\"queue_full\"} 1"), "{metrics}");
        assert!(Forwarder::new("", 10, &budget).is_none());
    }
}
