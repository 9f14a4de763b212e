//! Loki compatibility maps Loki's flags, older keys and buckets, and explains what Skald lacks.

pub(crate) mod buckets;
pub mod flags;
pub(crate) mod ruler;
pub(crate) mod s3_url;
pub(crate) mod translate;
pub mod unsupported;
pub(crate) mod wrapped;
