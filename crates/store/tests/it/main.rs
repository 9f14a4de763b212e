//! Tests of the store from outside.
//!
//! The tests of `store` run twice: over a local directory, and as `on_s3` with the parts in a
//! bucket of which nothing stays here. `tests/s3/run` runs those against a server from elsewhere.

mod adopted_parts;
mod crash;
mod damage;
mod deletes;
mod descriptors;
mod files;
mod fixtures;
mod full_disk;
mod lost_objects;
mod misplaced;
mod model;
mod objects;
#[allow(
    clippy::duplicate_mod,
    reason = "the same tests with parts in object storage"
)]
#[path = "store/mod.rs"]
mod on_s3;
mod passing_faults;
mod store;
mod support;
mod unreadable_tenants;
