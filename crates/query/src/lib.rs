//! Answers questions from a store: parse, plan, prune, fetch, evaluate, merge; budgets and
//! statistics.
//!
//! Main types: [`Parsed`] (a query that parses), the requests of [`request`], [`Engine`], and the
//! answers of [`answer`]. Calls block: a server makes them on the engine's own threads
//! ([`Engine::run`]). Knows nothing of HTTP or of how blocks are encoded.

//!
//! ```
//! use skald_model::{Labels, StreamId, TenantId, WriteBatch, WriteEntry, WriteStream};
//! use skald_query::{Cancel, Data, Engine, Parsed, QueryLimits, RangeRequest};
//! use skald_store::{Options, Store};
//! use std::sync::{Arc, mpsc};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = tempfile::tempdir()?;
//! let store = Arc::new(Store::open(Options::new(folder.path()))?);
//! let labels = Labels::from_pairs([("app", "api")]);
//! let line = |timestamp, line| WriteEntry { timestamp, line, metadata: 0..0 };
//! let batch = WriteBatch {
//!     streams: vec![WriteStream { id: StreamId::of(&labels), labels, rows: 0..2 }],
//!     entries: vec![line(1, b"status=200 GET /"), line(2, b"status=503 GET /pay")],
//!     ..WriteBatch::default()
//! };
//! let (sender, durable) = mpsc::channel();
//! store.write(&TenantId::fake(), &batch, Box::new(move |result| drop(sender.send(result))))?;
//! durable.recv()??;
//!
//! let engine = Engine::new(store, QueryLimits::default(), || 10);
//! let query = Parsed::parse(r#"{app="api"} | logfmt | status >= 500"#)?;
//! let request = RangeRequest::new(TenantId::fake(), query, 0, 10).limit(20);
//! let answer = engine.query_range(&request, &Cancel::default())?;
//! let Data::Streams(streams) = answer.data else { unreachable!("a log query gives entries") };
//! assert_eq!(streams[0].entries[0].line, b"status=503 GET /pay");
//! # Ok(())
//! # }
//! ```

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
pub use parsed::{OnError, Parsed};
pub use request::*;
pub use stats::Stats;
pub use tail::{TailPipeline, TailedEntry};
