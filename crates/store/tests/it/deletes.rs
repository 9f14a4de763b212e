//! Delete requests and retention: hidden at once, gone after a while, and nothing else with them.

use crate::support::{Fact, TestClock, fact, push, read_all, test_deletes};
use skald_model::{Charge, Columns, ContentQuery, Matcher, TenantId, TimeRange, time::DAY_NS};
use skald_store::{
    CancelError, DeleteError, Options, Progress, ReadSpec, Retention, RetentionOf, RetentionStart,
    Select, Store, StreamRetention,
};
use skald_wal::sim::SimFiles;
use std::sync::Arc;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

/// A store over a disk and a clock of its own.
struct Bench {
    files: SimFiles,
    clock: Arc<TestClock>,
    retention: Arc<Retention>,
    store: Option<Store>,
}

impl Bench {
    fn new(retention: Retention) -> Bench {
        let mut bench = Bench {
            files: SimFiles::default(),
            clock: Arc::new(TestClock::default()),
            retention: Arc::new(retention),
            store: None,
        };
        bench.clock.advance(100 * DAY_NS);
        bench.open();
        bench
    }

    fn open(&mut self) {
        let retention = self.retention.clone();
        let options = Options {
            background: false,
            files: Arc::new(self.files.clone()),
            clock: self.clock.clone(),
            retention: RetentionOf::new(move |_| retention.clone()),
            delete_compiler: test_deletes(),
            ..Options::new("/data")
        };
        self.store = Some(Store::open(options).expect("the directory opens"));
    }

    /// As after kill -9.
    fn reopen(&mut self) {
        self.files = self.files.after_kill();
        self.open();
    }

    fn store(&self) -> &Store {
        self.store.as_ref().expect("it is open")
    }

    fn push(&self, facts: &[Fact]) {
        push(self.store(), facts).expect("the disk is fine");
    }

    fn flush(&self) {
        self.store().flush().expect("the disk is fine");
    }

    fn delete(&self, query: &str) -> String {
        self.store()
            .delete(&TenantId::fake(), query, 0, i64::MAX)
            .expect("the request is good")
    }

    fn cancel(&self, id: &str, force: bool) -> Result<(), CancelError> {
        self.store().cancel_delete(&TenantId::fake(), id, force)
    }

    fn progress(&self) -> Vec<Progress> {
        self.store()
            .deletes(&TenantId::fake())
            .expect("the tenant can be read")
            .into_iter()
            .map(|r| r.progress)
            .collect()
    }

    /// Lets a day pass and what is due be done.
    fn next_day(&self) {
        self.clock.advance(DAY_NS);
        self.store().sweep().expect("the disk is fine");
    }

    fn check(&self, lines: &[&str]) {
        let mut found: Vec<String> = read_all(self.store())
            .iter()
            .map(|f| String::from_utf8_lossy(&f.line).into_owned())
            .collect();
        found.sort();
        assert_eq!(found, lines);
    }
}

/// An entry of day 99.
fn entry(app: &str, second: i64, line: &str) -> Fact {
    fact(app, 99 * DAY_NS + second * 1_000_000_000, line)
}

#[test]
fn deleted_lines_are_hidden_at_once_in_head_and_parts_and_gone_later() {
    let mut bench = Bench::new(Retention::default());
    bench.push(&[
        entry("a", 1, "1 bad"),
        entry("a", 2, "2 good"),
        entry("b", 3, "3 bad"),
    ]);
    bench.flush();
    bench.push(&[entry("a", 4, "4 bad"), entry("a", 5, "5 good")]);
    bench.delete("a bad");
    bench.check(&["2 good", "3 bad", "5 good"]);
    bench.push(&[entry("a", 4, "4 bad again")]);
    bench.check(&["2 good", "3 bad", "4 bad again", "5 good"]);
    bench.reopen();
    bench.check(&["2 good", "3 bad", "4 bad again", "5 good"]);
    assert_eq!(bench.progress(), [Progress::Received]);
    bench.flush();
    bench.store().compact().expect("the disk is fine");
    bench.check(&["2 good", "3 bad", "4 bad again", "5 good"]);
    assert_eq!(bench.store().status().deleted_entries, 0);
    bench.next_day();
    assert_eq!(
        (bench.progress(), bench.store().status().deleted_entries),
        (vec![Progress::Processed], 2)
    );
    bench.store().compact().expect("the disk is fine");
    assert_eq!(bench.store().status().parts, 1);
    bench.reopen();
    bench.check(&["2 good", "3 bad", "4 bad again", "5 good"]);
    assert_eq!(
        (bench.progress(), bench.store().status().pending_deletes),
        (vec![Progress::Processed], 0)
    );
}

