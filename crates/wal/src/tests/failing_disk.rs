//! A disk that is full, read-only or broken: what is refused, what heals, what ends writing.

use super::*;
use crate::sim::Fault;

/// Makes the names of the folders durable, as the store does.
fn sync_folders(files: &SimFiles) {
    for folder in ["/data", "/"] {
        files
            .sync_folder(Path::new(folder))
            .expect("the disk is fine");
    }
}

fn payloads(records: &[Record]) -> Vec<&[u8]> {
    records.iter().map(|r| r.1.as_slice()).collect()
}

#[test]
fn a_failed_sync_is_final() {
    let files = SimFiles::default();
    let (wal, _, _) = open(&files, options());
    append(&wal, "a", b"good").expect("the disk is fine");
    files.fail_syncs(1, Fault::Broken);
    assert!(append(&wal, "a", b"bad").is_err());
    assert!(matches!(
        append(&wal, "a", b"after"),
        Err(WalError::Stopped(_))
    ));
    assert!(
        wal.stopped()
            .is_some_and(|why| why.contains("the disk failed"))
    );
}

#[test]
fn a_full_disk_refuses_and_heals() {
    let files = SimFiles::default();
    let (wal, _, _) = open(&files, options());
    append(&wal, "a", b"first").expect("the disk is fine");
    files.set_capacity(Some(files.used() + 50));
    for _ in 0..3 {
        assert!(matches!(
            append(&wal, "a", &[1; 100]),
            Err(WalError::DiskFull)
        ));
        assert!(wal.is_full());
    }
    files.set_capacity(None);
    append(&wal, "a", b"second").expect("the disk has room again");
    assert!(!wal.is_full());
    wal.close();
    let (_, records, report) = open(&files, options());
    assert_eq!(
        records.iter().map(|r| r.1.as_slice()).collect::<Vec<_>>(),
        [&b"first"[..], b"second"]
    );
    assert_eq!((report.damage.len(), report.tails.len()), (0, 0));
}

#[test]
fn a_full_disk_is_not_asked_by_every_record() {
    let files = SimFiles::default();
    let (wal, _, _) = open(
        &files,
        Options {
            full_retry: Duration::from_secs(3600),
            ..options()
        },
    );
    append(&wal, "a", b"first").expect("the disk is fine");
    files.set_capacity(Some(files.used()));
    assert!(matches!(
        append(&wal, "a", b"second"),
        Err(WalError::DiskFull)
    ));
    let operations = files.operations();
    assert!(matches!(
        append(&wal, "a", b"third"),
        Err(WalError::DiskFull)
    ));
    assert_eq!(files.operations(), operations);
}

#[test]
fn a_sync_that_fails_for_now_is_tried_again_in_another_segment() {
    let passing = [Fault::Full, Fault::NoMemory, Fault::TryAgain];
    let modes = [Sync::Group, Sync::Always];
    for (sync, fault) in modes
        .into_iter()
        .flat_map(|sync| passing.map(|fault| (sync, fault)))
    {
        let files = SimFiles::default();
        let (wal, _, _) = open(&files, Options { sync, ..options() });
        sync_folders(&files);
        append(&wal, "a", b"first").expect("the disk is fine");
        files.fail_syncs(3, fault);
        for _ in 0..3 {
            append(&wal, "a", b"refused").expect_err("it is not durable");
            assert_eq!(wal.is_full(), fault == Fault::Full);
        }
        append(&wal, "a", b"second").expect("the disk has room again");
        assert!(wal.stopped().is_none() && !wal.is_full());
        // The first segment, cut, and the one that was synced: tries that failed leave nothing.
        let segments = files.list(&folder()).expect("the folder is there");
        assert_eq!(segments.len(), 2, "{segments:?}");
        let written: u64 = (segments.iter())
            .filter_map(|s| files.bytes_of(&folder().join(&s.name)))
            .map(|bytes| bytes.len() as u64)
            .sum();
        assert_eq!(wal.bytes(), written);
        drop(wal);
        for seed in 0..20 {
            let disk = files.after_crash(&mut Dice::new(seed));
            let (_, records, report) = open(&disk, options());
            assert_eq!(payloads(&records), [&b"first"[..], b"second"], "{report:?}");
            assert_eq!((report.damage, report.tails), (vec![], vec![]));
        }
    }
}

#[test]
fn a_sync_that_fails_after_the_acknowledgement_begins_a_segment_and_says_what_is_unsure() {
    for (sync, fault) in [(Sync::Interval, Fault::Full), (Sync::None, Fault::NoMemory)] {
        let files = SimFiles::default();
        let mode = Options {
            sync,
            interval: Duration::from_secs(3600),
            segment_bytes: 100,
            ..options()
        };
        let (wal, _, _) = open(&files, mode.clone());
        let acknowledged = append(&wal, "a", &[1; 200]).expect("the disk is fine");
        assert_eq!(wal.unsure(), 0);
        // The next record needs a new segment, and the first one a sync before that.
        files.fail_syncs(1, fault);
        append(&wal, "a", b"refused").expect_err("it was not written");
        append(&wal, "a", b"later").expect("the fault has passed");
        assert_eq!((wal.stopped(), wal.unsure()), (None, acknowledged));
        assert_eq!(files.list(&folder()).expect("it is there").len(), 2);
        wal.close();
        // The disk dropped what it could not sync; what came later is whole.
        let (_, records, _) = open(&files.after_kill(), mode);
        assert_eq!(payloads(&records), [b"later"], "{sync:?}");
    }
}

