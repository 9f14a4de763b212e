//! The ruler runs the groups of all tenants.
//!
//! [`Ruler::load`] gives a tenant's groups, [`Ruler::view`] shows them. [`Ruler::run_due`] evaluates
//! what is due on the caller's thread, for tests and tools; [`Ruler::start`] does it on threads of
//! its own.

mod board;
mod cell;
mod tenants;
mod workers;

pub use tenants::{Loaded, Parts, Ruler};
pub use workers::Workers;
