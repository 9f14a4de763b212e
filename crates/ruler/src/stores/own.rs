//! The API's own store: a file for each group in the data directory.
//!
//! A change is durable before it is answered: written beside, synchronised, renamed, and the folder
//! synchronised. A file that can't be read is left alone and reported; the other groups are there.
//! With a bucket, removed groups leave a mark until it knows of them (`sync`).

use super::bucket::{Key, Kind, RuleBucket, Version};
use super::local::FileProblem;
use super::rule_file::{self, RuleFile, decode, decode_gone, encode, encode_gone, hash_of};
use crate::rules::RuleGroup;
use crate::templates::Templates;
use parking_lot::Mutex;
use skald_model::TenantId;
use skald_wal::files::{Files, FolderHandle};
use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

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
    pub(super) bucket: Option<Arc<dyn RuleBucket>>,
    pub(super) contents: Mutex<Contents>,
}

#[derive(Debug, Default)]
pub(super) struct Contents {
    tenants: BTreeMap<TenantId, Groups>,
    /// Removed groups, with the revision that removed them.
    pub(super) gone: BTreeMap<Key, u64>,
    /// The highest one.
    revision: u64,
    /// Whether the bucket may no longer change anything here.
    pub(super) is_closed: bool,
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
            bucket: None,
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

