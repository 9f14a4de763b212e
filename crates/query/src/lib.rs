//! Answers questions from a store: parse, plan, prune, fetch, evaluate, merge; budgets and statistics.
//!
//! Main types: [`Parsed`] (a query that parses), the requests of [`request`], [`Engine`], and the answers of
//! [`answer`]. Calls block: a server makes them on the engine's own threads ([`Engine::run`]). Knows nothing
//! of HTTP or of how blocks are encoded.

pub mod answer;
mod cursor;
mod delete_predicate;
mod engine;
pub mod error;
mod exec;
pub mod limits;
mod metadata;
mod multi_tenant;
pub mod parsed;
pub mod request;
mod response;
mod sched;
pub mod stats;
mod tail;

pub use answer::*;
pub use cursor::Cursor;
pub use delete_predicate::delete_compiler;
pub use engine::Engine;
pub use error::QueryError;
pub use exec::log::plan::INSTANT_LOG_RANGE_NS;
pub use limits::{Cancel, QueryLimits};
pub use parsed::Parsed;
pub use request::*;
pub use stats::Stats;
pub use tail::TailPipeline;
