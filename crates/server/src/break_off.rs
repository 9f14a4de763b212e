//! Breaks an answer off after its body, for a sender that takes no status for a no.
//!
//! HTTP/1 has the body in chunks without the last one, and the connection closes: the client sees
//! status and text, and an answer that did not come to its end.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// A response whose body breaks off after what it has.
pub(crate) fn break_off(response: Response) -> Response {
    response.map(|body| {
        Body::new(BrokenOff {
            body,
            is_flushed: false,
        })
    })
}

struct BrokenOff {
    body: Body,
    /// Whether the connection had a turn to write what came before the error.
    is_flushed: bool,
}

impl HttpBody for BrokenOff {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match ready!(Pin::new(&mut self.body).poll_frame(context)) {
            Some(frame) => Poll::Ready(Some(frame.map_err(io::Error::other))),
            None if self.is_flushed => {
                Poll::Ready(Some(Err(io::Error::other("broken off on purpose"))))
            }
            None => {
                self.is_flushed = true;
                context.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::response::IntoResponse;
    use http_body_util::BodyExt;

    #[tokio::test]
    async fn the_body_comes_and_then_an_error() {
        let mut body = break_off("not now".into_response()).into_body();
        assert_eq!(body.size_hint().exact(), None, "no length is promised");
        let frame = body.frame().await.expect("a frame").expect("no error yet");
        assert_eq!(frame.into_data().ok().as_deref(), Some(&b"not now"[..]));
        assert!(body.frame().await.expect("not the end").is_err());
    }
}
