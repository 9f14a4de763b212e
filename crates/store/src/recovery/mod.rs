//! Opening a data directory: lock, format, manifests, sweep, replay.
//!
//! After it every acknowledged entry is in a part or in the head, once. What no manifest names was never
//! promised by a part (the WAL still has it) and is removed. Two steps: [`open_parts`], after which queries
//! can be answered, and [`crate::recovery::wal_replay::replay`], after which pushes can. Memory stays bounded: replay flushes as it goes.

pub(crate) mod push_record;
pub(crate) mod wal_replay;

use crate::files::Files;
use crate::layout::{Layout, part_name};
use crate::manifest::{Found, Manifest, ReplaceError, rebuild};
use crate::shared::Inner;
use crate::tenant::Tenant;
use crate::{Options, StoreError, bucket, layout, manifest};
use skald_model::TenantId;
use std::io::IoSlice;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Version of a data directory as a whole: which folders and files there are.
const FORMAT_VERSION: u32 = 1;
/// Begins the FORMAT file.
const FORMAT_WORD: &str = "skald-data";

/// Opens a directory with its parts; the WAL is left to [`crate::recovery::wal_replay::replay`].
pub(crate) fn open_parts(options: Options) -> Result<Inner, StoreError> {
    let layout = Layout::new(options.data.clone());
    let files = options.files.clone();
    for folder in [layout.data(), layout.tenants(), layout.wal()] {
        files
            .create_folder(&folder)
            .map_err(|e| StoreError::io(format!("creating {}", folder.display()), e))?;
    }
    // Whatever is acknowledged later hangs on these names.
    sync_folder(&*files, &layout.data())?;
    if let Some(above) = layout.data().parent().filter(|p| !p.as_os_str().is_empty()) {
        sync_folder(&*files, above)?;
    }
    let lock = files
        .lock(&layout.lock())
        .map_err(|e| StoreError::io(format!("locking {}", layout.data().display()), e))?;
    let lock = lock.ok_or_else(|| {
        StoreError::Unusable(format!(
            "data directory {} is in use by another process",
            layout.data().display()
        ))
    })?;
    check_format(&*files, &layout)?;
    let inner = Inner::new(options, layout, lock)?;
    open_tenants(&inner)?;
    bucket::first_look(&inner);
    Ok(inner)
}

fn sync_folder(files: &dyn Files, folder: &Path) -> Result<(), StoreError> {
    files
        .sync_folder(folder)
        .map_err(|e| StoreError::io(format!("syncing {}", folder.display()), e))
}

/// Reads the format version, or writes it into a new directory.
fn check_format(files: &dyn Files, layout: &Layout) -> Result<(), StoreError> {
    match read_format(files, layout) {
        Err(StoreError::Io { error, .. }) if error.kind() == std::io::ErrorKind::NotFound => {
            write_format(files, layout)
        }
        read => read,
    }
}

/// Whether this program reads the directory.
pub(crate) fn read_format(files: &dyn Files, layout: &Layout) -> Result<(), StoreError> {
    let path = layout.format();
    let failed = |e| StoreError::io(format!("reading {}", path.display()), e);
    let file = files.open(&path).map_err(failed)?;
    let bytes = file
        .size()
        .and_then(|len| file.read_new(0, len as usize))
        .map_err(failed)?;
    let text = String::from_utf8_lossy(&bytes);
    let version = text
        .strip_prefix(FORMAT_WORD)
        .and_then(|v| v.trim().parse::<u32>().ok());
    match version {
        Some(version) if version <= FORMAT_VERSION => Ok(()),
        Some(version) => Err(StoreError::Unusable(format!(
            "data directory {} has format version {version}, this program reads up to {FORMAT_VERSION}",
            layout.data().display()
        ))),
        None => Err(StoreError::Unusable(format!(
            "{} is not of this program",
            path.display()
        ))),
    }
}

fn write_format(files: &dyn Files, layout: &Layout) -> Result<(), StoreError> {
    let path = layout.format();
    let unfinished = path.with_extension("tmp");
    let text = format!("{FORMAT_WORD} {FORMAT_VERSION}\n");
    let written = files.create(&unfinished).and_then(|file| {
        file.append(&[IoSlice::new(text.as_bytes())])?;
        file.sync()?;
        files.rename(&unfinished, &path)?;
        files.sync_folder(&layout.data())
    });
    written.map_err(|e| StoreError::io(format!("writing {}", path.display()), e))
}

