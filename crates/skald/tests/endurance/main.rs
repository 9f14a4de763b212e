//! The program under load, attack and kill: a short share of what is run at length by hand.

mod durability;
mod hostile;
mod soak;

/// The program under test.
const BINARY: &str = env!("CARGO_BIN_EXE_skald");
