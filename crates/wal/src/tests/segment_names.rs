//! Segments under names that are not theirs: renamed, or copied over others.

use super::*;

/// Segments of two records each, and the records.
fn segments() -> (SimFiles, Vec<PathBuf>, Vec<Record>) {
    let files = SimFiles::default();
    let small = Options {
        segment_bytes: 250,
        ..options()
    };
    let (wal, _, _) = open(&files, small);
    for i in 0..8u8 {
        append(&wal, "a", &[i; 100]).expect("the disk is fine");
    }
    wal.close();
    let listed = files.list(&folder()).expect("the folder is there");
    let paths: Vec<PathBuf> = listed.iter().map(|f| folder().join(&f.name)).collect();
    assert_eq!(paths.len(), 4);
    let records = (0..8u8).map(|i| ("a".to_owned(), vec![i; 100]));
    (files, paths, records.collect())
}

#[test]
fn segments_under_other_names_are_read_in_the_order_of_their_records() {
    for name in [
        "0000000000000000.wal",
        "0000000000000009.wal",
        "x.wal",
        "ffffffffffffffff.wal",
    ] {
        for at in 0..4 {
            let (files, paths, expected) = segments();
            let moved = folder().join(name);
            files.rename(&paths[at], &moved).expect("it is there");
            let (wal, records, report) = open(&files, options());
            assert_eq!(records, expected, "{name} for {:?}", paths[at]);
            let said = report.damage.join("");
            assert!(
                said.contains(name) && said.contains("another's name"),
                "{said}"
            );
            append(&wal, "a", b"new").expect("the disk is fine");
            wal.truncate(&|_| 8).expect("the disk is fine");
            wal.close();
            let (_, records, report) = open(&files, options());
            assert_eq!(records, [("a".to_owned(), b"new".to_vec())]);
            assert_eq!(report.damage, Vec::<String>::new());
        }
    }
}

#[test]
fn a_segment_that_is_copied_over_another_costs_that_one_alone_and_is_said() {
    for (from, to) in [(0, 2), (2, 0), (3, 0), (1, 3)] {
        let (files, paths, mut expected) = segments();
        let bytes = files.bytes_of(&paths[from]).expect("it is there");
        files.set_bytes_of(&paths[to], &bytes);
        expected.drain(to * 2..to * 2 + 2);
        let (wal, records, report) = open(&files, options());
        assert_eq!(records, expected, "{from} over {to}");
        assert!(
            report.damage.join("").contains("another's name"),
            "{report:?}"
        );
        append(&wal, "a", b"new").expect("the disk is fine");
        wal.close();
        expected.push(("a".to_owned(), b"new".to_vec()));
        assert_eq!(open(&files, options()).1, expected, "{from} over {to}");
    }
}
