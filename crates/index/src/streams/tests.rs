//! Streams are found by their labels, as filtering all streams finds them.

use super::terms::TERM_BYTES_MAX;
use super::*;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use skald_model::{Labels, MatchOp, Matcher, StreamId};

fn streams(labels: &[Labels]) -> impl Iterator<Item = (StreamId, Labels)> {
    labels.iter().map(|l| (StreamId::of(l), l.clone()))
}

fn index_of(commits: &[Vec<Labels>]) -> (tempfile::TempDir, StreamIndex) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let index = StreamIndex::open(folder.path()).expect("the folder is empty");
    for labels in commits {
        index.add(&mut streams(labels)).expect("the disk takes it");
    }
    (folder, index)
}

fn found(index: &StreamIndex, matchers: &[Matcher]) -> Vec<String> {
    let mut found: Vec<String> = index
        .find(matchers)
        .expect("the index is whole")
        .iter()
        .map(|(_, l)| l.to_string())
        .collect();
    found.sort();
    found
}

/// What the matchers mean, without an index.
fn filtered(labels: &[Labels], matchers: &[Matcher]) -> Vec<String> {
    let matches = |l: &&Labels| {
        matchers
            .iter()
            .all(|m| m.matches(l.get(&m.name).unwrap_or("")))
    };
    let mut kept: Vec<String> = labels
        .iter()
        .filter(matches)
        .map(|l| l.to_string())
        .collect();
    kept.sort();
    kept.dedup();
    kept
}

fn matcher(name: &str, op: &str, value: &str) -> Matcher {
    let op = match op {
        "=" => MatchOp::Equal,
        "!=" => MatchOp::NotEqual,
        "=~" => MatchOp::Regex,
        _ => MatchOp::NotRegex,
    };
    Matcher::new(name, op, value).expect("regex is valid")
}

#[test]
fn streams_are_added_once_and_survive_a_restart() {
    let labels: Vec<Labels> = (0..10)
        .map(|i| Labels::from_pairs([("app", format!("a{i}"))]))
        .collect();
    let (folder, index) = index_of(&[labels[..6].to_vec(), labels[4..].to_vec(), labels.clone()]);
    assert_eq!((index.len(), index.is_empty()), (10, false));
    drop(index);
    let index = StreamIndex::open(folder.path()).expect("it was closed well");
    assert_eq!(index.len(), 10);
    let all = index.find(&[]).expect("the index is whole");
    assert!(all.iter().all(|(id, l)| *id == StreamId::of(l)));
    assert_eq!(found(&index, &[]), filtered(&labels, &[]));
}

#[test]
fn a_damaged_index_is_an_error() {
    let (folder, index) = index_of(&[vec![Labels::from_pairs([("app", "a")])]]);
    drop(index);
    for entry in std::fs::read_dir(folder.path()).expect("the folder is there") {
        let path = entry.expect("the folder is there").path();
        if path
            .extension()
            .is_some_and(|e| e == "store" || e == "term")
        {
            let mut bytes = std::fs::read(&path).expect("the file is there");
            bytes[0] ^= 1;
            std::fs::write(&path, bytes).expect("the file can be written");
        }
    }
    assert!(StreamIndex::open(folder.path()).is_err());
}

#[test]
fn values_longer_than_a_term_are_compared_whole() {
    let long = "v".repeat(TERM_BYTES_MAX);
    let labels: Vec<Labels> = [format!("{long}1"), format!("{long}2"), "v".to_owned()]
        .into_iter()
        .map(|v| Labels::from_pairs([("l", v)]))
        .collect();
    let (_folder, index) = index_of(std::slice::from_ref(&labels));
    for (op, value) in [
        ("=", format!("{long}1")),
        ("!=", format!("{long}1")),
        ("=~", ".*2".into()),
        ("!~", ".*2".into()),
    ] {
        let matchers = [matcher("l", op, &value)];
        assert_eq!(
            found(&index, &matchers),
            filtered(&labels, &matchers),
            "{op}"
        );
    }
}

#[test]
fn matchers_over_many_streams_walk_the_dictionary() {
    let labels: Vec<Labels> = (0..3000)
        .map(|i| match i % 3 {
            0 => Labels::from_pairs([("pod", format!("api-{i}")), ("env", "dev".into())]),
            1 => Labels::from_pairs([("pod", format!("db-{i}")), ("env", "prod".into())]),
            _ => Labels::from_pairs([("env", "prod")]),
        })
        .collect();
    let (_folder, index) = index_of(&[labels[..2500].to_vec(), labels[2500..].to_vec()]);
    for matchers in [
        vec![matcher("pod", "=~", "api-.*")],
        vec![matcher("pod", "=~", "api-0|db-1|none")],
        vec![matcher("pod", "!~", "api-.*"), matcher("env", "=~", "pr.+")],
        vec![matcher("pod", "=~", ".*-7?"), matcher("env", "!=", "dev")],
        vec![matcher("pod", "=~", "(api.*)?")],
        vec![matcher("pod", "!~", ".*")],
        vec![matcher("pod", "!~", ".+")],
        vec![matcher("none", "=", ""), matcher("pod", "!=", "")],
    ] {
        assert_eq!(
            found(&index, &matchers),
            filtered(&labels, &matchers),
            "{matchers:?}"
        );
    }
}

#[test]
fn too_many_candidates_are_not_fetched() {
    let labels: Vec<Labels> = (0..20)
        .map(|i| Labels::from_pairs([("pod", format!("api-{i}"))]))
        .collect();
    let (_folder, index) = index_of(&[labels]);
    let some = [matcher("pod", "=~", "api-1.")];
    let found = |limit| {
        index
            .find_at_most(&some, limit)
            .expect("the index answers")
            .map(|found| found.len())
    };
    assert_eq!((found(20), found(9)), (Some(10), None));
}

fn label_sets() -> impl Strategy<Value = Vec<Labels>> {
    let set =
        btree_map("[a-c]", "[xyz]{1,2}", 0..4).prop_map(|pairs| Labels::from_pairs(pairs.iter()));
    vec(set, 0..40)
}

fn matchers() -> impl Strategy<Value = Vec<Matcher>> {
    let value = prop_oneof![
        "[xyz]{0,2}".prop_map(|v| v.to_owned()),
        prop::sample::select(vec![
            "x.*", ".+", ".*", "x|yz", "(x|y)?", "[^x]+", "(?i)X.", "", "^x$", "y\\bz"
        ])
        .prop_map(str::to_owned),
    ];
    let any = (
        "[a-d]",
        prop::sample::select(vec!["=", "!=", "=~", "!~"]),
        value,
    )
        .prop_map(|(n, op, v)| matcher(&n, op, &v));
    vec(any, 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn finding_equals_filtering(first in label_sets(), second in label_sets(), queries in vec(matchers(), 12)) {
        let all: Vec<Labels> = first.iter().chain(&second).cloned().collect();
        let (_folder, index) = index_of(&[first, second]);
        for matchers in queries {
            prop_assert_eq!(found(&index, &matchers), filtered(&all, &matchers), "{:?}", matchers);
        }
    }
}
