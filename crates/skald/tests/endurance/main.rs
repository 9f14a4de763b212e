//! The program under load, attack and kill: a short share of what is run at length by hand.

mod durability;
mod hostile;
mod soak;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The program under test.
const BINARY: &str = env!("CARGO_BIN_EXE_skald");

/// Held by each test for as long as it runs: a load beside it would be part of what it measures.
static ALONE: Mutex<()> = Mutex::new(());

/// Waits until no other test of this program runs.
fn alone() -> MutexGuard<'static, ()> {
    // One that failed does not keep the others from running.
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}
