//! Open files: keeps the files of parts that were read last open, up to a bound.
//!
//! A file is opened when it is read and stays open until others need its place: those that were
//! not read for longest go first, by a second chance (a mark for each, cleared as the hand passes).
//! No lock is held while a file is opened, read or closed. A reader keeps what it reads open, so
//! more than the bound are open for as long as reads last. Files of parts are removed only by their
//! last reader, so what was closed can be opened again.

use crate::files::{FileHandle, Files};
use parking_lot::{Mutex, RwLock};
use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

/// Dead places of the ring that are put up with before it is tidied.
const DEAD_PLACES: usize = 64;

/// Files that are open, and how many may be.
#[derive(Debug)]
pub(crate) struct OpenFiles {
    most: usize,
    open: AtomicUsize,
    /// How often a file had to be opened.
    opened: AtomicU64,
    /// Those that are open, the hand in front.
    ring: Mutex<VecDeque<Weak<CachedFile>>>,
}

impl OpenFiles {
    /// Keeps at most `most` files open.
    pub(crate) fn new(most: usize) -> OpenFiles {
        OpenFiles {
            most,
            open: AtomicUsize::new(0),
            opened: AtomicU64::new(0),
            ring: Mutex::default(),
        }
    }

    /// Most files kept open.
    pub(crate) fn most(&self) -> usize {
        self.most
    }

    /// Files that are kept open.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// How often one had to be opened.
    pub(crate) fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    /// Closes half of the files, whenever they were read; gives how many.
    pub(crate) fn shed(&self) -> usize {
        let mut gone = Vec::new();
        let mut ring = self.ring.lock();
        let wanted = ring.len().div_ceil(2);
        while gone.len() < wanted {
            let Some(place) = ring.pop_front() else { break };
            gone.extend(place.upgrade());
        }
        drop(ring);
        gone.iter().filter(|file| file.close()).count()
    }

    /// Gives a file that was opened its place, and closes others that are too many.
    fn note(&self, file: &Arc<CachedFile>) {
        self.opened.fetch_add(1, Ordering::Relaxed);
        let mut excess = (self.open.fetch_add(1, Ordering::Relaxed) + 1).saturating_sub(self.most);
        let mut gone = Vec::new();
        let mut ring = self.ring.lock();
        if ring.len() > self.most + DEAD_PLACES {
            ring.retain(|place| place.strong_count() > 0);
        }
        ring.push_back(Arc::downgrade(file));
        // Everyone gets a second chance at most.
        for _ in 0..ring.len() * 2 {
            if excess == 0 {
                break;
            }
            let Some(place) = ring.pop_front() else { break };
            let Some(oldest) = place.upgrade() else {
                continue;
            };
            if oldest.used.swap(false, Ordering::Relaxed) {
                ring.push_back(place);
            } else {
                gone.push(oldest);
                excess -= 1;
            }
        }
        drop(ring);
        for file in gone {
            file.close();
        }
    }
}

/// A file that is open when it is read.
#[derive(Debug)]
pub(crate) struct CachedFile {
    path: PathBuf,
    files: Arc<dyn Files>,
    cache: Arc<OpenFiles>,
    open: RwLock<Option<Arc<dyn FileHandle>>>,
    /// Whether it was read since the hand passed.
    used: AtomicBool,
}

impl CachedFile {
    /// A file of this path, not open.
    pub(crate) fn new(
        files: Arc<dyn Files>,
        cache: Arc<OpenFiles>,
        path: PathBuf,
    ) -> Arc<CachedFile> {
        Arc::new(CachedFile {
            path,
            files,
            cache,
            open: RwLock::new(None),
            used: AtomicBool::new(false),
        })
    }

    /// The file, opened if it is not.
    pub(crate) fn handle(self: &Arc<Self>) -> io::Result<Arc<dyn FileHandle>> {
        let open = self.open.read().clone();
        if let Some(handle) = open {
            if !self.used.load(Ordering::Relaxed) {
                self.used.store(true, Ordering::Relaxed);
            }
            return Ok(handle);
        }
        let handle = self.files.open(&self.path)?;
        let mut open = self.open.write();
        if let Some(first) = &*open {
            return Ok(first.clone());
        }
        *open = Some(handle.clone());
        drop(open);
        self.cache.note(self);
        Ok(handle)
    }

    /// Closes it for all but those who read it now; gives whether it was open.
    fn close(&self) -> bool {
        let handle = self.open.write().take();
        if handle.is_some() {
            self.cache.open.fetch_sub(1, Ordering::Relaxed);
        }
        handle.is_some()
    }
}

impl Drop for CachedFile {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skald_wal::sim::SimFiles;
    use std::path::Path;

    fn files(sim: &SimFiles, cache: &Arc<OpenFiles>, count: usize) -> Vec<Arc<CachedFile>> {
        let folder = Path::new("/data");
        sim.create_folder(folder).expect("the disk is fine");
        let make = |number: usize| {
            let path = folder.join(number.to_string());
            drop(sim.create(&path).expect("the disk is fine"));
            CachedFile::new(Arc::new(sim.clone()), cache.clone(), path)
        };
        (0..count).map(make).collect()
    }

    #[test]
    fn those_not_read_for_longest_are_closed() {
        let (sim, cache) = (SimFiles::default(), Arc::new(OpenFiles::new(3)));
        let files = files(&sim, &cache, 9);
        for file in &files {
            file.handle().expect("the file is there");
            files[0].handle().expect("the file is there");
            assert!(sim.descriptors() <= 3);
        }
        assert_eq!((cache.open(), cache.opened()), (3, 9), "the first stayed");
        let held = files[1].handle().expect("the file is there");
        for file in &files[2..] {
            file.handle().expect("the file is there");
        }
        held.read_new(0, 0).expect("a reader keeps it open");
        drop((held, files));
        assert_eq!((cache.open(), sim.descriptors()), (0, 0));
    }

    #[test]
    fn shedding_makes_room_and_costs_only_an_opening() {
        let (sim, cache) = (SimFiles::default(), Arc::new(OpenFiles::new(8)));
        let files = files(&sim, &cache, 8);
        files.iter().for_each(|file| {
            file.handle().expect("the file is there");
        });
        assert_eq!(cache.shed(), 4);
        assert_eq!(sim.descriptors(), 4);
        assert_eq!(cache.shed() + cache.shed() + cache.shed(), 4);
        assert_eq!((cache.shed(), sim.descriptors()), (0, 0));
        files[3].handle().expect("the file is there");
        assert_eq!(cache.open(), 1);
    }

    #[test]
    fn files_that_are_gone_leave_no_places() {
        let (sim, cache) = (SimFiles::default(), Arc::new(OpenFiles::new(4)));
        for _ in 0..100 {
            files(&sim, &cache, 4).iter().for_each(|file| {
                file.handle().expect("the file is there");
            });
        }
        assert!(cache.ring.lock().len() <= 4 + DEAD_PLACES + 1);
        assert_eq!((cache.open(), sim.descriptors()), (0, 0));
    }
}
