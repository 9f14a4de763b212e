//! The allocator gives freed memory back to the system soon, and at once where memory is little.
//!
//! Queries allocate and free many small texts on many threads: the load mimalloc is made for. As it
//! comes it keeps what was freed for ten seconds, which while logs come in is a head that was
//! written long ago, and gives nothing back while nothing is allocated.
//! docs/decisions/0007-memory-given-back.md has the figures.
//!
//! Where memory is little, large allocations come from the system's allocator: mimalloc has pages of
//! up to megabytes for them, a set for each thread, which stay while one allocation in them does.
//! docs/decisions/0015-large-allocations-from-the-system.md has the figures.

use libmimalloc_sys::{mi_collect, mi_is_in_heap_region, mi_option_set, mi_option_t};
use mimalloc::MiMalloc;
use skald_model::give_back;
use std::alloc::{GlobalAlloc, Layout, System};
use std::ffi::c_long;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

/// `mi_option_purge_delay` of mimalloc.h, which the crate does not name.
const PURGE_DELAY: mi_option_t = 15;
/// Milliseconds before a freed page may go; mimalloc waits ten times as long with what its arenas
/// have.
const PURGE_DELAY_MS: c_long = 200;
/// The same where memory is little: what threads free in turn must not add up.
const PURGE_DELAY_LITTLE_MS: c_long = 0;
/// A budget below this many bytes is little.
const LITTLE_BYTES: u64 = 512 << 20;
/// Where memory is little, allocations from this size on are the system's.
const LARGE_BYTES: usize = 8 << 10;
/// From this size on the system maps each of them alone.
const MAPPED_BYTES: usize = 64 << 10;
/// How often memory that is due is given back although nobody allocates.
const COLLECT_EVERY: Duration = Duration::from_secs(1);

/// Whether memory goes at once, and not only what is due.
static AT_ONCE: AtomicBool = AtomicBool::new(false);

/// From this size on allocations are the system's. It falls once, before there are threads, and
/// never rises.
static SYSTEM_FROM: AtomicUsize = AtomicUsize::new(usize::MAX);

/// mimalloc, and the system's allocator for what is large where memory is little.
struct Allocator;

/// Whether an allocation of `size` bytes is the system's from now on.
fn goes_to_system(size: usize) -> bool {
    size >= SYSTEM_FROM.load(Ordering::Relaxed)
}

/// Whether an allocation came from the system: those that were made before the size fell did not.
#[expect(unsafe_code, reason = "mimalloc has no safe way to ask")]
fn is_of_system(at: *mut u8, size: usize) -> bool {
    // SAFETY: looks the address up in mimalloc's map of its pages, and does not read what is there.
    goes_to_system(size) && !unsafe { mi_is_in_heap_region(at.cast()) }
}

// SAFETY: each call goes to one of two allocators that keep the contract. What one of them gave is
// given back to the same one: sizes below the bound are mimalloc's for ever, and from it on the
// address tells.
#[expect(unsafe_code, reason = "an allocator is; measured in decision 15")]
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        match goes_to_system(layout.size()) {
            true => unsafe { System.alloc(layout) },
            false => unsafe { MiMalloc.alloc(layout) },
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        match goes_to_system(layout.size()) {
            true => unsafe { System.alloc_zeroed(layout) },
            false => unsafe { MiMalloc.alloc_zeroed(layout) },
        }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises, to the allocator it came from.
        match is_of_system(at, layout.size()) {
            true => unsafe { System.dealloc(at, layout) },
            false => unsafe { MiMalloc.dealloc(at, layout) },
        }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as the caller promises, to the allocator it came from and stays with.
        match (is_of_system(at, layout.size()), goes_to_system(size)) {
            (true, true) => return unsafe { System.realloc(at, layout, size) },
            (false, false) => return unsafe { MiMalloc.realloc(at, layout, size) },
            _ => {}
        }
        // SAFETY: the caller promises that the size is not zero and fits the alignment; both
        // allocations have at least as many bytes as are copied, and are not the same.
        unsafe {
            let moved = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !moved.is_null() {
                std::ptr::copy_nonoverlapping(at, moved, layout.size().min(size));
                self.dealloc(at, layout);
            }
            moved
        }
    }
}

