//! Simulated files: [`Files`] over a disk in memory.

use super::dice::Dice;
use super::disk::{Disk, ENOMEM, Inode, NameChange, Node};
use super::fault::Fault;
use super::gate::Gate;
use crate::files::{FileHandle, Files, FolderHandle, Listed};
use parking_lot::Mutex;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A disk in memory.
#[derive(Clone, Debug, Default)]
pub struct SimFiles(Arc<Mutex<Disk>>, Arc<Gate>);

impl SimFiles {
    /// Gives the disk room for `bytes` bytes; `None` for any number.
    pub fn set_capacity(&self, bytes: Option<usize>) {
        self.0.lock().capacity = bytes;
    }

    /// Bytes in files.
    pub fn used(&self) -> usize {
        self.0.lock().used()
    }

    /// Lets the process have at most `most` files and folders open; `None` for any number.
    pub fn set_descriptors(&self, most: Option<usize>) {
        self.0.lock().open_max = most;
    }

    /// Files and folders that are open.
    pub fn descriptors(&self) -> usize {
        self.0.lock().open
    }

    /// Most files and folders that were open at once.
    pub fn descriptors_peak(&self) -> usize {
        self.0.lock().open_peak
    }

    /// Lets the next `appends` appends end half way, for want of memory.
    pub fn short_appends(&self, appends: u64) {
        self.0.lock().short_appends = appends;
    }

    /// Lets the next `syncs` syncs fail.
    pub fn fail_syncs(&self, syncs: u64, fault: Fault) {
        self.0.lock().fail_syncs = (syncs, fault);
    }

    /// Lets changing operations fail: `times` of them, after `after` that go well.
    pub fn fail_operations(&self, after: u64, times: u64, fault: Fault) {
        let mut disk = self.0.lock();
        let first = disk.operations + after + 1;
        disk.faulty = Some((first..first + times, fault));
    }

    /// Makes everything at or below a path unreadable from now on; `None` makes it readable again.
    pub fn break_reads(&self, path: Option<&Path>) {
        self.0.lock().unreadable = path.map(Path::to_owned);
    }

    /// Refuses every change from now on; `None` takes them again.
    pub fn refuse_changes(&self, fault: Option<Fault>) {
        self.0.lock().refuse_changes = fault;
    }

    /// Refuses to make new files from now on; `None` makes them again.
    pub fn refuse_new_files(&self, fault: Option<Fault>) {
        self.0.lock().refuse_new_files = fault;
    }

    /// Kills the process after `operations` more operations: all later ones fail.
    pub fn crash_in(&self, operations: u64) {
        let mut disk = self.0.lock();
        disk.crash_at = Some(disk.operations + operations);
    }

    /// Lets appends to files below `folder` wait from now on.
    pub fn hold_appends(&self, folder: &Path) {
        self.1.state.lock().held = Some(folder.to_owned());
    }

    /// Whether an append waits.
    pub fn is_holding(&self) -> bool {
        self.1.state.lock().waiting > 0
    }

    /// Lets them go on.
    pub fn release_appends(&self) {
        self.1.state.lock().held = None;
        self.1.changed.notify_all();
    }

    /// Whether that moment has come.
    pub fn is_crashed(&self) -> bool {
        self.0.lock().is_crashed()
    }

    /// Operations that changed something, so far.
    pub fn operations(&self) -> u64 {
        self.0.lock().operations
    }

    /// A file's bytes, as the process sees them.
    pub fn bytes_of(&self, path: &Path) -> Option<Vec<u8>> {
        let disk = self.0.lock();
        disk.file(path)
            .ok()
            .map(|inode| disk.inodes[inode].current.clone())
    }

    /// Replaces a file's bytes, durably: bit rot.
    pub fn set_bytes_of(&self, path: &Path, bytes: &[u8]) {
        let mut disk = self.0.lock();
        if let Ok(inode) = disk.file(path) {
            disk.inodes[inode] = Inode::durable(bytes.to_vec());
        }
    }

    /// The disk as another process finds it after this one was killed: nothing is lost.
    pub fn after_kill(&self) -> SimFiles {
        let disk = self.0.lock();
        let inodes = disk.inodes.iter().map(|i| Inode::durable(i.kept()));
        let after = Disk {
            durable_names: disk.names.clone(),
            names: disk.names.clone(),
            inodes: inodes.collect(),
            ..Disk::default()
        };
        SimFiles(Arc::new(Mutex::new(after)), Arc::default())
    }

