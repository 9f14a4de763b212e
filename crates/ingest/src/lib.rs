//! Takes pushes of every protocol: decodes, validates and stores them, and feeds live tails.
//!
//! Knows nothing of queries. The face is [`Ingest`]; `pipeline` is the way of one push, in order:
//! `receivers` (bytes → streams and entries that borrow from the body, a file or folder a protocol)
//! with what they share in `decode`, `validate` (limits, labels, levels → a batch), the store, and
//! [`tail_hub`]. The layers of the modules are in docs/architecture.md.

mod decode;
mod forms;
mod handle;
mod label_name;
mod lanes;
mod level;
mod limits;
mod metrics;
mod pipeline;
mod push_counters;
mod receivers;
mod recent_keys;
mod rejection;
mod reply;
mod request;
mod room;
pub mod tail_hub;
mod tail_queue;
mod validate;
mod workers;

pub use decode::proto_types;
pub use handle::Ingest;
pub use limits::noise::{NOISE_RULES_MAX, NoiseRule};
pub use limits::otlp_rules::{
    AttributeAction, AttributeNames, AttributeRule, OTLP_RULES_MAX, OtlpRules,
};
pub use limits::{ENTRIES_MAX, IngestLimits, LABEL_TEXT_BYTES_MAX, PAIRS_MAX};
pub use pipeline::DryRun;
pub use receivers::{JournalStream, answer, otlp_details, receiver_name, refusal};
pub use reply::{Ending, PushAccount, PushReply};
pub use request::{Parameters, Protocol, PushRequest, Question};
pub use validate::tenant_policy::{TenantPolicies, TenantPolicy};
