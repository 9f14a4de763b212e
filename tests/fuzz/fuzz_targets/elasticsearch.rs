//! Bytes as bulk requests and documents of Elasticsearch.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| skald_fuzz::push::elasticsearch(input));
