//! Validation: from a decoded push to the batch the store takes, with Loki's checks in Loki's
//! order.
//!
//! [`validator::Validator`] is the way through; the other modules are one check or one lookup each.

pub(crate) mod entry_check;
pub(crate) mod go_time;
pub(crate) mod line_length;
pub(crate) mod metadata;
pub(crate) mod rates;
pub(crate) mod stream_cache;
pub(crate) mod stream_labels;
pub(crate) mod tenant_policy;
pub(crate) mod token_bucket;
pub(crate) mod validator;
