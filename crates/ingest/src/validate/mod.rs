//! From a decoded push to what the store takes: Loki's checks in Loki's order, each entry on its own.
//!
//! A refused stream or entry is told and counted, its neighbours go on. One pass over the entries does all of it:
//! time, size, metadata, level and counts.

pub(crate) mod go_time;
pub(crate) mod limits;
pub(crate) mod metadata;
pub(crate) mod quota;
pub(crate) mod rates;
pub(crate) mod rejection;
pub(crate) mod stream_cache;
pub(crate) mod tenant_policy;

use crate::decode::push::{Decoded, DecodedEntry, DecodedStream};
use crate::level;
use crate::push_counters::Tally;
use crate::validate::go_time::{go_time, rfc3339};
use crate::validate::metadata::{sanitize_name, sanitize_value, sort_and_unite};
use crate::validate::quota::Quota;
use crate::validate::rejection::{Reason, Refusals};
use crate::validate::stream_cache::StreamFacts;
use crate::validate::tenant_policy::Profile;
use skald_model::{TenantId, WriteBatch, WriteEntry, WriteStream};
use std::borrow::Cow;
use std::fmt::Write;
use std::sync::Arc;

/// Most entries named in one message about entries too far behind: Loki's `max_returned_stream_errors`.
const BEHIND_NAMED_MAX: usize = 10;

/// What checks need beside the entries.
pub(crate) struct Rules<'r> {
    pub(crate) profile: &'r Profile,
    /// What the tenant has used; `None` when nothing limits it.
    pub(crate) quota: Option<&'r Quota>,
    /// Nanoseconds since 1970.
    pub(crate) now: i64,
}

/// A validated push.
#[derive(Debug, Default)]
pub(crate) struct Validated<'d> {
    /// What is to be written.
    pub(crate) batch: WriteBatch<'d>,
    /// What was refused.
    pub(crate) refusals: Refusals,
    /// What was counted.
    pub(crate) tally: Tally,
}

/// Validates all of a push.
pub(crate) fn validate<'d>(
    tenant: &TenantId,
    decoded: &'d Decoded<'_>,
    rules: &Rules<'_>,
) -> Validated<'d> {
    let mut out = Validated {
        refusals: decoded.refusals.clone(),
        ..Validated::default()
    };
    if rules.now < rules.profile.limits.block_ingestion_until {
        rates::block(tenant, decoded, &rules.profile.limits, &mut out);
        return out;
    }
    out.tally.truncated = decoded.cut;
    out.batch.streams.reserve(decoded.streams.len());
    out.batch.entries.reserve(decoded.entries.len());
    out.batch
        .metadata
        .reserve(decoded.entries.len() + decoded.pairs.len());
    for stream in decoded
        .streams
        .iter()
        .filter(|stream| !stream.rows.is_empty())
    {
        match rules
            .profile
            .streams
            .resolve(&stream.labels, &rules.profile.limits)
        {
            Ok(facts) => {
                match rates::missing_labels(tenant, &facts.labels, &rules.profile.limits) {
                    None => validate_stream(tenant, decoded, stream, &facts, rules, &mut out),
                    Some(message) => {
                        let entries = &decoded.entries[stream.rows.clone()];
                        let bytes = entries.iter().map(|e| e.line.len() as u64).sum();
                        out.tally.discard(
                            Reason::MissingEnforcedLabels,
                            entries.len() as u64,
                            bytes,
                        );
                        out.refusals.add(|| message);
                    }
                }
            }
            Err(refused) => {
                let entries = &decoded.entries[stream.rows.clone()];
                out.tally.discard(
                    refused.reason,
                    entries.len() as u64,
                    entries.iter().map(|e| e.line.len() as u64).sum(),
                );
                out.refusals.add(|| refused.message);
            }
        }
    }
    if let Some(quota) = rules.quota {
        rates::rate(tenant, quota, rules, &mut out);
    }
    out
}

