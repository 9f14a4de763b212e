//! Opening: who may open a directory.

use super::*;

#[test]
fn a_directory_is_held_by_one_store() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let store = open(folder.path());
    let second = Store::open(options(folder.path()));
    assert!(
        matches!(&second, Err(StoreError::Unusable(why)) if why.contains("in use")),
        "{:?}",
        second.err()
    );
    drop(store);
    open(folder.path());
}

#[test]
fn a_newer_directory_is_refused_with_words() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    std::fs::write(folder.path().join("FORMAT"), "skald-data 99\n")
        .expect("the file can be written");
    let refused = Store::open(options(folder.path()));
    assert!(
        matches!(&refused, Err(StoreError::Unusable(why)) if why.contains("version 99")),
        "{:?}",
        refused.err()
    );
}
