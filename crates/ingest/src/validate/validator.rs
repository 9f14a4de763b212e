//! The validator takes a push stream by stream, checks each entry, and builds one batch.
//!
//! A refused stream or entry is counted and reported, its neighbours go on. One pass over the
//! entries does all of it: time, size, metadata, level and counts.

use crate::decode::decoded::{Decoded, DecodedEntry, DecodedStream};
use crate::level;
use crate::limits::IngestLimits;
use crate::push_counters::PushCounters;
use crate::rejection::{Reason, RefusedRows, Rejected, Rejections};
use crate::reply::PushAccount;
use crate::validate::entry_check::{EntryRejected, behind_message, check_entry};
use crate::validate::go_time::rfc3339;
use crate::validate::rates::{Amount, TenantRates};
use crate::validate::stream_cache::StreamFacts;
use crate::validate::tenant_policy::TenantPolicy;
use crate::validate::{line_length, metadata};
use skald_model::{Budget, Labels, TenantId, WriteBatch, WriteEntry, WriteStream};
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

/// Most entries named in one message about entries too far behind: Loki's
/// `max_returned_stream_errors`.
const BEHIND_NAMED_MAX: usize = 10;

/// The sender's mistake.
const BAD: u16 = 400;

/// Too much for now: try again.
const TOO_MANY: u16 = 429;

/// The status of a block that drops data without a word.
const SILENT: u16 = 200;

/// What a push is judged by.
#[derive(Clone, Copy)]
pub(crate) struct Rules<'r> {
    pub(crate) policy: &'r TenantPolicy,
    /// What the tenant has used; `None` when nothing limits it.
    pub(crate) rates: Option<&'r TenantRates>,
    /// Nanoseconds since 1970.
    pub(crate) now: i64,
    /// What streams that are remembered are charged to.
    pub(crate) budget: Option<&'r Arc<Budget>>,
}

/// A validated push.
#[derive(Debug, Default)]
pub(crate) struct Validated<'d> {
    /// The entries to write.
    pub(crate) batch: WriteBatch<'d>,
    /// What was refused.
    pub(crate) rejections: Rejections,
    /// Which entries that were.
    pub(crate) refused: Vec<RefusedRows>,
    /// What was counted.
    pub(crate) counters: PushCounters,
    /// The first line that was refused.
    sample: Option<&'d [u8]>,
}

/// Longest sample of a line, in bytes.
const SAMPLE_BYTES_MAX: usize = 200;

impl Validated<'_> {
    /// What it came to.
    pub(crate) fn account(&self) -> PushAccount {
        let counters = &self.counters;
        let sample = self.sample.map(|line| {
            String::from_utf8_lossy(&line[..line.len().min(SAMPLE_BYTES_MAX)]).into_owned()
        });
        let refused = counters.discarded.iter();
        PushAccount {
            entries: counters.lines,
            bytes: counters.line_bytes + counters.metadata_bytes,
            newest: self.batch.entries.iter().map(|entry| entry.timestamp).max(),
            refused: refused
                .map(|(reason, (count, _))| (reason.as_str(), *count))
                .collect(),
            sample,
            why: None,
        }
    }

    /// Notes which entries were refused.
    fn refuse(&mut self, rows: Range<usize>, reason: Reason, status: u16, message: Option<usize>) {
        let rows = rows.start as u32..rows.end as u32;
        if let Some(last) = self.refused.last_mut()
            && (last.rows.end, last.reason, last.message) == (rows.start, reason, message)
        {
            last.rows.end = rows.end;
            return;
        }
        self.refused.push(RefusedRows {
            rows,
            reason,
            status,
            message,
        });
    }
}

/// Validates one push.
pub(crate) struct Validator<'d> {
    tenant: &'d TenantId,
    limits: &'d IngestLimits,
    rules: Rules<'d>,
    decoded: &'d Decoded<'d>,
    out: Validated<'d>,
}

