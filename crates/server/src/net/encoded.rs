//! An encoded answer is written as its client takes it, a piece at a time.
//!
//! Small answers are there whole, and equal queries share the bytes. Of larger ones the result is
//! kept, once for all who wait for it, and charged until the last of them has its answer.

use crate::error::ApiError;
use crate::net::outgoing::{Charged, LOOK_EVERY, Outgoing, WAIT};
use crate::wire::answer::{Encoder, weight};
use crate::wire::notes::Notes;
use axum::body::{Body, HttpBody};
use bytes::Bytes;
use hyper::body::Frame;
use skald_model::{Charge, Held};
use skald_query::{Answer, Labelling};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;
use tokio::time::Sleep;

/// Answers of fewer bytes are written at once.
const FIRST_BYTES: usize = 64 << 10;

/// Bytes of a piece; entries are not split.
const PIECE_BYTES: usize = 64 << 10;

/// An answer with its first bytes written.
#[derive(Clone)]
pub(crate) struct EncodedAnswer {
    pub(crate) first: Bytes,
    rest: Option<Rest>,
}

/// What is still to be written.
#[derive(Clone)]
struct Rest {
    encoder: Encoder,
    /// The result's room, where it is charged as an answer.
    _held: Arc<Held>,
}

impl EncodedAnswer {
    /// Takes room for the answer, waiting on this thread if need be. A result that is larger than all
    /// answers may be is left on its query's account: it is written piece by piece.
    pub(crate) fn new(
        mut answer: Answer,
        labelling: Labelling,
        notes: Notes,
        outgoing: &Outgoing,
    ) -> Result<EncodedAnswer, ApiError> {
        let bytes = weight(&answer.data) + FIRST_BYTES;
        let mut held = match bytes <= outgoing.whole_max() {
            true => outgoing.blocking_room(bytes)?,
            false => outgoing.blocking_room(FIRST_BYTES.min(outgoing.whole_max()))?,
        };
        if bytes <= outgoing.whole_max() {
            // From here on the result is charged as an answer, no longer to its query.
            answer.charge = Charge::default();
        }
        let mut encoder = Encoder::new(answer, labelling, notes);
        let first = encoder.next(FIRST_BYTES);
        if encoder.is_done() {
            held.shrink_to(first.len());
            return Ok(EncodedAnswer {
                first: Charged::bytes(first, held),
                rest: None,
            });
        }
        let rest = Rest {
            encoder,
            _held: Arc::new(held),
        };
        Ok(EncodedAnswer {
            first: first.into(),
            rest: Some(rest),
        })
    }

    /// Bytes that are there for ever.
    #[cfg(test)]
    pub(crate) fn of_bytes(first: &'static [u8]) -> EncodedAnswer {
        EncodedAnswer {
            first: Bytes::from_static(first),
            rest: None,
        }
    }

    /// As it is sent.
    pub(crate) fn body(self, outgoing: &Arc<Outgoing>) -> Body {
        match self.rest {
            None => Body::from(self.first),
            Some(rest) => Body::new(EncodedBody {
                first: Some(self.first),
                rest: Some(rest),
                outgoing: outgoing.clone(),
                pause: None,
                without_room: None,
            }),
        }
    }
}

struct EncodedBody {
    first: Option<Bytes>,
    rest: Option<Rest>,
    outgoing: Arc<Outgoing>,
    /// Runs until the next look for room.
    pause: Option<Pin<Box<Sleep>>>,
    /// Since when there is no room for a piece.
    without_room: Option<Instant>,
}

