//! The name table numbers label names, so that a label is found by index and not by comparing text.
//!
//! A pipeline knows some names when it is compiled ([`StaticNames`]); they have the first numbers.
//! The rest is met in lines and numbered on the way, per thread ([`NameTable`]). Invariant: a
//! number keeps its name until [`NameTable::bind`] finds another pipeline or too many names, which
//! happens between runs.

use hashbrown::{HashMap, HashTable};
use skald_model::steps;
use std::hash::BuildHasher;

/// Number of a label name.
pub(super) type NameId = u32;

/// No name.
pub(super) const NO_NAME: NameId = NameId::MAX;

/// Most names kept from run to run: lines with random keys must not fill the memory.
const NAMES_MAX: usize = 64 * 1024;

/// What Loki appends to an extracted label that a stream or its metadata has already.
pub const EXTRACTED_SUFFIX: &str = "_extracted";

/// Names known when a pipeline is compiled, and which of them have to be extracted.
#[derive(Debug, Default)]
pub(super) struct StaticNames {
    names: Vec<String>,
    numbers: HashMap<String, NameId>,
}

impl StaticNames {
    /// The number of `name`, new or known.
    pub(super) fn id(&mut self, name: &str) -> NameId {
        steps::count(name.len());
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = self.names.len() as NameId;
        self.names.push(name.to_owned());
        self.numbers.insert(name.to_owned(), number);
        number
    }

    /// The name of a number.
    pub(super) fn text(&self, id: NameId) -> &str {
        &self.names[id as usize]
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }
}

/// All names seen by one thread in lines of one pipeline.
#[derive(Debug, Default)]
pub(super) struct NameTable {
    owner: u64,
    names: Vec<Box<str>>,
    index: HashTable<NameId>,
    hasher: foldhash::fast::FixedState,
    suffixed: Vec<NameId>,
}

impl NameTable {
    /// Makes the table that of pipeline `owner`; true when all numbers were given anew.
    pub(super) fn bind(&mut self, owner: u64, known: &StaticNames) -> bool {
        if self.owner == owner && self.names.len() <= NAMES_MAX {
            return false;
        }
        self.owner = owner;
        self.names.clear();
        self.index.clear();
        self.suffixed.clear();
        for name in &known.names {
            self.intern(name);
        }
        true
    }

    /// The number of `name`, new or known.
    pub(super) fn intern(&mut self, name: &str) -> NameId {
        steps::count(name.len());
        let hash = self.hasher.hash_one(name);
        if let Some(id) = self
            .index
            .find(hash, |id| *self.names[*id as usize] == *name)
        {
            return *id;
        }
        let id = self.names.len() as NameId;
        self.names.push(name.into());
        self.suffixed.push(NO_NAME);
        let (names, hasher) = (&self.names, &self.hasher);
        self.index
            .insert_unique(hash, id, |id| hasher.hash_one(&*names[*id as usize]));
        id
    }

    /// The number of `name` if it was ever seen.
    pub(super) fn find(&self, name: &str) -> Option<NameId> {
        steps::count(name.len());
        self.index
            .find(self.hasher.hash_one(name), |id| {
                *self.names[*id as usize] == *name
            })
            .copied()
    }

    /// The name of a number.
    pub(super) fn text(&self, id: NameId) -> &str {
        &self.names[id as usize]
    }

    /// The number of `name_extracted`.
    pub(super) fn suffixed(&mut self, id: NameId) -> NameId {
        if self.suffixed[id as usize] == NO_NAME {
            let name = format!("{}{EXTRACTED_SUFFIX}", self.text(id));
            self.suffixed[id as usize] = self.intern(&name);
        }
        self.suffixed[id as usize]
    }

    /// How many names there are.
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }
}
