//! Store: an embeddable log store in one directory, with a WAL, heads, parts, compaction and
//! recovery.
//!
//! Knows no LogQL and no HTTP; README.md beside this file has the formats on disk. A write is
//! visible to queries before it is acknowledged, and durable when its callback says so. A query
//! sees what was written before it began, each piece of it exactly once. Equal entries may still be
//! in two pieces: readers drop repeats of (stream, time, line, metadata) among pieces that overlap
//! in time.
//!
//! ```
//! use skald_model::{Columns, ContentQuery, Labels, Matcher, TenantId, TimeRange, WriteBatch};
//! use skald_store::{Options, ReadSpec, Select, Store};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let data = folder.path();
//! let store = Store::open(Options::new(data))?;
//! let tenant = TenantId::parse("team-a")?;
//!
//! let mut batch = WriteBatch::default();
//! let lines: [(i64, &[u8]); 2] = [(1_000, b"GET /a 200"), (2_000, b"GET /b 500")];
//! batch.push(Labels::from_pairs([("app", "api")]), lines);
//! let (done, durable) = std::sync::mpsc::channel();
//! store.write(&tenant, &batch, Box::new(move |result| drop(done.send(result))))?;
//! durable.recv()??;
//!
//! let select = Select {
//!     matchers: &[Matcher::equal("app", "api")],
//!     range: TimeRange { start: 0, end: 10_000 },
//!     content: &ContentQuery::default(),
//! };
//! let mut found = Vec::new();
//! for piece in store.select(&tenant, &select)?.pieces {
//!     let read = piece.read(&ReadSpec::all(&Columns::ALL), None)?;
//!     for row in read.runs.iter().flat_map(|run| run.rows.clone()) {
//!         found.push(String::from_utf8_lossy(read.batch.line(row)).into_owned());
//!     }
//! }
//! assert_eq!(found, ["GET /a 200", "GET /b 500"]);
//! store.close(true)?;
//! # Ok(())
//! # }
//! ```
//!
//! Lock order: a tenant's `changes`, then its `state`, then the WAL's own locks. Queries hold
//! `state` only while they clone a few `Arc`s.

mod background;
mod bucket;
mod cache;
pub mod clock;
mod codec;
mod commit;
mod compaction;
mod deletes;
mod descriptors;
mod error;
mod flush;
mod flush_health;
mod head;
mod label_search;
mod layout;
mod manifest;
mod options;
mod parallel;
mod part;
mod recovery;
mod reserve;
mod retention;
mod scan;
mod sequence;
mod shared;
mod status;
mod store;
mod stream_index;
mod tenant;
mod tenant_dir;
mod tenants;
mod throttle;
mod tools;

pub use bucket::{Address, BucketLocation, Credentials, ObjectOptions, ObjectStatus};
pub use cache::result_cache::{CacheStatus, CachedValue};
pub use deletes::{
    CancelError, DeleteCompiler, DeleteError, DeletePredicate, DeleteRequest, Progress,
};
pub use error::{StoreError, WriteError};
pub use options::{Options, WalSync};
pub use retention::{Retention, RetentionOf, RetentionStart, StreamRetention};
pub use scan::patterns::MinedStreams;
pub use scan::piece::{Piece, PieceRows, PieceRun, RunRows};
pub use scan::run_counter::PieceCounter;
pub use scan::select::{Select, Selected};
pub use scan::selector::Selector;
pub use skald_block::{Count, Pick, ReadSpec, RowsBytes};
pub use skald_fields::Form;
pub use skald_patterns::{Pattern, StreamMiner};
pub use skald_wal::files;
pub use status::{NAMED_TENANTS, OTHER_TENANTS, StoreStatus};
pub use store::Store;
pub use tools::inspect::{BlockInfo, ColumnInfo, PartInfo, inspect};
pub use tools::verify::{Finding, Report, Severity, verify};