impl<'d> Validator<'d> {
    /// Of a push by `tenant`; lines that are too long are truncated in it, if limits say so.
    pub(crate) fn new<'m: 'd>(
        tenant: &'d TenantId,
        rules: Rules<'d>,
        decoded: &'d mut Decoded<'m>,
    ) -> Validator<'d> {
        let limits = &rules.policy.limits;
        let counters = PushCounters {
            truncated: decoded.truncated + line_length::truncate(decoded, limits),
            dropped: std::mem::take(&mut decoded.dropped),
            ..PushCounters::default()
        };
        let out = Validated {
            rejections: std::mem::take(&mut decoded.rejections),
            counters,
            ..Validated::default()
        };
        Validator {
            tenant,
            limits,
            rules,
            decoded,
            out,
        }
    }

    /// Validates all of it.
    pub(crate) fn run(self) -> Validated<'d> {
        let decoded = self.decoded;
        let mut out = self.validate();
        let first = out
            .refused
            .first()
            .map(|refused| refused.rows.start as usize);
        let entry = first.and_then(|row| decoded.entries.get(row));
        out.sample = entry.map(|entry| &*entry.line);
        out
    }

    fn validate(mut self) -> Validated<'d> {
        if self.rules.now < self.limits.block_ingestion_until {
            self.block();
            return self.out;
        }
        let decoded = self.decoded;
        let batch = &mut self.out.batch;
        batch.streams.reserve(decoded.streams.len());
        batch.entries.reserve(decoded.entries.len());
        let pairs = decoded.entries.len() + decoded.pairs.len();
        batch.metadata.reserve(pairs);
        for stream in decoded.streams.iter().filter(|s| !s.rows.is_empty()) {
            let resolved =
                self.rules
                    .policy
                    .streams
                    .resolve(&stream.labels, self.limits, self.rules.budget);
            let checked = resolved.and_then(|facts| {
                check_enforced(self.tenant, &facts.labels, self.limits)?;
                Ok(facts)
            });
            match checked {
                Ok(facts) => self.stream(stream, &facts),
                Err(rejected) => self.reject_stream(stream, rejected),
            }
        }
        self.check_tenant_rate();
        self.out
    }

    /// Refuses everything: the tenant is blocked.
    fn block(&mut self) {
        let entries = &self.decoded.entries;
        let bytes = entries.iter().map(|e| e.line.len() as u64).sum();
        let counters = &mut self.out.counters;
        counters.count_discarded(Reason::Blocked, entries.len() as u64, bytes);
        let (tenant, until) = (self.tenant, rfc3339(self.limits.block_ingestion_until));
        let status = self.limits.block_ingestion_status_code;
        if status != SILENT {
            let message = self.out.rejections.add_with(status, || {
                format!(
                    "ingestion blocked for user '{tenant}' until '{until}' with status code '{status}'"
                )
            });
            let all = 0..entries.len();
            self.out.refuse(all, Reason::Blocked, status, message);
        }
    }

    fn reject_stream(&mut self, stream: &DecodedStream<'_>, rejected: Rejected) {
        let entries = &self.decoded.entries[stream.rows.clone()];
        let bytes = entries.iter().map(|e| e.line.len() as u64).sum();
        let counters = &mut self.out.counters;
        let Rejected { reason, message } = rejected;
        counters.count_discarded(reason, entries.len() as u64, bytes);
        let message = self.out.rejections.add(|| message);
        self.out.refuse(stream.rows.clone(), reason, BAD, message);
    }

    /// Validates the entries of one stream.
    fn stream(&mut self, stream: &DecodedStream<'_>, facts: &Arc<StreamFacts>) {
        let mark = Mark::of(&self.out, self.rules.rates.is_some());
        let (mut behind, mut behind_rows) = (Vec::new(), Vec::new());
        let mut spread = TimeSpreader::default();
        for row in stream.rows.clone() {
            let entry = &self.decoded.entries[row];
            let pairs = self.decoded.pairs_of(entry);
            match check_entry(entry, pairs, self.limits, self.rules.now) {
                Ok(()) => {
                    let time = match self.limits.increment_duplicate_timestamp {
                        true => spread.next(entry.time, &entry.line),
                        false => entry.time,
                    };
                    self.accept(entry, time, facts);
                }
                Err(rejected) => {
                    let bytes = entry.line.len() as u64;
                    let counters = &mut self.out.counters;
                    counters.count_discarded(rejected.reason(), 1, bytes);
                    if matches!(rejected, EntryRejected::Behind) {
                        behind_rows.push(row);
                        if behind.len() < BEHIND_NAMED_MAX {
                            behind.push(entry.time);
                        }
                        continue;
                    }
                    let message = self
                        .out
                        .rejections
                        .add(|| rejected.message(&facts.labels.to_string(), entry, self.limits));
                    let rows = row..row + 1;
                    self.out.refuse(rows, rejected.reason(), BAD, message);
                }
            }
        }
        if !behind_rows.is_empty() {
            let (tenant, of) = (self.tenant, stream.rows.len());
            let count = behind_rows.len() as u64;
            let message = self
                .out
                .rejections
                .add(|| behind_message(tenant, &behind, count, of, &facts.labels));
            for row in behind_rows {
                let rows = row..row + 1;
                self.out.refuse(rows, Reason::TooFarBehind, BAD, message);
            }
        }
        let first_row = mark.entries as u32;
        self.check_stream_rate(facts, mark, stream.rows.clone());
        let rows = first_row..self.out.batch.entries.len() as u32;
        if !rows.is_empty() {
            self.out.batch.streams.push(WriteStream {
                id: facts.id,
                labels: facts.labels.clone(),
                rows,
            });
        }
    }

    /// Appends an entry that passed.
    fn accept(&mut self, entry: &'d DecodedEntry<'d>, time: i64, facts: &StreamFacts) {
        let batch = &mut self.out.batch;
        let first = batch.metadata.len();
        let pairs = self.decoded.pairs_of(entry);
        let bytes = pairs
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum();
        self.out.counters.dropped_names += metadata::append(&mut batch.metadata, pairs);
        if self.limits.discover_log_levels && self.limits.allow_structured_metadata {
            self.add_level(first, &entry.line, facts);
        }
        let batch = &mut self.out.batch;
        self.out.counters.count_accepted(entry.line.len(), bytes);
        batch.entries.push(WriteEntry {
            timestamp: time,
            line: &entry.line,
            metadata: first as u32..batch.metadata.len() as u32,
        });
    }

    /// Finds the level and puts it in its place among the sorted pairs from `first` on.
    fn add_level(&mut self, first: usize, line: &[u8], facts: &StreamFacts) {
        let metadata = &mut self.out.batch.metadata;
        let pairs = &mut metadata[first..];
        let at = pairs.partition_point(|(name, _)| &**name < level::DETECTED_LEVEL);
        if let Some((name, value)) = pairs.get_mut(at)
            && name == level::DETECTED_LEVEL
        {
            if let Some(word) = level::known(value.as_bytes()) {
                *value = Cow::Borrowed(word);
            }
            return;
        }
        let of_line = || {
            let found = self.rules.policy.detector.detect(line);
            Cow::Borrowed(found.unwrap_or(level::UNKNOWN))
        };
        let level: Cow<'d, str> = match &facts.level {
            Some(level) => level
                .known()
                .map_or_else(|| Cow::Owned(level.as_str().to_owned()), Cow::Borrowed),
            None if pairs.is_empty() => of_line(),
            None => match level::of_metadata(pairs, self.limits) {
                Some(level) => Cow::Owned(level.into_owned()),
                None => of_line(),
            },
        };
        metadata.insert(first + at, (Cow::Borrowed(level::DETECTED_LEVEL), level));
    }

    /// Checks the number of streams and the rate of this one, whose entries came since `mark`.
    fn check_stream_rate(&mut self, facts: &StreamFacts, mark: Mark, came: Range<usize>) {
        let (Some(rates), Some(before)) = (self.rules.rates, &mark.counters) else {
            return;
        };
        let amount = amount_since(&self.out.counters, before);
        if amount.lines == 0 {
            return;
        }
        let stream = (facts.id, &facts.labels);
        let checked = rates.check_stream(self.tenant, stream, amount, self.limits, self.rules.now);
        if let Err(rejected) = checked {
            mark.roll_back(&mut self.out, rejected, amount, came);
        }
    }

    /// Checks the rate of the tenant over all that passed: everything or nothing.
    fn check_tenant_rate(&mut self) {
        let Some(rates) = self.rules.rates else {
            return;
        };
        let amount = amount_since(&self.out.counters, &PushCounters::default());
        if amount.lines == 0 {
            return;
        }
        let checked = rates.check_tenant(self.tenant, amount, self.limits, self.rules.now);
        if let Err(rejected) = checked {
            self.out.batch.streams.clear();
            let all = 0..self.decoded.entries.len();
            Mark::start().roll_back(&mut self.out, rejected, amount, all);
        }
    }
}

