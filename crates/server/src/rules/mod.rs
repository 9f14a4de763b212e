//! Rules of the server: where they are kept, what evaluates them, and what is counted.
//!
//! The crate `skald-ruler` knows when a rule is due and what becomes of its alerts. `service` puts
//! it together with a store of rules, `results` stores what recording rules give, `outboxes` sends
//! alerts and samples to the `targets` of their tenant, `templates` fills in annotations, with the
//! lines `behind` an alert, `backtest` tries a group over the past, `metrics` and `sent_metrics` count.

pub(crate) mod backtest;
mod behind;
pub(crate) mod metrics;
pub(crate) mod outboxes;
pub(crate) mod results;
mod sent_metrics;
pub(crate) mod service;
pub(crate) mod storage;
mod targets;
pub(crate) mod templates;

pub use service::Rules;
pub(crate) use service::RulesError;
pub(crate) use storage::Precondition;
