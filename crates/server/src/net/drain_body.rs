//! Drains the unread request body after an early response, and gives bodies up at a stop.
//!
//! A refusal is often known before the body arrives: another method, no such route, too many
//! requests. Closing the connection while the client still sends makes its system drop the answer
//! too: it sees a reset instead of a status, and a shipper retries for ever what it should have
//! given up. Loki's server (Go's `net/http`) reads on for the same reason.

use crate::error::ApiError;
use crate::net::progress::{Progress, Unread};
use crate::shutdown::raised;
use axum::http::StatusCode;
use futures_util::future::BoxFuture;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::watch;

/// Bytes drained at most; a longer body closes the connection.
const BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Time spent draining at most.
const TIME_MAX: Duration = Duration::from_secs(2);

/// Why a body ends although its client goes on: the server stops, and waited long enough.
#[derive(Debug, thiserror::Error)]
#[error("the server is stopping")]
struct Stopping;

/// The error of a request whose body could not be read.
pub(super) fn unread(error: &axum::Error) -> ApiError {
    let stopping = error.source().and_then(|inner| {
        let inner: Option<&Stopping> = inner.downcast_ref();
        inner
    });
    match stopping {
        // Not the client's mistake: it is to send this again.
        Some(why) => ApiError::new(StatusCode::SERVICE_UNAVAILABLE, why.to_string()),
        None => ApiError::bad(format!("reading the request body: {error}")),
    }
}

/// What becomes of a body that is dropped before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    /// It is drained.
    Drained,
    /// It is left alone, as its client sends nothing before a handler reads.
    Left,
}

/// A request's body, whose rest is drained when it is dropped, and which ends when its server can't
/// wait for it any longer.
pub(crate) struct DrainedBody {
    /// `None` once its end or an error was seen.
    body: Option<(Incoming, Unread)>,
    rest: Rest,
    overdue: watch::Receiver<bool>,
    /// Ends when `overdue` is raised; made when a read has to wait.
    raised: Option<BoxFuture<'static, ()>>,
}

impl DrainedBody {
    /// Wraps the body of a request. A client that sent `Expect: 100-continue` sends nothing until a
    /// handler reads: its body must not be polled. Raising `overdue` ends it.
    pub(crate) fn of(
        body: Incoming,
        expects_continue: bool,
        overdue: &watch::Receiver<bool>,
        progress: &Arc<Progress>,
    ) -> axum::body::Body {
        let rest = match expects_continue {
            true => Rest::Left,
            false => Rest::Drained,
        };
        axum::body::Body::new(DrainedBody {
            body: Some((body, progress.begin_body())),
            rest,
            overdue: overdue.clone(),
            raised: None,
        })
    }

    fn end(&mut self) {
        if let Some((_, unread)) = self.body.take() {
            unread.end();
        }
    }

    fn poll_raised(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let raised = self.raised.get_or_insert_with(|| {
            let mut overdue = self.overdue.clone();
            Box::pin(async move { raised(&mut overdue).await })
        });
        raised.as_mut().poll(context)
    }
}

impl Body for DrainedBody {
    type Data = <Incoming as Body>::Data;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let Some((body, _)) = &mut self.body else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(body).poll_frame(context);
        if polled.is_pending() && self.poll_raised(context).is_ready() {
            self.body = None;
            return Poll::Ready(Some(Err(Stopping.into())));
        }
        match &polled {
            Poll::Ready(None) => self.end(),
            Poll::Ready(Some(Err(_))) => self.body = None,
            _ => {}
        }
        polled.map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.body
            .as_ref()
            .is_none_or(|(body, _)| body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), |(body, _)| body.size_hint())
    }
}

impl Drop for DrainedBody {
    fn drop(&mut self) {
        let Some((body, unread)) = self.body.take() else {
            return;
        };
        if body.is_end_stream() {
            return unread.end();
        }
        // Without a runtime the connection is gone as well.
        if self.rest == Rest::Drained
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(tokio::time::timeout(TIME_MAX, discard(body, unread)));
        }
    }
}

/// Reads to the end or to `BYTES_MAX`; dropping the rest closes the connection.
async fn discard(mut body: Incoming, unread: Unread) {
    let mut read = 0;
    while read <= BYTES_MAX {
        match body.frame().await {
            Some(Ok(frame)) => read += frame.data_ref().map_or(0, |data| data.len() as u64),
            Some(Err(_)) => return,
            None => return unread.end(),
        }
    }
}
