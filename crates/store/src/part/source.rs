//! Part source: the trait by which a part reads bytes once its local file is gone.

use crate::part::Part;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// An object with a part's bytes, read through a cache. Defined here so that parts know nothing of
/// buckets.
pub(crate) trait PartSource: Send + Sync + fmt::Debug {
    /// Reads ranges, together.
    fn read(&self, ranges: &[Range<u64>]) -> std::io::Result<Vec<Vec<u8>>>;
    /// Bytes that the smallest read fetches.
    fn fetch_bytes(&self) -> u64;
    /// Makes sure that the object has the part's bytes, and writes it again when it is lost: for when
    /// the local file is to go.
    fn secure(&self, part: &Part) -> std::io::Result<()>;
    /// Counts the part's local file as cached: it goes when its turn comes.
    fn count_local_file(&self, part: &Arc<Part>);
    /// Notes that the local file was read.
    fn touch_local_file(&self);
    /// Drops what is cached of it: the part is gone.
    fn forget(&self);
}

impl Part {
    /// Says where its bytes are besides the local file.
    pub(crate) fn set_source(&self, source: Arc<dyn PartSource>) {
        // An object is named by its content, so the first caller said the same.
        let _ = self.source.set(source);
    }

    /// Where its bytes are besides the local file, once uploaded.
    pub(crate) fn source(&self) -> Option<&Arc<dyn PartSource>> {
        self.source.get()
    }

    /// Whether object storage alone has its bytes.
    pub(crate) fn is_remote(&self) -> bool {
        self.file.read().is_none()
    }

    /// The name of its object: its number and a hash of its content, so that two different parts
    /// never share one, and what was uploaded before a crash is recognised after it.
    pub(crate) fn object_name(&self) -> String {
        let content = self.footer.content();
        format!(
            "{}/{:016x}-{content:016x}.part",
            crate::layout::date(self.meta.day),
            self.meta.id
        )
    }

    /// Gives up the local file of an uploaded part, once its object is known to be there; its
    /// directory stays on disk.
    pub(crate) fn evict(&self) -> std::io::Result<()> {
        let Some(source) = self.source.get() else {
            return Ok(());
        };
        if self.is_remote() || self.retired.load(Ordering::Acquire) {
            return Ok(());
        }
        source.secure(self)?;
        self.keep_directory(&self.read(self.footer.directory_at..self.meta.bytes)?)?;
        *self.file.write() = None;
        self.files.remove(&self.path)
    }

    /// Writes the bytes from the directory on to a file next to the part's. Not synced: what a
    /// crash tears is fetched again.
    pub(crate) fn keep_directory(&self, bytes: &[u8]) -> std::io::Result<()> {
        let path = directory_path(&self.path);
        let unfinished = path.with_extension(format!("dir{}", crate::layout::UNFINISHED));
        let file = self.files.create(&unfinished)?;
        file.append(&[std::io::IoSlice::new(bytes)])?;
        self.files.rename(&unfinished, &path)
    }

    /// Where the directory begins.
    pub(crate) fn directory_at(&self) -> u64 {
        self.footer.directory_at
    }
}

/// The file of the directory of a part that object storage alone has.
pub(crate) fn directory_path(part: &Path) -> PathBuf {
    part.with_extension("dir")
}
