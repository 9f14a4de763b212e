//! Tests run the log on a simulated disk that tears, corrupts, fills up and fails.

use crate::files::Files;
use crate::record::SEGMENT_HEADER_BYTES;
use crate::sim::{Dice, SimFiles};
use crate::{Options, ReplayReport, Replayed, Sync, Tail, TailKind, Wal, WalError};
use proptest::prelude::*;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::Duration;

mod failing_disk;
mod segment_names;
mod shortage;

type Record = (String, Vec<u8>);

fn folder() -> PathBuf {
    PathBuf::from("/data/wal")
}

fn options() -> Options {
    Options {
        full_retry: Duration::ZERO,
        ..Options::default()
    }
}

fn open(files: &SimFiles, options: Options) -> (Wal, Vec<Record>, ReplayReport) {
    let mut records = Vec::new();
    let mut sequences = Vec::new();
    let opened = Wal::open::<WalError>(
        Arc::new(files.clone()),
        &folder(),
        options,
        |record: Replayed<'_>| {
            records.push((record.tenant.to_owned(), record.payload.to_vec()));
            sequences.push(record.sequence);
            Ok(())
        },
    );
    let (wal, report) = opened.expect("the log opens");
    assert!(sequences.is_sorted_by(|a, b| a < b), "{sequences:?}");
    (wal, records, report)
}

fn append(wal: &Wal, tenant: &str, payload: &[u8]) -> Result<u64, WalError> {
    let record = wal.encode(&Arc::from(tenant), |out| out.extend_from_slice(payload));
    let (sender, receiver) = mpsc::channel();
    let sequence = wal.append(
        record,
        Box::new(move |result| sender.send(result).expect("the test waits")),
    )?;
    receiver
        .recv()
        .expect("a record is always answered")
        .map(|()| sequence)
}

fn sample() -> Vec<Record> {
    let tenants = ["fake", "team-a"];
    (0..12)
        .map(|i| {
            (
                tenants[i % 2].to_owned(),
                format!("payload {i} ").repeat(i * 3).into_bytes(),
            )
        })
        .collect()
}

/// A log of the records in one segment, with that segment's path and bytes.
fn written(records: &[Record]) -> (SimFiles, PathBuf, Vec<u8>) {
    let files = SimFiles::default();
    let (wal, _, _) = open(&files, options());
    for (tenant, payload) in records {
        append(&wal, tenant, payload).expect("the disk is fine");
    }
    wal.close();
    let names = files.list(&folder()).expect("the folder is there");
    assert_eq!(names.len(), 1);
    let path = folder().join(&names[0].name);
    let bytes = files.bytes_of(&path).expect("the segment is there");
    (files, path, bytes)
}

#[test]
fn records_come_back_in_order() {
    let (files, _, _) = written(&sample());
    let (_, records, report) = open(&files, options());
    assert_eq!(records, sample());
    assert_eq!(
        (report.records, report.tails, report.damage),
        (12, vec![], vec![])
    );
}

#[test]
fn a_write_torn_at_any_byte_loses_only_what_it_had_not_finished() {
    let (files, path, bytes) = written(&sample());
    let mut most = 0;
    for len in 0..bytes.len() {
        files.set_bytes_of(&path, &bytes[..len]);
        let copy = files.after_kill();
        let (wal, records, report) = open(&copy, options());
        assert_eq!(records, sample()[..records.len()], "truncated to {len}");
        assert_eq!(report.damage, Vec::<String>::new(), "truncated to {len}");
        let is_unfinished = |tail: &Tail| tail.kind == TailKind::Unfinished;
        assert!(report.tails.iter().all(is_unfinished), "truncated to {len}");
        assert!(records.len() >= most, "truncated to {len}");
        most = records.len();
        append(&wal, "later", b"goes on").expect("the disk is fine");
        wal.close();
        let (_, after, again) = open(&copy, options());
        assert_eq!(after.last().map(|r| r.0.as_str()), Some("later"));
        assert_eq!(
            (after.len(), again.tails),
            (records.len() + 1, vec![]),
            "truncated to {len}"
        );
    }
    assert_eq!(most, sample().len() - 1);
}

