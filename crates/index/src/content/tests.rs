//! Content indexes find all blocks that have what is asked, and few others.

use super::grams::Rules;
use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use skald_model::{Batch, ContentQuery, Literal};
use skald_model::{BatchBuilder, Either};

type Entry = (Vec<u8>, Option<String>);

fn bytes_of(blocks: &[Vec<Entry>]) -> Vec<u8> {
    bytes_by(Rules::default(), blocks)
}

fn bytes_by(rules: Rules, blocks: &[Vec<Entry>]) -> Vec<u8> {
    let mut builder = ContentIndexBuilder::by(rules);
    for entries in blocks {
        let mut batch = BatchBuilder::default();
        for (line, value) in entries {
            batch.push(0, 0, line, value.iter().map(|v| ("trace_id", v.as_str())));
        }
        builder.add_block(&batch.finish());
    }
    builder.finish()
}

fn lines(literals: &[&str]) -> ContentQuery {
    let literal = |l: &&str| Literal {
        bytes: l.as_bytes().to_vec(),
        ignore_case: false,
    };
    ContentQuery {
        lines: vec![literals.iter().map(literal).collect()],
        ..ContentQuery::default()
    }
}

/// Blocks of made-up lines; block `i` alone has `only-i`, `user=1000i` and the trace id `id-i`.
fn sample_bytes() -> Vec<u8> {
    let blocks: Vec<Vec<Entry>> = (0..70usize)
        .map(|i| {
            let line = |n: usize| {
                format!(
                    "GET /index.html from 10.0.{i}.{n} user={} only-{}",
                    10_000 + i,
                    ["ape", "bee", "cat"][i % 3]
                )
            };
            (0..i + 2)
                .map(|n| (line(n).into_bytes(), Some(format!("id-{i}"))))
                .collect()
        })
        .collect();
    bytes_of(&blocks)
}

fn sample() -> ContentIndex {
    ContentIndex::open(sample_bytes()).expect("was just written")
}

#[test]
fn a_value_in_the_line_or_in_metadata_keeps_a_block() {
    let batch = |line: &str, metadata: &[(&str, &str)]| {
        let mut builder = BatchBuilder::default();
        builder.push(0, 1, line.as_bytes(), metadata.iter().copied());
        builder.finish()
    };
    let mut index = ContentIndexBuilder::default();
    index.add_block(&batch("user=48213 done", &[]));
    index.add_block(&batch("nothing", &[("user", "48213")]));
    index.add_block(&batch("nothing", &[("user", "77777")]));
    let index = ContentIndex::open(index.finish()).expect("was just written");
    let literals = vec![Literal {
        bytes: b"=48213".to_vec(),
        ignore_case: false,
    }];
    let either = vec![Either {
        literals,
        name: "user".into(),
        values: vec!["48213".into()],
    }];
    assert_eq!(
        index.candidates(&ContentQuery {
            either,
            ..ContentQuery::default()
        }),
        [true, true, false]
    );
}

#[test]
fn blocks_without_the_literal_are_left_out() {
    let index = sample();
    let left = |query: &ContentQuery| index.candidates(query).iter().filter(|flag| **flag).count();
    assert_eq!(index.blocks(), 70);
    assert_eq!(left(&ContentQuery::default()), 70);
    assert_eq!(left(&lines(&["index.html"])), 70);
    assert!(left(&lines(&["nowhere to be found"])) <= 1);
    assert!((23..40).contains(&left(&lines(&["only-bee"]))));
    assert!((1..25).contains(&left(&lines(&["user=10007"]))));
    assert!(index.candidates(&lines(&["user=10007"]))[7]);
    assert!((1..6).contains(&left(&ContentQuery {
        metadata: vec![("trace_id".into(), vec!["id-9".into()])],
        ..ContentQuery::default()
    })));
}

#[test]
fn lists_are_joined_by_and_their_literals_by_or() {
    let index = sample();
    let left = |query: &ContentQuery| index.candidates(query).iter().filter(|flag| **flag).count();
    let either = lines(&["only-bee", "nowhere to be found"]);
    assert_eq!(left(&either), left(&lines(&["only-bee"])));
    let mut both = lines(&["only-bee"]);
    both.lines.extend(lines(&["nowhere to be found"]).lines);
    assert!(left(&both) <= 1);
    assert_eq!(
        left(&lines(&["nowhere to be found", "x"])),
        70,
        "a short alternative says nothing"
    );
    assert_eq!(left(&lines(&[])), 0, "no alternative can be met");
}

#[test]
fn a_copied_block_is_found_as_before() {
    let index = sample();
    let mut builder = ContentIndexBuilder::default();
    index
        .filters()
        .expect("it is of the newest version")
        .into_iter()
        .rev()
        .for_each(|filter| builder.add_copied(filter));
    let copied = ContentIndex::open(builder.finish()).expect("was just written");
    for query in [
        lines(&["user=10007"]),
        lines(&["only-bee"]),
        lines(&["absent words"]),
    ] {
        let mut found = copied.candidates(&query);
        found.reverse();
        assert_eq!(found, index.candidates(&query));
    }
}

