//! Saved searches are kept in one small file of the data directory, by tenant and name.
//!
//! The file is read when it is first needed and replaced as a whole: written beside, synchronised,
//! renamed. A file that can't be read is never replaced.

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use skald_model::TenantId;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;

/// The file's name in the data directory.
const FILE: &str = "saved_searches.json";

/// Version of the file's layout.
const VERSION: u32 = 1;

/// Most searches of a tenant.
pub(crate) const PER_TENANT_MAX: usize = 500;

/// Most bytes of the file.
pub(crate) const FILE_BYTES_MAX: usize = 8 << 20;

/// Most characters of a name.
pub(crate) const NAME_CHARS_MAX: usize = 200;

/// Most bytes of a query.
pub(crate) const QUERY_BYTES_MAX: usize = 8192;

/// Most columns, and bytes of a column's name or of an end of the range.
const COLUMNS_MAX: usize = 50;
const WORD_BYTES_MAX: usize = 200;

/// A search: what the page needs to show the same again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SavedSearch {
    /// Its name, which is its own among those of a tenant.
    pub(crate) name: String,
    /// LogQL.
    pub(crate) query: String,
    /// The range as typed: `now-1h`, or milliseconds since 1970.
    #[serde(default)]
    pub(crate) from: String,
    #[serde(default)]
    pub(crate) to: String,
    /// Fields shown as columns.
    #[serde(default)]
    pub(crate) columns: Vec<String>,
}

impl SavedSearch {
    /// Refuses what is too long, with a sentence for the user.
    pub(crate) fn check(&self) -> Result<(), String> {
        let named = |what: &str, max: usize, unit: &str| {
            Err(format!("{what} of a saved search has at most {max} {unit}"))
        };
        if self.name.trim().is_empty() {
            return Err("a saved search needs a name".to_owned());
        }
        if self.name.chars().count() > NAME_CHARS_MAX {
            return named("the name", NAME_CHARS_MAX, "characters");
        }
        if self.query.len() > QUERY_BYTES_MAX {
            return named("the query", QUERY_BYTES_MAX, "bytes");
        }
        if self.columns.len() > COLUMNS_MAX {
            return named("the list of columns", COLUMNS_MAX, "names");
        }
        let words = self.columns.iter().chain([&self.from, &self.to]);
        match words.map(String::len).max() {
            Some(longest) if longest > WORD_BYTES_MAX => {
                named("a column or an end of the range", WORD_BYTES_MAX, "bytes")
            }
            _ => Ok(()),
        }
    }
}

/// Why a search was not saved or removed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SaveError {
    /// There is no room.
    #[error("{0}")]
    Full(String),
    /// The file can't be read or written.
    #[error("saved searches can't be kept in {path}: {error}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Contents {
    version: u32,
    tenants: BTreeMap<String, BTreeMap<String, SavedSearch>>,
}

/// The saved searches of all tenants.
pub(crate) struct SavedSearches {
    folder: PathBuf,
    /// What the file holds, once it was read.
    contents: Mutex<Option<Contents>>,
}

impl SavedSearches {
    /// In this data directory.
    pub(crate) fn new(folder: PathBuf) -> SavedSearches {
        SavedSearches {
            folder,
            contents: Mutex::new(None),
        }
    }

    /// Those of a tenant, by name.
    pub(crate) fn of(&self, tenant: &TenantId) -> Result<Vec<SavedSearch>, SaveError> {
        let mut contents = self.contents.lock();
        let contents = self.read(&mut contents)?;
        let found = contents.tenants.get(tenant.as_str());
        Ok(found.map_or_else(Vec::new, |all| all.values().cloned().collect()))
    }

    /// Keeps a search; one of the same name is replaced.
    pub(crate) fn keep(&self, tenant: &TenantId, search: SavedSearch) -> Result<(), SaveError> {
        self.change(|contents| {
            let all = contents.tenants.entry(tenant.as_str().to_owned());
            let all = all.or_default();
            all.insert(search.name.clone(), search);
            if all.len() > PER_TENANT_MAX {
                let text = format!("a tenant has at most {PER_TENANT_MAX} saved searches");
                return Err(SaveError::Full(text));
            }
            Ok(())
        })
    }

    /// Removes the search of this name; whether there was one.
    pub(crate) fn remove(&self, tenant: &TenantId, name: &str) -> Result<bool, SaveError> {
        if !self.of(tenant)?.iter().any(|search| search.name == name) {
            return Ok(false);
        }
        self.change(|contents| {
            if let Some(all) = contents.tenants.get_mut(tenant.as_str()) {
                all.remove(name);
            }
            contents.tenants.retain(|_, all| !all.is_empty());
            Ok(())
        })?;
        Ok(true)
    }

