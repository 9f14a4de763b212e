//! The receiver of syslog batches, which listeners of this server make; nobody else sends them.

use crate::decode::body::Encoding;
use crate::decode::decoded::Decoded;
use crate::decode::grouped::{Grouped, LabelPairs};
use crate::receivers::{Receiver, Reception, Taken};
use crate::rejection::BodyError;
use crate::reply::PushReply;
use crate::request::PushRequest;
use crate::room::Room;
use hashbrown::HashMap;
use skald_syslog::batch::{Batch, BatchError};
use skald_syslog::entry::{self, Arrival, Entry};
use skald_syslog::zone::{ZoneClock, zone_named};
use std::borrow::Cow;

/// The label `source` of all entries.
const SOURCE: &str = "syslog";

/// Batches of messages.
pub(crate) struct SyslogBatch;

/// Labels of a message.
type Key<'m> = (
    Option<Cow<'m, str>>,
    Option<Cow<'m, str>>,
    Option<&'static str>,
);

impl Receiver for SyslogBatch {
    fn name(&self) -> &'static str {
        "syslog"
    }

    fn encodings(&self, _request: &PushRequest) -> Result<Vec<Encoding>, BodyError> {
        Ok(Vec::new())
    }

    fn decode<'m>(&self, reception: &Reception<'m>, room: Room) -> Result<Decoded<'m>, BodyError> {
        let broken = |error: BatchError| BodyError::malformed(error.to_string());
        let (context, mut batch) = Batch::open(reception.body).map_err(broken)?;
        let zone = zone_named(&context.zone).ok_or_else(|| BodyError::malformed("no such zone"))?;
        let mut clock = ZoneClock::new(zone);
        let mut grouped = Grouped::within(room, reception.limits);
        let mut streams: HashMap<Key<'m>, u32, foldhash::fast::RandomState> = HashMap::default();
        let (mut pairs, mut row) = (Vec::new(), 0);
        while let Some(frame) = batch.next_frame().map_err(broken)? {
            let arrival = Arrival {
                time: context.arrival.saturating_add(row),
                ahead_max: reception.limits.creation_grace_period,
            };
            row += 1;
            let Entry {
                host,
                app,
                facility,
                time,
                line,
            } = entry::read(&frame, &mut clock, arrival, &mut pairs);
            for (name, value) in pairs.drain(..) {
                grouped.pair(name, value)?;
            }
            let key = (host, app, facility);
            let stream = match streams.get(&key) {
                Some(stream) => *stream,
                None => {
                    let stream = grouped.stream(labels_of(&key, &context.labels))?;
                    streams.insert(key, stream);
                    stream
                }
            };
            grouped.entry_of(stream, time, line)?;
        }
        grouped.finish()
    }

    /// A listener hands a batch on again when nothing of it was taken; what limits refuse is gone.
    fn reply(&self, _content_type: Option<&str>, taken: &Taken<'_>) -> PushReply {
        match taken {
            Taken::Refused { status, text } => PushReply::text(*status, text),
            Taken::Read(outcome) => match outcome.rejections.text() {
                None => PushReply::empty(204),
                Some(text) => PushReply::text(200, &text),
            },
        }
    }
}

/// Labels of the message, then those of the listener, which stand above.
fn labels_of(key: &Key<'_>, own: &[(String, String)]) -> LabelPairs {
    let (host, app, facility) = key;
    let of_message = [
        ("source", Some(SOURCE)),
        ("host", host.as_deref()),
        ("app", app.as_deref()),
        ("facility", *facility),
    ];
    let of_message = of_message
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)));
    let own = own
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    LabelPairs::of(of_message.chain(own))
}