fn validate_stream<'d>(
    tenant: &TenantId,
    decoded: &'d Decoded<'_>,
    stream: &DecodedStream<'_>,
    facts: &Arc<StreamFacts>,
    rules: &Rules<'_>,
    out: &mut Validated<'d>,
) {
    let mark = rates::Mark::of(out, rules);
    let first_row = out.batch.entries.len();
    let mut behind: Vec<i64> = Vec::new();
    let mut behind_count = 0u64;
    let mut last = Bumped::default();
    for entry in &decoded.entries[stream.rows.clone()] {
        match check_entry(decoded, entry, rules) {
            Ok(line) => {
                let time = if rules.profile.limits.increment_duplicate_timestamp {
                    last.next(entry.time, line)
                } else {
                    entry.time
                };
                accept(decoded, entry, time, line, facts, rules, out);
            }
            Err(refused) => {
                out.tally
                    .discard(refused.reason(), 1, entry.line.len() as u64);
                if let EntryRefused::Behind = refused {
                    behind_count += 1;
                    if behind.len() < BEHIND_NAMED_MAX {
                        behind.push(entry.time);
                    }
                } else {
                    out.refusals
                        .add(|| refused.message(&facts.labels.to_string(), entry, rules));
                }
            }
        }
    }
    if behind_count > 0 {
        out.refusals
            .add(|| behind_message(tenant, &behind, behind_count, stream.rows.len(), facts));
    }
    if let Some(quota) = rules.quota {
        rates::stream(tenant, quota, facts, mark, rules, out);
    }
    let rows = first_row as u32..out.batch.entries.len() as u32;
    if !rows.is_empty() {
        out.batch.streams.push(WriteStream {
            id: facts.id,
            labels: facts.labels.clone(),
            rows,
        });
    }
}

/// Moves equal times of one stream apart: `increment_duplicate_timestamp`.
#[derive(Default)]
struct Bumped<'d> {
    /// Time as it came, time as it is stored, line.
    before: Option<(i64, i64, &'d [u8])>,
}

impl<'d> Bumped<'d> {
    fn next(&mut self, time: i64, line: &'d [u8]) -> i64 {
        let stored = match self.before {
            Some((came, stored, other)) if (time == came || time == stored) && line != other => {
                stored.saturating_add(1)
            }
            _ => time,
        };
        self.before = Some((time, stored, line));
        stored
    }
}

/// Why an entry is refused.
enum EntryRefused {
    TooOld { oldest: i64 },
    Behind,
    TooNew,
    LineTooLong,
    MetadataDisallowed,
    MetadataTooLarge { bytes: usize },
    MetadataTooMany { count: usize },
}

impl EntryRefused {
    fn reason(&self) -> Reason {
        match self {
            EntryRefused::TooOld { .. } => Reason::TooOld,
            EntryRefused::Behind => Reason::TooFarBehind,
            EntryRefused::TooNew => Reason::TooFarInFuture,
            EntryRefused::LineTooLong => Reason::LineTooLong,
            EntryRefused::MetadataDisallowed => Reason::MetadataDisallowed,
            EntryRefused::MetadataTooLarge { .. } => Reason::MetadataTooLarge,
            EntryRefused::MetadataTooMany { .. } => Reason::MetadataTooMany,
        }
    }

    fn message(&self, labels: &str, entry: &DecodedEntry<'_>, rules: &Rules<'_>) -> String {
        let time = || rfc3339(entry.time);
        let advice = |key: &str, verb: &str| {
            format!(
                "Please see `limits_config.{key}` or contact your Loki administrator to {verb} it"
            )
        };
        match self {
            EntryRefused::TooOld { oldest } => format!(
                "entry for stream '{labels}' has timestamp too old: {}, oldest acceptable timestamp is: {}",
                time(),
                rfc3339(*oldest)
            ),
            EntryRefused::Behind => {
                format!("entry for stream '{labels}' is too far behind: {}", time())
            }
            EntryRefused::TooNew => format!(
                "entry for stream '{labels}' has timestamp too new: {}",
                time()
            ),
            EntryRefused::LineTooLong => format!(
                "max entry size '{}' bytes exceeded for stream '{labels}' while adding an entry with length '{}' bytes",
                rules.profile.limits.max_line_size,
                entry.line.len()
            ),
            EntryRefused::MetadataDisallowed => format!(
                "stream '{labels}' includes structured metadata, but this feature is disallowed. {}",
                advice("allow_structured_metadata", "enable")
            ),
            EntryRefused::MetadataTooLarge { bytes } => format!(
                "stream '{labels}' has structured metadata too large: '{bytes}' bytes, limit: '{}' bytes. {}",
                rules.profile.limits.max_structured_metadata_size,
                advice("max_structured_metadata_size", "increase")
            ),
            EntryRefused::MetadataTooMany { count } => format!(
                "stream '{labels}' has too many structured metadata labels: '{count}', limit: '{}'. {}",
                rules.profile.limits.max_structured_metadata_entries_count,
                advice("max_structured_metadata_entries_count", "increase")
            ),
        }
    }
}

