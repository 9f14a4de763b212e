//! Bytes as a content index, and indexes of lines asked for parts of them.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| skald_fuzz::content_index::check(input));
