//! `skald rules check`: faults with their places, advice, and the status.

use crate::BINARY;
use std::path::Path;
use std::process::Command;

/// Whether it succeeded, what it said, and its complaint.
fn check(arguments: &[&str], folder: &Path) -> (bool, String, String) {
    let output = Command::new(BINARY)
        .args(["rules", "check"])
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("the program runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.success(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

const GOOD: &str = r#"namespace: cluster
groups:
  - name: shells
    interval: 5m
    rules:
      - alert: Shell
        expr: sum by (pod) (count_over_time({app="falco"} |= "shell" [1m])) > 0
        annotations:
          summary: "{{ $labels.pod }}: {{ range samples 5 }}{{ .Line }}{{ end }}"
          others: '{{ query "up" | first | value }}'
      - record: shells:rate
        expr: sum(rate({app="falco"}[10m]))
"#;

const BAD: &str = r#"groups:
  - name: shells
    rules:
      - alert: Log
        expr: '{app="falco"}'
        labels:
          severity: "{{ $nope }}"
      - record: "a b"
        expr: sum(rate({app="falco"}[10m]
        annotations:
          x: y
"#;

#[test]
fn what_is_wrong_is_said_with_its_place_and_a_sound_file_is_counted() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let inside = folder.path().join("tenant");
    std::fs::create_dir(&inside).expect("a new folder");
    for (name, text) in [("good.yaml", GOOD), ("bad.yaml", BAD), (".hidden", "x: [")] {
        std::fs::write(inside.join(name), text).expect("a file");
    }
    let (is_well, said, complaint) = check(&["tenant/good.yaml"], folder.path());
    assert!(is_well, "{said}{complaint}");
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "tenant/good.yaml: 1 group, 2 rules");
    let place = "tenant/good.yaml:6: group \"shells\", rule 1: advice: ";
    assert!(
        lines.iter().skip(1).all(|line| line.starts_with(place)),
        "{said}"
    );
    assert!(
        said.contains("the window of 1m is shorter than the interval of 5m"),
        "{said}"
    );
    assert!(
        said.contains("annotation \"others\": query \"up\" fails"),
        "{said}"
    );
    assert_eq!(lines.len(), 3, "{said}");

    let (is_well, said, complaint) = check(&["tenant"], folder.path());
    assert!(!is_well && complaint.is_empty(), "{said}{complaint}");
    for expected in [
        "tenant/bad.yaml:4: group \"shells\", rule 1: could not parse expression for alert 'Log'",
        "tenant/bad.yaml:4: group \"shells\", rule 1: label \"severity\": template: alert:1: undefined variable \"$nope\"",
        "tenant/bad.yaml:8: group \"shells\", rule 2: invalid recording rule name: a b",
        "tenant/bad.yaml:8: group \"shells\", rule 2: invalid field 'annotations' in recording rule",
        "tenant/good.yaml: 1 group, 2 rules",
    ] {
        assert!(said.contains(expected), "{expected}\n{said}");
    }
    assert!(!said.contains("hidden"), "{said}");

    let (is_well, said, _) = check(&["--interval", "1m", "tenant/good.yaml"], folder.path());
    assert!(is_well, "{said}");
    let (is_well, _, complaint) = check(&["nowhere.yaml"], folder.path());
    assert!(
        !is_well && complaint.contains("nowhere.yaml"),
        "{complaint}"
    );
}

#[test]
fn a_file_that_is_no_rule_file_is_refused_in_lokis_words() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(
        folder.path().join("a.yaml"),
        "groups:\n  - name: a\n    rule: []\n",
    )
    .expect("a file");
    let (is_well, said, _) = check(&["a.yaml"], folder.path());
    assert!(!is_well);
    assert_eq!(
        said,
        "a.yaml: line 3: field rule not found in type rulefmt.RuleGroup\n"
    );
}
