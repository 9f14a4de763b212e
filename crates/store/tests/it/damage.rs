//! A data directory with damaged or lost files: what is left answers, and nothing that was merged
//! away comes back.
//!
//! Seeds of the last test can be run again: `SKALD_DAMAGE_SEEDS=7..8`.

use crate::support::{Fact, fact, push, read, read_all};
use skald_model::{ContentQuery, TenantId, TimeRange, time::DAY_NS};
use skald_store::{Options, Select, Selected, Store, StoreError};
use skald_wal::sim::{Dice, SimFiles};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn open(data: &Path) -> Store {
    Store::open(Options {
        background: false,
        ..Options::new(data)
    })
    .expect("the directory opens")
}

/// Entries of two days in four flushes, the last of them only in the WAL; gives what was pushed.
fn fill(data: &Path) -> BTreeSet<Fact> {
    let facts: Vec<Fact> = (0..200i64)
        .map(|i| {
            fact(
                ["api", "web"][i as usize % 2],
                i % 5 / 4 * DAY_NS + i,
                &format!("line {i}"),
            )
        })
        .collect();
    let store = open(data);
    for (number, chunk) in facts.chunks(50).enumerate() {
        push(&store, chunk).expect("the push is taken");
        if number < 3 {
            store.flush().expect("flushing works");
        }
    }
    facts.into_iter().collect()
}

fn tenant_folder(data: &Path) -> PathBuf {
    data.join("tenants").join(TenantId::fake().as_str())
}

fn manifest(data: &Path) -> PathBuf {
    tenant_folder(data).join("MANIFEST")
}

fn part_files(data: &Path) -> Vec<PathBuf> {
    let days = fs::read_dir(tenant_folder(data))
        .expect("the tenant has a folder")
        .flatten()
        .map(|d| d.path());
    let days = days.filter(|d| d.is_dir() && !d.ends_with("streams"));
    let mut parts: Vec<PathBuf> = days
        .flat_map(|d| {
            fs::read_dir(d)
                .expect("days can be listed")
                .flatten()
                .map(|f| f.path())
        })
        .collect();
    parts.sort();
    parts
}

fn select_all(store: &Store) -> Selected {
    let select = Select {
        matchers: &[],
        range: TimeRange::ALL,
        content: &ContentQuery::default(),
    };
    store
        .select(&TenantId::fake(), &select)
        .expect("selecting works")
}

/// Damages a filled directory, opens it, and checks that all is there; twice, as repairs must last.
fn check_nothing_lost(rebuilt: u64, damage: impl Fn(&Path)) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let expected = fill(folder.path());
    damage(folder.path());
    for rebuilt in [rebuilt, 0] {
        let store = open(folder.path());
        assert_eq!(read_all(&store), expected);
        assert_eq!(store.status().manifests_rebuilt, rebuilt);
        store.flush().expect("flushing works");
        store.compact().expect("merging works");
        assert_eq!(
            read(&store, &[], TimeRange::ALL, &ContentQuery::default()).len(),
            expected.len(),
            "repeats are merged"
        );
    }
}

fn change_bytes(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).expect("the file is there");
    change(&mut bytes);
    fs::write(path, bytes).expect("the file can be written");
}

#[test]
fn one_rotten_byte_of_a_manifest_costs_nothing() {
    check_nothing_lost(0, |data| {
        change_bytes(&manifest(data), |bytes| bytes[40] ^= 4)
    });
    check_nothing_lost(0, |data| {
        change_bytes(&manifest(data), |bytes| bytes.truncate(bytes.len() - 3))
    });
}

#[test]
fn a_lost_manifest_is_made_anew_from_the_parts() {
    check_nothing_lost(1, |data| {
        fs::remove_file(manifest(data)).expect("it is there")
    });
    check_nothing_lost(1, |data| change_bytes(&manifest(data), Vec::clear));
    check_nothing_lost(1, |data| {
        change_bytes(&manifest(data), |bytes| bytes.fill(0))
    });
    let folder = tempfile::tempdir().expect("a folder can be made");
    fill(folder.path());
    change_bytes(&manifest(folder.path()), |bytes| bytes.fill(b'x'));
    drop(open(folder.path()));
    let kept = fs::read(tenant_folder(folder.path()).join("MANIFEST.damaged"))
        .expect("the damaged one is kept");
    assert!(kept.iter().all(|byte| *byte == b'x'));
}

#[test]
fn parts_that_were_merged_away_do_not_come_back_with_a_lost_manifest() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let expected = fill(folder.path());
    let store = open(folder.path());
    store.flush().expect("flushing works");
    let old: Vec<(PathBuf, Vec<u8>)> = part_files(folder.path())
        .into_iter()
        .map(|p| (p.clone(), fs::read(p).expect("a part")))
        .collect();
    // Two merges, so that the last part stands for parts it never saw itself.
    push(&store, &[fact("api", 7, "later")]).expect("the push is taken");
    store.compact().expect("merging works");
    store.flush().expect("flushing works");
    store.compact().expect("merging works");
    drop(store);
    let merged = part_files(folder.path());
    for (path, bytes) in &old {
        assert!(!path.exists(), "{} was merged away", path.display());
        fs::write(path, bytes).expect("the file can be written");
    }
    fs::remove_file(manifest(folder.path())).expect("it is there");
    let store = open(folder.path());
    assert_eq!(
        part_files(folder.path()),
        merged,
        "what was merged away is swept"
    );
    let found = read_all(&store);
    assert_eq!(found.len(), expected.len() + 1);
    assert!(expected.is_subset(&found));
}

