//! Answers as Loki's JSON: [`json`] writes values, [`answer`] results, [`stats`] the statistics
//! block, [`notes`] what is said beside them.

pub mod answer;
pub mod json;
pub mod notes;
pub mod stats;
