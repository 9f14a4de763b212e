//! Lines that are cut, put together again, and looked through for parts of them.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| skald_fuzz::fields::check(input));