#[test]
fn a_part_that_can_t_be_opened_is_named_also_without_a_manifest() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    fill(folder.path());
    let damaged = part_files(folder.path()).remove(0);
    change_bytes(&damaged, |bytes| {
        let end = bytes.len();
        bytes[end - 1] ^= 1;
    });
    for lose_manifest in [false, true, false] {
        if lose_manifest {
            fs::remove_file(manifest(folder.path())).expect("it is there");
        }
        let store = open(folder.path());
        store.flush().expect("flushing works");
        let selected = select_all(&store);
        let name = damaged
            .file_name()
            .expect("parts have names")
            .to_string_lossy();
        assert!(
            selected.warnings.iter().any(|w| w.contains(&*name)),
            "{:?}",
            selected.warnings
        );
        let rows: u64 = selected
            .pieces
            .iter()
            .flat_map(|p| &p.runs)
            .map(|r| r.entries())
            .sum();
        assert!(rows > 0, "the others answer");
        assert!(damaged.exists(), "a person may still repair it");
    }
}

fn open_simulated(files: &SimFiles) -> Result<Store, StoreError> {
    Store::open(Options {
        background: false,
        wal_segment_bytes: 4_000,
        files: Arc::new(files.clone()),
        ..Options::new("/data")
    })
}

/// Pushes, flushes and merges until a crash; what was acknowledged and what was sent.
fn live(
    files: &SimFiles,
    dice: &mut Dice,
    (kept, sent): (&mut BTreeSet<Fact>, &mut BTreeSet<Fact>),
) {
    let Ok(store) = open_simulated(files) else {
        return;
    };
    for _ in 0..12 {
        match dice.below(5) {
            0 => drop(store.flush()),
            1 => drop(store.compact()),
            _ => {
                let number = sent.len() as i64;
                let app = ["api", "web"][dice.below(2) as usize];
                let facts: Vec<Fact> = (0..5)
                    .map(|i| {
                        fact(
                            app,
                            dice.below(2) as i64 * DAY_NS + number + i,
                            &format!("line {number} {i}"),
                        )
                    })
                    .collect();
                sent.extend(facts.iter().cloned());
                if push(&store, &facts).is_ok() {
                    kept.extend(facts);
                }
            }
        }
    }
}

/// Lets the manifest rot beyond repair.
fn lose_manifest(files: &SimFiles, dice: &mut Dice) {
    let path = Path::new("/data/tenants")
        .join(TenantId::fake().as_str())
        .join("MANIFEST");
    let Some(mut bytes) = files.bytes_of(&path) else {
        return;
    };
    match dice.below(3) {
        0 => bytes.clear(),
        1 => bytes.truncate(bytes.len() / 4),
        _ => bytes
            .iter_mut()
            .step_by(1 + dice.below(20) as usize)
            .for_each(|byte| *byte ^= 0x11),
    }
    files.set_bytes_of(&path, &bytes);
}

fn lose_and_crash(seed: u64) {
    let mut dice = Dice::new(seed);
    let mut files = SimFiles::default();
    let (mut kept, mut sent) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..4 {
        files.crash_in(20 + dice.below(200));
        live(&files, &mut dice, (&mut kept, &mut sent));
        files = files.after_crash(&mut dice);
        lose_manifest(&files, &mut dice);
        if dice.one_in(2) {
            files.crash_in(dice.below(30));
            drop(open_simulated(&files));
            files = files.after_crash(&mut dice);
        }
        let store = open_simulated(&files)
            .unwrap_or_else(|e| panic!("seed {seed}: the directory does not open: {e}"));
        let found = read_all(&store);
        let (lost, invented) = (
            kept.difference(&found).count(),
            found.difference(&sent).count(),
        );
        assert_eq!(
            (lost, invented),
            (0, 0),
            "seed {seed}: (lost, invented) of {}",
            kept.len()
        );
        drop(store);
        files = files.after_kill();
    }
}

#[test]
fn a_lost_manifest_and_a_crash_together_lose_nothing() {
    let seeds = std::env::var("SKALD_DAMAGE_SEEDS").unwrap_or_else(|_| "0..30".to_owned());
    let (first, end) = seeds
        .split_once("..")
        .expect("SKALD_DAMAGE_SEEDS is like 0..30");
    let [first, end] =
        [first, end].map(|n| n.parse::<u64>().expect("SKALD_DAMAGE_SEEDS is like 0..30"));
    (first..end).for_each(lose_and_crash);
}

#[test]
fn a_half_damaged_manifest_opens_on_a_full_disk() {
    let files = SimFiles::default();
    let store = open_simulated(&files).expect("the directory opens");
    push(&store, &[fact("api", 1, "kept")]).expect("the push is taken");
    store.flush().expect("flushing works");
    drop(store);
    let path = Path::new("/data/tenants")
        .join(TenantId::fake().as_str())
        .join("MANIFEST");
    let mut bytes = files.bytes_of(&path).expect("there is a manifest");
    bytes[30] ^= 1;
    files.set_bytes_of(&path, &bytes);
    files.set_capacity(Some(files.used()));
    let store = open_simulated(&files).expect("the directory opens");
    assert_eq!(read_all(&store).len(), 1);
}
