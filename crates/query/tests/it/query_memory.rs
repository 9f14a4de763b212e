//! What a query makes of lines, labels and series counts for its memory: past its limit it is
//! refused, and nothing stays charged. What it is charged with is about what it really takes.

use crate::support;
use crate::support::{Pushed, range};
use skald_model::{MemoryUser, TenantId};
use skald_query::{
    Answer, Cancel, Engine, FieldsRequest, InstantRequest, MetadataRequest, QueryError, QueryLimits,
};
use skald_store::{Options, Store};
use std::io::Write;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

const MB: usize = 1 << 20;
const LIMIT: usize = 6 * MB;

/// Lines with a long value each, in one part and in the head.
const LONG_LINES: usize = 150;

/// A store of long JSON lines, in blocks and in the head.
fn store(folder: &std::path::Path) -> Arc<Store> {
    let options = Options {
        background: false,
        memory: 512 * MB,
        ..Options::new(folder)
    };
    let store = Arc::new(Store::open(options).expect("an empty directory opens"));
    let long = |i: usize| {
        let stack: String = (0..600)
            .map(|at| format!("frame {i} {at} in main\\n"))
            .collect();
        let line = format!(r#"{{"n":{i},"user":"u{i}","stack":"{stack}"}}"#);
        Pushed::new(&[("app", "long")], i as i64, line)
    };
    let lines: Vec<Pushed> = (0..LONG_LINES).map(long).collect();
    support::push(&store, &TenantId::fake(), &lines);
    store.flush().expect("the disk takes it");
    support::push(&store, &TenantId::fake(), &lines[..10]);
    store
}

fn engine(store: &Arc<Store>, query_memory: usize) -> Engine {
    let limits = QueryLimits {
        query_memory,
        // Another thread may hold what a query shared for a moment after it is over.
        threads: 1,
        query_timeout: Duration::from_secs(600),
        ..QueryLimits::default()
    };
    Engine::new(Arc::clone(store), limits, || 1_000_000)
}

fn ask(engine: &Engine, query: &str) -> Result<Answer, QueryError> {
    let query = support::parsed(query);
    let cancel = Cancel::default();
    if query.text().contains(['[']) || query.text().contains("vector(") {
        let request = InstantRequest::new(TenantId::fake(), query, 1_000_000);
        return engine.query_instant(&request, &cancel);
    }
    let mut request = range("{app=\"long\"}", 0, 1_000_000).limit(5000);
    request.query = query;
    engine.query_range(&request, &cancel)
}

fn nested(levels: usize, inner: &str, wrap: impl Fn(&str) -> String) -> String {
    (0..levels).fold(inner.to_owned(), |query, _| wrap(&query))
}

fn doubling(query: &str) -> String {
    format!(r#"label_replace({query},"x","${{1}}${{1}}","x","(.*)")"#)
}

/// Queries that would take tens of megabytes to gigabytes.
fn hostile() -> Vec<String> {
    let seed = r#"label_replace(vector(1),"x","aaaaaaaaaa","","")"#;
    let chain = nested(40, seed, doubling);
    let text_of = |stage: &str, times: usize| stage.repeat(times);
    let many_names: String = (0..2000).map(|i| format!("a{i}=\"stack\",")).collect();
    let many_names = many_names.trim_end_matches(',');
    let long = r#"{app="long"}"#;
    vec![
        chain.clone(),
        format!("{chain} + {chain}"),
        format!("sum by (x) ({chain})"),
        format!("topk(1, {chain}) or {chain}"),
        format!(
            r#"label_replace({},"y","{}","x","(.*)")"#,
            nested(12, seed, doubling),
            "$1".repeat(1 << 14)
        ),
        format!(
            "{long}{}",
            text_of(r#" | line_format "{{__line__}}{{__line__}}""#, 20)
        ),
        format!(
            "{long} | json{}",
            text_of(r#" | label_format stack="{{.stack}}{{.stack}}""#, 20)
        ),
        format!("{long} | json {many_names}"),
        format!(
            "sum by (stack) (count_over_time({long} | json | label_format stack=\"{{{{.stack}}}}{{{{.stack}}}}{{{{.stack}}}}\" [1h]))"
        ),
        format!(
            "sort_desc(sum by (stack) (count_over_time({long} | json | label_format stack=\"{{{{.stack}}}}{{{{.stack}}}}{{{{.stack}}}}\" [1h])))"
        ),
        format!(
            "count_over_time({long} | json | label_format a=\"{{{{.stack}}}}{{{{.stack}}}}\", b=\"{{{{.stack}}}}{{{{.stack}}}}\" [1h])"
        ),
        format!(
            "{long} | json | label_format a=\"{{{{.stack}}}}1\", b=\"{{{{.stack}}}}2\", c=\"{{{{.stack}}}}3\""
        ),
        format!("{long} | regexp \"(?P<a>(?P<b>(?P<c>(?P<d>.*))))\""),
        format!(
            "{long} | json | user in ({long} | json | label_format user=\"{{{{.stack}}}}{{{{.stack}}}}{{{{.stack}}}}\" | keep user)"
        ),
        format!("{long} | json | label_format a=\"{{{{.stack}}}}{{{{.stack}}}}\" | distinct a"),
        format!("{long} | json | line_format \"{{{{.stack}}}}{{{{.stack}}}}\" | sort by (stack)"),
        format!(
            "{long} | json | line_format \"{{{{.stack}}}}{{{{.stack}}}}{{{{.stack}}}}\" | decolorize"
        ),
    ]
}

#[test]
fn a_query_that_makes_too_much_is_refused_and_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let store = store(folder.path());
    let engine = engine(&store, LIMIT);
    for query in hostile() {
        let shown: String = query.chars().take(160).collect();
        match ask(&engine, &query) {
            Err(QueryError::Memory(LIMIT)) => {}
            Err(error) => panic!("{shown}: {error}"),
            Ok(answer) => panic!("{shown}: {} bytes", answer.charge.bytes()),
        }
        assert_eq!(store.budget().held(MemoryUser::Queries), 0, "{shown}");
    }
    // What fits is answered by the same engine.
    let answer = ask(&engine, r#"sum(count_over_time({app="long"} | json [1h]))"#);
    assert!(answer.is_ok_and(|answer| !answer.data.is_empty()));
}

#[test]
fn a_query_that_is_cancelled_or_late_ends_while_stages_work() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let store = store(folder.path());
    let late = engine(&store, 256 * MB).under(QueryLimits {
        query_memory: 256 * MB,
        query_timeout: Duration::ZERO,
        ..QueryLimits::default()
    });
    let cancelled = Cancel::default();
    cancelled.cancel();
    for query in hostile() {
        let late = ask(&late, &query).map(|answer| answer.charge.bytes());
        let shown: String = query.chars().take(160).collect();
        assert!(
            matches!(late, Err(QueryError::Timeout)),
            "{shown}: {late:?}"
        );
    }
    let request = range(r#"{app="long"} | json"#, 0, 1_000_000);
    let error = engine(&store, 256 * MB).query_range(&request, &cancelled);
    assert!(matches!(error, Err(QueryError::Cancelled)));
}

#[test]
fn an_answer_stays_charged_until_it_is_dropped() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let store = store(folder.path());
    let engine = engine(&store, 64 * MB);
    for query in [
        r#"{app="long"}"#,
        r#"sum by (stack) (count_over_time({app="long"} | json [1h]))"#,
    ] {
        let answer = ask(&engine, query).expect("it fits");
        let held = store.budget().held(MemoryUser::Queries);
        assert!(
            held >= answer.charge.bytes() && held >= LONG_LINES * 10_000,
            "{query}: {held}"
        );
        drop(answer);
        assert_eq!(store.budget().held(MemoryUser::Queries), 0, "{query}");
    }
}

#[test]
fn lists_of_labels_and_fields_count_too() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let store = store(folder.path());
    let fields = FieldsRequest {
        tenants: TenantId::fake().into(),
        query: r#"{app="long"}"#.to_owned(),
        start: 0,
        end: 1_000_000,
        line_limit: 1000,
        limit: 1000,
    };
    let cancel = Cancel::default();
    let refused = engine(&store, MB).detected_fields(&fields, &cancel);
    assert!(
        matches!(refused, Err(QueryError::Memory(MB))),
        "{refused:?}"
    );
    let refused = engine(&store, MB).detected_field_values("stack", &fields, &cancel);
    assert!(
        matches!(refused, Err(QueryError::Memory(MB))),
        "{refused:?}"
    );
    assert!(
        engine(&store, 64 * MB)
            .detected_fields(&fields, &cancel)
            .is_ok()
    );

    let value = |i: usize| format!("{i:04}{}", "v".repeat(1500));
    let stream = |i: usize| Pushed::new(&[("app", "many"), ("pod", &value(i))], i as i64, "x");
    let entries: Vec<Pushed> = (0..1000).map(stream).collect();
    support::push(&store, &TenantId::fake(), &entries);
    let request = MetadataRequest {
        tenants: TenantId::fake().into(),
        query: r#"{app="many"}"#.to_owned(),
        start: 0,
        end: 1_000_000,
    };
    let small = engine(&store, MB);
    assert!(matches!(
        small.label_values("pod", &request, &cancel),
        Err(QueryError::Memory(MB))
    ));
    assert!(matches!(
        small.detected_labels(&request, &cancel),
        Err(QueryError::Memory(MB))
    ));
    let values = engine(&store, 8 * MB).label_values("pod", &request, &cancel);
    let values = values.expect("they fit");
    assert_eq!(values.len(), 1000);
    assert!(store.budget().held(MemoryUser::Queries) >= 1000 * 1500);
    drop(values);
    assert_eq!(store.budget().held(MemoryUser::Queries), 0);
}

/// Names the query that this process measures, when it is one started by the test below.
const MEASURED: &str = "SKALD_MEASURED_QUERY";

/// Queries of all kinds that hold something.
const MEASURED_QUERIES: [&str; 7] = [
    r#"{app="long"}"#,
    r#"{app="long"} | json"#,
    r#"{app="long"} | json | label_format a="{{.stack}}{{.stack}}""#,
    r#"{app="long"} | json | line_format "{{.stack}}{{.stack}}{{.stack}}""#,
    r#"sum by (stack) (count_over_time({app="long"} | json [1h]))"#,
    r#"sum by (stack) (count_over_time({app="long"} | json | label_format stack="{{.stack}}{{.stack}}{{.stack}}" [1h]))"#,
    r#"count_over_time({app="long"} | json [1h])"#,
];

/// The most memory that this process has held.
#[cfg(target_os = "linux")]
fn high_water_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux has it");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kb = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kb: usize = kb.and_then(|kb| kb.parse().ok()).expect("a number of kB");
    kb * 1024
}

#[test]
fn compiled_regexes_count_while_a_query_runs() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let store = store(folder.path());
    let query = r#"{app="long"} |~ "\\pL{40}x""#;
    let refused = ask(&engine(&store, MB), query);
    assert!(
        matches!(refused, Err(QueryError::Memory(MB))),
        "{:?}",
        refused.map(|_| ())
    );
    assert_eq!(store.budget().held(MemoryUser::Queries), 0);
    assert!(ask(&engine(&store, 64 * MB), query).is_ok());
}

