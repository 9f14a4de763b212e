//! The program as a process: what it answers, what it keeps over an end, what it says of files and
//! flags.

mod absurd_values;
mod alerts;
mod conformance;
mod damage;
mod deletes;
mod doctor;
mod documents;
mod loki_files;
mod own_logs;
mod program;
mod provision;
mod query;
mod ready;
mod rules;
mod rules_remote;
mod signals;

/// The program under test.
const BINARY: &str = env!("CARGO_BIN_EXE_skald");
