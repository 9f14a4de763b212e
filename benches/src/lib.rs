//! Data that benchmarks share. Each benchmark under `benches/` asks one question and says how to
//! run it.

pub mod lines;
