//! The API's own store: a file for each group in the data directory.
//!
//! A change is durable before it is answered: written beside, synchronised, renamed, and the folder
//! synchronised. A file that can't be read is left alone and reported; the other groups are there.

use super::local::FileProblem;
use super::rule_file::{self, RuleFile, decode, encode, is_rule_file};
use crate::rules::RuleGroup;
use crate::templates::Templates;
use parking_lot::Mutex;
use skald_model::TenantId;
use skald_wal::files::{Files, FolderHandle};
use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Ends the name of a file that is being written.
const UNFINISHED: &str = ".tmp";

/// The disk did not do it.
#[derive(Debug, thiserror::Error)]
#[error("{context} {path}: {error}")]
pub struct RuleStoreError {
    /// What was being done.
    pub context: &'static str,
    /// With which file.
    pub path: PathBuf,
    /// What the system said.
    pub error: io::Error,
}

/// A group of the store.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredGroup {
    /// Its namespace.
    pub namespace: Arc<str>,
    /// The group.
    pub group: Arc<RuleGroup>,
    /// Rises with every change of the store: the version of this group.
    pub revision: u64,
}

/// Groups by namespace and name.
type Groups = BTreeMap<(Arc<str>, Arc<str>), StoredGroup>;

/// The API's own store.
#[derive(Debug)]
pub struct OwnRules {
    files: Arc<dyn Files>,
    folder: PathBuf,
    contents: Mutex<Contents>,
}

#[derive(Debug, Default)]
struct Contents {
    tenants: BTreeMap<TenantId, Groups>,
    revision: u64,
}

impl OwnRules {
    /// Opens the store in a folder. What can't be read is given as problems.
    pub fn open(
        files: Arc<dyn Files>,
        folder: &Path,
        templates: &dyn Templates,
    ) -> Result<(OwnRules, Vec<FileProblem>), RuleStoreError> {
        let store = OwnRules {
            files,
            folder: folder.to_owned(),
            contents: Mutex::default(),
        };
        let parent = folder.parent().unwrap_or(folder);
        let created = store.files.create_folder(folder);
        created
            .and_then(|()| store.files.sync_folder(parent))
            .map_err(at("creating", folder))?;
        let mut contents = Contents::default();
        let mut problems = Vec::new();
        for listed in store.list(folder)? {
            let Ok(tenant) = TenantId::parse(&listed.name) else {
                continue;
            };
            if listed.is_folder && tenant.as_str() == listed.name {
                store.read_tenant(&tenant, &mut contents, &mut problems, templates)?;
            }
        }
        *store.contents.lock() = contents;
        Ok((store, problems))
    }

    fn list(&self, folder: &Path) -> Result<Vec<skald_wal::files::Listed>, RuleStoreError> {
        self.files.list(folder).map_err(at("listing", folder))
    }

    fn read_tenant(
        &self,
        tenant: &TenantId,
        contents: &mut Contents,
        problems: &mut Vec<FileProblem>,
        templates: &dyn Templates,
    ) -> Result<(), RuleStoreError> {
        let folder = self.folder.join(tenant.as_str());
        for listed in self.list(&folder)? {
            let path = folder.join(&listed.name);
            if listed.name.ends_with(UNFINISHED) {
                // It is written over by the next change, if it can't be removed.
                let _ = self.files.remove(&path);
                continue;
            }
            if !is_rule_file(&listed.name) {
                continue;
            }
            let read = self.read(&path).map_err(|error| error.to_string());
            let file = read.and_then(|bytes| decode(&bytes, templates));
            let file = file.and_then(|file| self.in_its_place(tenant, &path, file));
            match file {
                Ok(file) => contents.put(tenant, file),
                Err(text) => problems.push(FileProblem {
                    tenant: Some(tenant.clone()),
                    path,
                    text,
                }),
            }
        }
        Ok(())
    }

    /// A file under another name than its own would come back after its group was removed.
    fn in_its_place(
        &self,
        tenant: &TenantId,
        path: &Path,
        file: RuleFile,
    ) -> Result<RuleFile, String> {
        let own = self.path_of(tenant, &file.namespace, &file.group.name);
        match own == path {
            true => Ok(file),
            false => Err(format!("the group in it belongs into {}", own.display())),
        }
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let file = self.files.open(path)?;
        let len = usize::try_from(file.size()?).map_err(io::Error::other)?;
        file.read_new(0, len)
    }

    fn path_of(&self, tenant: &TenantId, namespace: &str, group: &str) -> PathBuf {
        let path = rule_file::path_of(tenant, namespace, group);
        self.folder.join(path)
    }

