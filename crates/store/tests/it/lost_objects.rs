//! Objects that are gone under a store: what is lost is named once, and the rest is there.

use crate::objects::{facts, folder, impatient, open, select, store_facts};
use crate::support::s3::{Fault, Server};
use skald_model::Columns;
use skald_store::{ObjectOptions, ReadSpec, Store, StoreError};
use std::collections::BTreeSet;
use std::path::Path;

/// Pieces that can be read, and the errors of the others.
fn read(store: &Store) -> (usize, Vec<StoreError>) {
    let columns = Columns::ALL;
    let read = select(store).pieces.into_iter();
    let read = read.map(|piece| piece.read(&ReadSpec::all(&columns), None).map(drop));
    let (whole, failed): (Vec<_>, Vec<_>) = read.partition(Result::is_ok);
    let errors = failed.into_iter().filter_map(Result::err).collect();
    (whole.len(), errors)
}

fn lost(store: &Store) -> u64 {
    store
        .status()
        .objects
        .expect("there is object storage")
        .lost
}

/// Four parts of two days in the bucket, nothing of them here; the name of one of the objects.
fn filled(server: &Server, data: &Path) -> (Store, String) {
    let store = open(data, impatient(server));
    store_facts(&store, &facts(0, 100));
    store_facts(&store, &facts(100, 100));
    assert_eq!(read(&store).0, 4);
    let name = server.names().into_iter().find(|n| n.ends_with(".part"));
    (store, name.expect("there are parts"))
}

/// Checks that one object's loss is damage that names it, and that the rest is there.
fn check_lost(lose: impl Fn(&Server, &str)) {
    let (server, data) = (Server::start(), folder());
    let (store, name) = filled(&server, data.path());
    lose(&server, &name);
    let object = name.rsplit('/').next().expect("a name");
    let check = |store: &Store, rest: usize| {
        let (whole, errors) = read(store);
        assert_eq!(whole, rest, "{errors:?}");
        let texts: BTreeSet<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(texts.len(), 1, "{texts:?}");
        assert!(
            matches!(&errors[0], StoreError::Damaged { .. }),
            "{errors:?}"
        );
        assert!(texts.iter().all(|text| text.contains(object)), "{texts:?}");
        assert_eq!(lost(store), 1, "counted once");
    };
    check(&store, 3);
    check(&store, 3);
    // The two of the other day become one; the merge that would need the lost one leaves it alone.
    store.compact().expect("merging works");
    check(&store, 2);
    drop(store);
    check(&open(data.path(), impatient(&server)), 2);
}

#[test]
fn an_object_that_is_gone_is_damage_and_the_rest_is_there() {
    check_lost(Server::lose);
}

#[test]
fn an_object_that_is_too_short_is_damage_and_the_rest_is_there() {
    check_lost(|server, name| drop(server.replace(name, |bytes| bytes[..10].to_vec())));
    check_lost(|server, name| drop(server.replace(name, |_| b"x".to_vec())));
}

#[test]
fn an_object_is_known_to_be_there_before_the_local_file_goes() {
    type Lose = fn(&Server, &str);
    let gone: Lose = Server::lose;
    let cut: Lose = |server, name| drop(server.replace(name, |bytes| bytes[..10].to_vec()));
    let rotten: Lose = |server, name| {
        drop(server.replace(name, |bytes| bytes.iter().map(|byte| byte ^ 1).collect()));
    };
    for lose in [gone, cut, rotten] {
        let (server, data) = (Server::start(), folder());
        let roomy = ObjectOptions {
            cache_bytes: 1 << 30,
            ..impatient(&server)
        };
        let store = open(data.path(), roomy);
        store_facts(&store, &facts(0, 100));
        drop(store);
        let names = server.names();
        let parts: Vec<&String> = names.iter().filter(|n| n.ends_with(".part")).collect();
        assert_eq!(parts.len(), 2);
        lose(&server, parts[0]);
        // Without an answer nothing goes.
        server.set_fault(Fault::Down);
        drop(open(data.path(), impatient(&server)));
        server.set_fault(Fault::None);
        // Nothing may stay here any more.
        let store = open(data.path(), impatient(&server));
        let (whole, errors) = read(&store);
        assert_eq!((whole, lost(&store)), (2, 0), "{errors:?}");
        assert_eq!(server.names(), names);
        drop(store);
        let elsewhere = folder();
        let (whole, errors) = read(&open(elsewhere.path(), impatient(&server)));
        assert_eq!(whole, 2, "from the bucket alone: {errors:?}");
    }
}

#[test]
fn an_object_of_which_nothing_is_left_here_either_is_a_warning() {
    let (server, data) = (Server::start(), folder());
    let (store, name) = filled(&server, data.path());
    drop(store);
    server.lose(&name);
    let end = name.rsplit_once("tenants/").expect("of a tenant").1;
    let (folder, object) = end.rsplit_once('/').expect("of a day");
    let directory = format!("{}.dir", object.split('-').next().expect("a number"));
    let path = data.path().join("tenants").join(folder).join(directory);
    std::fs::remove_file(path).expect("the directory was kept");
    let store = open(data.path(), impatient(&server));
    let warnings = select(&store).warnings;
    assert!(
        warnings.len() == 1 && warnings[0].contains(object),
        "{warnings:?}"
    );
    assert_eq!(read(&store).0, 3);
}

#[test]
fn what_may_pass_is_no_damage() {
    let (server, data) = (Server::start(), folder());
    let (store, _) = filled(&server, data.path());
    for fault in [Fault::Down, Fault::Silent] {
        server.set_fault(fault);
        let (whole, errors) = read(&store);
        assert_eq!(whole, 0);
        let is_unavailable = |error: &StoreError| matches!(error, StoreError::Unavailable { .. });
        assert!(errors.iter().all(is_unavailable), "{errors:?}");
        assert_eq!(lost(&store), 0);
    }
    server.set_fault(Fault::None);
    assert_eq!(read(&store).0, 4);
}

#[test]
fn another_object_in_its_place_is_not_read() {
    let (server, data) = (Server::start(), folder());
    let (store, _) = filled(&server, data.path());
    drop(store);
    let names: Vec<String> = server
        .names()
        .into_iter()
        .filter(|n| n.ends_with(".part"))
        .collect();
    let other = server.replace(&names[1], |bytes| bytes.to_vec());
    server.replace(&names[0], |_| other);
    // A new disk: directories come from the bucket too.
    let new = folder();
    let store = open(new.path(), impatient(&server));
    let warnings = select(&store).warnings;
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!(read(&store).0, 3);
}
