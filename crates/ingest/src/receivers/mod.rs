//! Receivers take what senders send: body → streams of entries, and the answer each sender expects.
//!
//! [`receiver::Receiver`] is the shape of one, [`registry::of`] finds the one of a protocol; each
//! has a file or a folder here. All else is the same for all and is not theirs: encodings, caps and
//! room (`decode/`), validation, limits, metrics, the store and tails (`pipeline.rs`), tokens and
//! tenants (the server).

mod answers;
mod calico;
mod csv;
mod datadog;
mod elasticsearch;
pub(crate) mod events;
mod falco;
mod fields;
mod hubble;
mod journal;
mod k8s_audit;
pub(crate) mod loki;
mod ndjson;
mod otlp;
mod receiver;
mod registry;
mod splunk;
mod syslog;

pub use journal::JournalStream;
pub(crate) use k8s_audit::identity as audit_event;
pub(crate) use receiver::{Outcome, Receiver, Reception, Scratch, Taken};
pub(crate) use registry::of;
pub use registry::{answer, otlp_details, receiver_name, refusal};
