//! Every recorded Loki answer, asked of a real server process: on entries in the head, flushed to
//! parts, and recovered after a kill.

use crate::BINARY;
use skald_tests::conformance::{self, Outcome};
use skald_tests::process::Skald;
use std::path::Path;

fn check(state: &str, outcome: &Outcome) {
    assert!(
        outcome.failed.is_empty(),
        "{state}: {} passed, {} failed:\n{}",
        outcome.passed,
        outcome.failed.len(),
        outcome.failed.join("\n")
    );
    assert_eq!(
        outcome.named,
        conformance::differences(),
        "{state}: a case named as different is not"
    );
    let percent = outcome.same_texts * 100 / outcome.texts.max(1);
    assert!(
        percent > 80,
        "{state}: {} of {} error texts are Loki's",
        outcome.same_texts,
        outcome.texts
    );
}

#[test]
fn answers_are_lokis_in_the_head_flushed_and_recovered() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let server = Skald::start(Path::new(BINARY), data.path(), &[]);
    conformance::push(&server.client());
    check("head", &conformance::ask(&server.client()));
    server.kill();

    let server = Skald::start(Path::new(BINARY), data.path(), &[]);
    check(
        "recovered from the log",
        &conformance::ask(&server.client()),
    );
    let flushed = server
        .client()
        .post("/flush", "text/plain", b"")
        .expect("the server answers");
    assert_eq!(flushed.status, 204, "{}", flushed.text);
    check("flushed", &conformance::ask(&server.client()));
    server.kill();

    let server = Skald::start(Path::new(BINARY), data.path(), &[]);
    check("recovered from parts", &conformance::ask(&server.client()));
}