/// The line to store, or why the entry is refused.
fn check_entry<'d>(
    decoded: &Decoded<'_>,
    entry: &'d DecodedEntry<'_>,
    rules: &Rules<'_>,
) -> Result<&'d [u8], EntryRefused> {
    let limits = &rules.profile.limits;
    if let Some(oldest) = limits
        .reject_old_samples_max_age
        .map(|age| rules.now.saturating_sub(age))
        && entry.time < oldest
    {
        return Err(EntryRefused::TooOld { oldest });
    }
    if entry.time < 0 {
        return Err(EntryRefused::Behind);
    }
    if entry.time > rules.now.saturating_add(limits.creation_grace_period) {
        return Err(EntryRefused::TooNew);
    }
    let mut line = &*entry.line;
    if limits.max_line_size != 0 && line.len() > limits.max_line_size {
        if !limits.max_line_size_truncate {
            return Err(EntryRefused::LineTooLong);
        }
        line = &line[..limits.max_line_size];
    }
    let pairs = decoded.pairs_of(entry);
    if pairs.is_empty() {
        return Ok(line);
    }
    let bytes: usize = pairs
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    if !limits.allow_structured_metadata {
        Err(EntryRefused::MetadataDisallowed)
    } else if limits.max_structured_metadata_size != 0
        && bytes > limits.max_structured_metadata_size
    {
        Err(EntryRefused::MetadataTooLarge { bytes })
    } else if limits.max_structured_metadata_entries_count != 0
        && pairs.len() > limits.max_structured_metadata_entries_count
    {
        Err(EntryRefused::MetadataTooMany { count: pairs.len() })
    } else {
        Ok(line)
    }
}

/// Appends an entry that passed.
fn accept<'d>(
    decoded: &'d Decoded<'_>,
    entry: &'d DecodedEntry<'_>,
    time: i64,
    line: &'d [u8],
    facts: &StreamFacts,
    rules: &Rules<'_>,
    out: &mut Validated<'d>,
) {
    let metadata = &mut out.batch.metadata;
    let first = metadata.len();
    let mut metadata_bytes = 0;
    for (name, value) in decoded.pairs_of(entry) {
        metadata_bytes += name.len() + value.len();
        match sanitize_name(name) {
            Some(name) => metadata.push((name, sanitize_value(value))),
            None => out.tally.dropped_names += 1,
        }
    }
    sort_and_unite(metadata, first);
    if rules.profile.limits.discover_log_levels && rules.profile.limits.allow_structured_metadata {
        add_level(metadata, first, line, facts, rules);
    }
    out.tally
        .take(line.len(), metadata_bytes, line.len() < entry.line.len());
    out.batch.entries.push(WriteEntry {
        timestamp: time,
        line,
        metadata: first as u32..metadata.len() as u32,
    });
}

/// Finds the level and puts it in its place among the sorted pairs.
fn add_level<'d>(
    metadata: &mut Vec<(Cow<'d, str>, Cow<'d, str>)>,
    first: usize,
    line: &[u8],
    facts: &StreamFacts,
    rules: &Rules<'_>,
) {
    let pairs = &mut metadata[first..];
    let place = pairs.partition_point(|(name, _)| &**name < level::DETECTED_LEVEL);
    if let Some((_, value)) = pairs
        .get_mut(place)
        .filter(|(name, _)| name == level::DETECTED_LEVEL)
    {
        if let Some(word) = level::known(value.as_bytes()) {
            *value = Cow::Borrowed(word);
        }
        return;
    }
    let level: Cow<'d, str> = match &facts.level {
        Some(level) => level
            .known()
            .map_or_else(|| Cow::Owned(level.as_str().to_owned()), Cow::Borrowed),
        None if pairs.is_empty() => Cow::Borrowed(
            rules
                .profile
                .detector
                .detect(line)
                .unwrap_or(level::UNKNOWN),
        ),
        None => match level::of_metadata(pairs, &rules.profile.limits) {
            Some(level) => Cow::Owned(level.into_owned()),
            None => Cow::Borrowed(
                rules
                    .profile
                    .detector
                    .detect(line)
                    .unwrap_or(level::UNKNOWN),
            ),
        },
    };
    metadata.insert(first + place, (Cow::Borrowed(level::DETECTED_LEVEL), level));
}

