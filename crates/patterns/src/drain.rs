//! The Drain tree groups lines with equally many words and the same first words into templates.
//!
//! Where they differ it gets a placeholder.
//!
//! Templates that were not met for longest make room for new ones. The tree is built anew from the
//! templates when it has grown large, so that lines of random words cost no more than others.

use crate::template::{Format, PLACEHOLDER, Pattern, Template};
use crate::tokens::Tokens;

/// Templates of one stream and level, Loki's figure.
const CLUSTERS_MAX: usize = 300;

/// Levels of the tree below the one for the number of tokens, Loki's figure.
const DEPTH_MAX: usize = 28;

/// Words that a node tells apart, Loki's figure.
const CHILDREN_MAX: usize = 15;

/// Least share of equal words, Loki's figure.
const SIMILARITY: f64 = 0.3;

/// Nodes after which the tree is built anew.
const NODES_MAX: usize = 20_000;

/// Templates of one stream and level.
pub(crate) struct Drain {
    level: &'static str,
    nodes: Vec<Node>,
    /// Root children by number of tokens.
    roots: Vec<(usize, usize)>,
    clusters: Vec<Cluster>,
    /// Counts lines: who was met last.
    clock: u64,
}

#[derive(Default)]
struct Node {
    children: Vec<(Box<str>, usize)>,
    /// Places in `clusters`.
    clusters: Vec<usize>,
}

struct Cluster {
    pattern: Pattern,
    met: u64,
}

impl Drain {
    pub(crate) fn new(level: &'static str) -> Drain {
        Drain {
            level,
            nodes: Vec::new(),
            roots: Vec::new(),
            clusters: Vec::new(),
            clock: 0,
        }
    }

    /// Takes a line in; gives the pattern it belongs to.
    pub(crate) fn train(&mut self, format: Format, tokens: &Tokens<'_>) -> &mut Pattern {
        self.clock += 1;
        let at = match self.search(&tokens.words) {
            Some(at) => {
                for (mine, word) in self.clusters[at]
                    .pattern
                    .template
                    .tokens
                    .iter_mut()
                    .zip(&tokens.words)
                {
                    if **mine != **word {
                        *mine = PLACEHOLDER.into();
                    }
                }
                at
            }
            None => self.create(format, tokens),
        };
        let cluster = &mut self.clusters[at];
        cluster.met = self.clock;
        &mut cluster.pattern
    }

    pub(crate) fn into_patterns(self) -> impl Iterator<Item = Pattern> {
        self.clusters.into_iter().map(|cluster| cluster.pattern)
    }

    fn search(&self, words: &[&str]) -> Option<usize> {
        let mut node = self
            .roots
            .iter()
            .find(|(count, _)| *count == words.len())?
            .1;
        for word in words.iter().take(DEPTH_MAX) {
            let children = &self.nodes[node].children;
            let child = |name: &str| {
                children
                    .iter()
                    .find(|(word, _)| &**word == name)
                    .map(|(_, at)| *at)
            };
            node = child(word).or_else(|| child(PLACEHOLDER))?;
        }
        let mut best: Option<(f64, usize, usize)> = None;
        for at in &self.nodes[node].clusters {
            let (share, placeholders) =
                similarity(&self.clusters[*at].pattern.template.tokens, words);
            if best.is_none_or(|(most, holders, _)| {
                share > most || share == most && placeholders > holders
            }) {
                best = Some((share, placeholders, *at));
            }
        }
        best.filter(|(share, _, _)| *share >= SIMILARITY)
            .map(|(_, _, at)| at)
    }

    fn create(&mut self, format: Format, tokens: &Tokens<'_>) -> usize {
        let template = Template {
            format,
            tokens: tokens.words.iter().map(|word| (*word).into()).collect(),
            spaces: tokens.spaces.clone(),
        };
        let cluster = Cluster {
            pattern: Pattern::new(template, self.level),
            met: self.clock,
        };
        let at = if self.clusters.len() < CLUSTERS_MAX {
            self.clusters.push(cluster);
            self.clusters.len() - 1
        } else {
            let oldest = (0..self.clusters.len())
                .min_by_key(|at| self.clusters[*at].met)
                .unwrap_or(0);
            for node in &mut self.nodes {
                node.clusters.retain(|at| *at != oldest);
            }
            self.clusters[oldest] = cluster;
            oldest
        };
        if self.nodes.len() > NODES_MAX {
            self.nodes.clear();
            self.roots.clear();
            (0..self.clusters.len())
                .filter(|other| *other != at)
                .for_each(|other| self.insert(other));
        }
        self.insert(at);
        at
    }