impl HttpBody for EncodedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        loop {
            if let Some(pause) = &mut self.pause {
                std::task::ready!(pause.as_mut().poll(context));
                self.pause = None;
            }
            let room = self.outgoing.try_room(PIECE_BYTES);
            let Some(rest) = &mut self.rest else {
                return Poll::Ready(None);
            };
            if let Some(mut held) = room {
                let piece = rest.encoder.next(PIECE_BYTES);
                // One long entry makes a long piece, which is there by now.
                held.fit(piece.len());
                self.rest = self.rest.take().filter(|rest| !rest.encoder.is_done());
                self.without_room = None;
                return Poll::Ready(Some(Ok(Frame::data(Charged::bytes(piece, held)))));
            }
            let since = *self.without_room.get_or_insert_with(Instant::now);
            if since.elapsed() >= WAIT {
                self.rest = None;
                let error = self.outgoing.refuse().message;
                return Poll::Ready(Some(Err(axum::Error::new(error))));
            }
            self.pause = Some(Box::pin(tokio::time::sleep(LOOK_EVERY)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::metrics::Metrics;
    use http_body_util::BodyExt;
    use skald_model::{Budget, MemoryUser};
    use skald_query::{Data, EntryResult, Stats, StreamResult};
    use std::time::Duration;

    fn answer(entries: usize, bytes: usize) -> Answer {
        let entry = |timestamp| EntryResult {
            timestamp,
            line: vec![1; bytes],
            metadata: Vec::new(),
            parsed: Vec::new(),
        };
        Answer {
            data: Data::Streams(vec![StreamResult {
                labels: Vec::new(),
                entries: (0..entries as i64).map(entry).collect(),
            }]),
            stats: Stats::default(),
            warnings: Vec::new(),
            cursor: None,
            charge: Charge::default(),
        }
    }

    fn encoded(answer: Answer, outgoing: &Outgoing) -> Result<EncodedAnswer, ApiError> {
        EncodedAnswer::new(answer, Labelling::Merged, Notes::default(), outgoing)
    }

    /// Control characters are six bytes each as JSON: as a whole the text would not fit.
    #[tokio::test]
    async fn a_large_answer_takes_little_more_than_its_result() {
        let (budget, metrics) = (Arc::new(Budget::new(10 << 20)), Arc::new(Metrics::new()));
        let outgoing = Arc::new(Outgoing::new(&budget, &metrics, Duration::ZERO, u64::MAX));
        let answer = || answer(2000, 1000);
        let whole = crate::wire::answer::encode(answer(), Labelling::Merged, Notes::default());
        let share = budget.share(MemoryUser::Answers);
        assert!(whole.len() > 3 * share);
        let first = encoded(answer(), &outgoing).expect("room");
        let bodies = [first.clone(), first].map(|answer| answer.body(&outgoing));
        assert!(encoded(answer(), &outgoing).is_err());
        for mut body in bodies {
            let mut text = Vec::new();
            while let Some(frame) = body.frame().await {
                text.extend(frame.expect("room").into_data().expect("data"));
                assert!(budget.held(MemoryUser::Answers) < share);
            }
            assert!(text == whole);
        }
        assert_eq!(budget.held_by_all(), 0);
    }
    /// Its query's account has it until it is sent.
    #[tokio::test]
    async fn a_result_larger_than_all_answers_may_be_is_written_too() {
        let (budget, metrics) = (Arc::new(Budget::new(10 << 20)), Arc::new(Metrics::new()));
        let outgoing = Arc::new(Outgoing::new(&budget, &metrics, Duration::ZERO, u64::MAX));
        let bytes = 4 << 20;
        let memory = skald_model::QueryMemory::new(&budget, MemoryUser::Queries, bytes, || Ok(()));
        let mut charge = Charge::new(&memory);
        charge.add(bytes).expect("room");
        let large = Answer {
            charge,
            ..answer(bytes / 1000, 1000)
        };
        let first = encoded(large, &outgoing).expect("room for a piece");
        assert_eq!(budget.held(MemoryUser::Queries), bytes);
        let mut body = first.body(&outgoing);
        let mut sent = 0;
        while let Some(frame) = body.frame().await {
            sent += frame.expect("room").into_data().expect("data").len();
        }
        assert!(sent > 6 * (bytes / 1000) * 1000);
        drop(body);
        assert_eq!(budget.held_by_all(), 0);
    }
}
