//! A log query that stops early finds what one that reads everything would: parts are selected in
//! rounds, and overlap in time.

use crate::support;
use crate::support::{engine, lines, open, range};
use proptest::prelude::*;
use skald_model::{Direction, TenantId};
use skald_query::Engine;
use skald_store::Store;
use std::collections::BTreeSet;

/// Entries of a push.
const ENTRIES: i64 = 6;

/// A push of one stream: its first time, the distance between its entries, which stream, and what
/// follows it.
type Pushed = (i64, i64, i64, Follows);

/// What follows a push.
#[derive(Clone, Copy, Debug)]
enum Follows {
    /// Other streams in the same part.
    Another,
    /// A part of what came since the last.
    Flush,
    /// A part, and then the push again: it lies in two parts.
    Again,
}

fn line(time: i64) -> String {
    format!(
        "at {time} {}",
        if time % 3 == 0 { "failed" } else { "done" }
    )
}

/// Gives the times.
fn push(store: &Store, (first, distance, app, _): Pushed) -> Vec<i64> {
    let app = format!("app-{app}");
    let times: Vec<i64> = (0..ENTRIES).map(|i| first + i * distance).collect();
    let entry = |time: &i64| support::Pushed::new(&[("app", &app)], *time, line(*time));
    let entries: Vec<support::Pushed> = times.iter().map(entry).collect();
    support::push(store, &TenantId::fake(), &entries);
    times
}

fn ask(engine: &Engine, query: &str, direction: Direction, limit: usize) -> Vec<i64> {
    let request = range(query, 0, i64::MAX).direction(direction).limit(limit);
    let found = lines(engine, &request).into_iter();
    found.map(|(time, _)| time).collect()
}

fn pushes() -> impl Strategy<Value = Vec<Pushed>> {
    let follows = prop_oneof![8 => Just(Follows::Another), 2 => Just(Follows::Flush), 1 => Just(Follows::Again)];
    prop::collection::vec((0i64..4000, 1i64..900, 0i64..5, follows), 30..90)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn the_first_entries_of_all_parts_are_found(
        pushes in pushes(),
        in_head in 0usize..5,
        merged in any::<bool>(),
        limits in (1usize..5, 5usize..30, 30usize..200),
    ) {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let store = open(folder.path());
        let mut all = BTreeSet::new();
        for (number, pushed) in pushes.iter().enumerate() {
            all.extend(push(&store, *pushed).into_iter().map(|time| (time, pushed.2)));
            if number + in_head >= pushes.len() {
                continue;
            }
            if !matches!(pushed.3, Follows::Another) {
                store.flush().expect("the disk takes it");
            }
            if matches!(pushed.3, Follows::Again) {
                push(&store, *pushed);
            }
            if merged && number == pushes.len() / 2 {
                store.compact().expect("the disk takes it");
            }
        }
        let engine = engine(&store, 2, || 1);
        for (query, app, failed) in [
            (r#"{app=~".+"}"#, None, false),
            (r#"{app=~".+"} |= "failed""#, None, true),
            (r#"{app="app-1"} |~ "fail(ed|ing)""#, Some(1), true),
            (r#"{app="app-2"}"#, Some(2), false),
        ] {
            let matches = |(time, of): &&(i64, i64)| (!failed || *time % 3 == 0) && app.is_none_or(|app| *of == app);
            // In order of time; which of equal times come first is the order of streams, and not
            // asked here.
            let expected: Vec<i64> = all.iter().filter(matches).map(|(time, _)| *time).collect();
            for limit in [limits.0, limits.1, limits.2] {
                let count = expected.len().min(limit);
                prop_assert_eq!(&ask(&engine, query, Direction::Forward, limit)[..], &expected[..count]);
                prop_assert_eq!(&ask(&engine, query, Direction::Backward, limit)[..], &expected[expected.len() - count..]);
            }
        }
    }
}
