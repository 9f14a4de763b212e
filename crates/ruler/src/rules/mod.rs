//! Rules as they are written: groups in YAML, read, checked and written back.
//!
//! [`read_group`] takes what a client posts, [`read_file`] a file of a rule directory; both give
//! only rules that can be evaluated, or every [`Fault`] there is. [`write_group`] and
//! [`write_namespaces`] write what clients of Loki decode, [`read_stored`] and [`write_stored`] all
//! of it.

mod check;
mod expression;
mod fault;
mod group;
mod names;
mod raw;
mod read;
mod write;

pub use check::{SetLimits, check_limits};
pub use expression::{Asked, Expression, Threshold};
pub use fault::{Fault, FaultPlace, joined};
pub use group::{AlertRule, Alignment, Rule, RuleGroup, RuleKind};
pub use read::{RuleDocument, read_documents, read_file, read_group, read_stored};
pub use write::{write_group, write_namespaces, write_stored};