#[test]
fn a_cancelled_request_gives_everything_back() {
    let mut bench = Bench::new(Retention::default());
    bench.push(&[entry("a", 1, "1"), entry("b", 2, "2")]);
    let id = bench.delete("a");
    bench.check(&["2"]);
    bench.reopen();
    assert!(matches!(
        bench.cancel("12345678", false),
        Err(CancelError::NotFound)
    ));
    bench.cancel(&id, false).expect("there is time");
    bench.check(&["1", "2"]);
    bench.reopen();
    bench.check(&["1", "2"]);
    let id = bench.delete("a");
    bench.clock.advance(DAY_NS);
    assert!(matches!(
        bench.cancel(&id, false),
        Err(CancelError::TooLate(_))
    ));
    bench.cancel(&id, true).expect("nothing is rewritten yet");
    bench.check(&["1", "2"]);
    let id = bench.delete("b");
    bench.flush();
    bench.next_day();
    assert!(matches!(
        bench.cancel(&id, true),
        Err(CancelError::Processed)
    ));
    bench.check(&["1"]);
}

#[test]
fn a_request_reaches_no_further_than_its_times_and_streams() {
    let bench = Bench::new(Retention::default());
    bench.push(&[
        entry("a", 1, "1"),
        entry("a", 2, "2"),
        entry("a", 3, "3"),
        entry("b", 2, "b"),
    ]);
    let at = 99 * DAY_NS + 2_000_000_000;
    bench
        .store()
        .delete(&TenantId::fake(), "a", at, at)
        .expect("the request is good");
    bench.check(&["1", "3", "b"]);
    bench.flush();
    bench.next_day();
    bench.check(&["1", "3", "b"]);
    assert_eq!(bench.store().status().deleted_entries, 1);
    assert!(matches!(
        bench.store().delete(&TenantId::fake(), "", 0, 1),
        Err(DeleteError::Query(_))
    ));
}

#[test]
fn a_stream_that_was_deleted_whole_has_no_labels_left() {
    let bench = Bench::new(Retention::default());
    let values = || {
        bench
            .store()
            .label_values(
                &TenantId::fake(),
                "app",
                &[],
                TimeRange::ALL,
                &mut Charge::default(),
            )
            .expect("it answers")
    };
    bench.push(&[entry("a", 1, "1"), entry("b", 2, "2")]);
    bench.delete("a");
    assert_eq!(values(), ["b"]);
    bench.flush();
    bench.delete("b");
    assert_eq!(values(), Vec::<String>::new());
    bench.next_day();
    assert_eq!(
        (bench.store().status().parts, bench.progress()),
        (0, vec![Progress::Processed; 2])
    );
}

#[test]
fn a_run_says_whether_what_it_tells_is_what_is_to_be_seen() {
    let bench = Bench::new(Retention::default());
    bench.push(&[
        entry("a", 1, "1 x"),
        entry("a", 2, "2"),
        entry("b", 1, "1 x"),
    ]);
    bench.flush();
    bench.delete("a x");
    let content = ContentQuery::default();
    let select = Select {
        matchers: &[],
        range: TimeRange::ALL,
        content: &content,
    };
    let selected = bench
        .store()
        .select(&TenantId::fake(), &select)
        .expect("it answers");
    let [piece] = &selected.pieces[..] else {
        panic!("one block")
    };
    assert_eq!(
        piece
            .runs
            .iter()
            .map(|r| (r.whole, r.entries()))
            .collect::<Vec<_>>(),
        [(false, 2), (true, 1)]
    );
    let read = piece
        .read(&ReadSpec::all(&Columns::TIMES), None)
        .expect("it reads");
    assert_eq!(
        read.runs
            .iter()
            .map(|r| (r.run, r.rows.clone()))
            .collect::<Vec<_>>(),
        [(0, 1..2), (1, 2..3)]
    );
}

