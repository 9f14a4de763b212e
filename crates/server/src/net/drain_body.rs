//! Drains the unread request body after an early response.
//!
//! A refusal is often known before the body arrives: another method, no such route, too many
//! requests. Closing the connection while the client still sends makes its system drop the answer
//! too: it sees a reset instead of a status, and a shipper retries for ever what it should have
//! given up. Loki's server (Go's `net/http`) reads on for the same reason.

use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// Bytes drained at most; a longer body closes the connection.
const BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Time spent draining at most.
const TIME_MAX: Duration = Duration::from_secs(2);

/// A body whose rest is drained when it is dropped.
pub(crate) struct DrainedBody {
    /// `None` once its end or an error was seen.
    body: Option<Incoming>,
}

impl DrainedBody {
    /// Wraps the body of a request. A client that sent `Expect: 100-continue` sends nothing until a
    /// handler reads: its body must not be polled.
    pub(crate) fn of(body: Incoming, expects_continue: bool) -> axum::body::Body {
        if expects_continue {
            axum::body::Body::new(body)
        } else {
            axum::body::Body::new(DrainedBody { body: Some(body) })
        }
    }
}

impl Body for DrainedBody {
    type Data = <Incoming as Body>::Data;
    type Error = <Incoming as Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(body).poll_frame(context);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.body = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for DrainedBody {
    fn drop(&mut self) {
        let Some(body) = self.body.take().filter(|body| !body.is_end_stream()) else {
            return;
        };
        // Without a runtime the connection is gone as well.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(tokio::time::timeout(TIME_MAX, discard(body)));
        }
    }
}

/// Reads to the end or to `BYTES_MAX`; dropping the rest closes the connection.
async fn discard(mut body: Incoming) {
    let mut read = 0;
    while read <= BYTES_MAX {
        let Some(Ok(frame)) = body.frame().await else {
            return;
        };
        read += frame.data_ref().map_or(0, |data| data.len() as u64);
    }
}