#[test]
fn a_rotten_byte_costs_one_record_and_is_reported() {
    let (files, path, bytes) = written(&sample());
    for at in 0..bytes.len() {
        let mut rotten = bytes.clone();
        rotten[at] ^= 0x20;
        files.set_bytes_of(&path, &rotten);
        let (wal, records, report) = open(&files.after_kill(), options());
        wal.close();
        let lost: Vec<Record> = sample()
            .into_iter()
            .filter(|r| !records.contains(r))
            .collect();
        assert!(lost.len() <= 1, "byte {at} cost {}", lost.len());
        assert_eq!(
            lost.len(),
            report.damage.len() + report.tails.len(),
            "byte {at}: {report:?}"
        );
        // Of the last record every byte is named.
        for tail in &report.tails {
            assert_eq!(lost.as_slice(), &sample()[11..], "byte {at}");
            let (end, kind) = (tail.at + tail.bytes, tail.kind);
            assert_eq!((end, kind), (bytes.len() as u64, TailKind::Damaged));
            assert!(path.ends_with(&tail.segment) && tail.at <= at as u64);
        }
    }
}

#[test]
fn zeros_and_the_beginning_of_a_record_are_of_an_unfinished_write() {
    let (files, path, bytes) = written(&sample());
    let record = &bytes[bytes.len() - 40..];
    let zeros = |count: usize| [&bytes[..], &vec![0; count]].concat();
    let mut rotten = bytes.clone();
    *rotten.last_mut().expect("not empty") ^= 1;
    let cases = [
        ("zeros", zeros(1), TailKind::Unfinished),
        ("a page of zeros", zeros(4096), TailKind::Unfinished),
        ("many zeros", zeros(3 << 20), TailKind::Unfinished),
        (
            "something after zeros",
            [&zeros(3 << 20)[..], b"x"].concat(),
            TailKind::Damaged,
        ),
        (
            "no header",
            [&bytes[..], record].concat(),
            TailKind::Damaged,
        ),
        (
            "zeros after rot",
            [&rotten[..], &[0; 4096]].concat(),
            TailKind::Damaged,
        ),
        (
            "a cut record after rot",
            [&rotten[..], &rotten[SEGMENT_HEADER_BYTES..][..3]].concat(),
            TailKind::Damaged,
        ),
    ];
    for (name, text, kind) in cases {
        files.set_bytes_of(&path, &text);
        let (wal, records, report) = open(&files.after_kill(), options());
        wal.close();
        let kinds: Vec<TailKind> = report.tails.iter().map(|tail| tail.kind).collect();
        assert_eq!(kinds, [kind], "{name}");
        assert!(records.len() >= sample().len() - 1, "{name}");
    }
}

#[test]
fn a_segment_whose_only_record_is_damaged_is_kept_aside() {
    let (files, path, mut bytes) = written(&sample()[..1]);
    *bytes.last_mut().expect("not empty") ^= 1;
    files.set_bytes_of(&path, &bytes);
    let (wal, records, report) = open(&files, options());
    wal.close();
    assert_eq!((records.len(), report.tails.len()), (0, 1));
    let kept = files.bytes_of(Path::new(&format!("{}.damaged", path.display())));
    assert_eq!(kept.as_ref(), Some(&bytes));
}

#[test]
fn reading_a_log_finds_what_opening_would_and_changes_nothing() {
    let (files, path, bytes) = written(&sample());
    for damage in [None, Some(bytes.len() / 2), Some(bytes.len() - 1)] {
        let mut rotten = bytes.clone();
        damage.into_iter().for_each(|at| rotten[at] ^= 0x20);
        files.set_bytes_of(&path, &rotten);
        let mut records = Vec::new();
        let read = crate::read(&files, &folder(), &mut |r| {
            records.push((r.tenant.to_owned(), r.payload.to_vec()))
        });
        assert_eq!(files.bytes_of(&path).as_ref(), Some(&rotten));
        let (wal, opened, report) = open(&files.after_kill(), options());
        wal.close();
        assert_eq!(
            (records, read.expect("the log can be read")),
            (opened, report),
            "{damage:?}"
        );
    }
}