#[test]
fn what_has_expired_is_hidden_at_once_and_removed_by_the_day() {
    let bench = Bench::new(Retention {
        period: Some(2 * DAY),
        ..Retention::default()
    });
    bench.push(&[
        entry("a", 0, "1"),
        entry("a", 3600, "2"),
        entry("b", 0, "3"),
    ]);
    bench.flush();
    bench.push(&[fact("a", 100 * DAY_NS + 3_600_000_000_000, "4")]);
    bench.clock.advance(DAY_NS + 1);
    bench.check(&["2", "4"]);
    bench.next_day();
    bench.check(&["4"]);
    assert_eq!(
        (
            bench.store().status().expired_parts,
            bench.store().status().expired_entries
        ),
        (1, 3)
    );
    bench.next_day();
    bench.check(&[]);
    let values = bench
        .store()
        .label_values(
            &TenantId::fake(),
            "app",
            &[],
            TimeRange::ALL,
            &mut Charge::default(),
        )
        .expect("it answers");
    assert!(values.is_empty());
}

#[test]
fn streams_have_periods_of_their_own() {
    let rule = StreamRetention {
        matchers: vec![Matcher::equal("app", "short")],
        priority: 1,
        period: DAY,
    };
    let bench = Bench::new(Retention {
        period: Some(10 * DAY),
        streams: vec![rule],
        ..Retention::default()
    });
    bench.push(&[entry("short", 1, "1"), entry("long", 1, "2")]);
    bench.flush();
    bench.clock.advance(DAY_NS);
    bench.check(&["2"]);
    bench.store().sweep().expect("the disk is fine");
    assert_eq!(
        (
            bench.store().status().rewrites,
            bench.store().status().expired_entries
        ),
        (1, 1)
    );
    bench.store().sweep().expect("the disk is fine");
    assert_eq!(bench.store().status().rewrites, 1);
    bench.check(&["2"]);
    bench.clock.advance(9 * DAY_NS);
    bench.next_day();
    assert_eq!(
        (
            bench.store().status().parts,
            bench.store().status().expired_parts
        ),
        (0, 1)
    );
}

#[test]
fn what_comes_late_is_kept_from_its_arrival_on_where_that_is_asked_for() {
    let mut bench = Bench::new(Retention {
        period: Some(10 * DAY),
        starts: RetentionStart::Arrival,
        ..Retention::default()
    });
    bench.push(&[fact("a", 20 * DAY_NS, "old"), entry("a", 1, "yesterday")]);
    bench.check(&["old", "yesterday"]);
    bench.flush();
    bench.push(&[fact("a", 20 * DAY_NS + 1, "old too")]);
    bench.flush();
    bench.check(&["old", "old too", "yesterday"]);
    bench.store().compact().expect("the disk is fine");
    bench.store().sweep().expect("the disk is fine");
    bench.reopen();
    bench.check(&["old", "old too", "yesterday"]);
    bench.clock.advance(9 * DAY_NS + DAY_NS / 2);
    bench.store().sweep().expect("the disk is fine");
    bench.check(&["old", "old too"]);
    bench.push(&[entry("a", 2, "late")]);
    bench.flush();
    bench.store().compact().expect("the disk is fine");
    bench.next_day();
    bench.check(&["late"]);
    bench.reopen();
    bench.clock.advance(8 * DAY_NS);
    bench.store().sweep().expect("the disk is fine");
    bench.check(&["late"]);
    bench.next_day();
    bench.next_day();
    bench.check(&[]);
    assert_eq!(bench.store().status().parts, 0);
}

#[test]
fn otherwise_what_comes_late_has_expired_when_it_comes() {
    let bench = Bench::new(Retention {
        period: Some(10 * DAY),
        ..Retention::default()
    });
    bench.push(&[fact("a", 20 * DAY_NS, "old"), entry("a", 1, "yesterday")]);
    bench.check(&["yesterday"]);
    bench.flush();
    bench.check(&["yesterday"]);
}

#[test]
fn the_oldest_days_make_room() {
    let bench = Bench::new(Retention {
        size: Some(1),
        ..Retention::default()
    });
    bench.push(&[
        fact("a", 97 * DAY_NS, "1"),
        fact("a", 98 * DAY_NS, "2"),
        fact("a", 99 * DAY_NS, "3"),
    ]);
    bench.flush();
    bench.check(&["1", "2", "3"]);
    bench.store().sweep().expect("the disk is fine");
    bench.check(&["3"]);
    assert_eq!(bench.store().status().expired_parts, 2);
}
