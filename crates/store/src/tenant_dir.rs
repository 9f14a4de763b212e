//! Tenant directory: one tenant's files in a data directory, and the file system they are on.

use crate::StoreError;
use crate::files::{Files, Listed};
use crate::layout::{Layout, MANIFEST};
use skald_model::TenantId;
use std::path::{Path, PathBuf};

/// Where a tenant's parts and manifest are. Cheap to copy.
#[derive(Clone, Copy)]
pub(crate) struct TenantDir<'a> {
    pub(crate) files: &'a dyn Files,
    pub(crate) layout: &'a Layout,
    pub(crate) tenant: &'a TenantId,
}

impl TenantDir<'_> {
    /// The tenant's folder.
    pub(crate) fn folder(&self) -> PathBuf {
        self.layout.tenant(self.tenant)
    }

    /// The folder of a partition.
    pub(crate) fn day(&self, day: i32) -> PathBuf {
        self.layout.day(self.tenant, day)
    }

    /// The file of a part.
    pub(crate) fn part(&self, day: i32, id: u64) -> PathBuf {
        self.layout.part(self.tenant, day, id)
    }

    /// The manifest.
    pub(crate) fn manifest(&self) -> PathBuf {
        self.layout.manifest(self.tenant)
    }

    /// A file next to the manifest, by what its name adds.
    pub(crate) fn beside_manifest(&self, suffix: &str) -> PathBuf {
        self.folder().join(format!("{MANIFEST}{suffix}"))
    }

    /// Makes the folder, and its name durable.
    pub(crate) fn create(&self) -> Result<(), StoreError> {
        let folder = self.folder();
        self.files
            .create_folder(&folder)
            .and_then(|()| self.files.sync_folder(&self.layout.tenants()))
            .map_err(StoreError::at("creating", &folder))
    }

    /// Makes the names in the folder durable.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        let folder = self.folder();
        self.files
            .sync_folder(&folder)
            .map_err(StoreError::at("syncing", &folder))
    }

    /// Makes the folder of a partition.
    pub(crate) fn create_day(&self, day: i32) -> Result<(), StoreError> {
        let folder = self.day(day);
        self.files
            .create_folder(&folder)
            .map_err(StoreError::at("creating", &folder))
    }

    /// What lies in a folder.
    pub(crate) fn list(&self, folder: &Path) -> Result<Vec<Listed>, StoreError> {
        self.files
            .list(folder)
            .map_err(StoreError::at("listing", folder))
    }
}