/// What was accepted since the counters stood at `before`.
fn amount_since(counters: &PushCounters, before: &PushCounters) -> Amount {
    let bytes = |counters: &PushCounters| counters.line_bytes + counters.metadata_bytes;
    Amount {
        lines: counters.lines - before.lines,
        bytes: bytes(counters) - bytes(before),
    }
}

/// Refuses a stream that lacks labels it must have.
fn check_enforced(
    tenant: &TenantId,
    labels: &Labels,
    limits: &IngestLimits,
) -> Result<(), Rejected> {
    let missing = limits
        .enforced_labels
        .iter()
        .filter(|name| labels.get(name).is_none_or(str::is_empty));
    let missing: Vec<&str> = missing.map(String::as_str).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(",");
    Err(Rejected {
        reason: Reason::MissingEnforcedLabels,
        message: format!(
            "missing required labels '{names}' for user '{tenant}' for stream '{labels}' (policy: '')"
        ),
    })
}

/// Where the entries of a stream begin, so that all of them can be taken back.
struct Mark {
    entries: usize,
    metadata: usize,
    /// Counts are copied only where they may have to come back.
    counters: Option<PushCounters>,
}

impl Mark {
    /// Before the first entry.
    fn start() -> Mark {
        Mark {
            entries: 0,
            metadata: 0,
            counters: Some(PushCounters::default()),
        }
    }