    /// Gives a cluster its leaf.
    fn insert(&mut self, at: usize) {
        let words = self.clusters[at].pattern.template.tokens.clone();
        let mut node = match self.roots.iter().find(|(count, _)| *count == words.len()) {
            Some((_, node)) => *node,
            None => {
                let node = self.node();
                self.roots.push((words.len(), node));
                node
            }
        };
        for word in words.iter().take(DEPTH_MAX) {
            let children = &self.nodes[node].children;
            let child = |name: &str| {
                children
                    .iter()
                    .find(|(word, _)| &**word == name)
                    .map(|(_, at)| *at)
            };
            let full = children.len() >= CHILDREN_MAX;
            let name: &str = if full || word.bytes().any(|b| b.is_ascii_digit()) {
                PLACEHOLDER
            } else {
                word
            };
            node = match child(word).or_else(|| child(name)) {
                Some(next) => next,
                None => {
                    let next = self.node();
                    self.nodes[node].children.push((name.into(), next));
                    next
                }
            };
        }
        self.nodes[node].clusters.push(at);
    }

    fn node(&mut self) -> usize {
        self.nodes.push(Node::default());
        self.nodes.len() - 1
    }
}

/// The share of words that are equal, and how many placeholders there are.
fn similarity(template: &[Box<str>], words: &[&str]) -> (f64, usize) {
    let (mut equal, mut placeholders) = (0, 0);
    for (mine, word) in template.iter().zip(words) {
        if &**mine == PLACEHOLDER {
            placeholders += 1;
        } else if **mine == **word {
            equal += 1;
        }
    }
    (
        f64::from(equal) / template.len().max(1) as f64,
        placeholders,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::tokens;

    fn mined(lines: impl Iterator<Item = String>) -> (Vec<(String, u64)>, usize) {
        let mut drain = Drain::new("info");
        for line in lines {
            let tokens = tokens(Format::Text, &line).expect("long enough");
            drain.train(Format::Text, &tokens).add(0, 1);
        }
        let nodes = drain.nodes.len();
        let mut found: Vec<(String, u64)> = drain
            .into_patterns()
            .map(|p| (p.template.render(), p.count()))
            .collect();
        found.sort();
        (found, nodes)
    }

    #[test]
    fn what_varies_becomes_a_placeholder_and_other_lines_stay_apart() {
        let lines = (0..50).flat_map(|i| {
            [
                format!("GET /item/{i} took {i}ms ok"),
                format!("worker {i} went away quietly"),
            ]
        });
        let expected = [
            ("GET <_> took <_> ok".to_owned(), 50),
            ("worker <_> went away quietly".to_owned(), 50),
        ];
        assert_eq!(mined(lines).0, expected);
    }

    #[test]
    fn words_of_one_place_beyond_the_bound_share_a_template() {
        let name = |i: u8| format!("user {}x logged in now", char::from(b'a' + i));
        assert_eq!(
            mined((0..26).map(name))
                .0
                .iter()
                .map(|(_, count)| count)
                .sum::<u64>(),
            26
        );
    }

    #[test]
    fn random_lines_cost_bounded_memory() {
        let mut seed = 7u64;
        let mut word = || {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (0..6)
                .map(|i| char::from(b'a' + ((seed >> (20 + i * 5)) % 26) as u8))
                .collect::<String>()
        };
        let lines: Vec<String> = (0..2_000)
            .map(|_| (0..30).map(|_| word()).collect::<Vec<_>>().join(" "))
            .collect();
        let (found, nodes) = mined(lines.into_iter());
        assert!(
            found.len() <= CLUSTERS_MAX && nodes <= NODES_MAX + CLUSTERS_MAX * (DEPTH_MAX + 1),
            "{} {nodes}",
            found.len()
        );
    }
}
