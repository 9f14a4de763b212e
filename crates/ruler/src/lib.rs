//! Alerting and recording rules: files and their validation, schedules, alert states, stores.
//!
//! The way of a rule: [`rules`] reads it from YAML, [`stores`] keep it, [`ruler::Ruler`] evaluates
//! its group at the slots of its [`schedule`]: it asks an [`engine::Engine`], the answer moves
//! [`alerts`] or makes samples, and these go to an [`outbox`]. [`states`] keeps alerts through
//! restarts; [`view`] is what the API and the page show. Calls block; times are nanoseconds since
//! 1970. Knows no HTTP, no async runtime and not how lines are stored.

pub mod alerts;
pub mod clock;
pub mod engine;
mod evaluation;
mod group_run;
pub mod observer;
pub mod outbox;
mod rule_run;
pub mod ruler;
pub mod rules;
pub mod schedule;
pub mod settings;
pub mod snapshot;
pub mod spec;
pub mod states;
pub mod stores;
pub mod templates;
pub mod view;
