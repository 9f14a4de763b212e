//! What a request's body still had to come when its answer was ready is read and thrown away.
//!
//! A refusal is often known before the body is here: another method, no such route, too many requests.
//! Closing the connection with bytes of the client underway makes its system drop the answer too: it
//! sees a reset where a status was written, and a shipper tries again for ever what it should have
//! given up. Loki's server (Go's `net/http`) reads on for the same reason.

use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// Bytes read of a body that nobody wants; more close the connection.
const BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Longest time spent on it.
const TIME_MAX: Duration = Duration::from_secs(2);

/// A body of which the rest is read when its reader lets go of it.
pub(crate) struct DrainedBody {
    /// Nothing once its end or an error was seen.
    body: Option<Incoming>,
}

impl DrainedBody {
    /// The body of a request. A client that waits to be told to go on sends nothing until a handler
    /// reads: its body must stay unasked for.
    pub(crate) fn of(body: Incoming, waits: bool) -> axum::body::Body {
        if waits {
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

/// Reads to the end, or to where it is too much; dropping the rest closes the connection.
async fn discard(mut body: Incoming) {
    let mut read = 0;
    while read <= BYTES_MAX {
        let Some(Ok(frame)) = body.frame().await else {
            return;
        };
        read += frame.data_ref().map_or(0, |data| data.len() as u64);
    }
}
