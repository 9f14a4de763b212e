//! What store.rs asks of a local directory, asked of parts in object storage, of which nothing is kept here.

#[path = "store.rs"]
mod store;