    /// Changes a copy, writes it, and only then has it be what is kept.
    fn change(
        &self,
        change: impl FnOnce(&mut Contents) -> Result<(), SaveError>,
    ) -> Result<(), SaveError> {
        let mut held = self.contents.lock();
        let mut next = self.read(&mut held)?.clone();
        change(&mut next)?;
        next.version = VERSION;
        let bytes = serde_json::to_vec(&next).map_err(|error| self.failed(error.into()))?;
        if bytes.len() > FILE_BYTES_MAX {
            let text = format!("saved searches of all tenants have at most {FILE_BYTES_MAX} bytes");
            return Err(SaveError::Full(text));
        }
        self.replace(&bytes).map_err(|error| self.failed(error))?;
        *held = Some(next);
        Ok(())
    }

    fn path(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    fn failed(&self, error: io::Error) -> SaveError {
        let path = self.path();
        SaveError::File { path, error }
    }

    fn read<'a>(&self, held: &'a mut Option<Contents>) -> Result<&'a Contents, SaveError> {
        if held.is_none() {
            let contents = match fs::read(self.path()) {
                Ok(bytes) => serde_json::from_slice(&bytes)
                    .map_err(io::Error::from)
                    .and_then(known_version),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Contents::default()),
                Err(error) => Err(error),
            };
            *held = Some(contents.map_err(|error| self.failed(error))?);
        }
        Ok(held.as_ref().expect("it was read above"))
    }

    fn replace(&self, bytes: &[u8]) -> io::Result<()> {
        let beside = self.folder.join(format!("{FILE}.new"));
        let mut file = File::create(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, self.path())?;
        File::open(&self.folder)?.sync_all()
    }
}

fn known_version(contents: Contents) -> io::Result<Contents> {
    if contents.version > VERSION {
        let text = format!("version {} is of a later Skald", contents.version);
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    Ok(contents)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(name: &str) -> SavedSearch {
        SavedSearch {
            name: name.to_owned(),
            query: "{app=\"web\"}".to_owned(),
            from: "now-1h".to_owned(),
            to: "now".to_owned(),
            columns: vec!["status".to_owned()],
        }
    }

    fn names(saved: &SavedSearches, tenant: &TenantId) -> Vec<String> {
        let all = saved.of(tenant).expect("the file can be read");
        all.into_iter().map(|search| search.name).collect()
    }

    #[test]
    fn searches_are_of_their_tenant_and_survive() {
        let folder = tempfile::tempdir().expect("a folder");
        let [a, b] = ["a", "b"].map(|name| TenantId::parse(name).expect("valid"));
        let saved = SavedSearches::new(folder.path().to_owned());
        saved.keep(&a, search("errors")).expect("kept");
        saved.keep(&a, search("errors")).expect("replaced");
        saved.keep(&b, search("느림")).expect("kept");
        let again = SavedSearches::new(folder.path().to_owned());
        assert_eq!(again.of(&a).expect("read"), [search("errors")]);
        assert_eq!(names(&again, &b), ["느림"]);
        assert!(again.remove(&a, "errors").expect("removed"));
        assert!(!again.remove(&a, "errors").expect("nothing to remove"));
        assert!(names(&SavedSearches::new(folder.path().to_owned()), &a).is_empty());
        assert!(!folder.path().join(format!("{FILE}.new")).exists());
    }

    #[test]
    fn a_tenant_has_so_many_and_a_damaged_file_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let tenant = TenantId::parse("a").expect("valid");
        let saved = SavedSearches::new(folder.path().to_owned());
        let mut full = Contents::default();
        let of_tenant = full.tenants.entry("a".to_owned()).or_default();
        for i in 0..PER_TENANT_MAX {
            of_tenant.insert(format!("{i}"), search(&format!("{i}")));
        }
        let bytes = serde_json::to_vec(&full).expect("JSON");
        fs::write(folder.path().join(FILE), bytes).expect("written");
        let error = saved
            .keep(&tenant, search("one more"))
            .expect_err("it is full");
        assert_eq!(error.to_string(), "a tenant has at most 500 saved searches");
        saved.keep(&tenant, search("7")).expect("replaced");

        fs::write(folder.path().join(FILE), "{broken").expect("written");
        let damaged = SavedSearches::new(folder.path().to_owned());
        assert!(damaged.keep(&tenant, search("x")).is_err());
        assert_eq!(
            fs::read_to_string(folder.path().join(FILE)).expect("read"),
            "{broken"
        );
    }

    #[test]
    fn what_is_too_long_is_refused() {
        let check = |change: fn(&mut SavedSearch), expected: &str| {
            let mut search = search("x");
            change(&mut search);
            assert_eq!(search.check(), Err(expected.to_owned()));
        };
        check(|s| s.name = " ".to_owned(), "a saved search needs a name");
        check(
            |s| s.name = "가".repeat(NAME_CHARS_MAX + 1),
            "the name of a saved search has at most 200 characters",
        );
        check(
            |s| s.query = "x".repeat(QUERY_BYTES_MAX + 1),
            "the query of a saved search has at most 8192 bytes",
        );
        check(
            |s| s.columns = vec!["c".repeat(WORD_BYTES_MAX + 1)],
            "a column or an end of the range of a saved search has at most 200 bytes",
        );
        assert_eq!(search("x").check(), Ok(()));
    }
}
