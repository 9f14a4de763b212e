//! Content indexes of every version are read forever, and what is hashed stays what it is.

use skald_index::content::FORMAT_VERSION;
use skald_index::{ContentIndex, ContentIndexBuilder};
use skald_model::{BatchBuilder, ContentQuery, Literal};
use std::fs;

/// The lines of each block, which have the block's [`value`] in metadata.
fn blocks() -> Vec<Vec<String>> {
    let text = fs::read_to_string(fixture("lines.txt")).expect("the lines can be read");
    text.split("\n\n")
        .map(|block| block.lines().map(str::to_owned).collect())
        .collect()
}

fn fixture(name: &str) -> String {
    format!("{}/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn index_bytes(version: u8) -> Vec<u8> {
    fs::read(fixture(&format!("v{version}.index"))).expect("each version has its index")
}

fn value(block: usize) -> String {
    format!("id-{block}")
}

#[test]
fn indexes_of_every_version_find_all_that_their_lines_have() {
    for version in 1..=FORMAT_VERSION {
        let index = ContentIndex::open(index_bytes(version)).expect("the fixture is whole");
        let check = |query: &ContentQuery, block: usize| {
            assert!(
                index.candidates(query)[block],
                "version {version}: {query:?}"
            )
        };
        for (block, lines) in blocks().iter().enumerate() {
            for window in lines
                .iter()
                .flat_map(|line| (1..=line.len()).flat_map(|len| line.as_bytes().windows(len)))
            {
                let literal = Literal {
                    bytes: window.to_vec(),
                    ignore_case: false,
                };
                check(
                    &ContentQuery {
                        lines: vec![vec![literal]],
                        ..ContentQuery::default()
                    },
                    block,
                );
            }
            let metadata = vec![("trace_id".to_owned(), vec![value(block)])];
            check(
                &ContentQuery {
                    metadata,
                    ..ContentQuery::default()
                },
                block,
            );
        }
    }
}

#[test]
fn the_newest_version_is_written_as_it_was() {
    let mut index = ContentIndexBuilder::default();
    for (number, lines) in blocks().iter().enumerate() {
        let (mut block, value) = (BatchBuilder::default(), value(number));
        lines.iter().for_each(|line| {
            block.push(
                0,
                0,
                line.as_bytes(),
                [("trace_id", value.as_str())].into_iter(),
            )
        });
        index.add_block(&block.finish());
    }
    assert_eq!(index.finish(), index_bytes(FORMAT_VERSION));
}
