//! Metadata questions are answered without running a log query: labels, volume, fields, patterns.

pub(crate) mod cardinality;
pub(crate) mod detected_fields;
pub(crate) mod empty_hint;
pub(crate) mod labels;
pub(crate) mod patterns;
pub(crate) mod volume;
