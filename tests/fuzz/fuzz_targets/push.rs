//! Bytes as the body of a push, in each of Loki's forms.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| skald_fuzz::push::loki(input));
