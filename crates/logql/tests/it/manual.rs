//! The examples of the manual are queries: each parses and compiles.

use skald_logql::parse;
use skald_logql::typed::{Options, compile};

/// The language as users read about it.
const MANUAL: &str = include_str!("../../../../docs/logql.md");

#[test]
fn every_example_of_the_manual_compiles() {
    let fences = MANUAL.split("```logql\n").skip(1);
    let blocks = fences.map(|rest| rest.split("\n```").next().unwrap_or_default());
    let queries: Vec<&str> = blocks.flat_map(|block| block.split("\n\n")).collect();
    assert!(queries.len() >= 30, "{} examples were found", queries.len());
    for query in queries {
        let expr = parse(query).unwrap_or_else(|e| panic!("{query}: {e}"));
        if let Err(error) = compile(&expr, &Options::default()) {
            panic!("{query}: {error}");
        }
    }
}
