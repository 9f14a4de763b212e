//! The store from outside: what is pushed is found, in the head, flushed and recovered alike. main.rs includes this
//! file a second time, as `on_s3`: its parts are in object storage then.

use crate::support::{self, Fact, Home, compact, fact, flush, push, read, read_all};
use skald_model::{
    ContentQuery, Direction, Labels, Literal, MatchOp, Matcher, MemoryUser, TenantId, TimeRange,
    time::DAY_NS,
};
use skald_store::{Count, Options, Piece, Select, Selected, Store, StoreError, WriteError};
use std::collections::BTreeSet;
use std::path::Path;

fn options(data: &Path) -> Options {
    let home = if module_path!().ends_with("on_s3") {
        Home::Bucket
    } else {
        Home::Disk
    };
    support::options(data, home)
}

fn open(data: &Path) -> Store {
    Store::open(options(data)).expect("the directory opens")
}

/// With parts in local files: of one in a bucket the index is left alone where it costs more than it saves.
fn open_here(data: &Path) -> Store {
    Store::open(Options {
        background: false,
        ..Options::new(data)
    })
    .expect("the directory opens")
}

/// Asks `check` of the same entries in the head, half flushed, flushed, and after a restart of each.
fn in_every_state(facts: &[Fact], check: impl Fn(&Store)) {
    for flushes in 0..4 {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let store = open(folder.path());
        for (i, chunk) in facts.chunks(facts.len().div_ceil(3).max(1)).enumerate() {
            push(&store, chunk).expect("the push is taken");
            if i + 1 < flushes || flushes == 3 {
                flush(&store);
            }
        }
        check(&store);
        store.close(false).expect("closing works");
        drop(store);
        let store = open(folder.path());
        check(&store);
        compact(&store);
        check(&store);
    }
}

fn sample() -> Vec<Fact> {
    let mut facts = Vec::new();
    for i in 0..600i64 {
        let mut fact = fact(
            ["api", "web", "db"][i as usize % 3],
            1_000 + i * 7 % 100,
            &format!("line {i} of the sample"),
        );
        if i % 2 == 0 {
            fact.metadata = vec![
                ("level".to_owned(), "info".to_owned()),
                ("trace".to_owned(), format!("t{i}")),
            ];
        }
        facts.push(fact);
    }
    facts
}

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
fn selections_follow_matchers_and_times() {
    let facts = sample();
    let matchers = [Matcher::new("app", MatchOp::Regex, "a.*|web").expect("the pattern is valid")];
    let range = TimeRange {
        start: 1_010,
        end: 1_020,
    };
    let expected: BTreeSet<Fact> = facts
        .iter()
        .filter(|f| f.labels.get("app") != Some("db") && range.contains(f.time))
        .cloned()
        .collect();
    in_every_state(&facts, |store| {
        assert_eq!(
            read(store, &matchers, range, &ContentQuery::default())
                .into_iter()
                .collect::<BTreeSet<_>>(),
            expected
        );
        let nobody = [Matcher::equal("app", "nobody")];
        assert_eq!(
            read(store, &nobody, TimeRange::ALL, &ContentQuery::default()),
            []
        );
    });
}

