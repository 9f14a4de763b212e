//! The journal as systemd-journal-upload sends it: entries in the export format, as they come.

mod export;
mod receiver;
mod stream;

pub(crate) use receiver::JournalUpload;
pub use stream::JournalStream;
