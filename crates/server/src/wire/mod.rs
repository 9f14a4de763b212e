//! Answers as Loki's JSON: [`json`] writes values, [`answer`] results, [`stats`] the statistics block.

pub mod answer;
pub mod json;
pub mod stats;
