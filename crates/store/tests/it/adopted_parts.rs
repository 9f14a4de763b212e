//! Parts that come from a bucket count in the memory budget as those written here do.

use crate::objects::{facts, folder, impatient, open, patient, select, store_facts};
use crate::support::s3::{Fault, Server};
use skald_model::MemoryUser;
use skald_store::{Piece, Store};
use std::path::Path;

/// Bytes of directories that the memory budget counts.
fn directory_bytes(store: &Store) -> usize {
    store.budget().held(MemoryUser::Directories)
}

#[test]
fn parts_of_other_writers_count_in_the_memory_budget_like_own_ones() {
    let (server, own, other) = (Server::start(), folder(), folder());
    let reader = open(other.path(), patient(&server));
    let writer = open(own.path(), patient(&server));
    store_facts(&writer, &facts(0, 100));
    let expected = directory_bytes(&writer);
    assert!(expected > 0);
    assert_eq!(directory_bytes(&reader), 0);
    reader.upload().expect("the bucket answers");
    assert_eq!(reader.status().parts, 2);
    assert_eq!(directory_bytes(&reader), expected);
    assert!(select(&reader).pieces.iter().all(Piece::is_cacheable));
    reader.upload().expect("the bucket answers");
    assert_eq!(directory_bytes(&reader), expected, "nothing counts twice");
}

#[test]
fn parts_that_become_readable_later_count_in_the_memory_budget() {
    let (server, own, other) = (Server::start(), folder(), folder());
    let writer = open(own.path(), patient(&server));
    store_facts(&writer, &facts(0, 100));
    let expected = directory_bytes(&writer);
    drop(open(other.path(), patient(&server)));
    remove_directories(other.path());
    server.set_fault(Fault::Down);
    let store = open(other.path(), impatient(&server));
    assert_eq!((store.status().parts, directory_bytes(&store)), (0, 0));
    server.set_fault(Fault::None);
    store.upload().expect("the bucket answers");
    assert_eq!(store.status().parts, 2);
    assert_eq!(directory_bytes(&store), expected);
}

/// Removes the directories of parts that the bucket has.
fn remove_directories(folder: &Path) {
    for item in std::fs::read_dir(folder)
        .expect("the folder is there")
        .flatten()
    {
        let path = item.path();
        if path.is_dir() {
            remove_directories(&path);
        } else if path.extension().is_some_and(|extension| extension == "dir") {
            std::fs::remove_file(&path).expect("the file is ours");
        }
    }
}
