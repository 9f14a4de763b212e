//! The table of sources: one row for each receiver, client, user agent and tenant.

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use skald_ingest::PushReply;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Longest user agent, and longest sample of what was refused, in bytes.
const TEXT_BYTES_MAX: usize = 200;

/// Most reasons of one source.
const REASONS_MAX: usize = 32;

/// Whose logs they are and by which way they come.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct SourceKey {
    /// The receiver's name.
    pub(crate) receiver: String,
    /// The address the connection is from; empty when there are several or none is known.
    pub(crate) client: String,
    /// `User-Agent`.
    pub(crate) user_agent: String,
    /// Empty when the client did not say.
    pub(crate) tenant: String,
}

/// One source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Source {
    #[serde(flatten)]
    pub(crate) key: SourceKey,
    /// Times are nanoseconds since 1970.
    pub(crate) first_seen: i64,
    pub(crate) last_seen: i64,
    pub(crate) pushes: u64,
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
    /// The newest time of its entries.
    pub(crate) newest_entry: Option<i64>,
    pub(crate) refused: BTreeMap<String, Refusal>,
}

/// What was refused for one reason.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refusal {
    /// Entries, or pushes of which nothing could be read.
    pub(crate) count: u64,
    pub(crate) last_seen: i64,
    /// The start of a line that was refused; empty when none could be read.
    pub(crate) sample: String,
    /// What the sender was answered; empty when limits refused single entries.
    pub(crate) message: String,
}

/// All sources.
pub(crate) struct Sources {
    rows: Mutex<HashMap<SourceKey, Source>>,
    most: usize,
    forgotten: AtomicU64,
    changed: AtomicBool,
    /// Whether a source or a reason is new since the last call of [`Sources::take_changed`].
    news: AtomicBool,
}

impl Sources {
    /// With these rows, of at most `most`.
    pub(crate) fn new(rows: Vec<Source>, most: usize) -> Sources {
        let sources = Sources {
            rows: Mutex::default(),
            most,
            forgotten: AtomicU64::new(0),
            changed: AtomicBool::new(false),
            news: AtomicBool::new(false),
        };
        let mut held = sources.rows.lock();
        let taken = rows.into_iter().take(most);
        held.extend(taken.map(|source| (source.key.clone(), source)));
        drop(held);
        sources
    }

    /// Notes a push and its answer.
    pub(crate) fn record(&self, mut key: SourceKey, reply: &PushReply, now: i64) {
        if self.most == 0 {
            return;
        }
        shorten(&mut key.user_agent);
        let account = &reply.account;
        let mut rows = self.rows.lock();
        if !rows.contains_key(&key) && rows.len() >= self.most {
            let oldest = rows.values().min_by_key(|source| source.last_seen);
            let oldest = oldest.map(|source| source.key.clone());
            oldest.and_then(|key| rows.remove(&key));
            self.forgotten.fetch_add(1, Ordering::Relaxed);
        }
        let mut is_news = !rows.contains_key(&key);
        let source = rows.entry(key).or_insert_with_key(|key| Source {
            key: key.clone(),
            first_seen: now,
            last_seen: now,
            pushes: 0,
            entries: 0,
            bytes: 0,
            newest_entry: None,
            refused: BTreeMap::new(),
        });
        let reasons = source.refused.len();
        source.last_seen = source.last_seen.max(now);
        source.pushes += 1;
        source.entries += account.entries;
        source.bytes += account.bytes;
        source.newest_entry = source.newest_entry.max(account.newest);
        for (reason, count) in &account.refused {
            let refusal = source.refuse(reason, *count, now);
            refusal.sample(account.sample.as_deref().unwrap_or_default());
        }
        if account.refused.is_empty() && reply.status >= 400 {
            let text = String::from_utf8_lossy(&reply.body);
            let reason = account.why.unwrap_or_else(|| reason_of(reply.status));
            let refusal = source.refuse(reason, 1, now);
            refusal.message(text.trim_end());
        }
        is_news |= source.refused.len() > reasons;
        drop(rows);
        if is_news {
            self.news.store(true, Ordering::Relaxed);
        }
        self.changed.store(true, Ordering::Relaxed);
    }

    /// A copy of the rows that `wanted` wants, by their keys.
    pub(crate) fn rows(&self, wanted: impl Fn(&SourceKey) -> bool) -> Vec<Source> {
        let rows = self.rows.lock();
        let mut found: Vec<Source> = rows
            .values()
            .filter(|source| wanted(&source.key))
            .cloned()
            .collect();
        drop(rows);
        found.sort_by(|a, b| a.key.cmp(&b.key));
        found
    }

    /// Whether there is a source, or a reason of a refusal, that [`Sources::take_changed`] did not
    /// know yet.
    pub(crate) fn has_news(&self) -> bool {
        self.news.load(Ordering::Relaxed)
    }

