//! Stores of rules: [`OwnRules`] keeps what the API is given, [`LocalRules`] reads a directory of
//! files that somebody else keeps.

mod local;
mod own;
mod rule_file;

pub use local::{FileProblem, LocalRules};
pub use own::{OwnRules, RuleStoreError, StoredGroup};
