//! What each fuzz target asks of its bytes; a check that fails panics.
//!
//! One module a target, but for those of pushes, which share one. The targets in `fuzz_targets` only pass bytes on, and
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
pub const TARGETS: [(&str, Check); 15] = [
    ("block", block::check),
    ("cluster_events", push::cluster_events),
    ("collectors", push::collectors),
    ("content_index", content_index::check),
    ("elasticsearch", push::elasticsearch),
    ("fields", fields::check),
    ("journal", push::journal),
    ("otlp", push::otlp),
    ("push", push::loki),
    ("query", query::check),
    ("stages", stages::check),
    ("syslog", push::syslog),
    ("tables", push::tables),
    ("template", template::check),
    ("wal", wal::check),
];