    /// Whether something was noted since the last call.
    pub(crate) fn take_changed(&self) -> bool {
        self.news.store(false, Ordering::Relaxed);
        self.changed.swap(false, Ordering::Relaxed)
    }

    /// Most rows.
    pub(crate) fn most(&self) -> usize {
        self.most
    }

    /// Rows there are.
    pub(crate) fn count(&self) -> usize {
        self.rows.lock().len()
    }

    /// Rows that were forgotten because there were too many.
    pub(crate) fn forgotten(&self) -> u64 {
        self.forgotten.load(Ordering::Relaxed)
    }
}

impl Source {
    /// Counts what was refused. When there are too many reasons the last has what is left.
    fn refuse(&mut self, reason: &str, count: u64, now: i64) -> &mut Refusal {
        let is_full = self.refused.len() >= REASONS_MAX && !self.refused.contains_key(reason);
        let reason = if is_full { "others" } else { reason };
        let refusal = self.refused.entry(reason.to_owned()).or_default();
        refusal.count += count;
        refusal.last_seen = refusal.last_seen.max(now);
        refusal
    }
}

impl Refusal {
    fn sample(&mut self, line: &str) {
        line.clone_into(&mut self.sample);
        shorten(&mut self.sample);
    }

    fn message(&mut self, text: &str) {
        text.clone_into(&mut self.message);
        shorten(&mut self.message);
    }
}

/// The reason of a push of which nothing was taken, by its status.
fn reason_of(status: u16) -> &'static str {
    match status {
        401 => "unauthorized",
        403 => "forbidden",
        404 => "unknown_path",
        408 => "too_slow",
        413 => "body_too_large",
        415 => "unknown_content_type",
        422 => "no_entries",
        429 => "busy",
        400..500 => "malformed",
        _ => "not_stored",
    }
}

fn shorten(text: &mut String) {
    let end = (0..=TEXT_BYTES_MAX.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at));
    text.truncate(end.unwrap_or(0));
}

#[cfg(test)]
mod tests {
    use super::*;
    use skald_ingest::{Protocol, PushAccount, refusal};

    fn key(client: &str) -> SourceKey {
        SourceKey {
            receiver: "loki".to_owned(),
            client: client.to_owned(),
            user_agent: "a".repeat(1000),
            tenant: "t".to_owned(),
        }
    }

    fn reply(status: u16, account: PushAccount) -> PushReply {
        let mut reply = refusal(Protocol::Loki, None, status, "why");
        reply.account = Box::new(account);
        reply
    }

    #[test]
    fn pushes_of_one_source_add_up() {
        let sources = Sources::new(Vec::new(), 10);
        let taken = PushAccount {
            entries: 2,
            bytes: 30,
            newest: Some(7),
            refused: vec![("line_too_long", 3)],
            sample: Some("long".to_owned()),
            why: None,
        };
        sources.record(key("a"), &reply(400, taken.clone()), 100);
        sources.record(key("a"), &reply(401, PushAccount::default()), 200);
        let rows = sources.rows(|_| true);
        let [source] = rows.as_slice() else {
            panic!("{rows:?}")
        };
        assert_eq!(
            (source.first_seen, source.last_seen, source.pushes),
            (100, 200, 2)
        );
        assert_eq!(
            (source.entries, source.bytes, source.newest_entry),
            (2, 30, Some(7))
        );
        assert_eq!(source.key.user_agent.len(), TEXT_BYTES_MAX);
        let refused: Vec<String> = source
            .refused
            .iter()
            .map(|(reason, r)| format!("{reason} {} {}{}", r.count, r.sample, r.message))
            .collect();
        assert_eq!(refused, ["line_too_long 3 long", "unauthorized 1 why"]);
        assert!(sources.has_news());
        assert!(sources.take_changed() && !sources.take_changed());
        sources.record(key("a"), &reply(401, PushAccount::default()), 300);
        assert!(!sources.has_news(), "the source and the reason are known");
        let starting = PushAccount {
            why: Some("starting"),
            ..PushAccount::default()
        };
        sources.record(key("a"), &reply(503, starting), 400);
        assert!(sources.has_news());
        assert_eq!(sources.rows(|_| true)[0].refused["starting"].count, 1);
    }

    #[test]
    fn the_source_silent_for_the_longest_makes_room() {
        let sources = Sources::new(Vec::new(), 2);
        for (client, now) in [("a", 1), ("b", 2), ("a", 3), ("c", 4)] {
            sources.record(key(client), &reply(200, PushAccount::default()), now);
        }
        let clients: Vec<String> = sources
            .rows(|_| true)
            .into_iter()
            .map(|s| s.key.client)
            .collect();
        assert_eq!(
            (clients, sources.forgotten()),
            (vec!["a".to_owned(), "c".to_owned()], 1)
        );
    }
}
