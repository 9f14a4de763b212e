//! Descriptors: bounds how many files the store has open, and waits when the system has none left.
//!
//! [`OpenFiles`] keeps the files of parts that were read last open and closes the others;
//! [`PatientFiles`] opens again what failed only for want of a descriptor. Everything else of the
//! store is open for the length of one step.

mod open_files;
mod patient_files;

pub(crate) use open_files::{CachedFile, OpenFiles};
pub(crate) use patient_files::PatientFiles;
