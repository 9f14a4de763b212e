//! Bytes as lines of JSON and of CSV.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| skald_fuzz::push::tables(input));