    /// Keeps a copy of every group in a bucket; [`OwnRules::sync`] does it.
    pub fn with_bucket(self, bucket: Arc<dyn RuleBucket>) -> OwnRules {
        OwnRules {
            bucket: Some(bucket),
            ..self
        }
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
        let mut found = Vec::new();
        for listed in self.list(&folder)? {
            let path = folder.join(&listed.name);
            if listed.name.ends_with(UNFINISHED) {
                // It is written over by the next change, if it can't be removed.
                let _ = self.files.remove(&path);
                continue;
            }
            let Some((hash, kind)) = hash_of(&listed.name) else {
                continue;
            };
            let read = self.read(&path).map_err(|error| error.to_string());
            let read = read.and_then(|bytes| match kind {
                Kind::There => decode(&bytes, templates)
                    .and_then(|file| self.in_its_place(tenant, &path, file))
                    .map(|file| found.push(file)),
                Kind::Gone => decode_gone(&bytes).map(|revision| {
                    contents.note(revision);
                    contents
                        .gone
                        .insert((tenant.clone(), hash.to_owned()), revision);
                }),
            });
            if let Err(text) = read {
                problems.push(FileProblem {
                    tenant: Some(tenant.clone()),
                    path,
                    text,
                });
            }
        }
        for file in found {
            let key = key_of(tenant, &file.namespace, &file.group.name);
            let gone = contents.gone.get(&key).copied().unwrap_or(0);
            if gone > file.revision {
                // What is left of it is removed when the group is put again.
                let _ = self.files.remove(&self.path(&key, Kind::There));
            } else {
                contents.put(tenant, file);
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
        let key = key_of(tenant, &file.namespace, &file.group.name);
        let own = self.path(&key, Kind::There);
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

    fn path(&self, (tenant, hash): &Key, kind: Kind) -> PathBuf {
        let name = rule_file::name(hash, kind);
        self.folder.join(tenant.as_str()).join(name)
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
        let file = RuleFile {
            namespace: namespace.to_owned(),
            revision: self.next_revision(&contents),
            group,
        };
        self.write_file(tenant, &file)?;
        Ok(contents.put(tenant, file))
    }

    /// The revision of a change. With a bucket others change groups too, so it is the time in
    /// microseconds: a change made before the bucket was first seen is later than what is in it, and
    /// two servers do not give one revision to two changes.
    fn next_revision(&self, contents: &Contents) -> u64 {
        let counted = contents.revision + 1;
        let Some(_) = &self.bucket else {
            return counted;
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |since| since.as_micros());
        counted.max(u64::try_from(now).unwrap_or(0))
    }

    /// Makes a group durable.
    pub(super) fn write_file(
        &self,
        tenant: &TenantId,
        file: &RuleFile,
    ) -> Result<(), RuleStoreError> {
        let key = key_of(tenant, &file.namespace, &file.group.name);
        let path = self.path(&key, Kind::There);
        let text = encode(&file.namespace, file.revision, &file.group);
        self.write(tenant, &path, text.as_bytes())
            .map_err(at("writing", &path))?;
        // A mark that stays has a lower revision than the group, and counts no more.
        let _ = self.files.remove(&self.path(&key, Kind::Gone));
        Ok(())
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
        let Some(groups) = contents.tenants.get(tenant) else {
            return Ok(false);
        };
        let names: Vec<_> = groups.keys().filter(|key| which(key)).cloned().collect();
        let folder = self.folder.join(tenant.as_str());
        let handle = self.files.open_folder(&folder);
        let handle = handle.map_err(at("opening", &folder))?;
        for name in &names {
            let key = key_of(tenant, &name.0, &name.1);
            if self.bucket.is_some() {
                let revision = self.next_revision(&contents);
                let mark = self.path(&key, Kind::Gone);
                let written = self.write(tenant, &mark, encode_gone(revision).as_bytes());
                written.map_err(at("writing", &mark))?;
                contents.note(revision);
                contents.gone.insert(key.clone(), revision);
            }
            self.remove_file(&key, Kind::There)?;
            contents.forget(tenant, name);
        }
        handle.sync().map_err(at("synchronising", &folder))?;
        Ok(!names.is_empty())
    }

    pub(super) fn remove_file(&self, key: &Key, kind: Kind) -> Result<(), RuleStoreError> {
        let path = self.path(key, kind);
        match self.files.remove(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(at("removing", &path)(error))
            }
            _ => Ok(()),
        }
    }
}

impl Contents {
    /// Revisions given from now on are higher.
    pub(super) fn note(&mut self, revision: u64) {
        self.revision = self.revision.max(revision);
    }

    pub(super) fn put(&mut self, tenant: &TenantId, file: RuleFile) -> StoredGroup {
        self.note(file.revision);
        let key = key_of(tenant, &file.namespace, &file.group.name);
        self.gone.remove(&key);
        let stored = StoredGroup {
            namespace: Arc::from(file.namespace),
            revision: file.revision,
            group: Arc::new(file.group),
        };
        let name = Arc::from(stored.group.name.as_str());
        let groups = self.tenants.entry(tenant.clone()).or_default();
        groups.insert((stored.namespace.clone(), name), stored.clone());
        stored
    }

    fn forget(&mut self, tenant: &TenantId, name: &(Arc<str>, Arc<str>)) {
        if let Some(groups) = self.tenants.get_mut(tenant) {
            groups.remove(name);
            if groups.is_empty() {
                self.tenants.remove(tenant);
            }
        }
    }

    /// Forgets a group by its hash; whether it was there.
    pub(super) fn forget_key(&mut self, key: &Key) -> bool {
        let groups = self.tenants.get(&key.0).into_iter().flatten();
        let mut names = groups.map(|(name, _)| name);
        let found = names.find(|(namespace, name)| key_of(&key.0, namespace, name) == *key);
        let found = found.cloned();
        if let Some(name) = &found {
            self.forget(&key.0, name);
        }
        found.is_some()
    }

    /// What is known of a group: of the one with these names, or else of the mark that it is gone.
    pub(super) fn version(&self, key: &Key, namespace: &str, name: &str) -> Option<Version> {
        let names = (Arc::from(namespace), Arc::from(name));
        let stored = self.tenants.get(&key.0).and_then(|all| all.get(&names));
        let there = stored.map(|stored| (stored.revision, Kind::There));
        let gone = || Some((*self.gone.get(key)?, Kind::Gone));
        let (revision, kind) = there.or_else(gone)?;
        Some(Version { revision, kind })
    }

    /// All groups and marks, with their revisions.
    pub(super) fn versions(&self) -> BTreeMap<Key, Version> {
        let version = |revision, kind| Version { revision, kind };
        let gone = self.gone.iter();
        let mut all: BTreeMap<Key, Version> = gone
            .map(|(key, revision)| (key.clone(), version(*revision, Kind::Gone)))
            .collect();
        for (tenant, groups) in &self.tenants {
            for ((namespace, name), stored) in groups {
                let key = key_of(tenant, namespace, name);
                all.insert(key, version(stored.revision, Kind::There));
            }
        }
        all
    }

    /// What the object of a version holds; `None` when there is another version by now.
    pub(super) fn text_of(&self, key: &Key, version: Version) -> Option<String> {
        if version.kind == Kind::Gone {
            return Some(encode_gone(version.revision));
        }
        let stored = self.tenants.get(&key.0)?.values().find(|stored| {
            stored.revision == version.revision
                && key_of(&key.0, &stored.namespace, &stored.group.name) == *key
        })?;
        Some(encode(&stored.namespace, stored.revision, &stored.group))
    }
}

pub(super) fn key_of(tenant: &TenantId, namespace: &str, name: &str) -> Key {
    (tenant.clone(), rule_file::hash(namespace, name))
}

fn at(context: &'static str, path: &Path) -> impl FnOnce(io::Error) -> RuleStoreError {
    let path = path.to_owned();
    move |error| RuleStoreError {
        context,
        path,
        error,
    }
}
