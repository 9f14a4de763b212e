//! Synchronising makes the API's store and its bucket equal, the later revision of each group winning.
//!
//! What fails for one group is a problem of that group: nothing of it is removed from the bucket,
//! the others are synchronised, and the next time it is tried again.

use super::bucket::{Key, Kind, RuleBucket, Version, object_name, plan, version_of};
use super::own::{OwnRules, RuleStoreError, key_of};
use super::rule_file::{RuleFile, decode};
use crate::templates::Templates;
use skald_model::TenantId;
use std::collections::BTreeSet;

/// What synchronising did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Synced {
    /// Tenants whose groups changed here.
    pub changed: BTreeSet<TenantId>,
    /// Objects that could not be put, read or removed, each with the reason.
    pub problems: Vec<(String, String)>,
}

impl OwnRules {
    /// Makes disk and bucket equal. A store without a bucket has nothing to do. Waits for the
    /// bucket; changes go on meanwhile. An error says why the bucket can't be listed.
    pub fn sync(&self, templates: &dyn Templates) -> Result<Synced, String> {
        let mut synced = Synced::default();
        let Some(bucket) = &self.bucket else {
            return Ok(synced);
        };
        let names = bucket.list()?;
        let plan = {
            let mut contents = self.contents.lock();
            let there = names.iter().filter_map(|name| version_of(name));
            let highest = there.map(|(_, version)| version.revision).max();
            contents.note(highest.unwrap_or(0));
            plan(&contents.versions(), &names)
        };
        // Groups of which the bucket must keep what it has.
        let mut unsettled = BTreeSet::new();
        let fail = |key: &Key, version, why, unsettled: &mut BTreeSet<Key>| {
            unsettled.insert(key.clone());
            (object_name(key, version), why)
        };
        for (key, version) in &plan.put {
            match self.upload(&**bucket, key, *version) {
                Ok(true) => {}
                Ok(false) => drop(unsettled.insert(key.clone())),
                Err(why) => {
                    let problem = fail(key, *version, why, &mut unsettled);
                    synced.problems.push(problem);
                }
            }
        }
        for (key, version) in &plan.adopt {
            match self.adopt(&**bucket, key, *version, templates) {
                Ok(true) => drop(synced.changed.insert(key.0.clone())),
                Ok(false) => {}
                Err(why) => {
                    let problem = fail(key, *version, why, &mut unsettled);
                    synced.problems.push(problem);
                }
            }
        }
        let settled =
            |name: &String| version_of(name).is_some_and(|(key, _)| !unsettled.contains(&key));
        for name in plan.remove.into_iter().filter(settled) {
            if let Err(why) = bucket.remove(&name) {
                synced.problems.push((name, why));
            }
        }
        Ok(synced)
    }

    /// After this the bucket changes nothing on the disk, which may have another owner by then.
    pub fn close(&self) {
        self.contents.lock().is_closed = true;
    }

    /// Puts a version into the bucket; whether it is still the one that counts.
    fn upload(&self, bucket: &dyn RuleBucket, key: &Key, version: Version) -> Result<bool, String> {
        let text = self.contents.lock().text_of(key, version);
        let Some(text) = text else {
            return Ok(false);
        };
        bucket.put(&object_name(key, version), text.into_bytes())?;
        let contents = self.contents.lock();
        let is_newest = contents.gone.get(key) == Some(&version.revision);
        if version.kind == Kind::Gone && is_newest && !contents.is_closed {
            // The bucket knows it now. A mark that stays does no harm.
            drop(self.remove_file(key, Kind::Gone));
        }
        Ok(true)
    }

    /// Takes over a version that the bucket has; whether groups have changed.
    fn adopt(
        &self,
        bucket: &dyn RuleBucket,
        key: &Key,
        version: Version,
        templates: &dyn Templates,
    ) -> Result<bool, String> {
        match version.kind {
            Kind::Gone => self.adopt_removal(key, version),
            Kind::There => match bucket.get(&object_name(key, version))? {
                Some(bytes) => self.adopt_group(key, version, &bytes, templates),
                // Somebody replaced it since the bucket was listed.
                None => Ok(false),
            },
        }
    }

    fn adopt_group(
        &self,
        key: &Key,
        version: Version,
        bytes: &[u8],
        templates: &dyn Templates,
    ) -> Result<bool, String> {
        let file: RuleFile = decode(bytes, templates)?;
        let own = key_of(&key.0, &file.namespace, &file.group.name);
        if own != *key || file.revision != version.revision {
            return Err("the group in it belongs to another name".to_owned());
        }
        let mut contents = self.contents.lock();
        let known = contents.version(key, &file.namespace, &file.group.name);
        if contents.is_closed || known.is_some_and(|known| known >= version) {
            return Ok(false);
        }
        self.write_file(&key.0, &file).map_err(text)?;
        contents.put(&key.0, file);
        Ok(true)
    }

    fn adopt_removal(&self, key: &Key, version: Version) -> Result<bool, String> {
        let mut contents = self.contents.lock();
        let known = contents.versions().get(key).copied();
        if contents.is_closed || known.is_some_and(|known| known >= version) {
            return Ok(false);
        }
        self.remove_file(key, Kind::There).map_err(text)?;
        contents.gone.insert(key.clone(), version.revision);
        Ok(contents.forget_key(key))
    }
}

fn text(error: RuleStoreError) -> String {
    error.to_string()
}
