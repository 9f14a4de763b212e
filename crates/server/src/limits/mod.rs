//! Limits decide whether a request may run.
//!
//! [`overrides`] holds the limits of each tenant, `request_limits` what one request tightens,
//! `admission` and `bytes_guard` check a query against both, `open_tails` counts tails,
//! `memory_turn` orders queries that found no memory.

pub(crate) mod bytes_guard;
pub(crate) mod memory_turn;
pub(crate) mod open_tails;
pub mod overrides;
pub(crate) mod query_admission;
pub(crate) mod request_limits;
