//! Sequences of u64 as bytes: constant, bit-packed in frames of 128, runs of equal values, or byte
//! planes through zstd.
//!
//! The count is not stored: the reader of a column knows its rows. `decode` reads a sequence from
//! its start, [`Frames`] reads single frames in any order.

mod decode;
mod encode;
mod form;
mod frames;
mod packed;
mod planes;
mod runs;
#[cfg(test)]
mod tests;

pub(crate) use decode::{decode, decode_where};
pub(crate) use encode::{IntBuffers, encode};
pub(crate) use form::FRAME;
pub(crate) use frames::Frames;
