//! `skald rules load`, `list`, `get`, `diff`, `sync`, `delete` and `backtest` against a server.

use crate::BINARY;
use skald_tests::process::Skald;
use std::path::Path;
use std::process::Command;

const FIRST: &str = r#"groups:
  - name: a/b
    interval: 1m
    labels: {team: core}
    rules:
      - alert: Errors
        expr: sum by (app) (count_over_time({app="api"} |= "error" [5m])) > 0
        labels: {severity: page}
  - name: other
    rules:
      - record: api:errors
        expr: sum(count_over_time({app="api"}[5m]))
"#;

/// Whether a command succeeded, and what it said.
fn rules(address: &str, folder: &Path, words: &[&str]) -> (bool, String) {
    let output = Command::new(BINARY)
        .arg("rules")
        .args(words)
        .args(["--address", address])
        .current_dir(folder)
        .output()
        .expect("the program runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    (
        output.status.success(),
        said + &String::from_utf8_lossy(&output.stderr),
    )
}

#[test]
fn groups_of_a_server_become_those_of_files() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    let skald = Skald::start(Path::new(BINARY), &data, &[]);
    let address = format!("http://{}", skald.address);
    let write = |text: &str| std::fs::write(folder.path().join("api.yaml"), text).expect("a file");
    let check = |words: &[&str], is_well: bool, expected: &str| {
        let (was_well, said) = rules(&address, folder.path(), words);
        assert!(
            was_well == is_well && said.contains(expected),
            "{words:?}: {said}"
        );
    };
    write(FIRST);
    check(
        &["diff", "api.yaml"],
        true,
        "+ api/a/b\n+ api/other\n2 created, 0 updated, 0 deleted by a sync\n",
    );
    check(&["list"], true, "NAMESPACE  GROUP\n");
    check(&["load", "api.yaml"], true, "2 groups, 2 set\n");
    check(&["load", "api.yaml"], true, "2 groups, 0 set\n");
    check(&["list"], true, "api        a/b\napi        other\n");
    check(&["get", "api", "a/b"], true, "team: core");
    check(&["get", "api", "none"], false, "there is no group \"none\"");
    check(
        &["diff", "api.yaml"],
        true,
        "0 created, 0 updated, 0 deleted by a sync\n",
    );
    write(
        &FIRST
            .replace("> 0", "> 1")
            .replace("name: other", "name: third"),
    );
    check(
        &["sync", "api.yaml", "--ignored-namespaces", "api"],
        true,
        "0 created, 0 updated, 0 deleted\n",
    );
    check(
        &["sync", "api.yaml"],
        true,
        "~ api/a/b\n- api/other\n+ api/third\n1 created, 1 updated, 1 deleted\n",
    );
    check(
        &["backtest", "api.yaml", "--since", "10m"],
        true,
        "Errors (alerting)",
    );
    check(&["delete", "api", "third"], true, "");
    check(&["delete", "api"], true, "");
    check(&["delete", "api"], false, "there is no namespace \"api\"");
}
