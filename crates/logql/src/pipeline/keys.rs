//! The key table remembers which label each key of json and logfmt lines becomes.
//!
//! Lines of one program have the same keys in the same order, so the key after the last one found
//! is tried first and most look-ups are one comparison.

use super::labels::LabelSet;
use super::names::{NO_NAME, NameId};
use hashbrown::HashTable;
use skald_fields::label_name;
use skald_model::steps;
use std::hash::BuildHasher;

/// Most keys kept: lines with random keys must not fill the memory.
const KEYS_MAX: usize = 64 * 1024;

/// Number of a path of object keys; 0 is the line itself.
pub(super) type PrefixId = u32;

/// What a key becomes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    prefix: PrefixId,
    start: u32,
    end: u32,
    /// Label of a value under the key; [`NO_NAME`] when it has none or nobody needs it.
    pub(super) name: NameId,
    /// Path for keys of an object under the key.
    pub(super) child: PrefixId,
    /// Whether anything below the key can be needed.
    pub(super) descend: bool,
}

/// Keys seen so far by one thread in lines of one pipeline.
#[derive(Debug, Default)]
pub(super) struct Keys {
    keys: Vec<Key>,
    bytes: Vec<u8>,
    prefixes: Vec<String>,
    index: HashTable<u32>,
    hasher: foldhash::fast::FixedState,
    next: usize,
    /// Bytes that the label set was charged with.
    held: usize,
}

/// Bytes that a key takes beside its texts.
const KEY_BYTES: usize = size_of::<Key>() + size_of::<String>() + 16;

/// What a key becomes where nothing may grow any more.
const NO_KEY: Key = Key {
    prefix: 0,
    start: 0,
    end: 0,
    name: NO_NAME,
    child: 0,
    descend: false,
};

impl Keys {
    /// Forgets all keys; needed when names are numbered anew.
    pub(super) fn clear(&mut self) {
        *self = Keys::default();
    }

    /// Starts a line.
    pub(super) fn begin_line(&mut self, labels: &mut LabelSet) {
        self.next = 0;
        if self.keys.len() > KEYS_MAX {
            labels.let_go(self.held);
            self.clear();
        }
        if self.prefixes.is_empty() {
            self.prefixes.push(String::new());
        }
    }

    /// What `raw` below `prefix` becomes.
    pub(super) fn get(&mut self, prefix: PrefixId, raw: &[u8], labels: &mut LabelSet) -> Key {
        steps::count(raw.len() + 1);
        let is = |key: &Key, bytes: &[u8]| {
            key.prefix == prefix && equal(&bytes[key.start as usize..key.end as usize], raw)
        };
        if let Some(key) = self.keys.get(self.next)
            && is(key, &self.bytes)
        {
            self.next += 1;
            return *key;
        }
        let hash = self.hasher.hash_one((prefix, raw));
        let found = self
            .index
            .find(hash, |at| is(&self.keys[*at as usize], &self.bytes))
            .copied();
        if found.is_none() && labels.is_halted() {
            return NO_KEY;
        }
        let at = found.unwrap_or_else(|| self.add(hash, prefix, raw, labels));
        self.next = at as usize + 1;
        self.keys[at as usize]
    }

    fn add(&mut self, hash: u64, prefix: PrefixId, raw: &[u8], labels: &mut LabelSet) -> u32 {
        let path = label_name(
            &self.prefixes[prefix as usize],
            &String::from_utf8_lossy(raw),
        );
        let name = if path.is_empty() {
            NO_NAME
        } else {
            labels.intern_if_wanted(&path)
        };
        let bytes = KEY_BYTES + raw.len() + path.len();
        self.held += bytes;
        labels.hold(bytes);
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(raw);
        let descend = labels.wants_prefix(&path);
        self.prefixes.push(path);
        let child = (self.prefixes.len() - 1) as u32;
        let at = self.keys.len() as u32;
        self.keys.push(Key {
            prefix,
            start,
            end: self.bytes.len() as u32,
            name,
            child,
            descend,
        });
        let (keys, bytes, hasher) = (&self.keys, &self.bytes, &self.hasher);
        self.index.insert_unique(hash, at, |at| {
            let key = &keys[*at as usize];
            hasher.hash_one((key.prefix, &bytes[key.start as usize..key.end as usize]))
        });
        at
    }
}

/// Whether keys, which are short, are the same.
#[inline]
fn equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    match (
        a.first_chunk::<8>(),
        a.last_chunk::<8>(),
        b.first_chunk::<8>(),
        b.last_chunk::<8>(),
    ) {
        (Some(a_first), Some(a_last), Some(b_first), Some(b_last)) if a.len() <= 16 => {
            a_first == b_first && a_last == b_last
        }
        (Some(_), ..) => a == b,
        _ => a.iter().zip(b).all(|(a, b)| a == b),
    }
}
