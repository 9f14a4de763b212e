//! Parallel: several threads take the items of a list, one by one.
//!
//! For steps that wait for the disk: syncs that are asked for at once share a commit of the file
//! system's journal. Where no thread can be had, those there are do the work.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Runs `job` once for each of `count` items, on at most `threads` threads, this one included.
pub(crate) fn for_each(count: usize, threads: usize, job: &(dyn Fn(usize) + Sync)) {
    let next = AtomicUsize::new(0);
    let work = || {
        loop {
            let item = next.fetch_add(1, Ordering::Relaxed);
            if item >= count {
                return;
            }
            job(item);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.min(count) {
            let spawned = std::thread::Builder::new()
                .name("store-step".to_owned())
                .spawn_scoped(scope, work);
            if spawned.is_err() {
                break;
            }
        }
        work();
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_taken_once() {
        for (count, threads) in [(0, 4), (1, 4), (100, 1), (1000, 8)] {
            let taken: Vec<AtomicUsize> = (0..count).map(|_| AtomicUsize::new(0)).collect();
            for_each(count, threads, &|item| {
                taken[item].fetch_add(1, Ordering::Relaxed);
            });
            assert!(taken.iter().all(|times| times.load(Ordering::Relaxed) == 1));
        }
    }
}
