//! Limits decide whether a request may run.

pub mod admission;
pub mod overrides;
