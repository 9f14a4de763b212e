//! What each fuzz target asks of its bytes; a check that fails panics.
//!
//! One module a target. The targets in `fuzz_targets` only pass bytes on, and
//! tests/tests/it/regressions.rs takes this file in as a module, so that seeds and found inputs are
//! asked by the ordinary tests as well.

pub mod block;
pub mod content_index;
pub mod fields;
pub mod push;
pub mod query;
pub mod stages;
pub mod template;
pub mod wal;

/// What a target asks of an input.
pub type Check = fn(&[u8]);

/// All targets by the names of their folders in `corpus` and `regressions`.
pub const TARGETS: [(&str, Check); 8] = [
    ("block", block::check),
    ("content_index", content_index::check),
    ("fields", fields::check),
    ("push", push::check),
    ("query", query::check),
    ("stages", stages::check),
    ("template", template::check),
    ("wal", wal::check),
];
