//! Reserve: a file that is given up when a manifest finds no room on a full disk.
//!
//! What makes room there, an expiry or a delete request, begins with a manifest. Whole parts go
//! with nothing else written, so a little room that nobody else takes is enough. It is taken again
//! at once, as much of it as is left.

use crate::files::{FileHandle, Files};
use crate::layout::Layout;
use parking_lot::Mutex;
use std::io::IoSlice;
use std::path::PathBuf;
use std::sync::Arc;

/// Bytes of the reserve: a manifest of some 3,000 parts.
const RESERVE_BYTES: usize = 1 << 20;
/// Bytes of it that are written at once; it may end after any of these.
const STEP_BYTES: usize = 16 << 10;

/// The reserve of a data directory.
#[derive(Debug)]
pub(crate) struct Reserve {
    files: Arc<dyn Files>,
    path: PathBuf,
    held: Mutex<Held>,
}

/// How much of it there is.
#[derive(Debug)]
enum Held {
    /// Nothing, so far as this process knows.
    None,
    /// Some bytes; more are appended when there is room.
    Part(Arc<dyn FileHandle>, usize),
    Whole,
}

impl Reserve {
    /// Takes it, as far as there is room.
    pub(crate) fn take(files: Arc<dyn Files>, layout: &Layout) -> Reserve {
        let path = layout.reserve();
        let size = files.open(&path).and_then(|file| file.size());
        let held = match size {
            Ok(size) if size >= RESERVE_BYTES as u64 => Held::Whole,
            _ => Held::None,
        };
        let reserve = Reserve {
            files,
            path,
            held: Mutex::new(held),
        };
        reserve.restore();
        reserve
    }

    /// Gives its room to the next write; false when there is none to give.
    pub(crate) fn give_up(&self) -> bool {
        let mut held = self.held.lock();
        let before = std::mem::replace(&mut *held, Held::None);
        let given = !matches!(before, Held::None) && self.files.remove(&self.path).is_ok();
        if given {
            tracing::warn!("the disk is full: a manifest takes the room that is kept for it");
        }
        given
    }

    /// Takes it again, whole or as much of it as there is room for. Nothing depends on it: what
    /// fails is tried again later.
    pub(crate) fn restore(&self) {
        let mut held = self.held.lock();
        let (file, mut bytes) = match std::mem::replace(&mut *held, Held::None) {
            Held::Whole => {
                *held = Held::Whole;
                return;
            }
            Held::Part(file, bytes) => (file, bytes),
            Held::None => match self.files.create(&self.path) {
                Ok(file) => (file, 0),
                Err(_) => return,
            },
        };
        let step = noise();
        while bytes < RESERVE_BYTES && file.append(&[IoSlice::new(&step)]).is_ok() {
            bytes += STEP_BYTES;
        }
        *held = match bytes < RESERVE_BYTES {
            true => Held::Part(file, bytes),
            false => Held::Whole,
        };
    }
}

/// Bytes that no file system makes smaller.
fn noise() -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..STEP_BYTES / 8).flat_map(|_| next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use skald_wal::sim::SimFiles;

    #[test]
    fn the_reserve_is_what_a_full_disk_has_left() {
        let files = SimFiles::default();
        let layout = Layout::new("/data".into());
        files
            .create_folder(&layout.data())
            .expect("the disk is fine");
        let reserve = Reserve::take(Arc::new(files.clone()), &layout);
        assert_eq!(files.used(), RESERVE_BYTES);
        files.set_capacity(Some(RESERVE_BYTES));
        assert!(reserve.give_up());
        assert_eq!(files.used(), 0);
        assert!(!reserve.give_up());
        let manifest = files.create(&layout.format()).expect("there is room");
        let bytes = vec![1; 100_000];
        manifest
            .append(&[IoSlice::new(&bytes)])
            .expect("there is room");
        reserve.restore();
        assert_eq!(files.used(), RESERVE_BYTES);
        files.set_capacity(None);
        reserve.restore();
        assert!(files.used() >= RESERVE_BYTES + bytes.len());
    }
}
