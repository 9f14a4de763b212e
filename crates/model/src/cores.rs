//! Counts the cores this process may use.

use std::sync::LazyLock;

/// Cores this process may use, control groups included; 2 where the system does not tell. Asked
/// once, at first use: each answer has the system read several files.
pub fn cores() -> usize {
    static CORES: LazyLock<usize> =
        LazyLock::new(|| std::thread::available_parallelism().map_or(2, usize::from));
    *CORES
}
