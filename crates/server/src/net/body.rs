//! Request bodies are read whole, within a size, a time, and a share of the memory budget.
//!
//! Bytes are reserved as they arrive, whatever length was announced: a body that never comes holds
//! nothing. When the share is full, a body that needs more waits a little, the one that has stood
//! still for the longest gives way to it, and when all wait the youngest that holds some is refused,
//! so that the others get through. Small bodies have a share of their own, which large ones can't
//! take.

use crate::config::Config;
use crate::error::ApiError;
use crate::net::drain_body::unread;
use axum::body::Body;
use axum::http::StatusCode;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use parking_lot::Mutex;
use skald_model::{Budget, Held, MemoryUser};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Bodies up to this size are small: those of agents that send often, and of forms.
const SMALL_BYTES_MAX: usize = 64 << 10;

/// Steps in which a body reserves memory.
const STEP_BYTES: usize = 64 << 10;

/// Bytes that come unannounced are gathered in blocks of this size.
const BLOCK_BYTES: usize = 64 << 10;

/// A body gets on when this much of it has arrived.
const PROGRESS_BYTES: usize = 4 << 10;

/// How long bodies wait for each other.
#[derive(Clone, Copy)]
struct Patience {
    /// A body that did not get on for so long gives way to those that wait for room.
    standstill: Duration,
    /// When all bodies wait for room, the youngest that holds some is refused after this.
    wait: Duration,
    /// How long any body waits for room.
    wait_max: Duration,
    /// How often a body that waits looks whether there is room.
    look_every: Duration,
}

const PATIENCE: Patience = Patience {
    standstill: Duration::from_millis(500),
    wait: Duration::from_secs(1),
    wait_max: Duration::from_secs(5),
    look_every: Duration::from_millis(20),
};

/// The bodies that are arriving.
pub(crate) struct Arrivals {
    budget: Arc<Budget>,
    bodies: Mutex<Bodies>,
    patience: Patience,
}

#[derive(Default)]
struct Bodies {
    next: u64,
    /// By order of arrival.
    arriving: BTreeMap<u64, Arriving>,
}

/// What others know of a body.
struct Arriving {
    user: MemoryUser,
    /// When it last got on.
    progress: Instant,
    /// Whether it waits for room, and so can't get on.
    waits: bool,
    /// Bytes it holds.
    holds: usize,
    gives_way: Arc<Notify>,
}

/// A body's place among those that arrive.
struct Place<'a> {
    arrivals: &'a Arrivals,
    number: u64,
    gives_way: Arc<Notify>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.arrivals.bodies.lock().arriving.remove(&self.number);
    }
}

/// A body with what it holds of the budget.
struct Received {
    bytes: Bytes,
    _held: Held,
}

impl AsRef<[u8]> for Received {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Arrivals {
    /// None yet.
    pub(crate) fn new(budget: &Arc<Budget>) -> Arrivals {
        Arrivals {
            budget: budget.clone(),
            bodies: Mutex::default(),
            patience: PATIENCE,
        }
    }

    /// Reads a body of at most `max` bytes. One that is too large or too slow, or for which there
    /// is no memory, is given up early. What is read is charged until its last bytes are dropped.
    pub(crate) async fn read(
        &self,
        body: Body,
        config: &Config,
        max: u64,
    ) -> Result<Bytes, ApiError> {
        let limit = config.server.http_server_read_timeout;
        match tokio::time::timeout(limit, self.collect(body, max)).await {
            Ok(result) => result,
            Err(_) => Err(ApiError::new(
                StatusCode::REQUEST_TIMEOUT,
                "the request body did not arrive in time",
            )),
        }
    }