#[test]
fn a_segment_of_which_nothing_can_be_read_is_kept_aside() {
    let (files, path, mut bytes) = written(&sample());
    // A byte in each copy of the header.
    bytes[9] ^= 1;
    bytes[33] ^= 1;
    files.set_bytes_of(&path, &bytes);
    let (wal, records, report) = open(&files, options());
    assert_eq!((records, report.damage.len()), (vec![], 1));
    append(&wal, "fake", b"later").expect("the disk is fine");
    wal.truncate(&|_| u64::MAX).expect("the disk is fine");
    wal.close();
    let kept = files.bytes_of(Path::new(&format!("{}.damaged", path.display())));
    assert_eq!(kept, Some(bytes));
    let (_, records, report) = open(&files, options());
    assert_eq!((records.len(), report.damage.len()), (1, 0));
}

#[test]
fn a_payload_that_looks_like_records_is_no_record() {
    let (_, _, bytes) = written(&sample());
    let inside = vec![
        ("fake".to_owned(), bytes),
        ("fake".to_owned(), b"next".to_vec()),
    ];
    let (files, path, mut outer) = written(&inside);
    // The header of the first record rots, so the reader has to search through its payload.
    outer[crate::record::SEGMENT_HEADER_BYTES + 5] ^= 1;
    files.set_bytes_of(&path, &outer);
    let (_, records, report) = open(&files, options());
    assert_eq!(records, inside[1..]);
    assert_eq!(report.damage.len(), 1);
}

#[test]
fn covered_segments_are_removed_wherever_they_lie() {
    let files = SimFiles::default();
    let small = Options {
        segment_bytes: 100,
        ..options()
    };
    let (wal, _, _) = open(&files, small.clone());
    let sequences: Vec<u64> = (0..10)
        .map(|i| append(&wal, ["a", "b"][i % 2], &[b'x'; 80]).expect("the disk is fine"))
        .collect();
    assert_eq!(sequences, (1..=10).collect::<Vec<u64>>());
    wal.truncate(&|tenant| if tenant == "a" { 9 } else { 4 })
        .expect("the disk is fine");
    wal.close();
    let (wal, records, _) = open(&files, small.clone());
    let behind: Vec<&str> = records.iter().map(|record| &*record.0).collect();
    assert_eq!(behind, ["b", "b", "b"]);
    let before = wal.bytes();
    wal.truncate(&|_| 10).expect("the disk is fine");
    assert!(wal.bytes() < before);
    wal.close();
    let (wal, records, _) = open(
        &files,
        Options {
            first_sequence: 11,
            ..small
        },
    );
    assert_eq!(records.len(), 1);
    assert_eq!(append(&wal, "a", b"").expect("the disk is fine"), 11);
}

#[test]
fn a_segment_that_lost_all_records_does_not_lend_its_name() {
    let (files, path, bytes) = written(&sample());
    files.set_bytes_of(&path, &vec![0xee; bytes.len()]);
    let (wal, records, report) = open(&files, options());
    assert_eq!((records.len(), report.damage.len()), (0, 1));
    append(&wal, "a", b"new").expect("the disk is fine");
    wal.truncate(&|_| 0).expect("the disk is fine");
    wal.close();
    let (_, records, _) = open(&files, options());
    assert_eq!(records, [("a".to_owned(), b"new".to_vec())]);
}

#[test]
fn records_that_wait_share_a_sync() {
    let files = SimFiles::default();
    let (wal, _, _) = open(&files, options());
    let (started, wait_started) = mpsc::channel();
    let (go_on, wait_go_on) = mpsc::channel::<()>();
    let (sender, receiver) = mpsc::channel();
    let record = |wal: &Wal| wal.encode(&Arc::from("a"), |out| out.extend_from_slice(b"x"));
    // The first callback holds the log's thread, as a slow fsync would.
    let hold = Box::new(move |_| {
        started.send(()).expect("the test waits");
        wait_go_on.recv().expect("the test lets it go on");
    });
    wal.append(record(&wal), hold).expect("the log is open");
    wait_started.recv().expect("the first record is written");
    for _ in 0..50 {
        let sender = sender.clone();
        let done = Box::new(move |result: Result<(), WalError>| {
            sender.send(result.is_ok()).expect("the test waits")
        });
        wal.append(record(&wal), done).expect("the log is open");
    }
    go_on.send(()).expect("the log's thread waits");
    assert!((0..50).all(|_| receiver.recv().expect("a record is always answered")));
    assert_eq!(wal.syncs(), 2);
}

