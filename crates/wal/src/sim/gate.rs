//! A gate blocks appends below a folder until the test that closed it lets them go on.

use parking_lot::{Condvar, Mutex};
use std::path::{Path, PathBuf};

/// Holds appends below a folder.
#[derive(Debug, Default)]
pub(super) struct Gate {
    pub(super) state: Mutex<GateState>,
    pub(super) changed: Condvar,
}

#[derive(Debug, Default)]
pub(super) struct GateState {
    pub(super) held: Option<PathBuf>,
    pub(super) waiting: usize,
}

impl Gate {
    pub(super) fn pass(&self, path: &Path) {
        let mut state = self.state.lock();
        while state
            .held
            .as_ref()
            .is_some_and(|folder| path.starts_with(folder))
        {
            state.waiting += 1;
            self.changed.wait(&mut state);
            state.waiting -= 1;
        }
    }
}