    async fn collect(&self, mut body: Body, max: u64) -> Result<Bytes, ApiError> {
        let hint = axum::body::HttpBody::size_hint(&body);
        let announced = hint.lower();
        if announced > max {
            return Err(too_large(announced, max));
        }
        if hint.exact() == Some(0) {
            return Ok(Bytes::new());
        }
        let user = match announced as usize {
            ..=SMALL_BYTES_MAX => MemoryUser::SmallBodies,
            _ => MemoryUser::Bodies,
        };
        let place = self.enter(user);
        let mut gathered = Gathered {
            place,
            held: Held::new(&self.budget, user),
            user,
            announced: announced as usize,
            first: Bytes::new(),
            blocks: Vec::new(),
            appended: 0,
            unmarked: 0,
        };
        loop {
            let frame = tokio::select! {
                frame = body.frame() => frame,
                () = gathered.place.gives_way.notified() => return Err(self.refuse(gathered.user)),
            };
            let Some(frame) = frame else {
                return Ok(gathered.finish());
            };
            let frame = frame.map_err(|error| unread(&error))?;
            if let Ok(data) = frame.into_data() {
                gathered.take(data, max).await?;
            }
        }
    }

    fn enter(&self, user: MemoryUser) -> Place<'_> {
        let gives_way = Arc::new(Notify::new());
        let mut bodies = self.bodies.lock();
        let number = bodies.next;
        bodies.next += 1;
        let arriving = Arriving {
            user,
            progress: Instant::now(),
            waits: false,
            holds: 0,
            gives_way: gives_way.clone(),
        };
        bodies.arriving.insert(number, arriving);
        Place {
            arrivals: self,
            number,
            gives_way,
        }
    }

    /// Has the body that stood still for the longest give way, if one did for too long.
    fn make_room(&self, user: MemoryUser) {
        let mut bodies = self.bodies.lock();
        let standing = bodies.arriving.values_mut();
        let standing = standing.filter(|body| body.user == user && !body.waits);
        if let Some(body) = standing.min_by_key(|body| body.progress)
            && body.progress.elapsed() >= self.patience.standstill
        {
            // It is on its way out, and not asked again.
            body.waits = true;
            body.gives_way.notify_one();
        }
    }

    fn refuse(&self, user: MemoryUser) -> ApiError {
        self.budget.count_refusal(user);
        ApiError::new(
            StatusCode::TOO_MANY_REQUESTS,
            "no memory for the request body now; send it again later",
        )
    }
}

impl Place<'_> {
    /// Notes that the body got on, or that it waits.
    fn mark(&self, user: MemoryUser, waits: bool, holds: usize) {
        if let Some(body) = self.arrivals.bodies.lock().arriving.get_mut(&self.number) {
            body.user = user;
            body.progress = Instant::now();
            body.waits = waits;
            body.holds = holds;
        }
    }

    /// Whether all bodies of its kind wait, so that none gets on or gives way, and this is the one
    /// to go: the last that holds something, or any when none does.
    fn is_in_the_way(&self, user: MemoryUser) -> bool {
        let bodies = self.arrivals.bodies.lock();
        let mut last = None;
        for (number, body) in bodies.arriving.iter().filter(|(_, body)| body.user == user) {
            if !body.waits {
                return false;
            }
            last = Some(*number).filter(|_| body.holds > 0).or(last);
        }
        last.is_none_or(|number| number == self.number)
    }
}

/// A body so far.
struct Gathered<'a> {
    place: Place<'a>,
    held: Held,
    user: MemoryUser,
    announced: usize,
    first: Bytes,
    blocks: Vec<BytesMut>,
    /// Bytes in them.
    appended: usize,
    /// Bytes that came since the body was last marked as getting on.
    unmarked: usize,
}

