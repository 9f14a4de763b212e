//! A simulated disk fills up, fails and crashes when a test says so: what crash tests use instead
//! of files.
//!
//! It keeps two states: what the process sees, and what a power loss is sure to leave. Between the
//! two a crash chooses by its seed: unsynced bytes survive sector by sector, unsynced names one by
//! one. Not a model of one file system but of the least that all promise.

mod dice;
mod disk;
mod fault;
mod files;
mod gate;

pub use dice::Dice;
pub use fault::Fault;
pub use files::SimFiles;
