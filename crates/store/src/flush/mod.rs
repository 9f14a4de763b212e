//! Sealed heads become parts: ordering of entries, progress, and back-pressure on pushes.

pub(crate) mod backpressure;
pub(crate) mod progress;
pub(crate) mod sort;
