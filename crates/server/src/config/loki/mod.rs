//! What Loki calls things: its command line, its other names for settings, its buckets, and what has no place here.

pub(crate) mod buckets;
pub mod flags;
pub(crate) mod s3_url;
pub(crate) mod translate;
pub mod unsupported;
pub(crate) mod wrapped;
