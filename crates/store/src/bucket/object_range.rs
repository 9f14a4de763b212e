//! The range reader of objects gets bytes of one and tells an object that is too short from an
//! answer that ended early.

use crate::bucket::client::{incomplete, may_pass};
use bytes::Bytes;
use object_store::path::Path;
use object_store::{Error, GetOptions, GetRange, ObjectStore, ObjectStoreExt};
use std::ops::Range;
use std::sync::Arc;

/// The bytes of a range. That the object is shorter is told apart from an answer that ended early:
/// asking again does not help.
pub(super) async fn get_range(
    storage: Arc<dyn ObjectStore>,
    path: Path,
    range: Range<u64>,
) -> object_store::Result<Bytes> {
    let options = GetOptions {
        range: Some(GetRange::Bounded(range.clone())),
        ..GetOptions::default()
    };
    let short = |size: u64| Error::NotFound {
        path: path.to_string(),
        source: Box::new(TooShort {
            size,
            expected: range.end,
        }),
    };
    let found = match storage.get_opts(&path, options).await {
        Ok(found) => found,
        // Storages have their own words for a range that begins after the end.
        Err(error) if may_pass(&error) && is_about_range(&error) => {
            let size = storage.head(&path).await?.size;
            return Err(if size < range.end { short(size) } else { error });
        }
        Err(error) => return Err(error),
    };
    if found.meta.size < range.end {
        return Err(short(found.meta.size));
    }
    let bytes = found.bytes().await?;
    if bytes.len() as u64 == range.end - range.start {
        Ok(bytes)
    } else {
        Err(incomplete())
    }
}

/// What an object has of what it should have.
#[derive(Debug, thiserror::Error)]
#[error("{size} bytes, expected {expected} at least")]
pub(super) struct TooShort {
    pub(super) size: u64,
    /// Where the range ends.
    pub(super) expected: u64,
}

/// Whether the range that was asked for may be the reason.
fn is_about_range(error: &Error) -> bool {
    let text = error.to_string();
    text.contains("416") || text.contains("range") || text.contains("Range")
}
