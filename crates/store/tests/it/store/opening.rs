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

#[test]
fn a_later_format_beside_our_own_data_is_refused_and_not_repaired() {
    // One flipped bit makes these of our own version's number.
    for version in [3, 5, 9, 2, 10] {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let store = open(folder.path());
        push(&store, &[fact("api", 1, "kept")]).expect("the push is taken");
        store.flush().expect("flushing works");
        drop(store);
        let file = folder.path().join("FORMAT");
        let text = format!("skald-data {version}\n");
        std::fs::write(&file, &text).expect("the file can be written");
        let refused = Store::open(options(folder.path())).err();
        let refused = refused.map(|error| error.to_string()).unwrap_or_default();
        assert!(
            refused.contains(&format!("version {version},")),
            "{refused}"
        );
        assert_eq!(std::fs::read_to_string(&file).ok(), Some(text));
        // As the message says.
        std::fs::remove_file(&file).expect("it is there");
        assert_eq!(read_all(&open(folder.path())).len(), 1);
    }
}

#[test]
fn a_closed_store_gives_its_directory_up_and_changes_nothing_any_more() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let first = open_here(folder.path());
    push(&first, &[fact("api", 1, "first")]).expect("the push is taken");
    first.flush().expect("flushing works");
    push(&first, &[fact("api", 2, "second")]).expect("the push is taken");
    first.close(false).expect("nothing is flushed");
    let second = open_here(folder.path());
    assert!(first.flush().is_err(), "the directory is another's");
    assert!(first.delete(&TenantId::fake(), "api", 0, 9).is_err());
    assert!(push(&first, &[fact("api", 3, "late")]).is_err());
    second.flush().expect("flushing works");
    second.compact().expect("merging works");
    assert_eq!(read_all(&second).len(), 2);
    drop(first);
    push(&second, &[fact("api", 3, "third")]).expect("the push is taken");
    drop(second);
    assert_eq!(read_all(&open_here(folder.path())).len(), 3);
}