impl Gathered<'_> {
    fn len(&self) -> usize {
        self.first.len() + self.appended
    }

    async fn take(&mut self, data: Bytes, max: u64) -> Result<(), ApiError> {
        let size = self.len() + data.len();
        if size as u64 > max {
            return Err(too_large(size as u64, max));
        }
        self.room(size).await?;
        self.unmarked += data.len();
        if self.unmarked >= PROGRESS_BYTES {
            self.unmarked = 0;
            self.place.mark(self.user, false, self.held.bytes());
        }
        // Most bodies come in one frame, which then needs no copy.
        if self.len() == 0 {
            self.first = data;
            return Ok(());
        }
        let first = std::mem::take(&mut self.first);
        self.append(&first);
        self.append(&data);
        Ok(())
    }

    /// Bytes of unknown number go into blocks, which do not move as more come.
    fn append(&mut self, mut data: &[u8]) {
        while !data.is_empty() {
            let space = |block: &BytesMut| block.capacity() - block.len();
            if self.blocks.last().is_none_or(|block| space(block) == 0) {
                let wanted = self.announced.saturating_sub(self.appended);
                let block = BytesMut::with_capacity(wanted.max(BLOCK_BYTES));
                self.blocks.push(block);
            }
            let Some(block) = self.blocks.last_mut() else {
                return;
            };
            let (now, later) = data.split_at(data.len().min(space(block)));
            block.extend_from_slice(now);
            self.appended += now.len();
            data = later;
        }
    }

    /// All of it in one piece; blocks go as they are copied.
    fn joined(&mut self) -> Bytes {
        if self.blocks.len() <= 1 {
            let block = self.blocks.pop().map(BytesMut::freeze);
            return block.unwrap_or_else(|| std::mem::take(&mut self.first));
        }
        let mut whole = BytesMut::with_capacity(self.appended);
        for block in self.blocks.drain(..) {
            whole.extend_from_slice(&block);
        }
        whole.freeze()
    }

    /// Reserves memory for `bytes` in all, waiting for it if need be.
    async fn room(&mut self, bytes: usize) -> Result<(), ApiError> {
        let budget = &self.place.arrivals.budget;
        if self.user == MemoryUser::SmallBodies && bytes > SMALL_BYTES_MAX {
            self.user = MemoryUser::Bodies;
            let small = std::mem::replace(&mut self.held, Held::new(budget, self.user));
            self.wait(bytes).await?;
            drop(small);
            self.place.mark(self.user, false, self.held.bytes());
            return Ok(());
        }
        self.wait(bytes).await
    }

    async fn wait(&mut self, bytes: usize) -> Result<(), ApiError> {
        let arrivals = self.place.arrivals;
        if bytes <= self.held.bytes() {
            return Ok(());
        }
        let bytes = match self.user {
            MemoryUser::SmallBodies => bytes,
            _ => bytes.next_multiple_of(STEP_BYTES),
        };
        if self.held.try_cover(bytes) {
            return Ok(());
        }
        let share = arrivals.budget.share(self.user);
        if bytes >= share {
            let text = format!(
                "request body too large: {bytes} bytes do not fit the {share} bytes that `memory` leaves for bodies"
            );
            arrivals.budget.count_refusal(self.user);
            return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, text));
        }
        self.place.mark(self.user, true, self.held.bytes());
        let since = Instant::now();
        loop {
            arrivals.make_room(self.user);
            tokio::time::sleep(arrivals.patience.look_every).await;
            if self.held.try_cover(bytes) {
                self.place.mark(self.user, false, self.held.bytes());
                return Ok(());
            }
            let waited = since.elapsed();
            let patience = arrivals.patience;
            let hopeless = || waited >= patience.wait && self.place.is_in_the_way(self.user);
            if waited >= patience.wait_max || hopeless() {
                return Err(arrivals.refuse(self.user));
            }
        }
    }

    fn finish(mut self) -> Bytes {
        self.held.shrink_to(self.len());
        let bytes = self.joined();
        Bytes::from_owner(Received {
            bytes,
            _held: self.held,
        })
    }
}

