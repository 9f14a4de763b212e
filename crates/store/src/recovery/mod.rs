//! Recovery opens a data directory after a stop or crash and replays its WAL.
//!
//! After it every acknowledged entry is in a part or in the head, once. What no manifest names is
//! still in the WAL and is removed. Two steps: [`open_parts`], after which queries can be answered,
//! and [`wal_replay::replay`], after which pushes can be taken. Memory stays bounded: replay
//! flushes as it goes.

pub(crate) mod format_file;
pub(crate) mod push_record;
pub(crate) mod unreadable_tenants;
pub(crate) mod wal_replay;

use crate::bucket::PartOpener;
use crate::deletes::requests::enforce_deletes;
use crate::descriptors::{OpenFiles, PatientFiles};
use crate::files::Files;
use crate::layout::{Layout, part_id};
use crate::manifest::{Manifest, ManifestRead, ReplaceError, rebuild};
use crate::parallel;
use crate::part::{Part, PartEnv};
use crate::shared::Shared;
use crate::tenant::UnreadablePart;
use crate::tenant_dir::TenantDir;
use crate::{Options, StoreError, bucket, layout, manifest};
use format_file::Found;
use parking_lot::Mutex;
use skald_model::TenantId;
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Tenants from which on several are opened at once, and how many.
const MANY_TENANTS: usize = 64;
const OPENED_AT_ONCE: usize = 4;
/// How often a tenant is opened that the system has no descriptors for: about half a minute.
const ATTEMPTS: u32 = 100;

/// Opens a directory with its parts; the WAL is left to [`crate::recovery::wal_replay::replay`].
pub(crate) fn open_parts(mut options: Options) -> Result<Shared, StoreError> {
    let open_files = Arc::new(OpenFiles::new(options.open_files));
    let disk = Arc::new(PatientFiles::new(
        options.files,
        open_files.clone(),
        options.patience,
    ));
    options.files = disk.clone();
    let layout = Layout::new(options.data.clone());
    let files = options.files.clone();
    for folder in [layout.data(), layout.tenants(), layout.wal()] {
        files
            .create_folder(&folder)
            .map_err(StoreError::at("creating", &folder))?;
    }
    // Everything acknowledged later depends on these names.
    sync_folder(&*files, &layout.data())?;
    sync_folder(&*files, &layout.tenants())?;
    if let Some(above) = layout.data().parent().filter(|p| !p.as_os_str().is_empty()) {
        sync_folder(&*files, above)?;
    }
    let lock = files
        .lock(&layout.lock())
        .map_err(StoreError::at("locking", &layout.data()))?;
    let lock = lock.ok_or_else(|| {
        StoreError::Unusable(format!(
            "data directory {} is in use by another process",
            layout.data().display()
        ))
    })?;
    match format_file::check(&PartEnv::offline(files.clone()), &layout)? {
        Found::Whole => {}
        Found::New => format_file::write(&*files, &layout)?,
        Found::Damaged(why) => {
            tracing::warn!(%why, "the format file is written anew, as the rest of the directory tells");
            format_file::write(&*files, &layout)?;
        }
    }
    let shared = Shared::new(options, layout, lock, open_files, disk)?;
    open_tenants(&shared)?;
    bucket::sync::sync_at_start(&shared);
    Ok(shared)
}

fn sync_folder(files: &dyn Files, folder: &Path) -> Result<(), StoreError> {
    files
        .sync_folder(folder)
        .map_err(StoreError::at("syncing", folder))
}

/// Opens what the manifests name and removes what they do not.
fn open_tenants(shared: &Shared) -> Result<(), StoreError> {
    let folder = shared.layout.tenants();
    let names = shared
        .files()
        .list(&folder)
        .map_err(StoreError::at("listing", &folder))?;
    let mut ids = Vec::new();
    for name in names.into_iter().filter(|n| n.is_folder) {
        match TenantId::parse(&name.name) {
            Ok(id) => ids.push(id),
            Err(_) => {
                tracing::warn!(folder = name.name, "not a tenant's folder, left alone");
            }
        }
    }
    let threads = match ids.len() {
        MANY_TENANTS.. => OPENED_AT_ONCE,
        _ => 1,
    };
    let failed = Mutex::new(None);
    parallel::for_each(ids.len(), threads, &|at| {
        if failed.lock().is_some() {
            return;
        }
        match open_patiently(shared, &ids[at]) {
            Ok(()) => {}
            // Of a later version, say: this program must not go on beside it.
            Err(error @ StoreError::Unusable(_)) => drop(failed.lock().get_or_insert(error)),
            Err(error) => unreadable_tenants::leave_out(shared, &ids[at], &error),
        }
    });
    failed.into_inner().map_or(Ok(()), Err)
}

/// Opens a tenant, and tries again while the system is short of descriptors or memory: each attempt
/// waits a moment by itself.
fn open_patiently(shared: &Shared, id: &TenantId) -> Result<(), StoreError> {
    let mut attempts = 1;
    loop {
        match open_tenant(shared, id) {
            Err(error) if error.is_transient() && attempts < ATTEMPTS => {
                if attempts == 1 {
                    tracing::warn!(tenant = %id, %error, "a tenant can't be opened yet");
                }
                attempts += 1;
            }
            result => return result,
        }
    }
}