#[test]
fn stages_go_through_time_and_have_all_pieces_once() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let store = open_here(folder.path());
    // Parts of several blocks, which lie over one another in time.
    for (part, step) in [(0, 7), (1, 2), (2, 3)] {
        let facts = ["a", "b", "c"].iter().zip(0..).flat_map(|(app, nth)| {
            (0..1500).map(move |i| {
                fact(
                    app,
                    part * 2000 + nth * 400 + i * step,
                    &format!("{app} {i} {}", "long line ".repeat(100)),
                )
            })
        });
        push(&store, &facts.collect::<Vec<_>>()).expect("the push is taken");
        flush(&store);
    }
    let range = TimeRange {
        start: 100,
        end: 9000,
    };
    let select = Select {
        matchers: &[],
        range,
        content: &ContentQuery::default(),
    };
    let names = |selected: &Selected| {
        selected
            .pieces
            .iter()
            .map(|piece| piece.sequence)
            .collect::<Vec<_>>()
    };
    let mut all = names(
        &store
            .select(&TenantId::fake(), &select)
            .expect("selecting works"),
    );
    assert!(all.len() > 10, "{} pieces", all.len());
    all.sort_unstable();
    for direction in [Direction::Backward, Direction::Forward] {
        let mut stages = store.selector(&TenantId::fake(), &select, direction);
        let (mut seen, mut size) = (Vec::new(), 1);
        let mut said = if direction.is_backward() {
            i64::MAX
        } else {
            i64::MIN
        };
        while let Some(nearest) = stages.nearest() {
            assert!(
                if direction.is_backward() {
                    nearest <= said
                } else {
                    nearest >= said
                },
                "{nearest} is nearer than {said}"
            );
            said = nearest;
            let selected = stages.next(size);
            let lies_behind = |piece: &Piece| {
                if direction.is_backward() {
                    piece.max_time <= nearest
                } else {
                    piece.min_time >= nearest
                }
            };
            assert!(
                selected.pieces.iter().all(lies_behind),
                "a piece is nearer than what was said to be left"
            );
            assert!(
                selected.pieces.len() <= size,
                "{} pieces of {size}",
                selected.pieces.len()
            );
            assert!(
                selected
                    .pieces
                    .iter()
                    .flat_map(|piece| &piece.runs)
                    .all(|run| (run.stream as usize) < selected.streams.len())
            );
            seen.extend(names(&selected));
            size += 1;
        }
        assert_eq!(stages.next(usize::MAX).pieces.len(), 0);
        seen.sort_unstable();
        assert_eq!(seen, all);
    }
}

#[test]
fn pruning_by_content_loses_nothing() {
    let facts = sample();
    let content = |text: &str| ContentQuery {
        lines: vec![vec![Literal {
            bytes: text.as_bytes().to_vec(),
            ignore_case: false,
        }]],
        ..ContentQuery::default()
    };
    in_every_state(&facts, |store| {
        let found = read(store, &[], TimeRange::ALL, &content("line 123 of"));
        assert!(found.iter().any(|f| f.line == b"line 123 of the sample"));
    });
}

#[test]
fn blocks_without_the_content_are_left_out() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let store = open_here(folder.path());
    let mut facts = Vec::new();
    for app in ["a", "b", "c", "d"] {
        facts.extend(
            (0..700).map(|i| fact(app, i, &format!("{app} {i} {}", "long line ".repeat(100)))),
        );
    }
    facts[900].line.extend_from_slice(b" 4f1c09aa7be2");
    push(&store, &facts).expect("the push is taken");
    flush(&store);
    let content = ContentQuery {
        lines: vec![vec![Literal {
            bytes: b"4f1c09aa7be2".to_vec(),
            ignore_case: false,
        }]],
        ..ContentQuery::default()
    };
    let selected = store
        .select(
            &TenantId::fake(),
            &Select {
                matchers: &[],
                range: TimeRange::ALL,
                content: &content,
            },
        )
        .expect("selecting works");
    assert_eq!((selected.pieces.len(), selected.blocks_pruned), (1, 3));
    assert_eq!(
        read(&store, &[], TimeRange::ALL, &content)
            .iter()
            .filter(|f| **f == facts[900])
            .count(),
        1
    );
}

#[test]
fn a_head_that_outgrows_flushing_refuses_pushes() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let store = Store::open(Options {
        flush_bytes: 10_000,
        ..options(folder.path())
    })
    .expect("the directory opens");
    let facts: Vec<Fact> = (0..100)
        .map(|i| fact("api", i, &"x".repeat(1_000)))
        .collect();
    push(&store, &facts).expect("the push is taken");
    assert!(matches!(push(&store, &facts), Err(WriteError::Busy)));
    flush(&store);
    push(&store, &facts).expect("there is room again");
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
            store.label_names(&tenant, &[], all).expect("names work"),
            ["app", "zone"]
        );
        assert_eq!(
            store.label_names(&tenant, &[], early).expect("names work"),
            ["app"]
        );
        assert_eq!(
            store
                .label_values(&tenant, "app", &[], all)
                .expect("values work"),
            ["api", "db", "web"]
        );
        assert_eq!(
            store
                .label_values(&tenant, "app", &[], early)
                .expect("values work"),
            ["api", "web"]
        );
        let zoned = [Matcher::equal("zone", "z")];
        assert_eq!(
            store
                .label_values(&tenant, "app", &zoned, all)
                .expect("values work"),
            ["db"]
        );
        let groups = [vec![Matcher::equal("app", "api")], zoned.to_vec()];
        assert_eq!(
            store
                .streams(&tenant, &groups, all)
                .expect("streams work")
                .len(),
            2
        );
        assert_eq!(
            store
                .streams(&tenant, &[], early)
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

#[test]
fn a_directory_is_held_by_one_store() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let store = open(folder.path());
    let second = Store::open(options(folder.path()));
    assert!(
        matches!(&second, Err(StoreError::Unusable(why)) if why.contains("in use")),
        "{:?}",
        second.err()
    );
    drop(store);
    open(folder.path());
}

