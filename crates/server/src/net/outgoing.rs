//! Outgoing answers are charged to the memory budget until their clients have taken them.
//!
//! When there is no room for one more, the answer that its client has not taken any of for the
//! longest is abandoned; one over HTTP/1 with its connection, one over HTTP/2 alone. Without such a one
//! the new answer is refused.

use crate::error::ApiError;
use crate::telemetry::metrics::Metrics;
use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING};
use axum::http::{StatusCode, Version};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use parking_lot::Mutex;
use skald_model::{Budget, Held, MemoryUser};
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, Semaphore};

/// Answers up to this size are not watched: they fit what a connection has anyway.
const SMALL_BYTES_MAX: u64 = 16 << 10;

/// What compressing an answer takes, in bytes.
const COMPRESSOR_BYTES: usize = 320 << 10;

/// An answer of which nothing was taken for so long is abandoned when another needs its room.
const STANDSTILL: Duration = Duration::from_secs(1);

/// Answers that wait for room although they are there: each more is refused at once, as until then it
/// is memory that nobody counts.
const MADE_WAITING_MAX: usize = 4;

/// How long an answer waits for room before it is refused.
pub(crate) const WAIT: Duration = Duration::from_secs(2);

/// How often it looks whether there is room.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Closes the connection of a request; among its extensions.
#[derive(Clone, Default)]
pub(crate) struct CloseConnection(pub(crate) Arc<Notify>);

/// The answers that are being sent.
pub(crate) struct Outgoing {
    budget: Arc<Budget>,
    /// Bytes of the largest answer that is written whole.
    whole_max: usize,
    metrics: Arc<Metrics>,
    /// An answer over HTTP/2 of which nothing is taken for so long is abandoned.
    timeout: Duration,
    answers: Mutex<Answers>,
    /// Places of those that are made and wait for room.
    made_waiting: Semaphore,
}

#[derive(Default)]
struct Answers {
    next: u64,
    sending: HashMap<u64, Sending>,
}

/// The body of an answer, which is taken away when it is abandoned.
type SharedBody = Arc<Mutex<Option<Body>>>;

struct Sending {
    body: SharedBody,
    /// Since when a piece waits for the client; `None` while the client waits for one.
    waits: Option<Instant>,
    /// The connection, when it carries only this answer.
    connection: Option<CloseConnection>,
}

impl Outgoing {
    /// None yet; one that is written whole has at most `whole_max` bytes, and no more than all
    /// answers may have together.
    pub(crate) fn new(
        budget: &Arc<Budget>,
        metrics: &Arc<Metrics>,
        timeout: Duration,
        whole_max: u64,
    ) -> Outgoing {
        let share = budget.share(MemoryUser::Answers).saturating_sub(1);
        Outgoing {
            budget: budget.clone(),
            whole_max: usize::try_from(whole_max).map_or(share, |max| max.min(share)),
            metrics: metrics.clone(),
            timeout,
            answers: Mutex::default(),
            made_waiting: Semaphore::new(MADE_WAITING_MAX),
        }
    }

    /// Room for an answer of `bytes` if there is some now; abandons another for the next time.
    pub(crate) fn try_room(&self, bytes: usize) -> Option<Held> {
        let mut held = Held::new(&self.budget, MemoryUser::Answers);
        if held.try_cover(bytes) {
            return Some(held);
        }
        self.abandon_slowest();
        None
    }

    /// Bytes of the largest answer that is written whole.
    pub(crate) fn whole_max(&self) -> usize {
        self.whole_max
    }

    /// Waits for room for an answer that is written whole.
    pub(crate) async fn room(&self, bytes: usize) -> Result<Held, ApiError> {
        let since = Instant::now();
        loop {
            match self.try_room(bytes) {
                _ if bytes > self.whole_max => return Err(self.refuse_large(bytes)),
                Some(held) => return Ok(held),
                None if since.elapsed() >= WAIT => return Err(self.refuse()),
                None => tokio::time::sleep(LOOK_EVERY).await,
            }
        }
    }