/// Run in a process of its own, which has no earlier high-water mark: prints what the query was
/// charged with at most and what the process grew by.
#[cfg(target_os = "linux")]
#[test]
fn measured_in_a_process_of_its_own() {
    let Ok(query) = std::env::var(MEASURED) else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder can be made");
    let store = store(folder.path());
    let engine = engine(&store, 256 * MB);
    // What the first query of a process sets up is not the query's.
    drop(ask(&engine, r#"{app="none"}"#));
    let before = high_water_bytes();
    let answer = ask(&engine, &query).expect("it fits");
    let peak = answer.charge.memory().map_or(0, |memory| memory.peak());
    let grown = high_water_bytes() - before;
    writeln!(std::io::stdout(), "measured {peak} {grown}").expect("the output is read");
}

#[cfg(target_os = "linux")]
#[test]
fn what_is_charged_is_about_what_is_held() {
    let own = std::env::current_exe().expect("the test runs from a file");
    for query in MEASURED_QUERIES {
        let child = Command::new(&own)
            .args([
                "--exact",
                "query_memory::measured_in_a_process_of_its_own",
                "--nocapture",
            ])
            .env(MEASURED, query)
            .output()
            .expect("the test can be started");
        let text = String::from_utf8_lossy(&child.stdout);
        let line = text.lines().find_map(|line| line.split_once("measured "));
        let numbers = line.and_then(|(_, numbers)| numbers.trim().split_once(' '));
        let (peak, grown) = numbers.unwrap_or_else(|| panic!("{query}: {text}"));
        let (peak, grown): (usize, usize) = (
            peak.parse().expect("a number"),
            grown.parse().expect("a number"),
        );
        // Twice, and what a thread and its buffers take.
        assert!(
            grown <= 2 * peak + 4 * MB,
            "{query}: charged {peak}, grown by {grown}"
        );
    }
}