#[test]
fn a_newer_directory_is_refused_with_words() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    std::fs::write(folder.path().join("FORMAT"), "skald-data 99\n")
        .expect("the file can be written");
    let refused = Store::open(options(folder.path()));
    assert!(
        matches!(&refused, Err(StoreError::Unusable(why)) if why.contains("version 99")),
        "{:?}",
        refused.err()
    );
}

#[test]
fn a_tiny_budget_flushes_early_and_refuses_when_heads_fill_it() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let memory = 4 << 20;
    let store = Store::open(Options {
        memory,
        ..options(folder.path())
    })
    .expect("the directory opens");
    let mut pushes = 0;
    let refused = loop {
        let facts: Vec<Fact> = (0..100)
            .map(|i| fact("api", pushes * 100 + i, &"x".repeat(1_000)))
            .collect();
        if let Err(error) = push(&store, &facts) {
            break error;
        }
        pushes += 1;
    };
    assert!(matches!(refused, WriteError::Busy), "{refused}");
    let held = |user| {
        store
            .status()
            .memory
            .iter()
            .find(|(u, _, _)| *u == user)
            .map_or((0, 0), |(_, held, no)| (*held, *no))
    };
    let (head, refusals) = held(MemoryUser::Head);
    assert!(
        (memory as u64 / 4..=memory as u64 * 2).contains(&head),
        "{head}"
    );
    assert_eq!(refusals, 1);
    flush(&store);
    assert_eq!(held(MemoryUser::Head).0, 0);
    assert!(held(MemoryUser::Directories).0 > 0);
    push(&store, &[fact("api", 0, "x")]).expect("there is room again");
    let found = read(&store, &[], TimeRange::ALL, &ContentQuery::default());
    assert_eq!(found.len() as i64, pushes * 100 + 1);
}

#[test]
fn in_the_background_a_tiny_budget_only_slows_pushes() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let tight = Options {
        memory: 8 << 20,
        background: true,
        ..options(folder.path())
    };
    let store = Store::open(tight).expect("the directory opens");
    for round in 0..200 {
        let facts: Vec<Fact> = (0..100)
            .map(|i| fact("api", round * 100 + i, &"x".repeat(1_000)))
            .collect();
        while let Err(error) = push(&store, &facts) {
            assert!(matches!(error, WriteError::Busy), "{error}");
            std::thread::yield_now();
        }
    }
    assert!(store.status().flushes > 1);
    assert_eq!(
        read(&store, &[], TimeRange::ALL, &ContentQuery::default()).len(),
        20_000
    );
}

#[test]
fn merging_copies_full_blocks_that_stand_alone_and_unites_others() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let store = open_here(folder.path());
    let large = |app: &str, first: i64, count: i64| -> Vec<Fact> {
        (first..first + count)
            .map(|i| {
                fact(
                    app,
                    i,
                    &format!("{app} number {i:04} {}", "x".repeat(1_000)),
                )
            })
            .collect()
    };
    // Of "apart" each part has its own time, of "mixed" they overlap by half; small streams share blocks.
    for (part, count) in [(0, 910), (1, 960), (2, 1000)] {
        let small = [fact("small", part, "one"), fact("tiny", 7, "same")];
        let facts = [
            large("apart", part * 1000, count),
            large("mixed", part * 300, 600),
            small.to_vec(),
        ]
        .concat();
        push(&store, &facts).expect("the push is taken");
        flush(&store);
    }
    let pieces = |app: &str, literal: &str| {
        let matchers = [Matcher::equal("app", app)];
        let literal = Literal {
            bytes: literal.as_bytes().to_vec(),
            ignore_case: false,
        };
        let content = ContentQuery {
            lines: vec![vec![literal]],
            ..ContentQuery::default()
        };
        let select = Select {
            matchers: &matchers,
            range: TimeRange::ALL,
            content: &content,
        };
        let pieces = store
            .select(&TenantId::fake(), &select)
            .expect("selecting works")
            .pieces;
        pieces
            .iter()
            .map(|piece| piece.runs[0].line_bytes)
            .collect::<BTreeSet<u64>>()
    };
    let (before, apart) = (read_all(&store), pieces("apart", "number"));
    assert_eq!((before.len(), apart.len()), (2870 + 1200 + 4, 3));
    compact(&store);
    assert_eq!(store.status().parts, 1);
    assert_eq!(read_all(&store), before);
    assert_eq!(
        pieces("apart", "number"),
        apart,
        "blocks are cut as they were"
    );
    assert_eq!(pieces("apart", "absent word").len(), 0);
    let mixed = pieces("mixed", "number");
    assert_eq!(
        (mixed.len(), mixed.iter().sum::<u64>()),
        (2, 1200 * 1_018),
        "two blocks instead of three, without repeats"
    );
    assert_eq!(
        read(
            &store,
            &[Matcher::equal("app", "tiny")],
            TimeRange::ALL,
            &ContentQuery::default()
        )
        .len(),
        1
    );
}