fn too_large(size: u64, max: u64) -> ApiError {
    let text = format!("request body too large: message size too large than max ({size} vs {max})");
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::StreamExt;
    use std::convert::Infallible;

    const MB: usize = 1 << 20;

    /// A body of unknown length that sends `bytes` and then nothing more.
    fn half_sent(bytes: usize) -> Body {
        let frames = bytes.div_ceil(STEP_BYTES);
        let sent =
            futures_util::stream::iter((0..frames).map(|_| Bytes::from(vec![0; STEP_BYTES])));
        let sent = sent.chain(futures_util::stream::pending());
        Body::from_stream(sent.map(Ok::<_, Infallible>))
    }

    fn arrivals(budget: usize) -> Arc<Arrivals> {
        let mut arrivals = Arrivals::new(&Arc::new(Budget::new(budget)));
        arrivals.patience = Patience {
            standstill: Duration::from_millis(5),
            wait: Duration::from_millis(20),
            look_every: Duration::from_millis(1),
            ..PATIENCE
        };
        Arc::new(arrivals)
    }

    async fn read(arrivals: &Arrivals, body: Body) -> Result<Bytes, ApiError> {
        arrivals.read(body, &Config::default(), 100 << 20).await
    }

    #[tokio::test]
    async fn what_was_read_is_charged_until_its_last_slice_is_gone() {
        let arrivals = arrivals(100 * MB);
        let held = |user| arrivals.budget.held(user);
        let small = read(&arrivals, Body::from("abc")).await.expect("room");
        assert_eq!(held(MemoryUser::SmallBodies), 3);
        let large = Body::from(vec![1; MB]);
        let large = read(&arrivals, large).await.expect("room");
        assert_eq!((large.len(), held(MemoryUser::Bodies)), (MB, MB));
        let slice = large.slice(5..);
        drop((small, large));
        assert_eq!(held(MemoryUser::SmallBodies), 0);
        assert_eq!(held(MemoryUser::Bodies), MB);
        drop(slice);
        assert_eq!(arrivals.budget.held_by_all(), 0);
    }

    #[tokio::test]
    async fn half_sent_bodies_hold_no_more_than_their_share_and_give_way() {
        let arrivals = arrivals(40 * MB);
        let share = arrivals.budget.share(MemoryUser::Bodies);
        let mut senders = Vec::new();
        for _ in 0..11 {
            let sent_to = arrivals.clone();
            senders.push(tokio::spawn(async move {
                read(&sent_to, half_sent(4 * MB)).await
            }));
            tokio::task::yield_now().await;
            assert!(arrivals.budget.held(MemoryUser::Bodies) < share);
        }
        let whole = read(&arrivals, Body::from(vec![1; 9 * MB])).await;
        assert_eq!(whole.map(|body| body.len()), Ok(9 * MB));
        for sender in senders {
            let error = sender.await.expect("no panic").expect_err("never whole");
            let status = error.status.as_u16();
            assert!([408, 429].contains(&status), "{error:?}");
        }
        assert_eq!(arrivals.budget.held_by_all(), 0);
    }

    #[tokio::test]
    async fn small_bodies_come_through_beside_large_ones_that_stand_still() {
        let arrivals = arrivals(40 * MB);
        let filling = arrivals.clone();
        let large = tokio::spawn(async move { read(&filling, half_sent(9 * MB)).await });
        tokio::task::yield_now().await;
        let small = read(&arrivals, Body::from(vec![1; SMALL_BYTES_MAX])).await;
        assert!(small.is_ok());
        large.abort();
    }

    #[tokio::test]
    async fn without_room_a_body_is_refused_after_a_while_and_may_come_again() {
        let arrivals = arrivals(40 * MB);
        let others = Held::charged(&arrivals.budget, MemoryUser::Head, 39 * MB);
        for bytes in [100, MB] {
            let refused = read(&arrivals, Body::from(vec![1; bytes])).await;
            let status = refused.map_err(|error| error.status).expect_err("no room");
            assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
        }
        assert_eq!(arrivals.budget.refusals(MemoryUser::Bodies), 1);
        assert_eq!(arrivals.budget.refusals(MemoryUser::SmallBodies), 1);
        drop(others);
        assert!(read(&arrivals, Body::from(vec![1; MB])).await.is_ok());
        let never = read(&arrivals, Body::from(vec![1; 11 * MB])).await;
        let status = never.map_err(|error| error.status).expect_err("never fits");
        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    }
}