    /// The disk as another process finds it after the power failed.
    pub fn after_crash(&self, dice: &mut Dice) -> SimFiles {
        let disk = self.0.lock();
        let mut names = disk.durable_names.clone();
        for change in &disk.changes {
            if dice.one_in(2) {
                change.apply(&mut names);
            }
        }
        // What lies in a folder that was lost is lost with it.
        let folders: Vec<PathBuf> = names
            .iter()
            .filter(|(_, n)| **n == Node::Folder)
            .map(|(p, _)| p.clone())
            .collect();
        let is_reachable = |path: &Path| {
            path.ancestors()
                .skip(1)
                .all(|a| a.parent().is_none() || folders.iter().any(|f| f == a))
        };
        names.retain(|path, _| is_reachable(path));
        let inodes = disk
            .inodes
            .iter()
            .map(|inode| inode.after_crash(dice))
            .collect();
        let after = Disk {
            durable_names: names.clone(),
            names,
            inodes,
            ..Disk::default()
        };
        SimFiles(Arc::new(Mutex::new(after)), Arc::default())
    }
}

impl Files for SimFiles {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn FileHandle>> {
        let mut disk = self.0.lock();
        let in_folder = path
            .parent()
            .is_some_and(|p| disk.names.get(p) == Some(&Node::Folder));
        if !in_folder {
            return Err(io::ErrorKind::NotFound.into());
        }
        match disk.file(path) {
            Ok(_) => disk.operation()?,
            Err(_) => disk.creation()?,
        }
        disk.take_descriptor()?;
        let inode = match disk.file(path) {
            Ok(inode) => inode,
            Err(_) => {
                disk.inodes.push(Inode::default());
                let inode = disk.inodes.len() - 1;
                disk.change(NameChange::Put(path.to_owned(), Node::File(inode)));
                inode
            }
        };
        disk.inodes[inode].truncate(0);
        Ok(Arc::new(SimHandle {
            disk: self.0.clone(),
            inode,
            path: path.to_owned(),
            gate: self.1.clone(),
        }))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn FileHandle>> {
        let mut disk = self.0.lock();
        let inode = disk.file(path)?;
        disk.reading(path)?;
        disk.take_descriptor()?;
        Ok(Arc::new(SimHandle {
            disk: self.0.clone(),
            inode,
            path: path.to_owned(),
            gate: self.1.clone(),
        }))
    }

    fn truncate(&self, path: &Path, len: u64) -> io::Result<()> {
        let mut disk = self.0.lock();
        disk.borrow_descriptor()?;
        disk.operation()?;
        let inode = disk.file(path)?;
        let inode = &mut disk.inodes[inode];
        inode.truncate(len as usize);
        inode.synced();
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut disk = self.0.lock();
        disk.operation()?;
        let inode = disk.file(from)?;
        disk.change(NameChange::Rename(
            from.to_owned(),
            to.to_owned(),
            Node::File(inode),
        ));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.0.lock();
        disk.operation()?;
        disk.file(path)?;
        disk.change(NameChange::Remove(path.to_owned()));
        Ok(())
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.0.lock();
        disk.operation()?;
        let inside: Vec<PathBuf> = disk
            .names
            .keys()
            .filter(|p| p.starts_with(path))
            .cloned()
            .collect();
        inside
            .into_iter()
            .rev()
            .for_each(|p| disk.change(NameChange::Remove(p)));
        Ok(())
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<Listed>> {
        let mut disk = self.0.lock();
        disk.borrow_descriptor()?;
        disk.reading(folder)?;
        let inside = disk
            .names
            .iter()
            .filter(|(path, _)| path.parent() == Some(folder));
        Ok(inside
            .map(|(path, node)| Listed {
                name: path
                    .file_name()
                    .map(|n| n.to_string_lossy().into_owned())
                    .unwrap_or_default(),
                is_folder: *node == Node::Folder,
            })
            .collect())
    }

    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        let mut disk = self.0.lock();
        let missing: Vec<PathBuf> = folder
            .ancestors()
            .filter(|a| a.parent().is_some() && !disk.names.contains_key(*a))
            .map(Path::to_owned)
            .collect();
        if !missing.is_empty() {
            disk.operation()?;
        }
        for path in missing.into_iter().rev() {
            disk.change(NameChange::Put(path, Node::Folder));
        }
        Ok(())
    }

