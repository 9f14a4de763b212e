//! A tail session turns history and live entries into frames, whatever the transport.
//!
//! The subscription is made before history is read, so nothing falls between them; what both hold
//! is sent once, and so is an entry that is pushed again while its group remembers it. With
//! `delay_for`, entries wait in a heap and leave in order of time.

use crate::app::App;
use crate::clock;
use crate::error::ApiError;
use crate::limits::open_tails::TailPermit;
use crate::shutdown::raised;
use crate::tails::{EntryHash, LiveEntry, Subscription};
use crate::wire::answer::list;
use crate::wire::json::Json;
use skald_model::{Charge, Held, Labels, MemoryUser, TenantId};
use skald_query::{Answer, Data, Labelling, Parsed, QueryError, RangeRequest, TailPipeline};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Entries in one frame at most, Loki's.
const FRAME_ENTRIES_MAX: usize = 100;
/// Bytes of a frame, but for one entry that is larger: frames are copied on their way.
const FRAME_BYTES: usize = 256 << 10;

/// What a client asked for.
#[derive(Clone, Debug)]
pub(crate) struct TailRequest {
    /// Whose data.
    pub tenant: TenantId,
    /// A log query.
    pub query: Parsed,
    /// History starts here.
    pub start: i64,
    /// Entries of history at most.
    pub limit: usize,
    /// How long entries wait for earlier ones, nanoseconds.
    pub delay: i64,
    /// Shape of the frames.
    pub labelling: Labelling,
}

/// What a tail says next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A frame of JSON.
    Frame(String),
    /// The tail is over, and why.
    End(&'static str),
}

/// An open tail.
pub(crate) struct TailSession {
    labelling: Labelling,
    delay: i64,
    /// What entries of the history hold that wait to be sent. Live ones are shared by the readers of
    /// a query and charged where they are made.
    queued: Charge,
    subscription: Subscription,
    /// Entries that may be sent now, in order.
    ready: VecDeque<Arc<LiveEntry>>,
    /// Entries that wait, by (time, number).
    held: BinaryHeap<Reverse<(i64, u64)>>,
    waiting: foldhash::HashMap<u64, (i64, Arc<LiveEntry>)>,
    next_number: u64,
    /// Hashes of what history sent: live entries among it are repeats.
    history: HashSet<EntryHash>,
    dropped: Vec<(i64, Labels)>,
    deadline: Instant,
    stop: watch::Receiver<bool>,
    /// The frame that is being sent, and the copy that the socket makes of it.
    frame_held: Held,
    _place: TailPermit,
}

impl TailSession {
    /// Subscribes, then reads the history.
    pub(crate) async fn open(
        app: &Arc<App>,
        request: TailRequest,
        pipeline: TailPipeline,
        place: TailPermit,
    ) -> Result<TailSession, ApiError> {
        let (labelling, delay) = (request.labelling, request.delay);
        let subscription = {
            let (hub, query) = (app.ingest.tail_hub(), &request.query);
            app.tail_groups
                .join(hub, &app.engine, &request.tenant, query, labelling)?
        };
        let answer = history(app, request).await?;
        let mut queued = pipeline.queued;
        let history = queued_history(&answer, &subscription, &mut queued)?;
        drop(answer);
        Ok(TailSession {
            labelling,
            delay,
            queued,
            subscription,
            history: history.iter().map(|entry| entry.hash).collect(),
            ready: history,
            held: BinaryHeap::new(),
            waiting: foldhash::HashMap::default(),
            next_number: 0,
            dropped: Vec::new(),
            deadline: Instant::now() + app.config.querier.tail_max_duration,
            stop: app.tails_end(),
            frame_held: Held::new(app.store.budget(), MemoryUser::Tails),
            _place: place,
        })
    }

