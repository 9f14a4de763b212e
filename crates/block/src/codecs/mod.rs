//! Codecs encode the values of one column and decode them.

pub(crate) mod affixed_number;
pub(crate) mod decimal;
pub(crate) mod digits;
pub(crate) mod ints;
pub(crate) mod prefixed_int;
pub(crate) mod text;
pub(crate) mod varint;
pub(crate) mod zstd_frames;
