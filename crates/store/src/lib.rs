//! A data directory: WAL, head, flush, parts, compaction, recovery. README.md has the formats.
//!
//! Knows no LogQL and no HTTP. A write is visible to queries before it is acknowledged and durable when
//! its callback says so. A query sees what was written before it began, each entry's pieces exactly once
//! (equal entries may still occur in two pieces: readers drop repeats of (stream, time, line, metadata)
//! among pieces that overlap in time).
//!
//! Lock order: a tenant's `changes`, then its `state`, then the WAL's own locks. Queries take `state` for
//! as long as it takes to clone a few `Arc`s.

mod background;
mod bucket;
mod cache;
pub mod clock;
mod codec;
mod compaction;
mod deletes;
mod error;
mod flush;
mod head;
mod label_search;
mod layout;
mod manifest;
mod options;
mod part;
mod recovery;
mod retention;
mod scan;
mod sequence;
mod shared;
mod status;
mod store;
mod stream_index;
mod tenant;
mod tenant_dir;
mod throttle;
mod tools;

pub use bucket::{Address, BucketLocation, Credentials, ObjectOptions, ObjectStatus};
pub use cache::result_cache::{CacheStatus, CachedValue};
pub use deletes::{
    CancelError, DeleteCompiler, DeleteError, DeletePredicate, DeleteRequest, Progress,
};
pub use error::{StoreError, WriteError};
pub use options::{Options, WalSync};
pub use retention::{Retention, RetentionOf, StreamRetention};
pub use scan::patterns::MinedStreams;
pub use scan::piece::{Piece, PieceRows, PieceRun, RunRows};
pub use scan::run_counter::PieceCounter;
pub use scan::select::{Select, Selected};
pub use scan::selector::Selector;
pub use skald_block::{Count, Pick, ReadSpec, RowsBytes};
pub use skald_fields::Form;
pub use skald_patterns::{Pattern, StreamMiner};
pub use skald_wal::files;
pub use status::StoreStatus;
pub use store::Store;
pub use tools::inspect::{BlockInfo, ColumnInfo, PartInfo, inspect};
pub use tools::verify::{Finding, Report, Severity, verify};
