//! Listeners read messages from the network and hand them on in batches.
//!
//! [`listener::Listener`] runs one. TCP is not read further while batches wait to be taken, so that
//! nothing is lost; of UDP the system drops what does not fit its buffer, and [`drops`] counts that.

mod batcher;
pub mod counters;
pub mod drops;
pub mod listener;
pub mod settings;
mod signal;
pub mod sink;
mod tcp;
mod udp;
