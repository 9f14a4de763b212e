//! Scheduling shares the query threads among many queries.

pub(crate) mod pool;
pub(crate) mod tenant_queue;
pub(crate) mod time_slice;