    fn open_folder(&self, folder: &Path) -> io::Result<Box<dyn FolderHandle>> {
        self.0.lock().take_descriptor()?;
        Ok(Box::new(SimFolder {
            disk: self.0.clone(),
            path: folder.to_owned(),
        }))
    }

    fn lock(&self, _path: &Path) -> io::Result<Option<Box<dyn Send + Sync>>> {
        let mut disk = self.0.lock();
        if disk.locked {
            return Ok(None);
        }
        disk.locked = true;
        Ok(Some(Box::new(SimLock(self.0.clone()))))
    }
}

#[derive(Debug)]
struct SimFolder {
    disk: Arc<Mutex<Disk>>,
    path: PathBuf,
}

impl FolderHandle for SimFolder {
    fn sync(&self) -> io::Result<()> {
        let mut disk = self.disk.lock();
        let outcome = disk.failing_sync();
        let is_refused = disk.refuse_changes.is_some() && !disk.is_crashed();
        let mut changes = disk.changes.iter();
        let is_changed = changes.any(|change| change.folders().contains(&Some(&*self.path)));
        // A system has nothing to do for a folder that did not change, full or read-only.
        if is_changed || !is_refused {
            outcome?;
        }
        let changes = std::mem::take(&mut disk.changes);
        for change in changes {
            // A rename between folders becomes durable with either; ours never leave their folder.
            if change.folders().contains(&Some(&*self.path)) {
                change.apply(&mut disk.durable_names);
            } else {
                disk.changes.push(change);
            }
        }
        Ok(())
    }
}

impl Drop for SimFolder {
    fn drop(&mut self) {
        self.disk.lock().open -= 1;
    }
}

struct SimLock(Arc<Mutex<Disk>>);

impl Drop for SimLock {
    fn drop(&mut self) {
        self.0.lock().locked = false;
    }
}

#[derive(Debug)]
struct SimHandle {
    disk: Arc<Mutex<Disk>>,
    inode: usize,
    path: PathBuf,
    gate: Arc<Gate>,
}

impl Drop for SimHandle {
    fn drop(&mut self) {
        self.disk.lock().open -= 1;
    }
}

impl FileHandle for SimHandle {
    fn append(&self, slices: &[IoSlice<'_>]) -> io::Result<()> {
        self.gate.pass(&self.path);
        let mut disk = self.disk.lock();
        disk.operation()?;
        let mut room = disk
            .capacity
            .map_or(usize::MAX, |c| c.saturating_sub(disk.used()));
        let ends_short = disk.short_appends > 0;
        disk.short_appends = disk.short_appends.saturating_sub(1);
        let file = &mut disk.inodes[self.inode].current;
        if ends_short {
            let first = slices.first().map_or(&[][..], |slice| slice);
            file.extend_from_slice(&first[..first.len() / 2]);
            return Err(io::Error::from_raw_os_error(ENOMEM));
        }
        for slice in slices {
            let fits = slice.len().min(room);
            file.extend_from_slice(&slice[..fits]);
            room -= fits;
            if fits < slice.len() {
                return Err(io::ErrorKind::StorageFull.into());
            }
        }
        Ok(())
    }

    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<()> {
        let disk = self.disk.lock();
        disk.reading(&self.path)?;
        let end = (at as usize).checked_add(buffer.len());
        let bytes = end.and_then(|end| disk.inodes[self.inode].current.get(at as usize..end));
        buffer.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.disk.lock().inodes[self.inode].current.len() as u64)
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        let mut disk = self.disk.lock();
        disk.operation()?;
        disk.inodes[self.inode].truncate(len as usize);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut disk = self.disk.lock();
        let outcome = disk.failing_sync();
        let is_dead = disk.is_crashed();
        let inode = &mut disk.inodes[self.inode];
        match outcome {
            Ok(()) => inode.synced(),
            Err(_) if is_dead => {}
            Err(_) => inode.sync_failed(),
        }
        outcome
    }
}
