//! Live tails share the work of equal queries: each runs once over a new entry, however many read
//! it.

mod groups;
mod live_entry;
mod recent_entries;

pub(crate) use groups::Subscription;
pub use groups::TailGroups;
pub(crate) use live_entry::LiveEntry;
pub(crate) use recent_entries::EntryHash;
