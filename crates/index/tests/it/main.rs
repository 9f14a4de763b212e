//! Tests of indexes as they were written.

mod fixtures;
