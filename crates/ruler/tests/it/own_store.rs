//! The API's own store: groups that are put, got and removed.

use crate::support::{empty_disk, group};
use parking_lot::Mutex;
use skald_model::TenantId;
use skald_ruler::rules::RuleGroup;
use skald_ruler::stores::{OwnRules, RuleBucket};
use skald_ruler::templates::NoTemplates;
use skald_wal::sim::SimFiles;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

fn open(files: &SimFiles) -> OwnRules {
    let files = Arc::new(files.clone());
    let opened = OwnRules::open(files, Path::new("/data/rules"), &NoTemplates);
    let (rules, problems) = opened.expect("the folder is sound");
    assert!(problems.is_empty(), "{problems:?}");
    rules
}

fn rule(name: &str, expr: &str) -> RuleGroup {
    group(&format!(
        "name: {name:?}\nlabels: {{a: b}}\nrules: [{{alert: x, expr: {expr:?}}}]"
    ))
}

fn names(rules: &OwnRules, tenant: &TenantId) -> Vec<(String, String, u64)> {
    let groups = rules.groups(tenant).into_iter();
    groups
        .map(|g| (g.namespace.to_string(), g.group.name.clone(), g.revision))
        .collect()
}

#[test]
fn groups_are_there_after_a_restart_whatever_they_are_called() {
    let files = empty_disk();
    let rules = open(&files);
    let tenant = TenantId::fake();
    let long = "x".repeat(1000);
    let names_of = ["a/b", "..", "ü \" '", "a", &long];
    for namespace in names_of {
        for name in names_of {
            let put = rules.put(&tenant, namespace, rule(name, "vector(1)"));
            put.expect("the disk is sound");
        }
    }
    let again = open(&files.after_kill());
    assert_eq!(again.groups(&tenant).len(), 25);
    assert_eq!(again.groups(&tenant), rules.groups(&tenant));
    let found = again.group(&tenant, "a/b", "..").expect("it was put");
    assert_eq!(*found.group, rule("..", "vector(1)"));
    assert_eq!(again.tenants(), [tenant]);
}

#[test]
fn a_group_replaces_the_one_of_its_name_and_goes_when_removed() {
    let files = empty_disk();
    let rules = open(&files);
    let (tenant, other) = (
        TenantId::fake(),
        TenantId::parse("other").expect("it is sound"),
    );
    for (of, namespace, name) in [
        (&tenant, "n", "a"),
        (&tenant, "n", "b"),
        (&tenant, "m", "a"),
        (&other, "n", "a"),
    ] {
        rules
            .put(of, namespace, rule(name, "vector(1)"))
            .expect("the disk is sound");
    }
    let put = rules.put(&tenant, "n", rule("a", "vector(2)"));
    assert_eq!(put.expect("the disk is sound").revision, 5);
    let text = |n: &str| n.to_owned();
    let expected = [
        (text("m"), text("a"), 3),
        (text("n"), text("a"), 5),
        (text("n"), text("b"), 2),
    ];
    assert_eq!(names(&rules, &tenant), expected);

    assert!(
        !rules
            .remove_group(&tenant, "n", "c")
            .expect("the disk is sound")
    );
    assert!(
        !rules
            .remove_namespace(&tenant, "nm")
            .expect("the disk is sound")
    );
    assert!(
        rules
            .remove_group(&tenant, "n", "b")
            .expect("the disk is sound")
    );
    assert!(
        rules
            .remove_namespace(&tenant, "m")
            .expect("the disk is sound")
    );
    assert_eq!(names(&rules, &tenant), [(text("n"), text("a"), 5)]);
    assert_eq!(
        names(&open(&files.after_kill()), &tenant),
        [(text("n"), text("a"), 5)]
    );
    assert!(
        rules
            .remove_namespace(&tenant, "n")
            .expect("the disk is sound")
    );
    assert!(
        !rules
            .remove_namespace(&tenant, "n")
            .expect("the disk is sound")
    );
    assert_eq!(rules.tenants(), [other]);
}

#[test]
fn a_damaged_file_is_named_and_left_alone() {
    let files = empty_disk();
    let rules = open(&files);
    let tenant = TenantId::fake();
    rules
        .put(&tenant, "n", rule("a", "vector(1)"))
        .expect("the disk is sound");
    rules
        .put(&tenant, "n", rule("b", "vector(1)"))
        .expect("the disk is sound");
    let folder = Path::new("/data/rules/fake");
    let path: PathBuf = {
        use skald_wal::files::Files;
        let listed = files.list(folder).expect("it is there");
        folder.join(&listed[0].name)
    };
    let mut bytes = files.bytes_of(&path).expect("it is there");
    let last = bytes.len() - 2;
    bytes[last] ^= 1;
    files.set_bytes_of(&path, &bytes);
    let arc = Arc::new(files.clone());
    let opened = OwnRules::open(arc, Path::new("/data/rules"), &NoTemplates);
    let (again, problems) = opened.expect("the folder is sound");
    assert_eq!(again.groups(&tenant).len(), 1);
    assert_eq!((problems.len(), &problems[0].path), (1, &path));
    assert!(
        problems[0].text.starts_with("the checksum is "),
        "{}",
        problems[0].text
    );
    assert_eq!(files.bytes_of(&path), Some(bytes));
}

/// A bucket in memory, which may be away.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    objects: Mutex<BTreeMap<String, Vec<u8>>>,
    is_away: AtomicBool,
}

impl Memory {
    fn there(&self) -> Result<(), String> {
        match self.is_away.load(Ordering::Relaxed) {
            true => Err("the bucket is away".to_owned()),
            false => Ok(()),
        }
    }
}

