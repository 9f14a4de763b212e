//! The progress of a connection's requests, by which a stop tells who to wait for.
//!
//! A stop waits for requests that are here whole and for clients that read their answers. Half a
//! head, half a body, and an answer that nobody reads hold it up for a moment only: then they are
//! closed, which loses nothing that was acknowledged.

use crate::net::request_line::NextLine;
use crate::shutdown::raised;
use axum::body::Body;
use hyper::body::{Frame, SizeHint};
use parking_lot::Mutex;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How often a connection that may still be waited for is looked at once the rest are closed.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What the requests of one connection are doing.
#[derive(Default)]
pub(super) struct Progress {
    /// Requests so far.
    begun: AtomicUsize,
    /// Requests whose answer was not handed over yet.
    unanswered: AtomicUsize,
    /// Bodies of requests that were not read to their end yet.
    unread: AtomicUsize,
    /// Whether nobody can tell any more where the next request begins.
    is_lost: AtomicBool,
    /// Why the next request is refused before it is looked at.
    refused: Mutex<Option<String>>,
    /// Since when the client takes nothing of what is to be sent; `None` while nothing waits.
    blocked: Mutex<Option<Instant>>,
}

impl Progress {
    /// Counts a request until its answer is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> Unanswered {
        self.begun.fetch_add(1, Ordering::Relaxed);
        self.unanswered.fetch_add(1, Ordering::Relaxed);
        Unanswered(self.clone())
    }

    /// Requests so far.
    pub(super) fn begun(&self) -> usize {
        self.begun.load(Ordering::Relaxed)
    }

    /// Whether the bytes that come next begin a request, after one that was the `before`th.
    pub(super) fn next_line(&self, before: usize) -> NextLine {
        if self.is_lost.load(Ordering::Relaxed) {
            return NextLine::Never;
        }
        let is_over = self.begun() > before
            && self.unanswered.load(Ordering::Relaxed) == 0
            && self.unread.load(Ordering::Relaxed) == 0;
        if is_over {
            NextLine::Here
        } else {
            NextLine::Later
        }
    }

    /// Nobody knows any more where the next request begins, or it is no longer HTTP/1.
    pub(super) fn lose(&self) {
        self.is_lost.store(true, Ordering::Relaxed);
    }

    /// The next request is answered with these words.
    pub(super) fn refuse_next(&self, why: String) {
        *self.refused.lock() = Some(why);
    }

    /// Why the request that begins now is refused.
    pub(super) fn take_refusal(&self) -> Option<String> {
        self.refused.lock().take()
    }

    /// Counts a body until its end was read.
    pub(super) fn begin_body(self: &Arc<Self>) -> Unread {
        self.unread.fetch_add(1, Ordering::Relaxed);
        Unread {
            progress: self.clone(),
            ended: false,
        }
    }

    /// Bytes wait for the client to read, since now unless they did before; or none wait.
    pub(super) fn set_blocked(&self, blocked: bool) {
        let mut since = self.blocked.lock();
        *since = blocked.then(|| since.unwrap_or_else(Instant::now));
    }

    /// Ends when nothing here is worth waiting for, once `overdue` was raised. A client may leave what
    /// it was sent unread for `patience`.
    pub(super) async fn give_up(&self, overdue: &mut watch::Receiver<bool>, patience: Duration) {
        raised(overdue).await;
        while self.is_worth_waiting(patience) {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn is_worth_waiting(&self, patience: Duration) -> bool {
        let blocked = *self.blocked.lock();
        match blocked {
            Some(since) => since.elapsed() < patience,
            None => self.unanswered.load(Ordering::Relaxed) > 0,
        }
    }
}

/// A request without its whole answer.
pub(super) struct Unanswered(Arc<Progress>);

impl Drop for Unanswered {
    fn drop(&mut self) {
        self.0.unanswered.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A body that was not read to its end. Dropped before that, nobody knows where the connection's next
/// request begins: what is left of the body may be still to come.
pub(super) struct Unread {
    progress: Arc<Progress>,
    ended: bool,
}

impl Unread {
    /// Its end was read.
    pub(super) fn end(mut self) {
        self.ended = true;
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        if !self.ended {
            self.progress.lose();
        }
        self.progress.unread.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The body of an answer, whose request counts until it is sent.
pub(super) struct AnswerBody {
    body: Body,
    _request: Unanswered,
}

impl AnswerBody {
    pub(super) fn new(body: Body, request: Unanswered) -> AnswerBody {
        AnswerBody {
            body,
            _request: request,
        }
    }
}

impl hyper::body::Body for AnswerBody {
    type Data = <Body as hyper::body::Body>::Data;
    type Error = <Body as hyper::body::Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_requests_and_clients_that_read_are_waited_for() {
        let hour = Duration::from_secs(3600);
        let check = |requests: usize, blocked: bool, patience: Duration, expected: bool| {
            let progress = Arc::new(Progress::default());
            let held: Vec<_> = (0..requests).map(|_| progress.begin()).collect();
            progress.set_blocked(blocked);
            let found = progress.is_worth_waiting(patience);
            assert_eq!(found, expected, "{requests} {blocked} {patience:?}");
            progress.set_blocked(false);
            drop(held);
            assert!(!progress.is_worth_waiting(hour));
        };
        check(0, false, hour, false);
        check(1, false, hour, true);
        check(0, true, hour, true);
        check(1, true, hour, true);
        check(1, true, Duration::ZERO, false);
        check(0, true, Duration::ZERO, false);
    }
}