/// Opens what the manifests name and removes what they do not.
fn open_tenants(inner: &Inner) -> Result<(), StoreError> {
    let folder = inner.layout.tenants();
    let names = inner
        .files
        .list(&folder)
        .map_err(|e| StoreError::io(format!("listing {}", folder.display()), e))?;
    for name in names.into_iter().filter(|n| n.is_folder) {
        let Ok(id) = TenantId::parse(&name.name) else {
            tracing::warn!(folder = name.name, "not a tenant's folder, left alone");
            continue;
        };
        let manifest = read_manifest(inner, &id)?;
        let tenant = inner.tenant_or_new(&id);
        sweep(inner, &tenant, &manifest)?;
        let mut parts = Vec::with_capacity(manifest.parts.len());
        let mut unreadable = Vec::new();
        for meta in &manifest.parts {
            match bucket::open_part(
                inner,
                &id,
                meta,
                manifest.uploaded.parts.get(&meta.id).map(String::as_str),
            ) {
                Ok(part) => parts.push(Arc::new(part.charged_to(&inner.budget))),
                Err(error) => {
                    tracing::error!(tenant = %id, %error, "a part can't be opened, queries answer without it");
                    unreadable.push((meta.clone(), error.to_string()));
                }
            }
        }
        let mut changes = tenant.changes.lock();
        changes.next_part = manifest.next_part;
        changes.uploaded = manifest.uploaded;
        changes.unreadable = unreadable.iter().map(|(meta, _)| meta.clone()).collect();
        bucket::count_local(inner, &parts);
        changes.deletes = manifest.deletes;
        inner.enforce_deletes(&tenant, &changes);
        let mut state = tenant.state.lock();
        state.parts = Arc::new(parts);
        state.covered = manifest.covered;
        state.unreadable = Arc::new(unreadable);
    }
    Ok(())
}

/// The tenant's manifest, repaired or made anew when it is damaged or lost.
fn read_manifest(inner: &Inner, tenant: &TenantId) -> Result<Manifest, StoreError> {
    let manifest = match manifest::read(&*inner.files, &inner.layout, tenant)? {
        Found::Whole(manifest) => return Ok(manifest),
        // A part is written only after a manifest was: without parts none was ever there.
        Found::Missing if rebuild::part_files(&*inner.files, &inner.layout, tenant)?.is_empty() => {
            return Ok(Manifest::default());
        }
        Found::HalfDamaged(manifest) => {
            tracing::warn!(%tenant, "one copy in the manifest was damaged, it is written anew from the other");
            manifest
        }
        Found::Missing | Found::Damaged => {
            let manifest = rebuild::rebuild(&inner.files, &inner.layout, tenant)?;
            tracing::error!(
                %tenant,
                parts = manifest.parts.len(),
                "the manifest was damaged or lost: it is made anew from the parts found, and the whole WAL is replayed"
            );
            rebuild::keep_damaged(&*inner.files, &inner.layout, tenant);
            inner.manifests_rebuilt.fetch_add(1, Ordering::Relaxed);
            manifest
        }
    };
    match manifest::replace(&*inner.files, &inner.layout, tenant, &manifest) {
        Ok(()) => Ok(manifest),
        // On a full disk, say: what was read is right all the same, and the next flush writes it.
        Err(ReplaceError::Kept(error)) => {
            tracing::warn!(%tenant, %error, "the manifest can't be written anew yet");
            Ok(manifest)
        }
        Err(ReplaceError::Unknown(error)) => Err(error),
    }
}

/// Removes files of a tenant that its manifest does not name.
fn sweep(inner: &Inner, tenant: &Tenant, manifest: &manifest::Manifest) -> Result<(), StoreError> {
    let folder = inner.layout.tenant(&tenant.id);
    let list = |path: &Path| {
        inner
            .files
            .list(path)
            .map_err(|e| StoreError::io(format!("listing {}", path.display()), e))
    };
    for day in list(&folder)?.into_iter().filter(|d| d.is_folder) {
        for file in list(&folder.join(&day.name))? {
            let ours = [".part", ".dir", layout::UNFINISHED]
                .iter()
                .any(|end| file.name.ends_with(end));
            let name = file.name.replace(".dir", ".part");
            let named = |m: &crate::part::PartMeta| {
                layout::date(m.day) == day.name && part_name(m.id) == name
            };
            if file.is_folder || !ours || manifest.parts.iter().any(named) {
                continue;
            }
            let path = folder.join(&day.name).join(&file.name);
            tracing::info!(file = %path.display(), "removing a file that no manifest names");
            inner
                .files
                .remove(&path)
                .map_err(|e| StoreError::io(format!("removing {}", path.display()), e))?;
        }
    }
    Ok(())
}
