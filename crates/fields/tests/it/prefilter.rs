//! The prefilter leaves out no line that holds a text.

use crate::block::Block;
use crate::shred::{batch, lines};
use proptest::collection::vec;
use proptest::prelude::*;
use skald_model::Literal;

proptest! {
    /// A text from anywhere in a line, and the same in another case: the line is kept, and
    /// assembled.
    #[test]
    fn lines_that_hold_a_text_are_kept(
        lines in lines(),
        texts in vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 1..12usize), 1..12),
        ignore_case in any::<bool>(),
    ) {
        let batch = batch(&lines);
        let Some(mut block) = Block::shred(&batch) else { return Ok(()) };
        for (line, at, length) in texts {
            let line = &lines[line.index(lines.len())];
            if line.is_empty() {
                continue;
            }
            let at = at.index(line.len());
            let text = &line[at..(at + length).min(line.len())];
            let bytes = if ignore_case { text.to_ascii_lowercase() } else { text.to_vec() };
            block.check_prefilter(&Literal { bytes, ignore_case });
        }
    }
}

#[test]
fn texts_are_found_in_literals_in_values_and_across_them() {
    let lines: Vec<Vec<u8>> = (0..40)
        .map(|n| {
            let level = if n % 10 == 3 { "error" } else { "info" };
            format!(r#"{{"level":"{level}","n":{n},"msg":"job {n} done"}}"#).into_bytes()
        })
        .collect();
    let batch = batch(&lines);
    let mut block = Block::shred(&batch).expect("the lines are alike");
    let mut check = |text: &str, expected: usize| {
        let kept = block.prefilter(&Literal {
            bytes: text.as_bytes().to_vec(),
            ignore_case: false,
        });
        let kept = kept.iter().filter(|kept| **kept).count();
        assert_eq!(kept, expected, "{text}");
    };
    check("error", 4);
    check(r#""level""#, 40);
    check(r#"el":"err"#, 4);
    check(r#"ror","n":13,"m"#, 4);
    check(r#""n":13,"#, 1);
    check("job 17 d", 1);
    check("nowhere", 0);
    check("done\"}", 40);
}
