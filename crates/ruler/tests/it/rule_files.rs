//! Reading, checking and writing of rule groups.

use skald_ruler::rules::{
    Alignment, Fault, RuleGroup, SetLimits, check_limits, joined, read_documents, read_file,
    read_group, read_stored, write_group, write_namespaces, write_stored,
};
use skald_ruler::templates::{NoTemplates, TemplateInput, Templates};

const MINUTE: i64 = 60_000_000_000;

fn group(text: &str) -> RuleGroup {
    read_group(text, &NoTemplates).unwrap_or_else(|faults| panic!("{text}: {}", joined(&faults)))
}

fn refused(text: &str) -> String {
    joined(&read_group(text, &NoTemplates).expect_err("it is refused"))
}

const FULL: &str = r#"
name: access
interval: 1m
query_offset: 30s
align_evaluation_time_on_interval: true
limit: 20
labels: {team: sec, severity: low}
rules:
  - alert: Forbidden
    expr: |
      sum by (user) (
        count_over_time({app="a"} |= "403" [5m])
      ) > 20
    for: 10m
    keep_firing_for: 1h30m
    labels:
      severity: 1
    annotations:
      summary: "{{ $labels.user }}: was refused"
  - record: app:lines:rate5m
    expr: sum(rate({app="a"}[5m]))
"#;

#[test]
fn a_group_is_read_as_it_was_written() {
    let group = group(FULL);
    assert_eq!(group.interval, Some(MINUTE));
    assert_eq!(group.query_offset, Some(MINUTE / 2));
    assert_eq!(group.alignment, Alignment::WallClock);
    assert_eq!(group.limit, 20);
    let alert = group.rules[0].alert().expect("the first one is an alert");
    assert_eq!(alert.hold, 10 * MINUTE);
    assert_eq!(alert.keep_firing_for, 90 * MINUTE);
    let text = "sum by (user) (\n  count_over_time({app=\"a\"} |= \"403\" [5m])\n) > 20\n";
    assert_eq!(&**group.rules[0].expr.text(), text);
    assert_eq!(
        &**group.rules[0].expr.printed(),
        r#"(sum by (user)(count_over_time({app="a"} |= "403"[5m])) > 20)"#
    );
    assert!(group.rules[1].alert().is_none());
    let labels = group.labels_of(&group.rules[0]);
    assert_eq!(labels["severity"], "1");
    assert_eq!(labels["team"], "sec");
}

#[test]
fn what_is_stored_comes_back_whole() {
    let group = group(FULL);
    let text = write_stored("a/b: c", &group);
    let (namespace, again) = read_stored(&text, &NoTemplates).expect("it was written here");
    assert_eq!((namespace.as_str(), &again), ("a/b: c", &group));
}

#[test]
fn clients_read_only_keys_that_they_know_and_none_that_is_empty() {
    let written = write_group(&group(FULL));
    assert!(written.starts_with("name: access\ninterval: 1m\nquery_offset: 30s\n"));
    let again = group(&written);
    assert_eq!(again.rules[0].expr, group(FULL).rules[0].expr);
    assert!(again.labels.is_empty(), "they stand in the rules");
    assert_eq!(again.rules[1].labels["team"], "sec");

    let plain = "name: a\nrules:\n- alert: b\n  expr: vector(1) > 0\n";
    let padded = "name: a\ninterval: 0s\nlimit: 0\nlabels: {}\nrules:\n- alert: b\n  expr: vector(1) > 0\n  \
                  for: 0s\n  labels: {}\n  annotations:\n";
    assert_eq!(write_group(&group(padded)), plain);
    let group = group(plain);
    let listed = write_namespaces([("n", &group)]);
    assert_eq!(
        listed,
        "n:\n- name: a\n  rules:\n  - alert: b\n    expr: vector(1) > 0\n"
    );
    assert_eq!(write_namespaces([]), "{}\n");
}

#[test]
fn expressions_keep_every_byte() {
    for text in [
        "vector(1)",
        " vector(1) ",
        "vector(1)\n",
        "\nvector(1)\n\n",
        "vector(1) # why: because\n",
        "  vector(1)\n  > 0",
        "count_over_time({a=\"\u{e9}\\n\"}[1m])\t> 1",
        "count_over_time({a=`: - # '\"`}[1m])",
    ] {
        let source = serde_yaml_ng::to_string(&serde_json::json!({
            "name": "a", "rules": [{"alert": "b", "expr": text}],
        }))
        .expect("it is a mapping of texts");
        let read = group(&source);
        assert_eq!(&**read.rules[0].expr.text(), text);
        assert_eq!(&**group(&write_group(&read)).rules[0].expr.text(), text);
    }
}

