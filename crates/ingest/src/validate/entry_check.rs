//! Checks of one entry against limits: time, line length, size of its metadata. The words are
//! Loki's.

use crate::decode::decoded::{DecodedEntry, Text};
use crate::limits::IngestLimits;
use crate::rejection::Reason;
use crate::validate::go_time::{go_time, rfc3339};
use skald_model::{Labels, TenantId};
use std::fmt::Write;

/// Why an entry is refused.
pub(crate) enum EntryRejected {
    TooOld { oldest: i64 },
    Behind,
    TooNew,
    LineTooLong,
    MetadataDisallowed,
    MetadataTooLarge { bytes: usize },
    MetadataTooMany { count: usize },
}

impl EntryRejected {
    pub(crate) fn reason(&self) -> Reason {
        match self {
            EntryRejected::TooOld { .. } => Reason::TooOld,
            EntryRejected::Behind => Reason::TooFarBehind,
            EntryRejected::TooNew => Reason::TooFarInFuture,
            EntryRejected::LineTooLong => Reason::LineTooLong,
            EntryRejected::MetadataDisallowed => Reason::MetadataDisallowed,
            EntryRejected::MetadataTooLarge { .. } => Reason::MetadataTooLarge,
            EntryRejected::MetadataTooMany { .. } => Reason::MetadataTooMany,
        }
    }

    /// Loki's words for the client.
    pub(crate) fn message(
        &self,
        labels: &str,
        entry: &DecodedEntry<'_>,
        limits: &IngestLimits,
    ) -> String {
        let time = || rfc3339(entry.time);
        let advice = |key: &str, verb: &str| {
            format!(
                "Please see `limits_config.{key}` or contact your Loki administrator to {verb} it"
            )
        };
        match self {
            EntryRejected::TooOld { oldest } => format!(
                "entry for stream '{labels}' has timestamp too old: {}, oldest acceptable timestamp is: {}",
                time(),
                rfc3339(*oldest)
            ),
            EntryRejected::Behind => {
                format!("entry for stream '{labels}' is too far behind: {}", time())
            }
            EntryRejected::TooNew => format!(
                "entry for stream '{labels}' has timestamp too new: {}",
                time()
            ),
            EntryRejected::LineTooLong => format!(
                "max entry size '{}' bytes exceeded for stream '{labels}' while adding an entry with length '{}' bytes",
                limits.max_line_size,
                entry.line.len()
            ),
            EntryRejected::MetadataDisallowed => format!(
                "stream '{labels}' includes structured metadata, but this feature is disallowed. {}",
                advice("allow_structured_metadata", "enable")
            ),
            EntryRejected::MetadataTooLarge { bytes } => format!(
                "stream '{labels}' has structured metadata too large: '{bytes}' bytes, limit: '{}' bytes. {}",
                limits.max_structured_metadata_size,
                advice("max_structured_metadata_size", "increase")
            ),
            EntryRejected::MetadataTooMany { count } => format!(
                "stream '{labels}' has too many structured metadata labels: '{count}', limit: '{}'. {}",
                limits.max_structured_metadata_entries_count,
                advice("max_structured_metadata_entries_count", "increase")
            ),
        }
    }
}

/// Checks an entry with its metadata `pairs`.
pub(crate) fn check_entry(
    entry: &DecodedEntry<'_>,
    pairs: &[(Text<'_>, Text<'_>)],
    limits: &IngestLimits,
    now: i64,
) -> Result<(), EntryRejected> {
    let oldest = limits
        .reject_old_samples_max_age
        .map(|age| now.saturating_sub(age));
    if let Some(oldest) = oldest.filter(|oldest| entry.time < *oldest) {
        return Err(EntryRejected::TooOld { oldest });
    }
    if entry.time < 0 {
        return Err(EntryRejected::Behind);
    }
    if entry.time > now.saturating_add(limits.creation_grace_period) {
        return Err(EntryRejected::TooNew);
    }
    if limits.max_line_size != 0 && entry.line.len() > limits.max_line_size {
        return Err(EntryRejected::LineTooLong);
    }
    check_metadata(pairs, limits)
}

fn check_metadata(
    pairs: &[(Text<'_>, Text<'_>)],
    limits: &IngestLimits,
) -> Result<(), EntryRejected> {
    if pairs.is_empty() {
        return Ok(());
    }
    if !limits.allow_structured_metadata {
        return Err(EntryRejected::MetadataDisallowed);
    }
    let bytes: usize = pairs
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    let bytes_max = limits.max_structured_metadata_size;
    if bytes_max != 0 && bytes > bytes_max {
        return Err(EntryRejected::MetadataTooLarge { bytes });
    }
    let (count, count_max) = (pairs.len(), limits.max_structured_metadata_entries_count);
    if count_max != 0 && count > count_max {
        return Err(EntryRejected::MetadataTooMany { count });
    }
    Ok(())
}

/// Loki's message about the entries of one stream that are too far behind; here these are times
/// before 1970.
pub(crate) fn behind_message(
    tenant: &TenantId,
    times: &[i64],
    count: u64,
    of: usize,
    labels: &Labels,
) -> String {
    let mut out = String::new();
    let oldest = rfc3339(0);
    for time in times {
        let (go, at) = (go_time(*time), rfc3339(*time));
        let why = format!(
            "entry too far behind, entry timestamp is: {at}, oldest acceptable timestamp is: {oldest}"
        );
        writeln!(out, "entry with timestamp {go} ignored, reason: '{why}',")
            .expect("writing to a string succeeds");
    }
    write!(
        out,
        "user '{tenant}', total ignored: {count} out of {of} for stream: {}",
        labels
    )
    .expect("writing to a string succeeds");
    out
}
