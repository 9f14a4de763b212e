//! Reads: every entry comes back once, in order, by day and by labels.

use super::*;

#[test]
fn entries_come_back_in_every_state() {
    let facts = sample();
    let expected: BTreeSet<Fact> = facts.iter().cloned().collect();
    in_every_state(&facts, |store| assert_eq!(read_all(store), expected));
}

#[test]
fn metadata_with_an_empty_value_is_absent_in_every_state() {
    let mut pushed = sample();
    for (i, fact) in pushed.iter_mut().enumerate().filter(|(i, _)| i % 3 != 1) {
        let at = fact.metadata.len() * (i % 2);
        let name = if at == 0 { "a" } else { "z" };
        fact.metadata.insert(at, (name.to_owned(), String::new()));
    }
    let expected: BTreeSet<Fact> = sample().into_iter().collect();
    in_every_state(&pushed, |store| assert!(read_all(store) == expected));
}

#[test]
fn counts_of_windows_are_those_of_the_entries() {
    let facts: Vec<Fact> = (0..4_000i64)
        .map(|i| {
            fact(
                ["api", "web"][usize::from(i % 7 == 0)],
                i * 11 % 40_000 * 1_000,
                &"x".repeat(i as usize % 50),
            )
        })
        .collect();
    in_every_state(&facts, |store| {
        let select = Select {
            matchers: &[],
            range: TimeRange::ALL,
            content: &ContentQuery::default(),
        };
        let selected = store
            .select(&TenantId::fake(), &select)
            .expect("selecting works");
        for (from, to) in [
            (i64::MIN, i64::MAX),
            (0, 1),
            (9_000_000, 9_000_001),
            (1_234_567, 31_234_567),
            (40_000_000, i64::MAX),
        ] {
            let mut found = (0, 0);
            for piece in &selected.pieces {
                let mut counter = piece.counter(Count::RowsAndBytes);
                for run in 0..piece.runs.len() {
                    let counted = counter.within(run, from, to).expect("counting works");
                    found = (found.0 + counted.rows, found.1 + counted.line_bytes);
                }
            }
            let within = || facts.iter().filter(|f| (from..to).contains(&f.time));
            let bytes: usize = within().map(|f| f.line.len()).sum();
            assert_eq!(
                found,
                (within().count() as u64, bytes as u64),
                "{from} to {to}"
            );
        }
    });
}

#[test]
fn equal_times_keep_their_order_of_arrival() {
    let facts: Vec<Fact> = (0..500)
        .map(|i| fact("api", 5, &format!("{:03}", (i * 37) % 500)))
        .collect();
    in_every_state(&facts, |store| {
        assert_eq!(
            read(store, &[], TimeRange::ALL, &ContentQuery::default()),
            facts
        );
    });
}

#[test]
fn equal_entries_of_a_stream_become_one() {
    let mut with_metadata = fact("api", 5, "same");
    with_metadata.metadata = vec![("a".to_owned(), "1".to_owned())];
    let mut facts = vec![
        fact("api", 5, "same"),
        with_metadata,
        fact("web", 5, "same"),
        fact("api", 6, "same"),
    ];
    facts.extend(facts.clone());
    facts.extend((0..20).map(|i| fact("api", 7, &format!("tie {}", i % 10))));
    let folder = tempfile::tempdir().expect("a folder can be made");
    let store = open(folder.path());
    push(&store, &facts).expect("the push is taken");
    flush(&store);
    assert_eq!(
        read(&store, &[], TimeRange::ALL, &ContentQuery::default()).len(),
        14
    );
}

#[test]
fn entries_of_any_age_are_stored_by_day() {
    let times = [
        i64::MIN,
        -1,
        0,
        DAY_NS - 1,
        DAY_NS,
        365 * DAY_NS,
        i64::MAX - 1,
    ];
    let facts: Vec<Fact> = times.iter().rev().map(|t| fact("api", *t, "x")).collect();
    let folder = tempfile::tempdir().expect("a folder can be made");
    let store = open(folder.path());
    push(&store, &facts).expect("the push is taken");
    flush(&store);
    assert_eq!(store.status().parts, 6);
    let found: Vec<i64> = store
        .select(
            &TenantId::fake(),
            &Select {
                matchers: &[],
                range: TimeRange::ALL,
                content: &ContentQuery::default(),
            },
        )
        .map(|s| {
            s.pieces
                .iter()
                .flat_map(|p| [p.min_time, p.max_time])
                .collect()
        })
        .expect("selecting works");
    assert!(times.iter().all(|t| found.contains(t)));
}

