//! A few seconds of the soak that people run for half an hour (`tests/src/bin/soak.rs`).

use crate::BINARY;
use skald_tests::soak::{Soak, run};
use std::path::PathBuf;
use std::time::Duration;

#[test]
fn mixed_load_with_restarts_loses_nothing_and_grows_nothing() {
    let _alone = crate::alone();
    let data = tempfile::tempdir().expect("a temporary directory can be made");
    let soak = Soak {
        binary: PathBuf::from(BINARY),
        data: data.path().to_owned(),
        lasts: Duration::from_secs(4),
        rounds: 4,
        lines_per_second: 20_000,
    };
    let report = run(&soak).unwrap_or_else(|why| panic!("{why}"));
    assert!(
        report.entries > 0 && report.queries > 0 && report.frames > 0,
        "{report:?}"
    );
}
