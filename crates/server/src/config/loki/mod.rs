//! Settings of a Loki file that need more than a name: buckets, addresses, what is unsupported.

pub(crate) mod buckets;
pub(crate) mod s3_url;
pub mod unsupported;