    /// Here.
    fn of(out: &Validated<'_>, may_roll_back: bool) -> Mark {
        Mark {
            entries: out.batch.entries.len(),
            metadata: out.batch.metadata.len(),
            counters: may_roll_back.then(|| out.counters.clone()),
        }
    }

    /// Takes back what came since, of these rows; counts and reports it as refused.
    fn roll_back(
        self,
        out: &mut Validated<'_>,
        rejected: Rejected,
        amount: Amount,
        rows: Range<usize>,
    ) {
        out.batch.entries.truncate(self.entries);
        out.batch.metadata.truncate(self.metadata);
        if let Some(before) = self.counters {
            out.counters = PushCounters {
                discarded: std::mem::take(&mut out.counters.discarded),
                ..before
            };
        }
        let Amount { lines, bytes } = amount;
        out.counters.count_discarded(rejected.reason, lines, bytes);
        let Rejected { reason, message } = rejected;
        let message = out.rejections.add_with(TOO_MANY, || message);
        out.refuse(rows, reason, TOO_MANY, message);
    }
}

/// Moves equal times of one stream apart: `increment_duplicate_timestamp`.
#[derive(Default)]
struct TimeSpreader<'d> {
    /// Time as it came, time as it is stored, line.
    before: Option<(i64, i64, &'d [u8])>,
}

