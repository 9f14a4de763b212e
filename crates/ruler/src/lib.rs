//! Alerting and recording rules: files and their validation, schedules, alert states, stores.
//!
//! The way of a rule: [`rules`] reads it from YAML, [`stores`] keep it, [`ruler::Ruler`] evaluates
//! its group at the slots of its [`schedule`]: it asks an [`engine::Engine`], the answer moves
//! [`alerts`] or makes samples, and these go to an [`outbox`]. [`states`] keeps alerts through
//! restarts; [`view`] is what the API and the page show. Calls block; times are nanoseconds since
//! 1970. Knows no HTTP, no async runtime and not how lines are stored.
//!
//! ```
//! use skald_model::{Labels, TenantId};
//! use skald_ruler::alerts::{AlertSet, Found, Holds};
//! use skald_ruler::rules::{joined, read_group};
//! use skald_ruler::schedule::Schedule;
//! use skald_ruler::templates::NoTemplates;
//!
//! let yaml = r#"
//! name: shells
//! interval: 1m
//! rules:
//!   - alert: Shell
//!     expr: count_over_time({app="api"} |= "/bin/sh" [5m]) > 0
//!     for: 1m
//! "#;
//! let group = read_group(yaml, &NoTemplates).map_err(|faults| joined(&faults))?;
//! let rule = group.rules[0].alert().ok_or("it records")?;
//! let holds = Holds { hold: rule.hold, keep_firing_for: rule.keep_firing_for };
//!
//! // What two slots in a row find fires at the second one.
//! let slots = Schedule::of(&TenantId::fake(), "security", &group, 60_000_000_000);
//! let (first, second) = (slots.after(0), slots.after(slots.after(0)));
//! let labels = Labels::from_pairs([("alertname", "Shell")]);
//! let found = Found { labels, annotations: None, value: 1.0 };
//! let mut alerts = AlertSet::default();
//! alerts.evaluate(first, holds, vec![found.clone()])?;
//! assert_eq!(alerts.due(first, 0).count(), 0);
//! alerts.evaluate(second, holds, vec![found])?;
//! assert_eq!(alerts.due(second, 0).count(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

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