impl RuleBucket for Memory {
    fn list(&self) -> Result<Vec<String>, String> {
        self.there()?;
        Ok(self.objects.lock().keys().cloned().collect())
    }
    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, String> {
        self.there()?;
        Ok(self.objects.lock().get(name).cloned())
    }
    fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), String> {
        self.there()?;
        self.objects.lock().insert(name.to_owned(), bytes);
        Ok(())
    }
    fn remove(&self, name: &str) -> Result<(), String> {
        self.there()?;
        self.objects.lock().remove(name);
        Ok(())
    }
}

fn limits(rules: &OwnRules) -> Vec<(String, u64)> {
    let groups = rules.groups(&TenantId::fake()).into_iter();
    groups
        .map(|g| (g.group.name.clone(), g.group.limit))
        .collect()
}

fn limited(name: &str, limit: u64) -> RuleGroup {
    RuleGroup {
        limit,
        ..rule(name, "vector(1)")
    }
}

/// What a synchronisation changed, when nothing went wrong.
fn synced(rules: &OwnRules) -> BTreeSet<TenantId> {
    let synced = rules.sync(&NoTemplates).expect("the bucket is there");
    assert_eq!(synced.problems, []);
    synced.changed
}

#[test]
fn a_new_disk_has_the_groups_of_the_bucket() {
    let bucket = Arc::new(Memory::default());
    let tenant = TenantId::fake();
    let files = empty_disk();
    let rules = open(&files).with_bucket(bucket.clone());
    for (name, limit) in [("a", 1), ("b", 1), ("a", 2)] {
        rules
            .put(&tenant, "n", limited(name, limit))
            .expect("the disk is sound");
    }
    assert!(synced(&rules).is_empty());
    rules
        .put(&tenant, "n", limited("a", 3))
        .expect("the disk is sound");
    assert!(
        rules
            .remove_group(&tenant, "n", "b")
            .expect("the disk is sound")
    );
    bucket.is_away.store(true, Ordering::Relaxed);
    assert_eq!(
        rules.sync(&NoTemplates),
        Err("the bucket is away".to_owned())
    );
    bucket.is_away.store(false, Ordering::Relaxed);

    // What was removed while the bucket was away stays away, after a restart too.
    let rules = open(&files.after_kill()).with_bucket(bucket.clone());
    assert!(synced(&rules).is_empty());
    assert_eq!(limits(&rules), [("a".to_owned(), 3)]);
    assert_eq!(bucket.objects.lock().len(), 2, "older versions are removed");

    let new = open(&empty_disk()).with_bucket(bucket.clone());
    assert_eq!(synced(&new), BTreeSet::from([tenant.clone()]));
    assert_eq!(limits(&new), [("a".to_owned(), 3)]);

    // Two servers see each other's changes.
    new.put(&tenant, "n", limited("b", 9))
        .expect("the disk is sound");
    assert!(
        new.remove_group(&tenant, "n", "a")
            .expect("the disk is sound")
    );
    synced(&new);
    assert!(synced(&rules).contains(&tenant));
    assert_eq!(limits(&rules), [("b".to_owned(), 9)]);
    assert!(synced(&rules).is_empty());
}

#[test]
fn a_change_made_before_the_bucket_was_seen_counts() {
    let (bucket, tenant) = (Arc::new(Memory::default()), TenantId::fake());
    let old = open(&empty_disk()).with_bucket(bucket.clone());
    for limit in 1..=5 {
        old.put(&tenant, "n", limited("a", limit))
            .expect("the disk is sound");
    }
    synced(&old);
    let new = open(&empty_disk()).with_bucket(bucket.clone());
    new.put(&tenant, "n", limited("a", 6))
        .expect("the disk is sound");
    assert!(synced(&new).is_empty());
    assert_eq!(limits(&new), [("a".to_owned(), 6)]);
    synced(&old);
    assert_eq!(limits(&old), [("a".to_owned(), 6)]);
}

#[test]
fn a_damaged_object_is_named_and_the_others_are_there() {
    let (bucket, tenant) = (Arc::new(Memory::default()), TenantId::fake());
    let rules = open(&empty_disk()).with_bucket(bucket.clone());
    for name in ["a", "b", "c"] {
        rules
            .put(&tenant, "n", limited(name, 1))
            .expect("the disk is sound");
    }
    synced(&rules);
    let damaged = bucket.objects.lock().keys().next().cloned();
    let damaged = damaged.expect("there are three");
    bucket.objects.lock().insert(damaged.clone(), b"x".to_vec());
    // An older version that the damaged one would replace.
    let (hash, _) = damaged.split_once('-').expect("a hash and a revision");
    let older = format!("{hash}-{:016x}.gone", 1);
    bucket.objects.lock().insert(older.clone(), Vec::new());

    let new = open(&empty_disk()).with_bucket(bucket.clone());
    let synced = new.sync(&NoTemplates).expect("the bucket is there");
    assert_eq!(synced.changed, BTreeSet::from([tenant]));
    let [(object, why)] = &synced.problems[..] else {
        panic!("{:?}", synced.problems);
    };
    assert_eq!(*object, damaged);
    assert!(why.contains("does not begin with"), "{why}");
    assert_eq!(limits(&new).len(), 2);
    assert!(bucket.objects.lock().contains_key(&older));
}

#[test]
fn a_closed_store_takes_nothing_over() {
    let (bucket, tenant) = (Arc::new(Memory::default()), TenantId::fake());
    let rules = open(&empty_disk()).with_bucket(bucket.clone());
    rules
        .put(&tenant, "n", limited("a", 1))
        .expect("the disk is sound");
    synced(&rules);
    let files = empty_disk();
    let closed = open(&files).with_bucket(bucket);
    closed.close();
    assert!(synced(&closed).is_empty());
    assert!(limits(&open(&files)).is_empty());
}