    /// The next frame; waits until there is something to say. Safe to drop and call again.
    pub(crate) async fn next(&mut self) -> Event {
        // The frame of the call before is sent.
        self.frame_held.shrink_to(0);
        loop {
            self.release(clock::now());
            self.dropped.extend(self.subscription.dropped());
            if !self.ready.is_empty() || !self.dropped.is_empty() {
                return Event::Frame(self.frame());
            }
            let wake = self.next_release();
            tokio::select! {
                () = raised(&mut self.stop) => return Event::End("the server is stopping"),
                () = tokio::time::sleep_until(self.deadline) => return Event::End("reached tail max duration limit"),
                () = tokio::time::sleep_until(wake) => {}
                entries = self.subscription.next(FRAME_ENTRIES_MAX) => self.take(entries),
            }
        }
    }

    /// Queues what was not sent as history.
    fn take(&mut self, entries: Vec<Arc<LiveEntry>>) {
        let now = clock::now();
        for entry in entries {
            if self.history.contains(&entry.hash) {
                continue;
            }
            // An entry from the future is held no longer than one of now.
            let leaves = entry.timestamp.min(now).saturating_add(self.delay);
            let number = self.next_number;
            self.next_number += 1;
            self.held.push(Reverse((entry.timestamp, number)));
            self.waiting.insert(number, (leaves, entry));
        }
    }

    /// Moves what has waited long enough, earliest first.
    fn release(&mut self, now: i64) {
        while let Some(Reverse((_, number))) = self.held.peek() {
            if self
                .waiting
                .get(number)
                .is_some_and(|(leaves, _)| *leaves > now)
            {
                break;
            }
            if let Some((_, ready)) = self.waiting.remove(number) {
                self.ready.push_back(ready);
            }
            self.held.pop();
        }
    }

    fn next_release(&self) -> Instant {
        let first = self
            .held
            .peek()
            .and_then(|Reverse((_, number))| self.waiting.get(number));
        match first {
            Some((leaves, _)) => {
                Instant::now()
                    + Duration::from_nanos(leaves.saturating_sub(clock::now()).max(0) as u64)
            }
            None => self.deadline,
        }
    }

    fn frame(&mut self) -> String {
        let count = frame_entries(self.ready.iter().map(|entry| entry.bytes()));
        let entries: Vec<Arc<LiveEntry>> = self.ready.drain(..count).collect();
        let of_history = |entry: &&Arc<LiveEntry>| self.history.contains(&entry.hash);
        let sent = entries.iter().filter(of_history);
        self.queued.sub(sent.map(|entry| entry.bytes()).sum());
        if self.queued.bytes() == 0 {
            // Without what the charge keeps to grow again: there may be a thousand readers.
            self.queued = self.queued.another();
        }
        let dropped = std::mem::take(&mut self.dropped);
        let frame = encode_frame(&entries, &dropped, self.labelling);
        self.frame_held.fit(2 * frame.capacity());
        frame
    }
}

/// How many of the entries of these sizes fit a frame: one at least, as a line is not cut.
fn frame_entries(sizes: impl Iterator<Item = usize>) -> usize {
    let mut bytes = 0;
    let fits = sizes.take(FRAME_ENTRIES_MAX).take_while(|size| {
        let fits = bytes == 0 || bytes + size <= FRAME_BYTES;
        bytes += size;
        fits
    });
    fits.count()
}

/// The last entries since `start`.
async fn history(app: &Arc<App>, request: TailRequest) -> Result<Answer, ApiError> {
    let scope = app.read_scope(request.tenant.clone());
    // Entries may be as far ahead of the clock as pushes allow.
    let grace = i64::try_from(scope.limits().creation_grace_period.as_nanos()).unwrap_or(i64::MAX);
    let end = clock::now().saturating_add(grace).saturating_add(1);
    let end = end.max(request.start);
    let query = RangeRequest::new(request.tenant, request.query, request.start, end)
        .limit(request.limit)
        .labelling(request.labelling);
    app.ask(&scope, move |engine, cancel| {
        engine.query_range(&query, cancel)
    })
    .await
}

/// The entries of an answer as they are sent, ascending. Each is charged before the next is made: with
/// its labels it may be many times what the answer has of it.
fn queued_history(
    answer: &Answer,
    subscription: &Subscription,
    queued: &mut Charge,
) -> Result<VecDeque<Arc<LiveEntry>>, ApiError> {
    let mut entries = Vec::new();
    let streams = match &answer.data {
        Data::Streams(streams) => streams.as_slice(),
        _ => &[],
    };
    for stream in streams {
        for entry in stream.entries.iter().rev() {
            let entry = subscription.of_history(&stream.labels, entry);
            queued.add(entry.bytes()).map_err(QueryError::from)?;
            entries.push(entry);
        }
    }
    entries.sort_by_key(|entry| entry.timestamp);
    Ok(entries.into())
}