#[test]
fn a_sync_that_is_broken_is_final_in_every_mode() {
    for sync in [Sync::Group, Sync::Always, Sync::Interval, Sync::None] {
        let files = SimFiles::default();
        let mode = Options {
            sync,
            segment_bytes: 100,
            ..options()
        };
        let (wal, _, _) = open(&files, mode);
        append(&wal, "a", &[1; 200]).expect("the disk is fine");
        files.fail_syncs(1, Fault::Broken);
        for _ in 0..2 {
            append(&wal, "a", b"refused").expect_err("nobody knows what the disk holds");
        }
        assert!(wal.stopped().is_some(), "{sync:?}");
    }
}

#[test]
fn what_may_pass_refuses_a_record_and_stops_nothing() {
    for fault in [Fault::Full, Fault::ReadOnly, Fault::NoDescriptors] {
        let files = SimFiles::default();
        let small = Options {
            segment_bytes: 100,
            ..options()
        };
        let (wal, _, _) = open(&files, small.clone());
        append(&wal, "a", &[1; 200]).expect("the disk is fine");
        // No new segment can be made, nothing can be changed, in the middle of a segment too.
        files.refuse_new_files(Some(fault));
        let next = append(&wal, "a", b"begins a segment");
        // The one there is goes on while it is only descriptors that lack.
        let grows_on = fault != Fault::Full;
        assert_eq!(next.is_ok(), grows_on, "{fault:?}");
        files.refuse_new_files(None);
        if !grows_on {
            append(&wal, "a", b"begins a segment").expect("it has passed");
        }
        files.refuse_changes(Some(fault));
        let refused = append(&wal, "a", b"no").expect_err("nothing can be written");
        assert_eq!(
            refused.to_string(),
            wal.refused().expect("it says why").to_string()
        );
        assert_eq!(wal.is_full(), fault == Fault::Full);
        files.refuse_changes(None);
        append(&wal, "a", b"goes on").expect("it has passed");
        assert!(
            wal.refused().is_none() && wal.stopped().is_none(),
            "{fault:?}"
        );
        wal.close();
        let (_, records, _) = open(&files, small);
        let expected = [&[1; 200][..], b"begins a segment", b"goes on"];
        assert_eq!(payloads(&records), expected, "{fault:?}");
    }
}

#[test]
fn a_disk_that_takes_no_changes_opens() {
    for fault in [Fault::ReadOnly, Fault::Full] {
        let (files, path, bytes) = written(&sample());
        let cut = &bytes[..bytes.len() - 1];
        files.set_bytes_of(&path, cut);
        let empty = path.with_file_name("00000000000000ff.wal");
        drop(files.create(&empty).expect("the disk is fine"));
        files.refuse_changes(Some(fault));
        let (wal, records, report) = open(&files, options());
        assert_eq!((records.len(), report.tails.len()), (11, 1));
        assert!(append(&wal, "a", b"refused").is_err());
        assert_eq!(files.bytes_of(&path).as_deref(), Some(cut));
        files.refuse_changes(None);
        let sequence = append(&wal, "a", b"taken").expect("the disk is fine");
        assert!(sequence > 0xff, "{sequence}");
        // The empty segment goes with the one before it.
        wal.truncate(&|_| u64::MAX).expect("the disk is fine");
        wal.close();
        let (_, records, _) = open(&files, options());
        assert_eq!(payloads(&records), [b"taken"]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn acknowledged_records_survive_any_syncs_that_find_the_disk_full(
        mode in 0usize..2,
        segment_bytes in 64u64..2000,
        faults in proptest::collection::vec((0u64..4, 0usize..600), 1..30),
        seed in any::<u64>(),
    ) {
        let files = SimFiles::default();
        let sync = [Sync::Group, Sync::Always][mode];
        let small = Options { sync, segment_bytes, ..options() };
        let (wal, _, _) = open(&files, small.clone());
        sync_folders(&files);
        let mut acknowledged = Vec::new();
        for (number, (syncs, bytes)) in faults.iter().enumerate() {
            files.fail_syncs(*syncs, Fault::Full);
            let payload = vec![number as u8; *bytes];
            if append(&wal, ["a", "b"][number % 2], &payload).is_ok() {
                acknowledged.push(payload);
            }
        }
        files.fail_syncs(0, Fault::Full);
        wal.close();
        prop_assert_eq!(wal.stopped(), None);
        for disk in [files.after_kill(), files.after_crash(&mut Dice::new(seed))] {
            let (_, records, report) = open(&disk, small.clone());
            let found = payloads(&records);
            for payload in &acknowledged {
                let count = found.iter().filter(|p| **p == payload.as_slice()).count();
                prop_assert!(count == 1 || payload.is_empty(), "{} times: {:?}", count, report);
            }
        }
    }
}
