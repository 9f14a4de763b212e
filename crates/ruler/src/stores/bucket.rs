//! A bucket as a trait: a copy of the API's rules that outlives the disk.
//!
//! An object is named by its group and its revision, and never changes; of one group the highest
//! revision counts, and one that ends in `.gone` says that the group was removed. So any number of
//! servers come to the same rules whatever the order in which they look.

use skald_model::TenantId;
use std::collections::BTreeMap;
use std::fmt;

/// Keeps small objects.
pub trait RuleBucket: Send + Sync + fmt::Debug {
    /// The names of all objects.
    fn list(&self) -> Result<Vec<String>, String>;
    /// An object, if there is one.
    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, String>;
    /// Puts an object; one that is there already has the same bytes.
    fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), String>;
    /// Removes an object; one that is not there is fine.
    fn remove(&self, name: &str) -> Result<(), String>;
}

/// A group by its tenant and the hash of its names.
pub(super) type Key = (TenantId, String);

/// What is known of a group somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    pub(super) revision: u64,
    pub(super) kind: Kind,
}

/// Whether a group is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    There,
    Gone,
}

/// The name of the object of a version.
pub(super) fn object_name((tenant, hash): &Key, version: Version) -> String {
    let ending = match version.kind {
        Kind::There => "yaml",
        Kind::Gone => "gone",
    };
    format!("{tenant}/{hash}-{:016x}.{ending}", version.revision)
}

/// The group and version that [`object_name`] put into a name.
pub(super) fn version_of(name: &str) -> Option<(Key, Version)> {
    let (tenant, rest) = name.split_once('/')?;
    let (rest, ending) = rest.split_once('.')?;
    let (hash, revision) = rest.split_once('-')?;
    let version = Version {
        revision: u64::from_str_radix(revision, 16).ok()?,
        kind: match ending {
            "yaml" => Kind::There,
            "gone" => Kind::Gone,
            _ => return None,
        },
    };
    let key = (TenantId::parse(tenant).ok()?, hash.to_owned());
    (object_name(&key, version) == name).then_some((key, version))
}

/// What makes a disk and a bucket equal.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Plan {
    /// Versions that the bucket lacks.
    pub(super) put: Vec<(Key, Version)>,
    /// Versions that the disk lacks.
    pub(super) adopt: Vec<(Key, Version)>,
    /// Objects that a later version has replaced.
    pub(super) remove: Vec<String>,
}

/// Compares the versions of the disk with the names in the bucket.
pub(super) fn plan(own: &BTreeMap<Key, Version>, names: &[String]) -> Plan {
    let mut newest: BTreeMap<Key, Version> = BTreeMap::new();
    for (key, version) in names.iter().filter_map(|name| version_of(name)) {
        let known = newest.entry(key).or_insert(version);
        *known = version.max(*known);
    }
    let mut plan = Plan::default();
    for (key, version) in own {
        if newest.get(key).is_none_or(|there| there < version) {
            plan.put.push((key.clone(), *version));
            newest.insert(key.clone(), *version);
        }
    }
    for (key, version) in &newest {
        if own.get(key).is_none_or(|own| own < version) {
            plan.adopt.push((key.clone(), *version));
        }
    }
    plan.remove = names
        .iter()
        .filter(|name| version_of(name).is_some_and(|(key, v)| newest[&key] > v))
        .cloned()
        .collect();
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back() {
        let key = (TenantId::fake(), "0a".repeat(16));
        for kind in [Kind::There, Kind::Gone] {
            let version = Version { revision: 7, kind };
            let name = object_name(&key, version);
            assert_eq!(version_of(&name), Some((key.clone(), version)));
        }
        for name in ["", "fake/a", "fake/a-1.yaml", "fake/a-0000000000000001.yml"] {
            assert_eq!(version_of(name), None, "{name}");
        }
    }
}