/// A frame: one element of `streams` for each entry.
fn encode_frame(
    entries: &[Arc<LiveEntry>],
    dropped: &[(i64, Labels)],
    labelling: Labelling,
) -> String {
    let mut out = Json::default();
    out.raw("{\"streams\":");
    list(&mut out, entries, |out, entry| out.raw(&entry.json));
    if !dropped.is_empty() {
        out.raw(",\"dropped_entries\":");
        list(&mut out, dropped, |out, (timestamp, labels)| {
            out.raw(&format!("{{\"timestamp\":\"{timestamp}\",\"labels\":"));
            out.labels(labels.iter());
            out.raw("}");
        });
    }
    if labelling == Labelling::Categorized {
        out.raw(",\"encodingFlags\":[\"categorize-labels\"]");
    }
    out.raw("}");
    String::from_utf8(out.finish()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::tokens::Tokens;
    use crate::config::Config;
    use crate::limits::overrides::Overrides;
    use crate::telemetry::metrics::Metrics;
    use skald_ingest::{Protocol, PushRequest};
    use skald_model::{Budget, QueryMemory};
    use skald_store::{Options, Store};

    #[test]
    fn a_frame_has_a_hundred_entries_or_few_that_are_large() {
        assert_eq!(frame_entries([1; 300].into_iter()), FRAME_ENTRIES_MAX);
        assert_eq!(frame_entries([FRAME_BYTES + 1, 1].into_iter()), 1);
        assert_eq!(frame_entries([FRAME_BYTES - 1, 1, 1].into_iter()), 2);
        assert_eq!(frame_entries(std::iter::empty()), 0);
    }

    #[test]
    fn a_frame_has_one_element_an_entry_and_tells_what_was_dropped() {
        let entry = |timestamp, json: &str| {
            Arc::new(LiveEntry {
                timestamp,
                labels: Labels::empty(),
                hash: 0,
                json: json.into(),
                held: None,
            })
        };
        let entries = [entry(5, "1"), entry(6, "2")];
        let merged = encode_frame(&entries, &[], Labelling::Merged);
        assert_eq!(merged, r#"{"streams":[1,2]}"#);
        let dropped = [(7, Labels::from_pairs([("app", "b")]))];
        let categorized = r#"{"streams":[1],"dropped_entries":[{"timestamp":"7","labels":{"app":"b"}}],"encodingFlags":["categorize-labels"]}"#;
        assert_eq!(
            encode_frame(&entries[..1], &dropped, Labelling::Categorized),
            categorized
        );
    }

    fn app(folder: &std::path::Path) -> Arc<App> {
        let config = Config::default();
        let store = Store::open(Options::new(folder)).expect("the folder is empty");
        let overrides = Overrides::open(&config).expect("there is no file of limits");
        let tokens = Tokens::open("").expect("there is no file of tokens");
        let (store, metrics) = (Arc::new(store), Arc::new(Metrics::new()));
        let (overrides, tokens) = (Arc::new(overrides), Arc::new(tokens));
        let app = App::new(config, overrides, tokens, TenantId::fake(), store, metrics);
        Arc::new(app)
    }

    /// Pushes `(second, line, metadata)` to one stream.
    async fn push(app: &App, base: i64, entries: &[(i64, &str, &str)]) {
        let values: Vec<_> = entries
            .iter()
            .map(|(second, line, metadata)| {
                let time = (base + second * 1_000_000_000).to_string();
                serde_json::json!([time, line, {"m": metadata}])
            })
            .collect();
        let body = serde_json::json!({"streams": [{"stream": {"app": "a"}, "values": values}]});
        let request = PushRequest {
            content_type: Some("application/json".to_owned()),
            ..PushRequest::new(Protocol::Loki, body.to_string())
        };
        let reply = app.ingest.push(&TenantId::fake(), request).await;
        assert_eq!(reply.status, 204);
    }

    /// The lines that a tail sends until one says `end`.
    async fn lines(session: &mut TailSession) -> Vec<String> {
        let mut lines = Vec::new();
        while lines.last().is_none_or(|line| line != "end") {
            let Event::Frame(frame) = session.next().await else {
                panic!("the tail ended");
            };
            let frame: serde_json::Value = serde_json::from_str(&frame).expect("JSON");
            for stream in frame["streams"].as_array().expect("a list") {
                let line = stream["values"][0][1].as_str().expect("a line");
                lines.push(line.to_owned());
            }
        }
        lines
    }

    fn request(start: i64) -> TailRequest {
        TailRequest {
            tenant: TenantId::fake(),
            query: Parsed::parse("{app=\"a\"} | line_format \"{{__line__}}\"").expect("good"),
            start,
            limit: 100,
            delay: 0,
            labelling: Labelling::Merged,
        }
    }

    #[tokio::test]
    async fn history_is_charged_entry_by_entry_until_it_is_sent() {
        const LINE: usize = 10_000;
        let folder = tempfile::tempdir().expect("a folder");
        let app = app(folder.path());
        let base = clock::now() - 60_000_000_000;
        let line = "x".repeat(LINE);
        let entries: Vec<_> = (0..30).map(|second| (second, line.as_str(), "m")).collect();
        push(&app, base, &entries).await;
        let budget = Arc::new(Budget::new(100 << 20));
        let open = |bytes| {
            let memory = QueryMemory::new(&budget, MemoryUser::Tails, bytes, || Ok(()));
            let request = request(base);
            let mut pipeline = app
                .engine
                .tail_pipeline(&request.query, request.labelling)
                .expect("good");
            pipeline.queued = Charge::new(&memory);
            let permit = app.tails.enter(&TenantId::fake(), 5).expect("room");
            let app = app.clone();
            async move { TailSession::open(&app, request, pipeline, permit).await }
        };
        let refused = open(20 * LINE).await.err().expect("30 lines do not fit");
        assert!(refused.message.contains("memory"), "{}", refused.message);
        assert_eq!(budget.held_by_all(), 0);
        let mut session = open(100 * LINE).await.expect("they fit");
        assert!(budget.held(MemoryUser::Tails) >= 30 * LINE);
        let frame = |event| match event {
            Event::Frame(frame) => frame.len(),
            Event::End(_) => 0,
        };
        let own = || app.store.budget().held(MemoryUser::Tails);
        let bytes = frame(session.next().await);
        assert!(
            (FRAME_BYTES - 2 * LINE..FRAME_BYTES).contains(&bytes),
            "{bytes}"
        );
        assert!(own() >= 2 * bytes, "the frame and its copy");
        let rest = frame(session.next().await);
        assert!(rest > LINE && own() >= 2 * rest && own() < 2 * bytes);
        assert_eq!(budget.held_by_all(), 0);
    }

    #[tokio::test]
    async fn an_entry_that_is_pushed_again_is_sent_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let app = app(folder.path());
        let base = clock::now() - 60_000_000_000;
        push(&app, base, &[(0, "history", "x")]).await;
        let request = request(base);
        let pipeline = app.engine.tail_pipeline(&request.query, request.labelling);
        let permit = app.tails.enter(&TenantId::fake(), 1).expect("room");
        let session = TailSession::open(&app, request, pipeline.expect("good"), permit).await;
        let mut session = session.expect("the query is good");
        let retried = [(1, "a", "x"), (2, "a", "x"), (2, "a", "y"), (2, "b", "x")];
        push(&app, base, &[(0, "history", "x")]).await;
        push(&app, base, &retried).await;
        push(&app, base, &retried).await;
        push(&app, base, &[(3, "c", "x"), (3, "c", "x")]).await;
        push(&app, base, &[(4, "end", "x")]).await;
        let expected = ["history", "a", "a", "a", "b", "c", "end"];
        let mut found = lines(&mut session).await;
        found.sort_by_key(|line| expected.iter().position(|text| text == line));
        assert_eq!(found, expected);
    }
}
