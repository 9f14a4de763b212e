//! The shared vocabulary names what all crates use: tenants, labels, streams, entries, times.
//!
//! Main types: [`TenantId`], [`Labels`], [`StreamId`], [`WriteBatch`] (what a push becomes),
//! [`Batch`] (entries as columns: what the head shows and a block decodes to), [`TimeRange`],
//! [`Matcher`], [`ContentQuery`], [`Direction`], [`EntryHash`] (equal entries), [`Budget`] (memory,
//! by user), [`QueryMemory`] (that of one query), [`give_back`] (freed memory). Nothing here does IO, spawns, awaits or
//! serialises for a wire.

pub mod batch;
pub mod budget;
pub mod content_query;
pub mod cores;
pub mod direction;
pub mod entry_hash;
pub mod give_back;
pub mod labels;
pub mod matcher;
pub mod query_memory;
pub mod re2;
pub mod resident;
pub mod steps;
pub mod stream;
pub mod tenant;
pub mod time;
pub mod write_batch;

pub use batch::{
    Batch, BatchBuilder, Columns, MetadataColumn, MetadataWanted, Run, SelectedStream,
};
pub use budget::{Budget, Held, MemoryUser, Pressure};
pub use content_query::{ContentQuery, Either, Literal};
pub use cores::cores;
pub use direction::Direction;
pub use entry_hash::{EntryHash, entry_eq};
pub use labels::{Labels, LabelsBuilder};
pub use matcher::{MatchOp, Matcher};
pub use query_memory::{Charge, Charged, QueryMemory, Stop};
pub use resident::Lasts;
pub use stream::StreamId;
pub use tenant::{TenantId, TenantIdError};
pub use time::TimeRange;
pub use write_batch::{WriteBatch, WriteEntry, WriteStream};
