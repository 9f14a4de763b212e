//! Bytes as events of a cluster: Kubernetes audit, Falco, flows of Calico and Hubble.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| skald_fuzz::push::cluster_events(input));