    /// Room for an answer that is there already; only a few of them may wait for it.
    async fn room_for_made(&self, bytes: usize) -> Result<Held, ApiError> {
        if let Some(held) = self.try_room(bytes) {
            return Ok(held);
        }
        let _place = self.made_waiting.try_acquire().map_err(|_| self.refuse())?;
        self.room(bytes).await
    }

    /// As [`Outgoing::room`], on a thread that may block: it makes no other answer meanwhile.
    pub(crate) fn blocking_room(&self, bytes: usize) -> Result<Held, ApiError> {
        let since = Instant::now();
        loop {
            match self.try_room(bytes) {
                _ if bytes > self.whole_max => return Err(self.refuse_large(bytes)),
                Some(held) => return Ok(held),
                None if since.elapsed() >= WAIT => return Err(self.refuse()),
                None => std::thread::sleep(LOOK_EVERY),
            }
        }
    }

    /// Says that there is no room.
    pub(crate) fn refuse(&self) -> ApiError {
        self.budget.count_refusal(MemoryUser::Answers);
        ApiError::new(
            StatusCode::TOO_MANY_REQUESTS,
            "no memory for the answer now; ask again later, or for less",
        )
    }

    /// Says that there never is.
    fn refuse_large(&self, bytes: usize) -> ApiError {
        self.metrics.count_large_answer();
        ApiError::bad(format!(
            "the answer has about {bytes} bytes, more than the {} of frontend.max_answer_size; ask for less: a narrower selector, a shorter time range, a smaller limit",
            self.whole_max
        ))
    }

    /// Abandons the answer that stands still for the longest, if one does for too long.
    fn abandon_slowest(&self) {
        let now = Instant::now();
        let mut answers = self.answers.lock();
        let standing = answers.sending.iter_mut();
        let standing = standing.filter_map(|(_, sending)| Some((sending.waits?, sending)));
        if let Some((since, sending)) = standing.min_by_key(|(since, _)| *since)
            && now - since >= STANDSTILL
        {
            self.abandon(sending, "others need its memory");
        }
    }

    /// Abandons answers over HTTP/2 that nobody takes; a connection that stands still ends by itself.
    pub(crate) fn abandon_stale(&self) {
        let now = Instant::now();
        for sending in self.answers.lock().sending.values_mut() {
            let stale = sending
                .waits
                .is_some_and(|since| now - since >= self.timeout);
            if stale && sending.connection.is_none() {
                self.abandon(
                    sending,
                    "nothing of it was taken within http_server_write_timeout",
                );
            }
        }
    }

    fn abandon(&self, sending: &mut Sending, why: &str) {
        sending.waits = None;
        drop(sending.body.lock().take());
        if let Some(connection) = &sending.connection {
            connection.0.notify_one();
        }
        self.metrics.count_abandoned_answer();
        tracing::warn!(why, "abandoned an answer that its client does not read");
    }

    /// Watches the body of an answer.
    fn watched(self: &Arc<Self>, body: Body, connection: Option<CloseConnection>) -> Body {
        let body = Arc::new(Mutex::new(Some(body)));
        let mut answers = self.answers.lock();
        let number = answers.next;
        answers.next += 1;
        let sending = Sending {
            body: body.clone(),
            waits: None,
            connection,
        };
        answers.sending.insert(number, sending);
        Body::new(WatchedBody {
            outgoing: self.clone(),
            number,
            body,
        })
    }

    fn mark(&self, number: u64, waits: Option<Instant>) {
        if let Some(sending) = self.answers.lock().sending.get_mut(&number) {
            sending.waits = waits;
        }
    }
}

/// A body that others know of while it is sent.
struct WatchedBody {
    outgoing: Arc<Outgoing>,
    number: u64,
    body: SharedBody,
}

