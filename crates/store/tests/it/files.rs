//! Parts as files: damaged ones are named, replaced and unknown ones removed.

use crate::support::{Fact, fact, push, read_all};
use skald_model::{ContentQuery, TenantId, TimeRange, time::DAY_NS};
use skald_store::{Options, Select, Store, StoreError};
use std::path::Path;

fn open(data: &Path) -> Store {
    Store::open(Options {
        background: false,
        ..Options::new(data)
    })
    .expect("the directory opens")
}

#[test]
fn damaged_parts_are_not_merged_and_the_rest_is() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let store = open(folder.path());
    for round in 0..2 {
        push(
            &store,
            &[
                fact("api", round, "first day"),
                fact("api", DAY_NS + round, "second day"),
            ],
        )
        .expect("the push is taken");
        store.flush().expect("flushing works");
    }
    let path = folder
        .path()
        .join("tenants/fake/1970-01-01/0000000000000000.part");
    let mut bytes = std::fs::read(&path).expect("the part is there");
    bytes[0] ^= 0xff;
    bytes[1] ^= 0xff;
    std::fs::write(&path, bytes).expect("the part can be written");
    store.compact().expect("compacting works");
    assert_eq!((store.status().parts, store.status().compactions), (3, 1));
}

#[test]
fn a_part_that_does_not_open_is_named_and_kept() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let store = open(folder.path());
    push(&store, &[fact("api", 1, "x"), fact("api", DAY_NS, "y")]).expect("the push is taken");
    store.flush().expect("flushing works");
    drop(store);
    let path = folder
        .path()
        .join("tenants/fake/1970-01-01/0000000000000000.part");
    std::fs::write(&path, "not a part").expect("the part can be written");
    for _ in 0..2 {
        let store = open(folder.path());
        let content = ContentQuery::default();
        let select = Select {
            matchers: &[],
            range: TimeRange::ALL,
            content: &content,
        };
        let selected = store
            .select(&TenantId::fake(), &select)
            .expect("selecting works");
        assert_eq!(selected.pieces.len(), 1);
        assert!(
            selected.warnings.len() == 1 && selected.warnings[0].contains("0000.part"),
            "{:?}",
            selected.warnings
        );
        push(&store, &[fact("api", DAY_NS + 1, "z")]).expect("the push is taken");
        store.flush().expect("flushing works");
        store.compact().expect("compacting works");
    }
}

#[test]
fn replaced_parts_go_when_their_readers_do() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let store = open(folder.path());
    for round in 0..3 {
        push(&store, &[fact("api", round, "x")]).expect("the push is taken");
        store.flush().expect("flushing works");
    }
    let files = || {
        std::fs::read_dir(folder.path().join("tenants/fake/1970-01-01"))
            .expect("the day is there")
            .count()
    };
    let content = ContentQuery::default();
    let select = Select {
        matchers: &[],
        range: TimeRange::ALL,
        content: &content,
    };
    let selected = store
        .select(&TenantId::fake(), &select)
        .expect("selecting works");
    store.compact().expect("compacting works");
    assert_eq!((store.status().parts, files()), (1, 4));
    assert!(selected.pieces.iter().all(|p| {
        p.read(
            &skald_store::ReadSpec::all(&skald_model::Columns::ALL),
            None,
        )
        .is_ok()
    }));
    drop(selected);
    assert_eq!(files(), 1);
}

#[test]
fn files_that_no_manifest_names_are_swept() {
    let sample: Vec<Fact> = (0..600)
        .map(|i| fact("api", i, &format!("line {i} of the sample")))
        .collect();
    let folder = tempfile::tempdir().expect("a folder can be made");
    let store = open(folder.path());
    push(&store, &sample).expect("the push is taken");
    store.flush().expect("flushing works");
    let day = folder.path().join("tenants/fake/1970-01-01");
    for name in ["00000000000000aa.part", "00000000000000ab.part.tmp"] {
        std::fs::write(day.join(name), "half").expect("the file can be written");
    }
    drop(store);
    let store = open(folder.path());
    assert_eq!(
        std::fs::read_dir(&day).expect("the day is there").count(),
        1
    );
    assert_eq!(read_all(&store).len(), sample.len());
}

#[test]
fn a_damaged_block_is_named_and_the_rest_is_read() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let store = open(folder.path());
    let long: Vec<Fact> = (0..4000)
        .map(|i| fact("api", i, &format!("{i:0>900}")))
        .collect();
    push(&store, &long).expect("the push is taken");
    store.flush().expect("flushing works");
    let path = folder
        .path()
        .join("tenants/fake/1970-01-01/0000000000000000.part");
    let mut bytes = std::fs::read(&path).expect("the part is there");
    bytes[100] ^= 0xff;
    std::fs::write(&path, bytes).expect("the part can be written");
    let content = ContentQuery::default();
    let select = Select {
        matchers: &[],
        range: TimeRange::ALL,
        content: &content,
    };
    let selected = store
        .select(&TenantId::fake(), &select)
        .expect("selecting works");
    let (good, bad): (Vec<_>, Vec<_>) = selected
        .pieces
        .iter()
        .map(|p| {
            p.read(
                &skald_store::ReadSpec::all(&skald_model::Columns::ALL),
                None,
            )
        })
        .partition(|r| r.is_ok());
    assert_eq!((good.len(), bad.len()), (3, 1));
    assert!(
        matches!(&bad[0], Err(StoreError::Damaged { what, .. }) if what.contains("block 0 of part")),
        "{bad:?}"
    );
}
