//! Metadata questions: labels, volumes, fields and patterns, answered from indexes and samples.

pub(crate) mod cardinality;
pub(crate) mod detected_fields;
pub(crate) mod empty_hint;
pub(crate) mod index_stats;
pub(crate) mod labels;
pub(crate) mod patterns;
pub(crate) mod volume;