impl Drop for WatchedBody {
    fn drop(&mut self) {
        let gone = self.outgoing.answers.lock().sending.remove(&self.number);
        drop(gone);
    }
}

impl HttpBody for WatchedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        // While it is polled it is not abandoned, which needs its lock.
        self.outgoing.mark(self.number, None);
        let polled = match &mut *self.body.lock() {
            Some(body) => Pin::new(body).poll_frame(context),
            None => Poll::Ready(Some(Err(axum::Error::new("the answer was abandoned")))),
        };
        let handed_over = matches!(polled, Poll::Ready(Some(Ok(_))));
        if handed_over {
            self.outgoing.mark(self.number, Some(Instant::now()));
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.lock().as_ref().is_some_and(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .lock()
            .as_ref()
            .map_or_else(SizeHint::default, HttpBody::size_hint)
    }
}

/// Bytes with what they hold of the budget, until the last of them is sent.
pub(crate) struct Charged {
    bytes: Bytes,
    _held: Held,
}

impl Charged {
    /// Bytes that are charged until they are sent.
    pub(crate) fn bytes(bytes: impl Into<Bytes>, held: Held) -> Bytes {
        Bytes::from_owner(Charged {
            bytes: bytes.into(),
            _held: held,
        })
    }
}

impl AsRef<[u8]> for Charged {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// A body that is there whole, charged until it is sent.
struct ChargedBody {
    body: Body,
    held: Option<Held>,
}

impl HttpBody for ChargedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        let held = &mut self.held;
        polled.map_ok(|frame| {
            frame.map_data(|data| match held.take() {
                Some(held) => Charged::bytes(data, held),
                None => data,
            })
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Marks responses whose bytes are charged already.
#[derive(Clone, Copy)]
pub(crate) struct IsCharged;

/// Charges answers that are made whole; inside of compression.
pub(crate) async fn charge(
    State(outgoing): State<Arc<Outgoing>>,
    request: Request,
    next: Next,
) -> Response {
    let response = next.run(request).await;
    let size = response.body().size_hint().exact().unwrap_or(0);
    if size <= SMALL_BYTES_MAX || response.extensions().get::<IsCharged>().is_some() {
        return response;
    }
    let bytes = usize::try_from(size).unwrap_or(usize::MAX);
    match outgoing.room_for_made(bytes).await {
        Ok(held) => response.map(|body| {
            Body::new(ChargedBody {
                body,
                held: Some(held),
            })
        }),
        Err(error) => error.into_response(),
    }
}

/// Watches answers until they are sent; outside of compression, which is left out where there is
/// no memory for it.
pub(crate) async fn watch(
    State(outgoing): State<Arc<Outgoing>>,
    mut request: Request,
    next: Next,
) -> Response {
    let connection = request.extensions().get::<CloseConnection>().cloned();
    let connection = connection.filter(|_| request.version() < Version::HTTP_2);
    let mut compressor = None;
    if request.headers().contains_key(ACCEPT_ENCODING) {
        compressor = outgoing.try_room(COMPRESSOR_BYTES);
        if compressor.is_none() {
            request.headers_mut().remove(ACCEPT_ENCODING);
        }
    }
    let response = next.run(request).await;
    let compressor = compressor.filter(|_| response.headers().contains_key(CONTENT_ENCODING));
    let hint = response.body().size_hint();
    if hint.exact().is_some_and(|size| size <= SMALL_BYTES_MAX) {
        return response;
    }
    response.map(|body| {
        let body = match compressor {
            Some(held) => Body::new(HeldBody { body, _held: held }),
            None => body,
        };
        outgoing.watched(body, connection)
    })
}

/// A body with what it needs beside its bytes.
struct HeldBody {
    body: Body,
    _held: Held,
}

impl HttpBody for HeldBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream::FuturesUnordered;
    use futures_util::{FutureExt, StreamExt};
    use http_body_util::BodyExt;

    const MB: usize = 1 << 20;

    fn outgoing() -> Arc<Outgoing> {
        let (budget, metrics) = (Arc::new(Budget::new(10 * MB)), Arc::new(Metrics::new()));
        Arc::new(Outgoing::new(&budget, &metrics, Duration::ZERO, u64::MAX))
    }

    fn whole(outgoing: &Outgoing, bytes: usize) -> Body {
        let held = outgoing.try_room(bytes).expect("room");
        Body::from(Charged::bytes(vec![0; bytes], held))
    }

    #[tokio::test]
    async fn an_answer_is_charged_until_its_last_bytes_are_gone() {
        let outgoing = outgoing();
        let mut body = outgoing.watched(whole(&outgoing, 2 * MB), None);
        assert_eq!(outgoing.budget.held(MemoryUser::Answers), 2 * MB);
        let frame = body.frame().await.expect("a frame").expect("no error");
        drop(body);
        assert_eq!(outgoing.budget.held(MemoryUser::Answers), 2 * MB);
        drop(frame);
        assert_eq!(outgoing.budget.held_by_all(), 0);
        assert!(outgoing.answers.lock().sending.is_empty());
    }

    #[tokio::test]
    async fn an_answer_that_nobody_takes_gives_its_memory_back() {
        let outgoing = outgoing();
        let pieces = [whole(&outgoing, 1), whole(&outgoing, 2 * MB)];
        let pieces = futures_util::stream::iter(pieces);
        let pieces = futures_util::StreamExt::flat_map(pieces, Body::into_data_stream);
        let mut body = outgoing.watched(Body::from_stream(pieces), None);
        // While the client waits for the first piece, nothing is abandoned.
        outgoing.abandon_stale();
        drop(body.frame().await.expect("a frame").expect("no error"));
        outgoing.abandon_stale();
        assert_eq!(outgoing.budget.held_by_all(), 0);
        let error = body
            .frame()
            .await
            .expect("an end")
            .expect_err("it was abandoned");
        assert_eq!(error.to_string(), "the answer was abandoned");
    }

    #[tokio::test]
    async fn an_answer_without_room_is_refused() {
        let outgoing = outgoing();
        let _others = whole(&outgoing, 2 * MB);
        let refused = outgoing.room(2 * MB).await.expect_err("no room");
        assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(outgoing.budget.refusals(MemoryUser::Answers), 1);
        assert!(outgoing.room(MB / 2).await.is_ok());
    }

    #[tokio::test]
    async fn few_answers_wait_for_room_once_they_are_made() {
        let outgoing = outgoing();
        let others = whole(&outgoing, 2 * MB);
        let mut waiting = FuturesUnordered::new();
        for _ in 0..MADE_WAITING_MAX {
            waiting.push(outgoing.room_for_made(MB));
        }
        assert!(waiting.next().now_or_never().is_none());
        let refused = outgoing.room_for_made(MB).now_or_never();
        let refused = refused.expect("at once").expect_err("too many wait");
        assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
        drop(others);
        let first = waiting.next().await.expect("one that waited");
        assert!(first.is_ok());
    }

    #[tokio::test]
    async fn an_answer_that_never_fits_is_refused_by_its_limit() {
        let (budget, metrics) = (Arc::new(Budget::new(10 * MB)), Arc::new(Metrics::new()));
        let of = |max| Outgoing::new(&budget, &metrics, Duration::ZERO, max);
        for (max, bytes) in [(u64::MAX, 3 * MB), (1000, 1001)] {
            let refused = [of(max).room(bytes).await, of(max).blocking_room(bytes)];
            for refused in refused {
                let refused = refused.expect_err("too large");
                assert_eq!(refused.status, StatusCode::BAD_REQUEST);
                let limit = format!("the {} of frontend.max_answer_size", of(max).whole_max());
                assert!(refused.message.contains(&limit), "{}", refused.message);
            }
        }
        assert!(of(1000).room(1000).await.is_ok());
        assert_eq!(budget.held_by_all(), 0);
    }
}