/// Has memory given back soon after it was freed, for as long as the process lives; at once where
/// the budget of `memory_bytes` bytes is little.
#[expect(
    unsafe_code,
    reason = "mimalloc has no safe way to set an option; measured in decision 7"
)]
pub(crate) fn give_back_soon(memory_bytes: u64) -> std::io::Result<()> {
    let little = memory_bytes < LITTLE_BYTES;
    if std::env::var_os("MIMALLOC_PURGE_DELAY").is_none() {
        let delay = match little {
            true => PURGE_DELAY_LITTLE_MS,
            false => PURGE_DELAY_MS,
        };
        // SAFETY: takes two integers by value and checks the first against the number of options.
        unsafe { mi_option_set(PURGE_DELAY, delay) };
    }
    if little {
        map_large();
        SYSTEM_FROM.store(LARGE_BYTES, Ordering::Relaxed);
    }
    give_back::set(collect);
    let due = || loop {
        std::thread::sleep(COLLECT_EVERY);
        collect();
        trim();
    };
    std::thread::Builder::new()
        .name("memory".to_owned())
        .spawn(due)
        .map(drop)
}

/// Has the system's allocator map each large allocation alone, which goes back as soon as it is
/// freed; what is smaller there, zstd's as well, shares two heaps.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "glibc has no safe way to set an option")]
fn map_large() {
    // SAFETY: takes two integers by value; what it does not know it refuses.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, MAPPED_BYTES as libc::c_int);
        libc::mallopt(libc::M_ARENA_MAX, 2);
    }
}

/// Gives back what the system's allocator has free, where it has much.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "glibc has no safe way to trim")]
pub(crate) fn trim() {
    if goes_to_system(LARGE_BYTES) {
        // SAFETY: takes an integer by value; it frees nothing that is in use.
        unsafe { libc::malloc_trim(0) };
    }
}

/// Other systems' allocators map what is large as they come.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn map_large() {}

/// Other systems' allocators give back by themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn trim() {}

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

    /// A text of as many bytes, all of which are written.
    fn text(bytes: usize) -> Vec<u8> {
        (0..bytes).map(|at| at as u8).collect()
    }

    fn is_intact(text: &[u8]) -> bool {
        text.iter().enumerate().all(|(at, byte)| *byte == at as u8)
    }

    #[test]
    #[expect(unsafe_code, reason = "asks what the option is")]
    fn the_option_is_the_one_that_is_meant_and_large_allocations_move() {
        if std::env::var_os("MIMALLOC_PURGE_DELAY").is_some() {
            return;
        }
        // SAFETY: takes an integer and gives one.
        let delay = || unsafe { mi_option_get(PURGE_DELAY) };
        let is_of_system = |text: &Vec<u8>| is_of_system(text.as_ptr().cast_mut(), text.capacity());
        assert_eq!(delay(), DEFAULT_MS);
        give_back_soon(LITTLE_BYTES).expect("a thread can be started");
        assert_eq!(delay(), PURGE_DELAY_MS);
        let mut before = text(LARGE_BYTES);
        assert!(!is_of_system(&before));
        give_back_soon(LITTLE_BYTES - 1).expect("a thread can be started");
        assert_eq!(delay(), PURGE_DELAY_LITTLE_MS);
        // What was there stays where it was until it grows; both kinds change sides both ways.
        assert!(!is_of_system(&before) && is_intact(&before));
        before.reserve_exact(LARGE_BYTES);
        assert!(is_of_system(&before) && is_intact(&before));
        before.truncate(LARGE_BYTES / 2);
        before.shrink_to_fit();
        assert!(!is_of_system(&before) && is_intact(&before));
        let mut small = text(LARGE_BYTES - 1);
        assert!(!is_of_system(&small));
        small.reserve_exact(2);
        assert!(is_of_system(&small) && is_intact(&small));
        small.reserve_exact(20 * LARGE_BYTES);
        trim();
        assert!(is_of_system(&small) && is_intact(&small));
        assert!(is_of_system(&vec![0; LARGE_BYTES]));
    }
}
