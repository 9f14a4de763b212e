//! Stores of rules: [`OwnRules`] keeps what the API is given, with a copy in a [`RuleBucket`] if
//! there is one; [`LocalRules`] reads a directory of
//! files that somebody else keeps.

mod bucket;
mod local;
mod own;
mod rule_file;
mod sync;

pub use bucket::RuleBucket;
pub use local::{FileProblem, LocalRules};
pub use own::{OwnRules, RuleStoreError, StoredGroup};
pub use sync::Synced;
