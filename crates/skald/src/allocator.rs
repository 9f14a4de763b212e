//! The allocator is set to give freed memory back to the system soon.
//!
//! Queries allocate and free many small texts on many threads: the load mimalloc is made for. As it
//! comes it keeps what was freed for ten seconds, which while logs come in is a head that was
//! written long ago, and gives nothing back while nothing is allocated.
//! docs/decisions/0007-memory-given-back.md has the figures.

use libmimalloc_sys::{mi_collect, mi_option_set, mi_option_t};
use skald_model::give_back;
use std::ffi::c_long;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay` of mimalloc.h, which the crate does not name.
const PURGE_DELAY: mi_option_t = 15;
/// Milliseconds before a freed page may go; mimalloc waits ten times as long with what its arenas
/// have.
const PURGE_DELAY_MS: c_long = 200;
/// The same where memory is little: what threads free in turn must not add up.
const PURGE_DELAY_LITTLE_MS: c_long = 0;
/// A budget below this many bytes is little.
const LITTLE_BYTES: u64 = 512 << 20;
/// How often memory that is due is given back although nobody allocates.
const COLLECT_EVERY: Duration = Duration::from_secs(1);

/// Whether memory goes at once, and not only what is due.
static AT_ONCE: AtomicBool = AtomicBool::new(false);

/// Has memory given back soon after it was freed, for as long as the process lives; at once where
/// the budget of `memory_bytes` bytes is little.
#[expect(
    unsafe_code,
    reason = "mimalloc has no safe way to set an option; measured in decision 7"
)]
pub(crate) fn give_back_soon(memory_bytes: u64) -> std::io::Result<()> {
    if std::env::var_os("MIMALLOC_PURGE_DELAY").is_none() {
        let delay = match memory_bytes < LITTLE_BYTES {
            true => PURGE_DELAY_LITTLE_MS,
            false => PURGE_DELAY_MS,
        };
        // SAFETY: takes two integers by value and checks the first against the number of options.
        unsafe { mi_option_set(PURGE_DELAY, delay) };
    }
    give_back::set(collect);
    let due = || loop {
        std::thread::sleep(COLLECT_EVERY);
        collect();
    };
    std::thread::Builder::new()
        .name("memory".to_owned())
        .spawn(due)
        .map(drop)
}

/// Whether what threads give back goes at once, or once it is due.
pub(crate) fn give_back_at_once(at_once: bool) {
    AT_ONCE.store(at_once, Ordering::Relaxed);
}

/// Gives back what this thread's heap and the arenas have free.
#[expect(
    unsafe_code,
    reason = "mimalloc has no safe way to collect; measured in decision 7"
)]
fn collect() {
    // SAFETY: collects from this thread's own heap and from arenas, which are shared and made for
    // that; it frees nothing that is in use.
    unsafe { mi_collect(AT_ONCE.load(Ordering::Relaxed)) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use libmimalloc_sys::mi_option_get;

    /// What mimalloc's header says of the default: another number would mean that options moved.
    const DEFAULT_MS: c_long = 1000;

    #[test]
    #[expect(unsafe_code, reason = "asks what the option is")]
    fn the_option_is_the_one_that_is_meant() {
        if std::env::var_os("MIMALLOC_PURGE_DELAY").is_some() {
            return;
        }
        // SAFETY: takes an integer and gives one.
        let delay = || unsafe { mi_option_get(PURGE_DELAY) };
        assert_eq!(delay(), DEFAULT_MS);
        for (memory, expected) in [
            (LITTLE_BYTES, PURGE_DELAY_MS),
            (LITTLE_BYTES - 1, PURGE_DELAY_LITTLE_MS),
        ] {
            give_back_soon(memory).expect("a thread can be started");
            assert_eq!(delay(), expected);
        }
    }
}
