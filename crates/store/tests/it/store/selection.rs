//! Selection: pieces by matchers, times and content.

use super::*;

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
        let stages = store.selector(&TenantId::fake(), &select, direction);
        let mut stages = stages.expect("selecting works");
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
            let selected = stages
                .next(size, &mut Charge::default())
                .expect("selecting works");
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
        let rest = stages.next(usize::MAX, &mut Charge::default());
        assert_eq!(rest.expect("selecting works").pieces.len(), 0);
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
