//! Queries that are refused, by their text, a pattern, their type or their hash: `blocked_queries`.

use super::record::{Record, field, mapping};
use super::setting::Setting;
use serde_yaml_ng::Mapping;

/// `blocked_queries`: queries that are refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockedQuery {
    /// The query's text, or a regex for it; empty is every query.
    pub pattern: String,
    /// Whether the pattern is a regex.
    pub regex: bool,
    /// `metric`, `filter`, `limited`; empty is every type.
    pub types: Vec<String>,
    /// The query's hash as the query log has it; 0 is any.
    pub hash: u32,
}

impl Record for BlockedQuery {
    const KEYS: &'static [&'static str] = &["pattern", "regex", "types", "hash", "tags"];

    fn read(fields: &Mapping) -> Result<Self, String> {
        let query = BlockedQuery {
            pattern: field(fields, "pattern")?.unwrap_or_default(),
            regex: field(fields, "regex")?.unwrap_or(false),
            types: field(fields, "types")?.unwrap_or_default(),
            hash: field(fields, "hash")?.unwrap_or(0),
        };
        if query.regex {
            skald_model::re2::search(&query.pattern)
                .map_err(|error| format!("pattern {:?}: {error}", query.pattern))?;
        }
        Ok(query)
    }

    fn show(&self) -> Mapping {
        mapping([
            ("pattern", self.pattern.show()),
            ("regex", self.regex.show()),
            ("types", self.types.show()),
            ("hash", self.hash.show()),
        ])
    }
}
