//! Steps count the work that readers of hostile input do, in tests alone.
//!
//! A step is a byte looked at, a comparison, or an item of a list that is passed. Tests ask that
//! twice the input takes about twice the steps. Without the feature `steps`, which only tests turn
//! on, nothing is counted and nothing is left of the calls.

#[cfg(feature = "steps")]
thread_local! {
    static STEPS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// Counts steps of this thread.
#[inline(always)]
pub fn count(steps: usize) {
    #[cfg(feature = "steps")]
    STEPS.with(|all| all.set(all.get() + steps as u64));
    #[cfg(not(feature = "steps"))]
    let _ = steps;
}

/// The steps that this thread takes in `work`.
#[cfg(feature = "steps")]
pub fn during(work: impl FnOnce()) -> u64 {
    let before = STEPS.with(|all| all.get());
    work();
    STEPS.with(|all| all.get()) - before
}
