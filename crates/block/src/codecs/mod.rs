//! Codecs encode the values of one column and decode them.
//!
//! From the bottom: varints and zstd frames, integers, texts made of integers, and the text column
//! that picks among these forms.

pub(crate) mod affixed_number;
pub(crate) mod decimal;
pub(crate) mod digits;
pub(crate) mod hex_shape;
pub(crate) mod ints;
pub(crate) mod prefixed_int;
pub(crate) mod text;
pub(crate) mod texts;
pub(crate) mod varint;
pub(crate) mod zstd_frames;