/// Makes the content indexes of all parts ones of version 1, which asks for some of the grams they have.
fn age_content_indexes(folder: &Path) {
    for item in std::fs::read_dir(folder)
        .expect("the folder can be listed")
        .flatten()
    {
        let path = item.path();
        if path.is_dir() {
            age_content_indexes(&path);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "part")
        {
            let mut bytes = std::fs::read(&path).expect("the part can be read");
            let footer = bytes.len() - 64;
            let number = |at: usize| {
                u64::from_le_bytes(
                    *bytes[footer + at..]
                        .first_chunk()
                        .expect("the footer is there"),
                ) as usize
            };
            let index = number(8)..number(8) + number(16);
            bytes[index.start] = 1;
            let index_crc = crc32fast::hash(&bytes[index]);
            bytes[footer + 48..footer + 52].copy_from_slice(&index_crc.to_le_bytes());
            let footer_crc = crc32fast::hash(&bytes[footer..footer + 60]);
            bytes[footer + 60..].copy_from_slice(&footer_crc.to_le_bytes());
            std::fs::write(&path, bytes).expect("the part can be written");
        }
    }
}

#[test]
fn merging_indexes_anew_what_older_rules_indexed() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let store = open_here(folder.path());
    let rest = "x".repeat(1_000);
    for (part, number) in ["ts=482131234567", "user=48213", "user=77777"]
        .into_iter()
        .enumerate()
    {
        let lines =
            (0..900).map(|i| fact("api", part as i64 * 1_000 + i, &format!("{number} {rest}")));
        push(&store, &lines.collect::<Vec<_>>()).expect("the push is taken");
        flush(&store);
    }
    let blocks_left = |store: &Store| {
        let literal = Literal {
            bytes: b"=48213 ".to_vec(),
            ignore_case: false,
        };
        let content = ContentQuery {
            lines: vec![vec![literal]],
            ..ContentQuery::default()
        };
        let select = Select {
            matchers: &[],
            range: TimeRange::ALL,
            content: &content,
        };
        store
            .select(&TenantId::fake(), &select)
            .expect("selecting works")
            .pieces
            .len()
    };
    let before = read_all(&store);
    assert_eq!(blocks_left(&store), 1);
    store.close(false).expect("closing works");
    drop(store);
    age_content_indexes(folder.path());
    let store = open_here(folder.path());
    assert_eq!(blocks_left(&store), 2, "a longer number begins alike");
    compact(&store);
    assert_eq!((store.status().parts, blocks_left(&store)), (1, 1));
    assert_eq!(read_all(&store), before);
}

#[test]
fn a_long_wal_is_replayed_and_flushed_at_once() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let facts: Vec<Fact> = (0..300)
        .map(|i| fact(["api", "web"][i as usize % 2], i, &"x".repeat(1_000)))
        .collect();
    let store = open(folder.path());
    for facts in facts.chunks(5) {
        push(&store, facts).expect("the push is taken");
    }
    drop(store);
    let tight = Options {
        flush_bytes: 20_000,
        background: true,
        ..options(folder.path())
    };
    let store = Store::open(tight).expect("the directory opens");
    assert!(store.status().flushes > 1);
    assert_eq!(read_all(&store), facts.iter().cloned().collect());
    drop(store);
    assert_eq!(read_all(&open(folder.path())).len(), 300);
}