    /// The tenants that have groups.
    pub fn tenants(&self) -> Vec<TenantId> {
        self.contents.lock().tenants.keys().cloned().collect()
    }

    /// All groups of a tenant, sorted by namespace and name.
    pub fn groups(&self, tenant: &TenantId) -> Vec<StoredGroup> {
        let contents = self.contents.lock();
        let groups = contents.tenants.get(tenant);
        groups.map_or_else(Vec::new, |groups| groups.values().cloned().collect())
    }

    /// A group.
    pub fn group(&self, tenant: &TenantId, namespace: &str, name: &str) -> Option<StoredGroup> {
        let key = (Arc::from(namespace), Arc::from(name));
        self.contents.lock().tenants.get(tenant)?.get(&key).cloned()
    }

    /// Stores a group in place of the one of its name, if there is one. Durable when it returns.
    pub fn put(
        &self,
        tenant: &TenantId,
        namespace: &str,
        group: RuleGroup,
    ) -> Result<StoredGroup, RuleStoreError> {
        let mut contents = self.contents.lock();
        let path = self.path_of(tenant, namespace, &group.name);
        let revision = contents.revision + 1;
        let text = encode(namespace, revision, &group);
        self.write(tenant, &path, text.as_bytes())
            .map_err(at("writing", &path))?;
        let file = RuleFile {
            namespace: namespace.to_owned(),
            revision,
            group,
        };
        Ok(contents.put_and_get(tenant, file))
    }

    fn write(&self, tenant: &TenantId, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let folder = self.tenant_folder(tenant)?;
        let unfinished = path.with_extension(&UNFINISHED[1..]);
        let file = self.files.create(&unfinished)?;
        file.append(&[IoSlice::new(bytes)])?;
        file.sync()?;
        self.files.rename(&unfinished, path)?;
        folder.sync()
    }

    /// The folder of a tenant, made if it is not there.
    fn tenant_folder(&self, tenant: &TenantId) -> io::Result<Box<dyn FolderHandle>> {
        let folder = self.folder.join(tenant.as_str());
        self.files.create_folder(&folder)?;
        self.files.sync_folder(&self.folder)?;
        self.files.open_folder(&folder)
    }

    /// Removes a group; whether there was one.
    pub fn remove_group(
        &self,
        tenant: &TenantId,
        namespace: &str,
        name: &str,
    ) -> Result<bool, RuleStoreError> {
        self.remove(tenant, |(of, group)| &**of == namespace && &**group == name)
    }

    /// Removes all groups of a namespace; whether there were any.
    pub fn remove_namespace(
        &self,
        tenant: &TenantId,
        namespace: &str,
    ) -> Result<bool, RuleStoreError> {
        self.remove(tenant, |(of, _)| &**of == namespace)
    }

    fn remove(
        &self,
        tenant: &TenantId,
        which: impl Fn(&(Arc<str>, Arc<str>)) -> bool,
    ) -> Result<bool, RuleStoreError> {
        let mut contents = self.contents.lock();
        let Some(groups) = contents.tenants.get_mut(tenant) else {
            return Ok(false);
        };
        let keys: Vec<_> = groups.keys().filter(|key| which(key)).cloned().collect();
        let folder = self.folder.join(tenant.as_str());
        let handle = self.files.open_folder(&folder);
        let handle = handle.map_err(at("opening", &folder))?;
        for key in &keys {
            let path = self.path_of(tenant, &key.0, &key.1);
            match self.files.remove(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(at("removing", &path)(error));
                }
                _ => groups.remove(key),
            };
        }
        if groups.is_empty() {
            contents.tenants.remove(tenant);
        }
        handle.sync().map_err(at("synchronising", &folder))?;
        Ok(!keys.is_empty())
    }
}

impl Contents {
    fn put(&mut self, tenant: &TenantId, file: RuleFile) {
        self.put_and_get(tenant, file);
    }

    fn put_and_get(&mut self, tenant: &TenantId, file: RuleFile) -> StoredGroup {
        self.revision = self.revision.max(file.revision);
        let stored = StoredGroup {
            namespace: Arc::from(file.namespace),
            revision: file.revision,
            group: Arc::new(file.group),
        };
        let key = (
            stored.namespace.clone(),
            Arc::from(stored.group.name.as_str()),
        );
        let groups = self.tenants.entry(tenant.clone()).or_default();
        groups.insert(key, stored.clone());
        stored
    }
}

fn at(context: &'static str, path: &Path) -> impl FnOnce(io::Error) -> RuleStoreError {
    let path = path.to_owned();
    move |error| RuleStoreError {
        context,
        path,
        error,
    }
}