#[test]
fn faults_are_in_lokis_words() {
    let rule = |rule: &str| refused(&format!("name: g\nrules: [{{{rule}}}]"));
    assert_eq!(refused(""), "group 0: Groupname must not be empty");
    assert_eq!(
        rule("alert: a, record: b, expr: vector(1)"),
        "only one of 'record' and 'alert' must be set"
    );
    assert_eq!(
        rule("expr: vector(1)"),
        "one of 'record' or 'alert' must be set"
    );
    assert_eq!(rule("alert: a"), "field 'expr' must be set in rule");
    assert_eq!(
        rule("record: r, expr: vector(1), for: 1m, annotations: {a: b}"),
        "invalid field 'annotations' in recording rule, invalid field 'for' in recording rule"
    );
    assert_eq!(
        rule("record: r-1, expr: vector(1)"),
        "invalid recording rule name: r-1"
    );
    assert_eq!(
        rule("alert: a, expr: vector(1), labels: {__name__: x, b-c: d}, annotations: {e-f: g}"),
        "invalid label name: __name__, invalid label name: b-c, invalid annotation name: e-f"
    );
    assert!(rule("alert: a, expr: 'sum('").starts_with(
        "could not parse expression for alert 'a' in group 'g': parse error at line 1"
    ));
    assert!(rule("record: r, expr: '{a=\"b\"} |= \"c\"'").starts_with(
        "could not parse expression for record 'r' in group 'g': the query gives log lines"
    ));
    for undecodable in [
        "- a",
        "name: a\nrules: 5",
        "name: a\ninterval: 5",
        "a: b: c",
    ] {
        let text = refused(undecodable);
        assert!(text.starts_with("unable to decoded rule group"), "{text}");
    }
}

#[test]
fn all_faults_are_found_with_their_places() {
    let text = "groups:\n- name: a\n  rules: [{alert: x}, {alert: y, expr: vector(1)}, {expr: vector(1)}]\n- name: a\n";
    let faults: Vec<Fault> = read_file(text, &NoTemplates).expect_err("it is refused");
    let places: Vec<(Option<usize>, &str)> = faults
        .iter()
        .map(|fault| (fault.place.rule, fault.text.as_str()))
        .collect();
    assert_eq!(
        places,
        [
            (Some(0), "field 'expr' must be set in rule"),
            (Some(2), "one of 'record' or 'alert' must be set"),
            (None, "groupname: \"a\" is repeated in the same file"),
        ]
    );
}

#[test]
fn files_are_strict_and_posts_are_not() {
    let file = |text: &str| joined(&read_file(text, &NoTemplates).expect_err("it is refused"));
    assert_eq!(file(""), "EOF");
    assert_eq!(file("# nothing\n"), "EOF");
    let text = "groups:\n- name: a\n  rules:\n  - alert: b\n    expr: vector(1)\n    labls: {}\n";
    assert_eq!(
        file(text),
        "line 6: field labls not found in type rulefmt.Rule"
    );
    assert_eq!(
        file("groups:\n- name: a\n  rule: []\n"),
        "line 3: field rule not found in type rulefmt.RuleGroup"
    );
    assert_eq!(
        file("group: []\n"),
        "line 1: field group not found in type rulefmt.RuleGroups"
    );
    assert!(file("groups: []\n---\ngroups: []\n").contains("more than one document"));
    assert_eq!(group("name: a\nnobody: 1\nrules: []\n").name, "a");
    let repeated = refused("name: a\nname: b\n");
    assert!(repeated.contains("\"name\" is already there"), "{repeated}");
}

#[test]
fn files_for_tools_have_namespaces_and_several_documents() {
    let text = "namespace: n\ngroups:\n- name: a\n---\ngroups:\n- name: b\n";
    let read = read_documents(text, &NoTemplates).expect("it is sound");
    let names: Vec<_> = read
        .iter()
        .map(|d| (d.namespace.as_deref(), d.groups[0].name.as_str()))
        .collect();
    assert_eq!(names, [(Some("n"), "a"), (None, "b")]);
}

#[test]
fn limits_do_not_count_a_group_that_replaces_itself() {
    let limits = SetLimits {
        rules_per_group: 1,
        groups: 2,
    };
    let small = group("name: a\nrules: [{alert: b, expr: vector(1)}]");
    assert_eq!(check_limits(limits, 1, &small), Ok(()));
    assert_eq!(
        check_limits(limits, 2, &small),
        Err("per-user rule groups limit (limit: 2 actual: 3) exceeded".to_owned())
    );
    assert_eq!(
        check_limits(limits, 0, &group(FULL)),
        Err("per-user rules per rule group limit (limit: 1 actual: 2) exceeded".to_owned())
    );
    assert_eq!(check_limits(SetLimits::default(), 99, &group(FULL)), Ok(()));
}

#[test]
fn templates_are_checked_when_a_rule_is_read() {
    struct NoBraces;
    impl Templates for NoBraces {
        fn check(&self, text: &str) -> Result<(), String> {
            match text.contains("{{") {
                true => Err("unclosed action".to_owned()),
                false => Ok(()),
            }
        }
        fn expand(&self, text: &str, _: &TemplateInput<'_>) -> String {
            text.to_owned()
        }
    }
    let text =
        "name: g\nrules: [{alert: a, expr: vector(1), labels: {l: '{{'}, annotations: {n: '{{'}}]";
    let faults = read_group(text, &NoBraces).expect_err("both are refused");
    assert_eq!(
        joined(&faults),
        "label \"l\": unclosed action, annotation \"n\": unclosed action"
    );
}
