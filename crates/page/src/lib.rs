//! The page's files, as `ui/` builds them, are embedded here with what HTTP says of them.
//!
//! [`file()`] finds one by its name: bytes, gzip, ETag, content type and how long it may be kept.
//! Knows neither HTTP servers nor what is in the files. `ui/dist` is committed, with a list of its
//! files as Rust, so that a build needs no node and no build script; `.ci/run` builds it again and
//! compares.
//!
//! ```
//! let index = skald_page::file("index.html").expect("there is a page");
//! assert_eq!(index.content_type, "text/html; charset=utf-8");
//! assert!(index.gzip().len() < index.bytes.len());
//! ```

mod page_file;

pub use page_file::{Freshness, PageFile, file};
