//! Opening a part wherever its bytes are: in a local file, or in the bucket with the directory on disk.

use crate::StoreError;
use crate::bucket::client::Client;
use crate::part::{FOOTER_BYTES, Part, PartMeta, directory_path};
use crate::shared::Inner;
use parking_lot::Mutex;
use skald_model::TenantId;
use std::io;
use std::ops::Range;

/// Opens a part that a manifest names; `object` is what the bucket calls it, if it has it.
pub(crate) fn open_part(
    inner: &Inner,
    tenant: &TenantId,
    meta: &PartMeta,
    object: Option<&str>,
) -> Result<Part, StoreError> {
    find_part(inner, tenant, meta, object).map(|part| part.kept_in(&inner.kept))
}

fn find_part(
    inner: &Inner,
    tenant: &TenantId,
    meta: &PartMeta,
    object: Option<&str>,
) -> Result<Part, StoreError> {
    let path = inner.layout.part(tenant, meta.day, meta.id);
    let local = Part::open(&inner.files, path.clone(), meta.clone());
    let Some(object) = object else { return local };
    let Some(objects) = &inner.objects else {
        return local.map_err(|_| {
            StoreError::Unavailable(format!(
                "part {} is in object storage, and none is configured",
                path.display()
            ))
        });
    };
    let remote = objects.remote(tenant, object, meta.bytes);
    if let Ok(part) = local {
        part.set_remote(remote);
        return Ok(part);
    }
    let files = &inner.files;
    let on_disk = files
        .open(&directory_path(&path))
        .and_then(|file| Ok((file.size()?, file)));
    if let Ok((len, file)) = on_disk {
        let begins = meta.bytes.saturating_sub(len);
        let read = |range: Range<u64>| {
            // What lies before the directory is asked for only because the first read has a fixed length.
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
        if let Ok(part) =
            Part::open_remote(files, path.clone(), meta.clone(), remote.clone(), &read)
        {
            return Ok(part);
        }
    }
    let folder = inner.layout.day(tenant, meta.day);
    files
        .create_folder(&folder)
        .map_err(|e| StoreError::io(format!("creating {}", folder.display()), e))?;
    let tail = Tail {
        client: &objects.client,
        name: remote.name().to_owned(),
        read: Mutex::default(),
    };
    let opened = Part::open_remote(files, path.clone(), meta.clone(), remote, &|range| {
        tail.fetch(range)
    });
    let part = opened.map_err(|error| match error {
        StoreError::Io { error, .. } => StoreError::Unavailable(format!(
            "part {} can't be fetched from object storage: {error}",
            path.display()
        )),
        error => error,
    })?;
    if let Err(error) = tail
        .from(part.directory_at()..meta.bytes)
        .and_then(|bytes| part.keep_directory(&bytes))
    {
        tracing::warn!(part = %path.display(), %error, "the directory of a part is not kept, the next start fetches it again");
    }
    Ok(part)
}

/// The end of an object, fetched in one or two reads that are kept.
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
