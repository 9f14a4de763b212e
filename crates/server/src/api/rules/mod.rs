//! Rules over HTTP: groups as YAML, as Loki's clients read and write them, and what became of them
//! as JSON.

mod answers;
mod backtest;
mod crud;
mod filter;
mod names;
mod states;

pub(crate) use backtest::test;
pub(crate) use crud::{group, list, list_namespace, remove, remove_namespace, set};
pub(crate) use states::{alerts, history, rules as states};
