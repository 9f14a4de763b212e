//! Lanes share out the threads that decode pushes: large pushes wait for each other, small ones
//! only for small ones.
//!
//! How large a push is shows while it is decompressed, so each begins in the lane of the small ones
//! and changes over once it has grown. A few kilobytes that grow to hundreds of megabytes hold up
//! others of their kind, and nobody else.

use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes that a push takes from which on it is a large one: agents send about a megabyte at once.
const LARGE_BYTES: usize = 8 << 20;

/// The places of both lanes.
#[derive(Debug)]
pub(crate) struct Lanes {
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
}

/// A push's place, until it is dropped.
#[derive(Debug)]
pub(crate) struct Lane {
    /// Where it stands, or stood.
    lane: Arc<Semaphore>,
    /// Where it goes once it is large; nothing when it is.
    larger: Option<Arc<Semaphore>>,
    place: Option<OwnedSemaphorePermit>,
}

impl Lanes {
    /// Lanes of that many places each.
    pub(crate) fn new(places: usize) -> Lanes {
        Lanes {
            small: Arc::new(Semaphore::new(places)),
            large: Arc::new(Semaphore::new(places)),
        }
    }

    /// Waits for a place among the small ones.
    pub(crate) async fn enter(&self) -> Lane {
        Lane {
            lane: Arc::clone(&self.small),
            larger: Some(Arc::clone(&self.large)),
            place: Some(acquire(&self.small).await),
        }
    }
}

/// Whatever waits here blocks: to be called from a thread that may, within a runtime.
impl Lane {
    /// Changes over to the large ones, and waits for a place there, once the push is one of them.
    pub(crate) fn grow_to(&mut self, bytes: usize) {
        if bytes >= LARGE_BYTES
            && let Some(large) = self.larger.take()
        {
            self.leave();
            self.lane = large;
            self.enter();
        }
    }

    /// Gives its place to others while the push waits for something else.
    pub(crate) fn leave(&mut self) {
        self.place = None;
    }

    /// Waits for a place after [`Lane::leave`].
    pub(crate) fn enter(&mut self) {
        self.place = Some(Handle::current().block_on(acquire(&self.lane)));
    }
}

async fn acquire(lane: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    Arc::clone(lane)
        .acquire_owned()
        .await
        .expect("the semaphore is never closed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn small_pushes_do_not_wait_for_large_ones() {
        let lanes = Arc::new(Lanes::new(1));
        let mut first = lanes.enter().await;
        let first = tokio::task::spawn_blocking(move || {
            first.grow_to(LARGE_BYTES);
            first
        });
        let first = first.await.expect("no panic");
        // A second large one waits for the first; a small one for neither.
        let mut second = lanes.enter().await;
        let second = tokio::task::spawn_blocking(move || {
            second.grow_to(LARGE_BYTES);
            second
        });
        let mut small = lanes.enter().await;
        small.grow_to(LARGE_BYTES - 1);
        assert!(!second.is_finished());
        drop(small);
        drop(first);
        second.await.expect("no panic");
    }
}