/// Loki's message about the entries of one stream that are too far behind; here these are times before 1970.
fn behind_message(
    tenant: &TenantId,
    times: &[i64],
    count: u64,
    of: usize,
    facts: &StreamFacts,
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
        facts.labels
    )
    .expect("writing to a string succeeds");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::json;
    use crate::validate::limits::IngestLimits;

    const NOW: i64 = 1_772_323_200_000_000_000;

    fn check(limits: &IngestLimits, body: &str, want: &str, want_refusals: &str) {
        let decoded = json::decode(body.as_bytes()).expect("body is JSON");
        let profile = Profile::new(limits.clone());
        let quota = Quota::default();
        let rules = Rules {
            profile: &profile,
            quota: Some(&quota),
            now: NOW,
        };
        let out = validate(&TenantId::fake(), &decoded, &rules);
        let mut got = String::new();
        for stream in &out.batch.streams {
            assert_eq!(stream.id, skald_model::StreamId::of(&stream.labels));
            write!(got, "{}", stream.labels).expect("writing to a string succeeds");
            for entry in &out.batch.entries[stream.rows.start as usize..stream.rows.end as usize] {
                write!(
                    got,
                    " {} {}",
                    entry.timestamp,
                    String::from_utf8_lossy(entry.line)
                )
                .expect("writing to a string succeeds");
                for (name, value) in out.batch.metadata_of(entry) {
                    write!(got, " {name}={value}").expect("writing to a string succeeds");
                }
            }
            got += ";";
        }
        assert_eq!(got, want, "{body}");
        assert_eq!(
            out.refusals.text().unwrap_or_default(),
            want_refusals,
            "{body}"
        );
    }

    fn body(entries: &str) -> String {
        format!(r#"{{"streams":[{{"stream":{{"app":"a"}},"values":[{entries}]}}]}}"#)
    }

    const STREAM: &str = r#"{app="a", service_name="a"}"#;

    #[test]
    fn levels_come_from_labels_metadata_and_lines_in_this_order() {
        let limits = IngestLimits::default();
        let detail = r#"["1","error"],["2","x",{"zz":"1","level":"dbg","a.b":"2"}],["3","x",{"detected_level":"WARNING"}],["4","x",{"severity_number":"21"}],["5","x"]"#;
        let want = format!(
            "{STREAM} 1 error detected_level=error 2 x a_b=2 detected_level=debug level=dbg zz=1 3 x detected_level=warn \
             4 x detected_level=fatal severity_number=21 5 x detected_level=unknown;"
        );
        check(&limits, &body(detail), &want, "");
        let labelled =
            r#"{"streams":[{"stream":{"level":"Odd"},"values":[["1","error",{"level":"info"}]]}]}"#;
        check(
            &limits,
            labelled,
            r#"{level="Odd", service_name="unknown_service"} 1 error detected_level=Odd level=info;"#,
            "",
        );
        let off = IngestLimits {
            discover_log_levels: false,
            ..IngestLimits::default()
        };
        check(
            &off,
            &body(r#"["1","error"]"#),
            &format!("{STREAM} 1 error;"),
            "",
        );
    }

    #[test]
    fn each_entry_is_judged_alone() {
        let limits = IngestLimits {
            max_line_size: 5,
            max_structured_metadata_size: 6,
            ..IngestLimits::default()
        };
        check(
            &limits,
            &body(
                r#"["1","short"],["2","longer"],["4102444800000000000","x"],["3","x",{"name":"value"}]"#,
            ),
            &format!("{STREAM} 1 short detected_level=unknown;"),
            &format!(
                "1 errors like: max entry size '5' bytes exceeded for stream '{STREAM}' while adding an entry with length '6' bytes; \
                 1 errors like: entry for stream '{STREAM}' has timestamp too new: 2100-01-01T00:00:00Z; \
                 1 errors like: stream '{STREAM}' has structured metadata too large: '9' bytes, limit: '6' bytes. Please see \
                 `limits_config.max_structured_metadata_size` or contact your Loki administrator to increase it"
            ),
        );
        let cut = IngestLimits {
            max_line_size: 5,
            max_line_size_truncate: true,
            ..IngestLimits::default()
        };
        check(
            &cut,
            &body(r#"["2","longer"]"#),
            &format!("{STREAM} 2 longe detected_level=unknown;"),
            "",
        );
    }

    #[test]
    fn times_before_1970_are_refused_in_lokis_words() {
        check(
            &IngestLimits::default(),
            &body(r#"["-1500000000","x"],["0","y"]"#),
            &format!("{STREAM} 0 y detected_level=unknown;"),
            &format!(
                "entry with timestamp 1969-12-31 23:59:58.5 +0000 UTC ignored, reason: 'entry too far behind, entry timestamp is: \
                 1969-12-31T23:59:58Z, oldest acceptable timestamp is: 1970-01-01T00:00:00Z',\nuser 'fake', total ignored: 1 out of \
                 2 for stream: {STREAM}"
            ),
        );
        let week = IngestLimits {
            reject_old_samples_max_age: Some(604_800_000_000_000),
            ..IngestLimits::default()
        };
        check(
            &week,
            &body(r#"["0","x"]"#),
            "",
            &format!(
                "entry for stream '{STREAM}' has timestamp too old: 1970-01-01T00:00:00Z, oldest acceptable timestamp is: \
                 2026-02-22T00:00:00Z"
            ),
        );
    }

    #[test]
    fn equal_times_are_moved_apart_on_request() {
        let limits = IngestLimits {
            increment_duplicate_timestamp: true,
            discover_log_levels: false,
            ..IngestLimits::default()
        };
        check(
            &limits,
            &body(r#"["5","a"],["5","b"],["5","c"],["5","c"],["9","d"]"#),
            &format!("{STREAM} 5 a 6 b 7 c 5 c 9 d;"),
            "",
        );
    }
}
