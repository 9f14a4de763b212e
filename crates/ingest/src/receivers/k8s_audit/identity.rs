//! Identity of an audit event: what its copies have in common, whatever way they come.
//!
//! The audit ID and the stage name an event, but a client may choose the ID (`Audit-ID`), and a
//! server behind the API server logs its own event under the same one. So the time of the stage, to
//! the nanosecond, and the cluster belong to it: an event that somebody wants unseen is not taken
//! for a copy.

use crate::decode::event_key::EventKey;

/// The service of all audit events.
pub(crate) const SERVICE: &str = "kube-apiserver-audit";

/// The column of the audit ID.
pub(crate) const AUDIT_ID: &str = "auditID";

/// The key of an event; `None` when it has no ID or no stage. `time` is nanoseconds since 1970.
pub(crate) fn key(cluster: &[u8], audit_id: &[u8], stage: &[u8], time: i64) -> Option<EventKey> {
    let is_named = !audit_id.is_empty() && !stage.is_empty();
    is_named.then(|| EventKey::of(&[cluster, audit_id, stage, &time.to_le_bytes()]))
}
