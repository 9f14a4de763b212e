//! The part opener opens a part from its local file or, when that is gone, from the bucket.

use crate::StoreError;
use crate::bucket::Objects;
use crate::bucket::client::Client;
use crate::part::{FOOTER_BYTES, Part, PartEnv, PartMeta, PartSource, directory_path};
use crate::tenant_dir::TenantDir;
use parking_lot::Mutex;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Opens parts of a tenant.
#[derive(Clone, Copy)]
pub(crate) struct PartOpener<'a> {
    pub(crate) dir: TenantDir<'a>,
    pub(crate) env: &'a PartEnv,
    /// The bucket, if parts go to one.
    pub(crate) objects: Option<&'a Objects>,
}

impl PartOpener<'_> {
    /// Opens a part that a manifest names; `object` is its name in the bucket, if it is there.
    pub(crate) fn open(&self, meta: &PartMeta, object: Option<&str>) -> Result<Part, StoreError> {
        let path = self.dir.part(meta.day, meta.id);
        let local = Part::open(self.env, path.clone(), meta.clone());
        let Some(object) = object else { return local };
        let Some(objects) = self.objects else {
            return local.map_err(|_| {
                StoreError::unavailable(
                    format!("part {}", path.display()),
                    "it is in object storage, and none is configured",
                )
            });
        };
        if let Err(error) = &local
            && error.is_transient()
        {
            return local;
        }
        let remote = objects.remote(self.dir.tenant, object, meta.bytes);
        if let Ok(part) = local {
            part.set_source(remote);
            return Ok(part);
        }
        match self.open_with_directory(&path, meta, remote.clone()) {
            Some(part) => Ok(part),
            None => {
                let tail = Tail {
                    client: &objects.client,
                    name: remote.name().to_owned(),
                    read: Mutex::default(),
                };
                self.fetch(path, meta, remote, &tail)
            }
        }
    }

    /// Opens a part whose directory is on disk and whose blocks are in the bucket.
    fn open_with_directory(
        &self,
        path: &Path,
        meta: &PartMeta,
        source: Arc<dyn PartSource>,
    ) -> Option<Part> {
        let file = self.dir.files.open(&directory_path(path)).ok()?;
        let begins = meta.bytes.saturating_sub(file.size().ok()?);
        let read = |range: Range<u64>| {
            // What lies before the directory is asked for only because the first read has a fixed
            // length.
            let mut bytes = vec![0; (range.end - range.start) as usize];
            let missing = begins
                .saturating_sub(range.start)
                .min(range.end - range.start);
            file.read_at(
                (range.start + missing).saturating_sub(begins),
                &mut bytes[missing as usize..],
            )?;
            Ok(bytes)
        };
        Part::open_remote(self.env, path.to_owned(), meta.clone(), source, &read).ok()
    }

    /// Opens a part of which nothing is on disk, and stores its directory there.
    fn fetch(
        &self,
        path: PathBuf,
        meta: &PartMeta,
        source: Arc<dyn PartSource>,
        tail: &Tail<'_>,
    ) -> Result<Part, StoreError> {
        self.dir.create_day(meta.day)?;
        let name = format!("part {}", path.display());
        let read = |range| tail.fetch(range);
        let opened = Part::open_remote(self.env, path, meta.clone(), source, &read);
        let part = opened.map_err(|error| match error {
            StoreError::Io { error, .. } => StoreError::unavailable(&name, error),
            error => error,
        })?;
        if let Err(error) = tail
            .from(part.directory_at()..meta.bytes)
            .and_then(|bytes| part.keep_directory(&bytes))
        {
            tracing::warn!(part = name, %error, "the directory of a part is not stored, the next start fetches it again");
        }
        Ok(part)
    }
}

/// The end of an object, fetched in one or two reads whose bytes are held.
struct Tail<'a> {
    client: &'a Client,
    name: String,
    read: Mutex<Vec<(Range<u64>, Vec<u8>)>>,
}

impl Tail<'_> {
    fn fetch(&self, range: Range<u64>) -> io::Result<Vec<u8>> {
        let bytes = self
            .client
            .get_ranges(&self.name, std::slice::from_ref(&range))?;
        let bytes = bytes.first().map(|b| b.to_vec()).unwrap_or_default();
        self.read.lock().push((range, bytes.clone()));
        Ok(bytes)
    }

    /// The directory and the footer out of what was read.
    fn from(&self, range: Range<u64>) -> io::Result<Vec<u8>> {
        let read = self.read.lock();
        let part = |range: Range<u64>| {
            let (held, bytes) = read
                .iter()
                .find(|(held, _)| held.start <= range.start && range.end <= held.end)?;
            bytes.get((range.start - held.start) as usize..(range.end - held.start) as usize)
        };
        let footer_at = range.end - FOOTER_BYTES as u64;
        let whole = part(range.clone()).map(<[u8]>::to_vec);
        let pieces = || Some([part(range.start..footer_at)?, part(footer_at..range.end)?].concat());
        whole
            .or_else(pieces)
            .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}