#[test]
fn names_and_values_follow_times_and_matchers() {
    let mut facts = vec![fact("api", 10, "x"), fact("web", 20, "x")];
    facts.push(Fact {
        labels: Labels::from_pairs([("app", "db"), ("zone", "z")]),
        ..fact("", 30, "x")
    });
    let tenant = TenantId::fake();
    in_every_state(&facts, |store| {
        let all = TimeRange::ALL;
        let early = TimeRange { start: 0, end: 21 };
        assert_eq!(
            store
                .label_names(&tenant, &[], all, &mut Charge::default())
                .expect("names work"),
            ["app", "zone"]
        );
        assert_eq!(
            store
                .label_names(&tenant, &[], early, &mut Charge::default())
                .expect("names work"),
            ["app"]
        );
        assert_eq!(
            store
                .label_values(&tenant, "app", &[], all, &mut Charge::default())
                .expect("values work"),
            ["api", "db", "web"]
        );
        assert_eq!(
            store
                .label_values(&tenant, "app", &[], early, &mut Charge::default())
                .expect("values work"),
            ["api", "web"]
        );
        let zoned = [Matcher::equal("zone", "z")];
        assert_eq!(
            store
                .label_values(&tenant, "app", &zoned, all, &mut Charge::default())
                .expect("values work"),
            ["db"]
        );
        let groups = [vec![Matcher::equal("app", "api")], zoned.to_vec()];
        assert_eq!(
            store
                .streams(&tenant, &groups, all, &mut Charge::default())
                .expect("streams work")
                .len(),
            2
        );
        assert_eq!(
            store
                .streams(&tenant, &[], early, &mut Charge::default())
                .expect("streams work")
                .len(),
            2
        );
        assert_eq!(store.tenants(), std::slice::from_ref(&tenant));
    });
}

#[test]
fn a_hundred_thousand_tiny_streams_make_few_files() {
    let facts: Vec<Fact> = (0..100_000)
        .map(|i| fact(&format!("app-{i}"), i, "a line"))
        .collect();
    let folder = tempfile::tempdir().expect("a folder can be made");
    let store = open(folder.path());
    for chunk in facts.chunks(10_000) {
        push(&store, chunk).expect("the push is taken");
    }
    flush(&store);
    assert_eq!(store.status().parts, 1);
    assert!(store.status().part_bytes < 4 << 20, "{:?}", store.status());
    let one = [Matcher::equal("app", "app-77777")];
    assert_eq!(
        read(&store, &one, TimeRange::ALL, &ContentQuery::default()),
        [facts[77_777].clone()]
    );
}

#[test]
fn the_stream_index_answers_as_the_tables_do() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let indexed = || {
        Store::open(Options {
            indexed_streams: 50,
            ..options(folder.path())
        })
        .expect("the directory opens")
    };
    let store = indexed();
    let facts: Vec<Fact> = (0..300)
        .map(|i| fact(&format!("app-{i}"), i, "a line"))
        .collect();
    push(&store, &facts[..100]).expect("the push is taken");
    flush(&store);
    push(&store, &facts[100..]).expect("the push is taken");
    flush(&store);
    let check = |store: &Store| {
        for pattern in ["app-1.7", "app-(3|99|250)", "app-.*", "nobody.*"] {
            let matchers =
                [Matcher::new("app", MatchOp::Regex, pattern).expect("the pattern is valid")];
            let expected = facts
                .iter()
                .filter(|f| matchers[0].matches(f.labels.get("app").unwrap_or("")));
            let found = read(store, &matchers, TimeRange::ALL, &ContentQuery::default());
            assert_eq!(
                found.iter().collect::<BTreeSet<_>>(),
                expected.collect(),
                "{pattern}"
            );
        }
    };
    check(&store);
    compact(&store);
    check(&store);
    drop(store);
    let streams = folder.path().join("tenants/fake/streams");
    assert!(streams.join("meta.json").exists());
    std::fs::write(streams.join("meta.json"), "broken").expect("the index can be broken");
    let store = indexed();
    check(&store);
    compact(&store);
    check(&store);
}
