//! Lanes share out the threads that decode pushes: large pushes wait for each other, small ones
//! only for small ones.
//!
//! How large a push is shows while it is decompressed, so each begins in the lane of the small ones.
//! One that has grown gives back what it made, and begins again in the other lane: while it waits it
//! holds neither a thread nor more than its body. A few kilobytes that grow to hundreds of megabytes
//! hold up others of their kind, and nobody else.

use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes that a push takes from which on it is a large one: agents send about a megabyte at once.
const LARGE_BYTES: usize = 8 << 20;

/// What a push is by the memory it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    /// Less than [`LARGE_BYTES`].
    Small,
    /// As much, or more.
    Large,
}

impl Size {
    /// That of a push that takes `bytes` bytes.
    pub(crate) fn of(bytes: usize) -> Size {
        match bytes < LARGE_BYTES {
            true => Size::Small,
            false => Size::Large,
        }
    }
}

/// How many lanes there are.
pub(crate) const LANES: usize = 2;

/// The places of both lanes.
#[derive(Debug)]
pub(crate) struct Lanes {
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
}

/// A push's place, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    /// The lane.
    pub(crate) size: Size,
    _permit: OwnedSemaphorePermit,
}

impl Lanes {
    /// Lanes of that many places each.
    pub(crate) fn new(places: usize) -> Lanes {
        Lanes {
            small: Arc::new(Semaphore::new(places)),
            large: Arc::new(Semaphore::new(places)),
        }
    }

    /// Waits for a place.
    pub(crate) async fn enter(&self, size: Size) -> Place {
        let lane = match size {
            Size::Small => &self.small,
            Size::Large => &self.large,
        };
        let permit = Arc::clone(lane).acquire_owned().await;
        Place {
            size,
            _permit: permit.expect("the semaphore is never closed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn small_pushes_do_not_wait_for_large_ones() {
        let lanes = Lanes::new(1);
        let first = lanes.enter(Size::Large).await;
        let mut second = std::pin::pin!(lanes.enter(Size::Large));
        tokio::select! {
            biased;
            _ = second.as_mut() => panic!("the lane has one place"),
            _ = lanes.enter(Size::Small) => {}
        }
        drop(first);
        assert_eq!(second.await.size, Size::Large);
    }
}
