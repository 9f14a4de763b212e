//! Shortage tests: a log that finds no descriptor or memory refuses for a moment at most, and loses
//! nothing.

use super::{append, open, options};
use crate::sim::SimFiles;
use crate::{Options, WalError};

#[test]
fn while_no_segment_can_be_begun_the_old_one_grows_and_then_refuses() {
    let files = SimFiles::default();
    let small = Options {
        segment_bytes: 1000,
        ..options()
    };
    let (wal, _, _) = open(&files, small.clone());
    append(&wal, "a", &[b'x'; 1000]).expect("the disk is fine");
    files.set_descriptors(Some(files.descriptors()));
    let mut taken = 1;
    let refused = loop {
        match append(&wal, "a", &[b'y'; 500]) {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
        assert!(taken < 20, "a segment grows without end");
    };
    assert!(matches!(refused, WalError::Short { .. }), "{refused}");
    assert!(taken > 4, "{taken} records were taken");
    assert_eq!(wal.stopped(), None);
    files.set_descriptors(None);
    append(&wal, "a", b"after").expect("there are descriptors again");
    wal.close();
    let (_, records, report) = open(&files, small);
    assert_eq!(records.len(), taken + 1);
    assert_eq!((report.damage.len(), report.tails.len()), (0, 0));
}

#[test]
fn a_log_without_a_segment_refuses_until_there_are_descriptors() {
    let files = SimFiles::default();
    let (wal, _, _) = open(&files, options());
    files.set_descriptors(Some(files.descriptors()));
    for _ in 0..3 {
        let refused = append(&wal, "a", b"early").expect_err("no segment can be begun");
        assert!(
            refused.to_string().contains("try again later"),
            "clients are to come again: {refused}"
        );
    }
    files.set_descriptors(None);
    append(&wal, "a", b"late").expect("there are descriptors again");
    wal.close();
    let (_, records, _) = open(&files, options());
    assert_eq!(records, [("a".to_owned(), b"late".to_vec())]);
}

#[test]
fn a_write_that_finds_no_memory_is_taken_back() {
    let files = SimFiles::default();
    let (wal, _, _) = open(&files, options());
    append(&wal, "a", b"first").expect("the disk is fine");
    files.short_appends(2);
    for _ in 0..2 {
        let refused = append(&wal, "a", &[1; 300]);
        assert!(matches!(refused, Err(WalError::Short { .. })));
    }
    append(&wal, "a", b"second").expect("there is memory again");
    wal.close();
    let (_, records, report) = open(&files, options());
    assert_eq!(
        records.iter().map(|r| r.1.as_slice()).collect::<Vec<_>>(),
        [&b"first"[..], b"second"]
    );
    assert_eq!((report.damage.len(), report.tails.len()), (0, 0));
}
