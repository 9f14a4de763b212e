//! A directory of rule files in Loki's layout: `<directory>/<tenant>/<file>`, never written.
//!
//! [`LocalRules::poll`] looks at every file and reads those that changed. A file with a fault keeps
//! the groups it had when it was last sound, is named as a problem, and concerns no other file.

use crate::rules::{RuleGroup, joined, read_file};
use crate::templates::Templates;
use skald_model::TenantId;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Most bytes of a file that are read.
const FILE_BYTES_MAX: u64 = 32 << 20;

/// A file of rules that can't be used, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileProblem {
    /// Whose rules it has; `None` when the directory itself can't be read.
    pub tenant: Option<TenantId>,
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub text: String,
}

/// A directory of rule files.
#[derive(Debug)]
pub struct LocalRules {
    directory: PathBuf,
    files: BTreeMap<(TenantId, String), SeenFile>,
    /// Folders that can't be read.
    unreadable: Vec<FileProblem>,
}

#[derive(Debug)]
struct SeenFile {
    stamp: Stamp,
    /// As they were when the file was last sound.
    groups: Vec<Arc<RuleGroup>>,
    problem: Option<String>,
}

/// What changes when a file does: writers of whole files replace them, others write into them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified: (i64, i64),
    changed: (i64, i64),
    bytes: u64,
    inode: u64,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Stamp {
        Stamp {
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            bytes: metadata.len(),
            inode: metadata.ino(),
        }
    }
}

impl LocalRules {
    /// Of a directory that nothing was read of yet.
    pub fn new(directory: impl Into<PathBuf>) -> LocalRules {
        LocalRules {
            directory: directory.into(),
            files: BTreeMap::new(),
            unreadable: Vec::new(),
        }
    }

    /// Where it looks.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Reads what changed since the last time; the tenants whose groups or problems did.
    pub fn poll(&mut self, templates: &dyn Templates) -> BTreeSet<TenantId> {
        let mut changed = BTreeSet::new();
        let mut unreadable = Vec::new();
        let mut seen = BTreeSet::new();
        let tenants = match entries(&self.directory) {
            Ok(tenants) => tenants,
            Err(error) => {
                self.unreadable = vec![unreadable_folder(None, &self.directory, &error)];
                return changed;
            }
        };
        for (name, path) in tenants {
            let Ok(tenant) = TenantId::parse(&name) else {
                continue;
            };
            if tenant.as_str() != name || !path.is_dir() {
                continue;
            }
            match entries(&path) {
                Ok(files) => {
                    for (name, path) in files {
                        let key = (tenant.clone(), name);
                        if self.look(&key, &path, templates, &mut changed) {
                            seen.insert(key);
                        }
                    }
                }
                Err(error) => {
                    unreadable.push(unreadable_folder(Some(tenant.clone()), &path, &error));
                    let own = self.files.keys().filter(|(of, _)| *of == tenant);
                    seen.extend(own.cloned());
                }
            }
        }
        self.files.retain(|key, _| {
            let stays = seen.contains(key);
            if !stays {
                changed.insert(key.0.clone());
            }
            stays
        });
        self.unreadable = unreadable;
        changed
    }

    /// Looks at one file; whether it is one.
    fn look(
        &mut self,
        key: &(TenantId, String),
        path: &Path,
        templates: &dyn Templates,
        changed: &mut BTreeSet<TenantId>,
    ) -> bool {
        // Symbolic links are followed: Kubernetes mounts files as links.
        let metadata = match fs::metadata(path) {
            Ok(metadata) if !metadata.is_file() => return false,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return false,
            metadata => metadata,
        };
        let before = self.files.get(key);
        let stamp = metadata.as_ref().ok().map(Stamp::of);
        if before.is_some_and(|before| stamp == Some(before.stamp)) {
            return true;
        }
        let read = metadata
            .and_then(|metadata| read_text(path, metadata.len()))
            .map_err(|error| error.to_string());
        let read =
            read.and_then(|text| read_file(&text, templates).map_err(|faults| joined(&faults)));
        let (groups, problem) = match read {
            Ok(groups) => (groups.into_iter().map(Arc::new).collect(), None),
            Err(problem) => {
                let sound = before.map(|before| before.groups.clone());
                (sound.unwrap_or_default(), Some(problem))
            }
        };
        let file = SeenFile {
            stamp: stamp.unwrap_or(Stamp {
                modified: (0, 0),
                changed: (0, 0),
                bytes: 0,
                inode: 0,
            }),
            groups,
            problem,
        };
        changed.insert(key.0.clone());
        self.files.insert(key.clone(), file);
        true
    }

    /// The tenants that have files.
    pub fn tenants(&self) -> BTreeSet<TenantId> {
        self.files
            .keys()
            .map(|(tenant, _)| tenant.clone())
            .collect()
    }

    /// The groups of a tenant by the names of their files.
    pub fn groups(&self, tenant: &TenantId) -> Vec<(Arc<str>, Arc<RuleGroup>)> {
        let own = self.files.iter().filter(|((of, _), _)| of == tenant);
        own.flat_map(|((_, name), file)| {
            let name: Arc<str> = Arc::from(name.as_str());
            file.groups
                .iter()
                .map(move |group| (name.clone(), group.clone()))
        })
        .collect()
    }

    /// Files that can't be used, and folders that can't be read.
    pub fn problems(&self) -> Vec<FileProblem> {
        let files = self.files.iter().filter_map(|((tenant, name), file)| {
            Some(FileProblem {
                tenant: Some(tenant.clone()),
                path: self.directory.join(tenant.as_str()).join(name),
                text: file.problem.clone()?,
            })
        });
        files.chain(self.unreadable.iter().cloned()).collect()
    }
}

/// Names and paths in a folder, without those that begin with a dot.
fn entries(folder: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if let Ok(name) = entry.file_name().into_string()
            && !name.starts_with('.')
        {
            found.push((name, entry.path()));
        }
    }
    Ok(found)
}

fn read_text(path: &Path, bytes: u64) -> io::Result<String> {
    if bytes > FILE_BYTES_MAX {
        return Err(io::Error::other(format!(
            "the file has {bytes} bytes, at most {FILE_BYTES_MAX} are read"
        )));
    }
    fs::read_to_string(path)
}

fn unreadable_folder(tenant: Option<TenantId>, folder: &Path, error: &io::Error) -> FileProblem {
    FileProblem {
        tenant,
        path: folder.to_owned(),
        text: format!("unable to read rule dir {}: {error}", folder.display()),
    }
}
