//! Rules: their files and stores, and groups that run by a clock of the test.

mod crash;
mod local_files;
mod model;
mod oracle;
mod own_store;
mod rule_files;
mod running;
mod support;
mod threads;
