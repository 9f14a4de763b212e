//! A stream miner collects the templates of one stream: a tree for each level, one format for all.

use crate::drain::Drain;
use crate::template::{Format, PLACEHOLDER, Pattern, known_level};
use crate::tokens::{self, Tokens};
use std::borrow::Cow;

/// Mines one stream.
#[derive(Default)]
pub struct StreamMiner {
    format: Option<Format>,
    levels: Vec<(&'static str, Drain)>,
}

impl StreamMiner {
    /// Takes in a line that stands for `count` lines at a time.
    pub fn add(&mut self, second: i64, level: &str, line: &[u8], count: u64) {
        let line = String::from_utf8_lossy(line);
        let line: Cow<'_, str> = match line.strip_suffix('\n') {
            Some(line) => Cow::Owned(line.to_owned()),
            None => line,
        };
        let format = *self.format.get_or_insert_with(|| tokens::format_of(&line));
        let Some(text) = tokens::text(format, &line) else {
            return;
        };
        if let Some(tokens) = tokens::tokens(format, &text) {
            self.drain(level).train(format, &tokens).add(second, count);
        }
    }

    /// Takes in what was mined of the same stream elsewhere.
    pub fn absorb(&mut self, pattern: &Pattern) {
        let template = &pattern.template;
        self.format.get_or_insert(template.format);
        let tokens = Tokens {
            words: template.tokens.iter().map(|word| &**word).collect(),
            spaces: template.spaces.clone(),
        };
        let mine = self.drain(pattern.level).train(template.format, &tokens);
        for (second, count) in &pattern.samples {
            mine.add(*second, *count);
        }
    }

    /// All patterns, those with the most lines first.
    pub fn finish(self) -> Vec<Pattern> {
        let mut patterns: Vec<Pattern> = self
            .levels
            .into_iter()
            .flat_map(|(_, drain)| drain.into_patterns())
            .collect();
        // What has no word left says nothing.
        patterns.retain(|p| {
            !p.samples.is_empty() && p.template.tokens.iter().any(|t| &**t != PLACEHOLDER)
        });
        patterns.sort_by_cached_key(|p| std::cmp::Reverse(p.count()));
        patterns
    }

    fn drain(&mut self, level: &str) -> &mut Drain {
        let level = known_level(level);
        let at = self
            .levels
            .iter()
            .position(|(known, _)| *known == level)
            .unwrap_or_else(|| {
                self.levels.push((level, Drain::new(level)));
                self.levels.len() - 1
            });
        &mut self.levels[at].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mined(lines: &[String]) -> Vec<Pattern> {
        let mut miner = StreamMiner::default();
        for (i, line) in lines.iter().enumerate() {
            miner.add(i as i64, "info", line.as_bytes(), 1);
        }
        miner.finish()
    }

    fn check(line: fn(i64) -> String, expected: &str) {
        let lines: Vec<String> = (0..60).map(line).collect();
        let found = mined(&lines);
        assert_eq!(
            found
                .iter()
                .map(|p| p.template.render())
                .collect::<Vec<_>>(),
            [expected]
        );
        assert_eq!(
            found[0].samples,
            [(0, 10), (10, 10), (20, 10), (30, 10), (40, 10), (50, 10)]
        );
    }

    #[test]
    fn lines_of_each_format_give_the_patterns_that_loki_gives() {
        check(
            |i| {
                format!(
                    "ts={} level=info msg=\"user {i} logged in\" dur={i}ms",
                    2024 + i
                )
            },
            "ts=<_> level=info msg=<_> dur=<_>",
        );
        check(
            |i| {
                format!(
                    "GET /api/v1/item/{i} took {i}ms status={} from 10.0.0.{i}",
                    200 + i % 3
                )
            },
            "GET <_> took <_> status=<_> from <_>",
        );
        check(
            |i| {
                format!(
                    "{{\"level\":\"info\",\"msg\":\"processed {i} items in queue alpha\",\"t\":{i}}}"
                )
            },
            "<_>processed <_> items in queue alpha<_>",
        );
    }

    #[test]
    fn levels_are_apart_and_odd_ones_are_unknown() {
        let mut miner = StreamMiner::default();
        for level in ["INFO", "notice", "", "error"] {
            miner.add(0, level, b"the same words again", 3);
        }
        let mut found: Vec<(&str, u64)> = miner
            .finish()
            .iter()
            .map(|p| (p.level, p.count()))
            .collect();
        found.sort_unstable();
        assert_eq!(found, [("error", 3), ("info", 3), ("unknown", 6)]);
    }

    #[test]
    fn what_two_parts_mined_becomes_one() {
        let lines = |from: i64| {
            (from..from + 30)
                .map(|i| format!("GET /item/{i} took {i}ms ok"))
                .collect::<Vec<_>>()
        };
        let mut miner = StreamMiner::default();
        for part in [
            mined(&lines(0)),
            mined(&lines(100)),
            mined(&["GET /item/7 took 7ms ok".to_owned()]),
        ] {
            part.iter().for_each(|pattern| miner.absorb(pattern));
        }
        let found = miner.finish();
        assert_eq!(
            found
                .iter()
                .map(|p| (p.template.render(), p.count()))
                .collect::<Vec<_>>(),
            [("GET <_> took <_> ok".to_owned(), 61)]
        );
    }
}
