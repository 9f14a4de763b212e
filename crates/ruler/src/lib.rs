//! Alerting and recording rules: files and their validation, schedules, alert states, stores.
//!
//! The way of a rule: [`rules`] reads it from YAML, an evaluation asks an [`engine::Engine`] at the
//! slot of its group, what comes back moves alerts and makes samples, and these go to an
//! [`outbox`]. [`view`] is what the API and the page show of it. Calls block; times are nanoseconds
//! since 1970. Knows no HTTP, no async runtime and not how lines are stored.

pub mod clock;
pub mod engine;
pub mod outbox;
pub mod rules;
pub mod templates;
pub mod view;
