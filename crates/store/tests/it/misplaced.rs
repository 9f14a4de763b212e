//! Files that lie under another's name, and a FORMAT file that is damaged: noticed before anything
//! is answered.

use crate::support::{Fact, begin_push, fact, push, read_all, read_tenant};
use skald_model::{ContentQuery, TenantId, TimeRange};
use skald_store::{Options, Select, Store, StoreError, verify};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn try_open(data: &Path) -> Result<Store, StoreError> {
    Store::open(Options {
        background: false,
        ..Options::new(data)
    })
}

fn open(data: &Path) -> Store {
    try_open(data).expect("the directory opens")
}

fn facts(from: i64) -> Vec<Fact> {
    (from..from + 20)
        .map(|i| fact("api", 1_000 + i % 20, &format!("line {i:04}")))
        .collect()
}

/// Three parts of lines that look alike: as many, as long, of the same times.
fn fill(data: &Path) {
    let store = open(data);
    for number in 0..3 {
        push(&store, &facts(number * 20)).expect("the push is taken");
        store.flush().expect("flushing works");
    }
}

fn tenant_folder(data: &Path) -> PathBuf {
    data.join("tenants").join(TenantId::fake().as_str())
}

fn parts(data: &Path) -> Vec<PathBuf> {
    let day = tenant_folder(data).join("1970-01-01");
    let files = fs::read_dir(day).expect("there is a day").flatten();
    let mut parts: Vec<PathBuf> = files.map(|file| file.path()).collect();
    parts.sort();
    parts
}

fn warnings(store: &Store) -> Vec<String> {
    let select = Select {
        matchers: &[],
        range: TimeRange::ALL,
        content: &ContentQuery::default(),
    };
    let selected = store.select(&TenantId::fake(), &select);
    selected.expect("selecting works").warnings
}

fn damages(data: &Path) -> usize {
    let files: Arc<dyn skald_store::files::Files> = Arc::new(skald_store::files::RealFiles);
    let report = verify(&files, data).expect("it can be looked at");
    let is_damage = |f: &&skald_store::Finding| f.severity == skald_store::Severity::Damage;
    report.findings.iter().filter(is_damage).count()
}

#[test]
fn a_part_under_the_name_of_another_is_not_read() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    fill(folder.path());
    let parts = parts(folder.path());
    fs::copy(&parts[2], &parts[0]).expect("the file can be copied");
    let store = open(folder.path());
    let warnings = warnings(&store);
    assert!(
        warnings.len() == 1 && warnings[0].contains("another part"),
        "{warnings:?}"
    );
    drop(store);
    assert_eq!(damages(folder.path()), 1);
}

#[test]
fn the_folder_of_another_tenant_is_set_aside() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    fill(folder.path());
    let (own, other) = (TenantId::fake(), TenantId::parse("other").expect("a name"));
    let copied = folder.path().join("tenants/other");
    fs::create_dir_all(copied.join("1970-01-01")).expect("a folder can be made");
    fs::copy(
        tenant_folder(folder.path()).join("MANIFEST"),
        copied.join("MANIFEST"),
    )
    .expect("the file can be copied");
    for part in parts(folder.path()) {
        let name = part.file_name().expect("a name");
        fs::copy(&part, copied.join("1970-01-01").join(name)).expect("the file can be copied");
    }
    assert_eq!(
        damages(folder.path()),
        2,
        "the manifest, and parts without one"
    );
    for _ in 0..2 {
        let store = open(folder.path());
        assert_eq!(read_tenant(&store, &other), []);
        assert_eq!(read_tenant(&store, &own).len(), 60);
    }
    assert!(!copied.exists());
    assert!(
        folder
            .path()
            .join("tenants/other~fake~0/1970-01-01")
            .exists(),
        "nothing is removed"
    );
}

#[test]
fn the_manifest_of_another_tenant_is_not_believed() {
    let (folder, other) = (tempfile::tempdir(), tempfile::tempdir());
    let (folder, other) = (folder.expect("a folder"), other.expect("a folder"));
    fill(folder.path());
    let tenant = TenantId::parse("other").expect("a name");
    let store = open(other.path());
    let acknowledged = begin_push(&store, &tenant, &facts(900)).expect("the push is taken");
    acknowledged
        .recv()
        .expect("it is answered")
        .expect("the disk takes it");
    store.flush().expect("flushing works");
    drop(store);
    let manifest = tenant_folder(folder.path()).join("MANIFEST");
    let own = fs::read(&manifest).expect("it is there");
    let foreign = fs::read(other.path().join("tenants/other/MANIFEST")).expect("it is there");
    let copy = |manifest: &[u8]| manifest[..manifest.len() / 2].to_vec();
    let expected: BTreeSet<Fact> = (0..3).flat_map(|n| facts(n * 20)).collect();
    for (bytes, rebuilt) in [([copy(&foreign), copy(&own)].concat(), 0), (foreign, 1)] {
        fs::write(&manifest, bytes).expect("it can be written");
        assert_eq!(damages(folder.path()), 1 + usize::from(rebuilt > 0));
        let store = open(folder.path());
        assert_eq!(read_all(&store), expected);
        assert_eq!(store.status().manifests_rebuilt, rebuilt);
        drop(store);
        assert_eq!(damages(folder.path()), 0);
    }
}

fn format(data: &Path) -> PathBuf {
    data.join("FORMAT")
}

#[test]
fn a_damaged_format_file_is_written_anew() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    fill(folder.path());
    let good = fs::read(format(folder.path())).expect("it is there");
    let mut forms: Vec<Option<Vec<u8>>> = vec![None, Some(Vec::new()), Some(good[..5].to_vec())];
    for (at, bit) in (0..good.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
        let mut bytes = good.clone();
        bytes[at] ^= 1 << bit;
        // Three of them make the number of a later version, which is refused.
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if !["3", "5", "9"]
            .iter()
            .any(|later| text == format!("skald-data {later}\n"))
        {
            forms.push(Some(bytes));
        }
    }
    assert_eq!(forms.len(), 8 * good.len());
    for form in forms {
        match &form {
            Some(bytes) => fs::write(format(folder.path()), bytes).expect("it can be written"),
            None => fs::remove_file(format(folder.path())).expect("it can be removed"),
        }
        assert_eq!(damages(folder.path()), 1, "{form:?}");
        let store = open(folder.path());
        assert_eq!(read_all(&store).len(), 60);
        drop(store);
        assert_eq!(fs::read(format(folder.path())).expect("it is there"), good);
        assert_eq!(damages(folder.path()), 0);
    }
}

#[test]
fn other_programs_and_later_versions_are_refused() {
    let (empty, full) = (tempfile::tempdir(), tempfile::tempdir());
    let (empty, full) = (empty.expect("a folder"), full.expect("a folder"));
    fill(full.path());
    for (data, text) in [
        (empty.path(), "something else\n"),
        (empty.path(), "skald-data 3\n"),
        (full.path(), "skald-data 2\n"),
        (full.path(), "skald-data 99\n"),
    ] {
        fs::write(format(data), text).expect("it can be written");
        let refused = try_open(data);
        assert!(matches!(refused, Err(StoreError::Unusable(_))), "{text}");
        let left = fs::read_to_string(format(data)).expect("it is there");
        assert_eq!(left, text, "left as it is");
    }
}