#[test]
fn a_whole_number_is_told_from_the_beginning_of_a_longer_one() {
    let block = |line: &str| vec![(line.as_bytes().to_vec(), None)];
    let blocks = [
        block("ts=482131234 user=7 end"),
        block("user=48213 end"),
        block("user=482 end"),
        block("user=4827 end"),
    ];
    let candidates = |rules, text: &str| {
        let index = ContentIndex::open(bytes_by(rules, &blocks)).expect("was just written");
        assert_eq!(
            index.filters().is_some(),
            rules == Rules::Two,
            "filters of older rules lack grams"
        );
        index.candidates(&lines(&[text]))
    };
    assert_eq!(
        candidates(Rules::One, "=48213 "),
        [true, true, false, false]
    );
    assert_eq!(
        candidates(Rules::Two, "=48213 "),
        [false, true, false, false]
    );
    assert_eq!(candidates(Rules::Two, "=48213"), [true, true, false, false]);
    assert_eq!(candidates(Rules::One, "=482 "), [true; 4]);
    assert_eq!(candidates(Rules::Two, "=482 "), [false, false, true, false]);
}

#[test]
fn damaged_bytes_are_refused() {
    let mut builder = ContentIndexBuilder::default();
    builder.add_block(&Batch::default());
    let bytes = builder.finish();
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x40;
        assert!(ContentIndex::open(damaged).is_err(), "byte {at}");
        assert!(
            ContentIndex::open(bytes[..at].to_vec()).is_err(),
            "{at} bytes"
        );
    }
}

/// The same answer from rows alone, and the share of the bytes that took.
fn candidates_by_rows(bytes: &[u8], query: &ContentQuery) -> (Vec<bool>, f64) {
    let part =
        |range: &std::ops::Range<u64>| bytes[range.start as usize..range.end as usize].to_vec();
    let rows = ContentRows::open(bytes.len() as u64, &mut |range| Ok(part(&range)))
        .expect("was just written");
    let probe = rows.probe(query);
    let fetched: Vec<Vec<u8>> = probe.ranges().iter().map(part).collect();
    assert!(probe.ranges().is_empty() || probe.candidates(&fetched[1..]).is_err());
    let share = fetched.iter().map(Vec::len).sum::<usize>() as f64 / bytes.len() as f64;
    (
        probe.candidates(&fetched).expect("all rows are there"),
        share,
    )
}

#[test]
fn rows_alone_answer_as_the_whole_index_does() {
    let bytes = sample_bytes();
    let index = ContentIndex::open(bytes.clone()).expect("was just written");
    for text in [
        "user=10007",
        "only-bee",
        "nowhere to be found",
        "x",
        "GET /index.html from 10.0.33.1",
    ] {
        let (found, share) = candidates_by_rows(&bytes, &lines(&[text]));
        assert_eq!(found, index.candidates(&lines(&[text])), "{text}");
        // Windows of 16 bytes are wide for filters of so few and small blocks.
        assert!(text != "only-bee" || share < 0.5, "{text}: {share}");
    }
}

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let line = prop_oneof![
        vec(any::<u8>(), 0..60),
        "([a-fA-F0-9]{1,20}[ =.:/]){0,6}".prop_map(String::into_bytes),
        "([0-9]{1,8}[ =.:/_a]){0,8}".prop_map(String::into_bytes),
    ];
    vec((line, proptest::option::of("[a-z0-9]{0,5}")), 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    /// What pruning must never do: leave out a block that has it.
    #[test]
    fn a_block_with_the_literal_is_a_candidate(
        blocks in vec(entries(), 1..6),
        block in any::<prop::sample::Index>(),
        entry in any::<prop::sample::Index>(),
        cut in any::<(prop::sample::Index, prop::sample::Index)>(),
        ignore_case in any::<bool>(),
        rules in prop::sample::select(vec![Rules::One, Rules::Two]),
    ) {
        let block = block.index(blocks.len());
        prop_assume!(!blocks[block].is_empty());
        let (line, value) = &blocks[block][entry.index(blocks[block].len())];
        let start = cut.0.index(line.len() + 1);
        let mut bytes = line[start..start + cut.1.index(line.len() - start + 1)].to_vec();
        if ignore_case {
            bytes.make_ascii_lowercase();
        }
        let query = ContentQuery {
            lines: vec![vec![Literal { bytes, ignore_case }]],
            metadata: value.iter().map(|v| ("trace_id".to_owned(), vec!["other".to_owned(), v.clone()])).collect(),
            ..ContentQuery::default()
        };
        let bytes = bytes_by(rules, &blocks);
        prop_assert!(candidates_by_rows(&bytes, &query).0[block]);
        prop_assert!(ContentIndex::open(bytes).expect("was just written").candidates(&query)[block]);
    }
}
