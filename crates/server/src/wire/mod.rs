//! The wire format writes answers as Loki's JSON.
//!
//! [`json`] writes values, [`answer`] results, [`stats`] the statistics block, [`notes`] the cursor
//! and the hint beside them.

pub(crate) mod answer;
pub(crate) mod json;
pub(crate) mod notes;
pub(crate) mod rules;
pub(crate) mod stats;