impl<'d> TimeSpreader<'d> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receivers::loki::json;
    use crate::room::Room;
    use std::fmt::Write;

    const NOW: i64 = 1_772_323_200_000_000_000;

    fn check(limits: &IngestLimits, body: &str, want: &str, want_rejections: &str) {
        let mut decoded = json::decode(body.as_bytes(), Room::default()).expect("body is JSON");
        let policy = TenantPolicy::new(limits.clone());
        let rates = TenantRates::default();
        let rules = Rules {
            policy: &policy,
            rates: Some(&rates),
            now: NOW,
            budget: None,
        };
        let tenant = TenantId::fake();
        let out = Validator::new(&tenant, rules, &mut decoded).run();
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
            out.rejections.text().unwrap_or_default(),
            want_rejections,
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
        let truncated = IngestLimits {
            max_line_size: 5,
            max_line_size_truncate: true,
            ..IngestLimits::default()
        };
        check(
            &truncated,
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

    const BODY: &str = r#"{"streams":[{"stream":{"app":"a"},"values":[["1","0123456789"]]},{"stream":{"app":"b"},"values":[["1","0123456789"],["2","x"]]}]}"#;

    /// Lines taken, status and start of the message of each push in turn, and what was discarded at
    /// the end.
    fn check_discarded(
        limits: &IngestLimits,
        expected: &[(usize, u16, &str)],
        discarded: &[(&str, u64)],
    ) {
        let tenant = TenantId::fake();
        let (policy, rates) = (TenantPolicy::new(limits.clone()), TenantRates::default());
        let mut found = Vec::new();
        for (lines, status, text) in expected {
            let mut decoded = json::decode(BODY.as_bytes(), Room::default()).expect("body is JSON");
            let rules = Rules {
                policy: &policy,
                rates: Some(&rates),
                now: 10,
                budget: None,
            };
            let out = Validator::new(&tenant, rules, &mut decoded).run();
            let message = out.rejections.text().unwrap_or_default();
            assert_eq!(
                (out.batch.entries.len(), out.rejections.status()),
                (*lines, *status),
                "{message}"
            );
            assert!(
                message.starts_with(text) && message.is_empty() == text.is_empty(),
                "{message}"
            );
            assert_eq!(out.counters.lines, *lines as u64);
            let rows: u32 = out
                .batch
                .streams
                .iter()
                .map(|s| s.rows.end - s.rows.start)
                .sum();
            assert_eq!(rows as usize, *lines, "streams cover the entries");
            found = out
                .counters
                .discarded
                .iter()
                .map(|(reason, (lines, _))| (reason.as_str(), *lines))
                .collect();
        }
        assert_eq!(found, discarded);
    }

    fn limits() -> IngestLimits {
        IngestLimits {
            discover_log_levels: false,
            ..IngestLimits::default()
        }
    }

    #[test]
    fn a_tenant_over_its_rate_is_refused_whole() {
        let limits = IngestLimits {
            ingestion_rate: 30.0,
            ingestion_burst: 30.0,
            ..limits()
        };
        let text = "ingestion rate limit exceeded for user fake (limit: 30 bytes/sec) while attempting to ingest '3' lines totaling '21' bytes, ";
        check_discarded(
            &limits,
            &[(3, 400, ""), (0, 429, text)],
            &[("rate_limited", 3)],
        );
    }

    #[test]
    fn streams_over_a_limit_do_not_take_their_neighbours_along() {
        let few = IngestLimits {
            max_streams: 1,
            ..limits()
        };
        let text = "maximum active stream limit exceeded when trying to create stream {app=\"b\", service_name=\"b\"}, ";
        check_discarded(
            &few,
            &[(1, 429, text), (1, 429, text)],
            &[("stream_limit", 2)],
        );
        let slow = IngestLimits {
            per_stream_rate_limit: 10,
            per_stream_rate_limit_burst: 10,
            ..limits()
        };
        let text = "Per stream rate limit exceeded (limit: 10B/sec) while attempting to ingest for stream '{app=\"b\", service_name=\"b\"}' totaling 11B, ";
        check_discarded(&slow, &[(1, 429, text)], &[("per_stream_rate_limit", 2)]);
    }

    #[test]
    fn labels_may_be_enforced_and_tenants_blocked() {
        let labels = IngestLimits {
            enforced_labels: vec!["app".into(), "env".into()],
            ..limits()
        };
        let text = "1 errors like: missing required labels 'env' for user 'fake' for stream '{app=\"a\", service_name=\"a\"}' (policy: ''); ";
        check_discarded(
            &labels,
            &[(0, 400, text)],
            &[("missing_enforced_labels", 3)],
        );
        let mut blocked = IngestLimits {
            block_ingestion_until: 11,
            ..limits()
        };
        let text =
            "ingestion blocked for user 'fake' until '1970-01-01T00:00:00Z' with status code '260'";
        check_discarded(&blocked, &[(0, 260, text)], &[("blocked_ingestion", 3)]);
        blocked.block_ingestion_status_code = 200;
        check_discarded(&blocked, &[(0, 400, "")], &[("blocked_ingestion", 3)]);
    }
}
