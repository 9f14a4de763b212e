//! A stream id names a stream on disk and in memory.

use crate::labels::Labels;
use xxhash_rust::xxh3::xxh3_128;

/// 128-bit xxh3 of a stream's canonical label bytes. Labels are kept beside it and compared, so
/// that a collision is seen rather than believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(pub u128);

impl StreamId {
    /// The identity of the stream with these labels.
    pub fn of(labels: &Labels) -> StreamId {
        StreamId(xxh3_128(labels.as_bytes()))
    }
}
