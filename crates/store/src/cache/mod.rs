//! Caches: keep content indexes of parts and results of blocks within the memory budget.

pub(crate) mod index_cache;
pub(crate) mod result_cache;
