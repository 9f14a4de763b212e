//! The API's own store: a file for each group in the data directory.
//!
//! A change is durable before it is answered: written beside, synchronised, renamed, and the folder
//! synchronised. A file that can't be read is left alone and reported; the other groups are there.
//! With a bucket, removed groups leave a mark until it knows of them ([`OwnRules::sync`]).

use super::bucket::{Key, Kind, RuleBucket, Version, object_name, plan, version_of};
use super::local::FileProblem;
use super::rule_file::{self, RuleFile, decode, decode_gone, encode, encode_gone, hash_of};
use crate::rules::RuleGroup;
use crate::templates::Templates;
use parking_lot::Mutex;
use skald_model::TenantId;
use skald_wal::files::{Files, FolderHandle};
use std::collections::{BTreeMap, BTreeSet};
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
    bucket: Option<Arc<dyn RuleBucket>>,
    contents: Mutex<Contents>,
}

#[derive(Debug, Default)]
struct Contents {
    tenants: BTreeMap<TenantId, Groups>,
    /// Removed groups, with the revision that removed them.
    gone: BTreeMap<Key, u64>,
    /// The highest one.
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
            revision: contents.revision + 1,
            group,
        };
        self.write_file(tenant, &file)?;
        Ok(contents.put(tenant, file))
    }

    /// Makes a group durable.
    fn write_file(&self, tenant: &TenantId, file: &RuleFile) -> Result<(), RuleStoreError> {
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
                let revision = contents.revision + 1;
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

    fn remove_file(&self, key: &Key, kind: Kind) -> Result<(), RuleStoreError> {
        let path = self.path(key, kind);
        match self.files.remove(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(at("removing", &path)(error))
            }
            _ => Ok(()),
        }
    }

    /// Makes disk and bucket equal, the later revision of each group winning; the tenants whose
    /// groups changed here. A store without a bucket has nothing to do.
    pub fn sync(&self, templates: &dyn Templates) -> Result<BTreeSet<TenantId>, String> {
        let mut changed = BTreeSet::new();
        let Some(bucket) = &self.bucket else {
            return Ok(changed);
        };
        let names = bucket.list()?;
        let plan = {
            let mut contents = self.contents.lock();
            let there = names.iter().filter_map(|name| version_of(name));
            let highest = there.map(|(_, version)| version.revision).max();
            contents.note(highest.unwrap_or(0));
            plan(&contents.versions(), &names)
        };
        for (key, version) in &plan.put {
            let text = self.contents.lock().text_of(key, *version);
            if let Some(text) = text {
                bucket.put(&object_name(key, *version), text.into_bytes())?;
            }
            if version.kind == Kind::Gone {
                // The bucket knows it now; a mark that stays does no harm.
                let _ = self.files.remove(&self.path(key, Kind::Gone));
            }
        }
        for (key, version) in &plan.adopt {
            if self.adopt(&**bucket, key, *version, templates)? {
                changed.insert(key.0.clone());
            }
        }
        for name in &plan.remove {
            bucket.remove(name)?;
        }
        Ok(changed)
    }

    /// Takes over a version that the bucket has; whether groups have changed.
    fn adopt(
        &self,
        bucket: &dyn RuleBucket,
        key: &Key,
        version: Version,
        templates: &dyn Templates,
    ) -> Result<bool, String> {
        let name = object_name(key, version);
        let file = match version.kind {
            Kind::Gone => None,
            Kind::There => {
                let Some(bytes) = bucket.get(&name)? else {
                    return Ok(false);
                };
                let file = decode(&bytes, templates);
                let own = |f: &RuleFile| key_of(&key.0, &f.namespace, &f.group.name) == *key;
                match file.map(|file| Some(file).filter(own)) {
                    Ok(Some(file)) if file.revision == version.revision => Some(file),
                    Ok(_) => return Err(format!("the group in {name} belongs to another name")),
                    Err(why) => return Err(format!("{name}: {why}")),
                }
            }
        };
        let mut contents = self.contents.lock();
        if contents
            .versions()
            .get(key)
            .is_some_and(|own| *own >= version)
        {
            return Ok(false);
        }
        let text = |error: RuleStoreError| error.to_string();
        let Some(file) = file else {
            self.remove_file(key, Kind::There).map_err(text)?;
            contents.gone.insert(key.clone(), version.revision);
            return Ok(contents.forget_key(key));
        };
        self.write_file(&key.0, &file).map_err(text)?;
        contents.put(&key.0, file);
        Ok(true)
    }
}

impl Contents {
    fn note(&mut self, revision: u64) {
        self.revision = self.revision.max(revision);
    }

    fn put(&mut self, tenant: &TenantId, file: RuleFile) -> StoredGroup {
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
    fn forget_key(&mut self, key: &Key) -> bool {
        let groups = self.tenants.get(&key.0).into_iter().flatten();
        let mut names = groups.map(|(name, _)| name);
        let found = names.find(|(namespace, name)| key_of(&key.0, namespace, name) == *key);
        let found = found.cloned();
        if let Some(name) = &found {
            self.forget(&key.0, name);
        }
        found.is_some()
    }

    /// All groups and marks, with their revisions.
    fn versions(&self) -> BTreeMap<Key, Version> {
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
    fn text_of(&self, key: &Key, version: Version) -> Option<String> {
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

fn key_of(tenant: &TenantId, namespace: &str, name: &str) -> Key {
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
