//! Writes `fixtures/v<version>.index`, the content index of `fixtures/lines.txt`.
//!
//! Run once for each format version: `cargo run -p skald-index --example fixture`. The files of
//! older versions stay as they are.

use skald_index::ContentIndexBuilder;
use skald_index::content::FORMAT_VERSION;
use skald_model::BatchBuilder;

fn main() -> std::io::Result<()> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures");
    let mut index = ContentIndexBuilder::default();
    for (number, lines) in std::fs::read_to_string(format!("{folder}/lines.txt"))?
        .split("\n\n")
        .enumerate()
    {
        let (mut block, value) = (BatchBuilder::default(), format!("id-{number}"));
        lines.lines().for_each(|line| {
            block.push(
                0,
                0,
                line.as_bytes(),
                [("trace_id", value.as_str())].into_iter(),
            )
        });
        index.add_block(&block.finish());
    }
    std::fs::write(format!("{folder}/v{FORMAT_VERSION}.index"), index.finish())
}
