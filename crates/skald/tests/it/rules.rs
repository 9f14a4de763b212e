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

/// Whether the tests of files pass, and what was said.
fn test(arguments: &[&Path], folder: &Path) -> (bool, String) {
    let output = Command::new(BINARY)
        .args(["rules", "test"])
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("the program runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    (
        output.status.success(),
        said + &String::from_utf8_lossy(&output.stderr),
    )
}

/// Rules of people who use Skald, each with a file of tests of its name.
#[test]
fn ready_rules_fire_and_do_not_fire_as_their_tests_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docker/rules");
    let manual = std::fs::read_to_string(folder.join("../../docs/rules.md")).expect("the manual");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder).expect("ready rules").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.ends_with(".yaml") {
            continue;
        }
        assert!(manual.contains(&format!("`{name}`")), "{name} in rules.md");
        let (is_well, said, complaint) = check(&[&name], &folder);
        assert!(is_well && !said.contains("advice"), "{said}{complaint}");
        names.push(name);
    }
    assert!(names.len() >= 4, "{names:?}");
    for name in names {
        let rules = std::fs::read_to_string(folder.join(&name)).expect("rules");
        let tests = folder.join("tests").join(&name);
        let text = std::fs::read_to_string(&tests).expect("tests beside the rules");
        for alert in rules
            .lines()
            .filter_map(|line| line.split_once("- alert: "))
        {
            let tested = format!("alertname: {}", alert.1);
            assert!(text.contains(&tested), "{name}: {tested}");
        }
        let (is_well, said) = test(&[&tests], &folder);
        assert!(is_well, "{said}");
    }
}

const RULES: &str = r#"groups:
  - name: api
    interval: 1m
    rules:
      - record: api:errors
        expr: sum by (app) (count_over_time({app="api"} |= "error" [1m]))
      - alert: Errors
        expr: sum by (app, user) (count_over_time({app="api"} |= "error" [2m])) > 1
        for: 1m
        labels: {severity: page}
        annotations: {summary: "{{ $labels.user }}: {{ $value }}"}
"#;

const TESTS: &str = r#"rule_files: [rules.yaml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_streams:
      - stream: '{app="api"}'
        metadata: {user: jane}
        lines:
          - fine
          - null
          - {line: "error ${n} at ${time}", count: 2, times: 3}
          - fine again
    alert_rule_test:
      - {eval_time: 2m, alertname: Errors}
      - eval_time: 3m
        alertname: Errors
        exp_alerts:
          - exp_labels: {severity: page, app: api, user: jane}
            exp_annotations: {summary: "jane: 4"}
      - {eval_time: 10m, alertname: Errors}
    logql_expr_test:
      - expr: sum by (app) (count_over_time({app="api"} | user="jane" [10m]))
        eval_time: 8m
        exp_samples: [{labels: '{app="api"}', value: 8}]
      - expr: last_over_time({__name__="api:errors"} | unwrap value [1m]) by (app)
        eval_time: 2m
        exp_samples: [{labels: {app: api}, value: 2}]
"#;

#[test]
fn unit_tests_say_what_differs_and_end_with_status_1() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).expect("a file");
    };
    write("rules.yaml", RULES);
    write("good.yaml", TESTS);
    let (is_well, said) = test(&[Path::new("good.yaml")], folder.path());
    assert!(is_well, "{said}");
    assert_eq!(said, "good.yaml: 1 test passed\n");

    let bad = TESTS
        .replace("jane: 4", "jane: 5")
        .replace(
            "{eval_time: 10m, alertname: Errors}",
            "{eval_time: 4m, alertname: Errors}",
        )
        .replace(
            "eval_time: 2m, alertname: Errors",
            "eval_time: 2m, alertname: Erorrs",
        )
        .replace("value: 8", "value: 9");
    write("bad.yaml", &bad);
    let (is_well, said) = test(
        &[Path::new("good.yaml"), Path::new("bad.yaml")],
        folder.path(),
    );
    assert!(!is_well, "{said}");
    for expected in [
        "good.yaml: 1 test passed\n",
        "bad.yaml: test 1: there is no alerting rule \"Erorrs\"\n",
        "bad.yaml: test 1: alert Errors at 3m: 1 expected to fire, 1 did\n",
        "    - expected summary: \"jane: 5\"\n    + got      summary: \"jane: 4\"\n",
        "alert Errors at 4m: none expected to fire, 1 did\n  + got      {app=\"api\", severity=\"page\", user=\"jane\"}\n",
        "  - expected {app=\"api\"} 9\n  + got      {app=\"api\"} 8\n",
        "bad.yaml: 1 test, 1 failed\n",
    ] {
        assert!(said.contains(expected), "{expected}\n{said}");
    }

    write("odd.yaml", &TESTS.replace("input_streams", "input_series"));
    let (is_well, said) = test(&[Path::new("odd.yaml")], folder.path());
    assert!(
        !is_well && said.contains("unknown field `input_series`"),
        "{said}"
    );
}