fn open_tenant(shared: &Shared, id: &TenantId) -> Result<(), StoreError> {
    let dir = shared.dir(id);
    let Some(manifest) = read_manifest(shared, &dir)? else {
        return Ok(());
    };
    let tenant = shared.tenant_or_new(id);
    match sweep(&dir, &manifest) {
        Err(error) if !error.is_transient() => {
            // What is left over costs room and nothing else.
            tracing::warn!(tenant = %id, %error, "leftovers can't be looked for");
        }
        swept => swept?,
    }
    let (parts, unreadable) = open_named(&PartOpener::of(shared, &tenant), &manifest)?;
    bucket::count_local_files(&parts);
    let mut changes = tenant.changes.lock();
    changes.next_part = changes.next_part.max(manifest.next_part);
    changes.finished.clear();
    changes.uploaded = manifest.uploaded;
    changes.unreadable = unreadable.iter().map(|part| part.meta.clone()).collect();
    changes.deletes = manifest.deletes;
    enforce_deletes(shared, &tenant, &changes);
    let mut state = tenant.state.lock();
    state.parts = Arc::new(parts);
    state.covered = manifest.covered;
    state.unreadable = Arc::new(unreadable);
    Ok(())
}

/// Opens the parts that a manifest names. Those that can't be read are set aside; want of
/// descriptors or memory is no reason for that.
fn open_named(
    opener: &PartOpener<'_>,
    manifest: &Manifest,
) -> Result<(Vec<Arc<Part>>, Vec<UnreadablePart>), StoreError> {
    let (mut parts, mut unreadable) = (Vec::with_capacity(manifest.parts.len()), Vec::new());
    for meta in &manifest.parts {
        let object = manifest.uploaded.parts.get(&meta.id).map(String::as_str);
        match opener.open(meta, object) {
            Ok(part) => parts.push(Arc::new(part)),
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => {
                tracing::error!(tenant = %opener.dir.tenant, %error, "a part can't be opened, queries answer without it");
                unreadable.push(UnreadablePart {
                    meta: meta.clone(),
                    error: error.to_string(),
                });
            }
        }
    }
    Ok((parts, unreadable))
}

/// The tenant's manifest, repaired or rebuilt when it is damaged or lost. `None` when the folder was
/// set aside as another tenant's.
fn read_manifest(shared: &Shared, dir: &TenantDir<'_>) -> Result<Option<Manifest>, StoreError> {
    let tenant = dir.tenant;
    let manifest = match manifest::read(dir)? {
        ManifestRead::Whole(manifest) => return Ok(Some(manifest)),
        // A part is written only after a manifest was: without parts none was ever there.
        ManifestRead::Missing if rebuild::part_files(dir)?.is_empty() => {
            return Ok(Some(Manifest::default()));
        }
        ManifestRead::Foreign(manifest) if rebuild::has_part_of(dir, &shared.env, &manifest)? => {
            set_folder_aside(dir, manifest.tenant())?;
            return Ok(None);
        }
        ManifestRead::HalfDamaged(manifest) => {
            tracing::warn!(%tenant, "one copy in the manifest was damaged, it is rewritten from the other");
            manifest
        }
        ManifestRead::Missing | ManifestRead::Damaged | ManifestRead::Foreign(_) => {
            let manifest = rebuild::rebuild(dir, &shared.env)?;
            tracing::error!(
                %tenant,
                parts = manifest.parts.len(),
                "the manifest was damaged or lost: it is rebuilt from the parts found, and the whole WAL is replayed"
            );
            rebuild::set_damaged_aside(dir);
            shared.manifests_rebuilt.fetch_add(1, Ordering::Relaxed);
            manifest
        }
    };
    match manifest::replace(dir, &manifest) {
        Ok(()) => Ok(Some(manifest)),
        // On a full disk, say: what was read is right all the same, and the next flush writes it.
        // Whichever is in force, it says the same.
        Err(ReplaceError::NotReplaced(error) | ReplaceError::Unknown(error)) => {
            tracing::warn!(%tenant, %error, "the manifest can't be rewritten yet");
            Ok(Some(manifest))
        }
    }
}

/// Renames a folder whose manifest and parts are another tenant's to a name that no tenant has:
/// nothing in it is answered, and nothing is lost.
fn set_folder_aside(dir: &TenantDir<'_>, of: &str) -> Result<(), StoreError> {
    let (folder, tenants) = (dir.folder(), dir.layout.tenants());
    let taken = dir.list(&tenants)?;
    let name = |number: usize| format!("{}~{of}~{number}", dir.tenant);
    let is_free = |name: &String| taken.iter().all(|listed| listed.name != *name);
    // One more than there are names is always free.
    let free = (0..=taken.len()).map(name).find(is_free);
    let aside = tenants.join(free.unwrap_or_default());
    tracing::error!(
        tenant = %dir.tenant, %of, aside = %aside.display(),
        "the folder of a tenant holds the data of another: it is set aside, queries answer without it"
    );
    dir.files
        .rename(&folder, &aside)
        .map_err(StoreError::at("setting aside", &folder))
}

/// Removes files of a tenant that its manifest does not name.
fn sweep(dir: &TenantDir<'_>, manifest: &Manifest) -> Result<(), StoreError> {
    let folder = dir.folder();
    let named: HashSet<(i32, u64)> = manifest.parts.iter().map(|m| (m.day, m.id)).collect();
    for day in dir.list(&folder)?.into_iter().filter(|d| d.is_folder) {
        let date = layout::day_of_date(&day.name);
        for file in dir.list(&folder.join(&day.name))? {
            let ours = [".part", ".dir", layout::UNFINISHED]
                .iter()
                .any(|end| file.name.ends_with(end));
            let place = date.zip(part_id(&file.name.replace(".dir", ".part")));
            if file.is_folder || !ours || place.is_some_and(|place| named.contains(&place)) {
                continue;
            }
            let path = folder.join(&day.name).join(&file.name);
            tracing::info!(file = %path.display(), "removing a file that no manifest names");
            if let Err(error) = dir.files.remove(&path) {
                // On a read-only disk, say: it costs room and nothing else.
                tracing::warn!(file = %path.display(), %error, "a file that no manifest names can't be removed");
            }
        }
    }
    Ok(())
}
