//! Integration tests of the query engine over stores in temporary directories.

mod columns;
mod directory_counts;
mod equal_entries;
mod memory;
mod pages;
mod query_memory;
mod rounds;
mod sample_cache;
mod slices;
mod support;