#[test]
fn modes_sync_as_often_as_they_say() {
    for (sync, during, after_close) in [
        (Sync::Group, 5, 5),
        (Sync::Always, 5, 5),
        (Sync::Interval, 0, 1),
        (Sync::None, 0, 1),
    ] {
        let files = SimFiles::default();
        let (wal, _, _) = open(
            &files,
            Options {
                sync,
                interval: Duration::from_secs(3600),
                ..options()
            },
        );
        for _ in 0..5 {
            append(&wal, "a", b"x").expect("the disk is fine");
        }
        assert_eq!(wal.syncs(), during, "{sync:?}");
        wal.close();
        assert_eq!(wal.syncs(), after_close, "{sync:?}");
        assert!(matches!(append(&wal, "a", b"x"), Err(WalError::Stopped(_))));
    }
}

#[test]
fn a_newer_segment_is_refused() {
    let (files, path, mut bytes) = written(&sample());
    let header = crate::record::SegmentHeader {
        version: 2,
        first_sequence: 1,
        salt: 0,
    };
    bytes[..crate::record::SEGMENT_HEADER_BYTES].copy_from_slice(&header.encode());
    files.set_bytes_of(&path, &bytes);
    let opened = Wal::open::<WalError>(Arc::new(files), &folder(), options(), |_| Ok(()));
    assert!(matches!(
        opened.err(),
        Some(WalError::Newer { found: 2, .. })
    ));
}

#[test]
fn real_files_hold_a_log() {
    let data = tempfile::tempdir().expect("a folder can be made");
    let path: &Path = &data.path().join("wal");
    for round in 0..3 {
        let mut seen = 0;
        let real = Arc::new(crate::files::RealFiles);
        let small = Options {
            segment_bytes: 200,
            ..options()
        };
        let (wal, _) = Wal::open::<WalError>(real, path, small, |_| {
            seen += 1;
            Ok(())
        })
        .expect("the log opens");
        assert_eq!(seen, round * 5);
        for _ in 0..5 {
            append(&wal, "a", &[7; 90]).expect("the disk is fine");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_records_survive_any_crash(
        payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..700), 1..30),
        segment_bytes in 64u64..5000,
        crash_in in 0u64..80,
        seed in any::<u64>(),
    ) {
        let files = SimFiles::default();
        let small = Options { segment_bytes, ..options() };
        let (wal, _, _) = open(&files, small.clone());
        files.sync_folder(Path::new("/data")).expect("the disk is fine");
        files.sync_folder(Path::new("/")).expect("the disk is fine");
        files.crash_in(crash_in);
        let mut acknowledged = 0;
        for payload in &payloads {
            match append(&wal, "t", payload) {
                Ok(_) => acknowledged += 1,
                Err(_) => break,
            }
        }
        drop(wal);
        let (_, records, report) = open(&files.after_crash(&mut Dice::new(seed)), small);
        prop_assert!(records.len() >= acknowledged, "{} of {} {:?}", records.len(), acknowledged, report);
        let found: Vec<&[u8]> = records.iter().map(|r| r.1.as_slice()).collect();
        let sent: Vec<&[u8]> = payloads.iter().map(Vec::as_slice).take(found.len()).collect();
        prop_assert_eq!(found, sent);
    }
}

#[test]
fn records_are_read_from_a_number_on_while_the_log_grows() {
    let files = SimFiles::default();
    let options = Options {
        segment_bytes: 200,
        ..options()
    };
    let (wal, _, _) = open(&files, options);
    for number in 1..=20_u8 {
        append(&wal, "tenant", &[number; 40]).expect("the disk takes it");
    }
    let read = |first: u64, most: usize| {
        let mut found = Vec::new();
        let result = crate::read_from(&files, &folder(), first, &mut |record| {
            assert_eq!(record.payload, [record.sequence as u8; 40]);
            found.push(record.sequence);
            match found.len() < most {
                true => std::ops::ControlFlow::Continue(()),
                false => std::ops::ControlFlow::Break(()),
            }
        });
        result.expect("the log can be read");
        found
    };
    assert_eq!(read(1, 3), [1, 2, 3]);
    assert_eq!(read(9, 100), (9..=20).collect::<Vec<_>>());
    assert_eq!(read(20, 1), [20]);
    assert!(read(21, 1).is_empty());
    wal.truncate(&|_| 12).expect("the disk takes it");
    let left = read(1, 100);
    assert!(left[0] > 1 && left[0] <= 13, "{left:?}");
    assert!(left.ends_with(&[19, 20]));
}
