//! The write timeout ends connections to clients that stopped reading.
//!
//! Reads (heads and bodies) have time limits of their own.

use crate::net::progress::Progress;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// A stream that fails when a write makes no progress for `timeout`.
pub(crate) struct WriteTimeout<S> {
    stream: S,
    timeout: Duration,
    /// Runs out while a write waits; `armed` while one does.
    deadline: Pin<Box<Sleep>>,
    armed: bool,
    /// Least bytes a second while writes wait.
    rate: u64,
    /// When the write that waits began to.
    since: Instant,
    /// How long writes waited since it was last looked, and what they wrote.
    waited: Duration,
    written: u64,
    progress: Arc<Progress>,
}

impl<S> WriteTimeout<S> {
    /// Allows each write `timeout` to go on; tells `progress` when one has to wait.
    /// A client that has writes wait must take `rate` bytes a second, over each `timeout` of waiting.
    pub(super) fn new(
        stream: S,
        timeout: Duration,
        rate: u64,
        progress: Arc<Progress>,
    ) -> WriteTimeout<S> {
        WriteTimeout {
            stream,
            timeout,
            deadline: Box::pin(sleep(timeout)),
            armed: false,
            rate,
            since: Instant::now(),
            waited: Duration::ZERO,
            written: 0,
            progress,
        }
    }

    fn count(&mut self, written: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(bytes)) = written {
            self.written += *bytes as u64;
        }
    }

    /// Whether over the last `timeout` of waiting less was written than must be.
    fn is_too_slow(&mut self) -> bool {
        self.waited += self.since.elapsed();
        if self.waited < self.timeout {
            return false;
        }
        let least = self.waited.as_secs_f64() * self.rate as f64;
        let is_less = (self.written as f64) < least;
        (self.waited, self.written) = (Duration::ZERO, 0);
        is_less
    }

    fn watch<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            if !std::mem::take(&mut self.armed) {
                return written;
            }
            self.progress.set_blocked(false);
            return match self.is_too_slow() {
                true => Poll::Ready(Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "the client reads its answer too slowly",
                ))),
                false => written,
            };
        }
        if !self.armed {
            self.since = Instant::now();
            self.deadline.as_mut().reset(self.since + self.timeout);
            self.armed = true;
            self.progress.set_blocked(true);
        }
        match self.deadline.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the client does not read its answer",
            ))),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WriteTimeout<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WriteTimeout<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.count(&written);
        self.watch(context, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.watch(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.count(&written);
        self.watch(context, written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn a_reader_that_stops_times_out_and_one_that_reads_does_not() {
        let (ours, mut theirs) = tokio::io::duplex(4);
        let mut stream = WriteTimeout::new(ours, Duration::from_millis(1), 0, Arc::default());
        let error = stream
            .write_all(b"more than fits")
            .await
            .expect_err("nobody reads");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        let mut taken = [0; 4];
        theirs
            .read_exact(&mut taken)
            .await
            .expect("what fitted arrives");
        stream
            .write_all(b"fits")
            .await
            .expect("there is room again");
    }

    #[tokio::test]
    async fn a_reader_that_takes_a_little_now_and_then_is_too_slow() {
        let (ours, mut theirs) = tokio::io::duplex(1);
        let mut stream =
            WriteTimeout::new(ours, Duration::from_millis(50), 1 << 20, Arc::default());
        let reading = tokio::spawn(async move {
            let mut byte = [0];
            while theirs.read_exact(&mut byte).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        let error = stream
            .write_all(&[0; 1 << 20])
            .await
            .expect_err("it would take for ever");
        assert_eq!(error.to_string(), "the client reads its answer too slowly");
        drop(stream);
        reading.await.expect("no panic");
    }
}
