//! Groups that run: what is sent and recorded, slot by slot.

use crate::support::{MINUTE, SECOND, World, loaded};
use skald_model::{Labels, TenantId};
use skald_ruler::engine::EngineError;
use skald_ruler::outbox::is_stale;
use skald_ruler::ruler::Ruler;
use skald_ruler::settings::{FailureAlerts, Settings};
use skald_ruler::view::{GroupView, Health, RuleState, RuleView};

const QUERY: &str = "count_over_time({a=\"b\"}[1m])";

fn one_rule(rule: &str) -> (World, Ruler) {
    let world = World::new(1_000 * MINUTE);
    let ruler = world.ruler(Settings::default());
    load(&ruler, rule);
    (world, ruler)
}

fn load(ruler: &Ruler, rule: &str) {
    let yaml = format!("name: g\ninterval: 1m\nrules:\n- {rule}\n");
    ruler.load(&TenantId::fake(), vec![loaded("n", &yaml)]);
}

fn group(ruler: &Ruler) -> GroupView {
    ruler.view(&TenantId::fake()).remove(0)
}

fn rule(ruler: &Ruler) -> RuleView {
    group(ruler).rules.remove(0)
}

fn alert(more: &str) -> String {
    format!("{{alert: A, expr: '{QUERY}', labels: {{severity: high}}, {more}}}")
}

#[test]
fn an_alert_waits_fires_is_sent_again_and_ends() {
    let (world, ruler) = one_rule(&alert("for: 2m, annotations: {why: because}"));
    assert_eq!(rule(&ruler).state, RuleState::Unknown);
    world.find(&["x"]);
    let first = world.step(&ruler);
    assert_eq!(rule(&ruler).state, RuleState::Pending);
    world.step(&ruler);
    assert!(world.take_sent().is_empty(), "what is pending is not sent");
    let fired = world.step(&ruler);
    assert_eq!(fired, first + 2 * MINUTE);
    let sent = world.take_sent().remove(0);
    let labels = [("alertname", "A"), ("of", "x"), ("severity", "high")];
    assert_eq!(sent.labels, Labels::from_pairs(labels));
    assert_eq!(sent.annotations, [("why".to_owned(), "because".to_owned())]);
    assert_eq!((sent.starts_at, sent.ends_at), (fired, fired + 4 * MINUTE));
    assert_eq!((sent.resolved, sent.value), (false, 1.0));
    let view = &rule(&ruler).alerts[0];
    assert_eq!((view.active_at, view.fired_at), (first, Some(fired)));

    // The delay is a minute, and a slot exactly a minute later does not exceed it.
    world.step(&ruler);
    assert!(world.take_sent().is_empty());
    let again = world.step(&ruler);
    let sent = world.take_sent().remove(0);
    assert_eq!((sent.starts_at, sent.ends_at), (fired, again + 4 * MINUTE));

    world.find(&[]);
    let ended = world.step(&ruler);
    let sent = world.take_sent().remove(0);
    assert!(sent.resolved);
    assert_eq!((sent.starts_at, sent.ends_at), (fired, ended));
    assert!(
        rule(&ruler).alerts.is_empty(),
        "what has ended is not shown"
    );
    let mut repeats = 0;
    for _ in 0..20 {
        world.step(&ruler);
        let sent = world.take_sent();
        assert!(sent.iter().all(|s| s.resolved && s.ends_at == ended));
        repeats += sent.len();
    }
    assert_eq!(repeats, 7, "every other minute for a quarter of an hour");
}

#[test]
fn a_failure_keeps_what_fires_and_is_an_alert_of_its_own() {
    let (world, ruler) = one_rule(&alert("for: 0s"));
    world.find(&["x"]);
    let fired = world.step(&ruler);
    world.take_sent();
    world.fail("query is too large");
    let mut names = Vec::new();
    for _ in 0..4 {
        let at = world.step(&ruler);
        for sent in world.take_sent() {
            assert!(!sent.resolved && sent.ends_at == at + 4 * MINUTE);
            names.push(sent.labels.get("alertname").unwrap_or_default().to_owned());
        }
    }
    names.sort();
    let failed = "RuleEvaluationFailed";
    assert_eq!(names, ["A", "A", failed, failed]);
    let view = rule(&ruler);
    assert_eq!(
        (view.health, view.state),
        (Health::Failed, RuleState::Firing)
    );
    assert_eq!(view.last_error.as_deref(), Some("query is too large"));
    assert_eq!((view.evaluations, view.failures), (5, 4));
    assert_eq!(view.alerts[0].active_at, fired);
    let failure = view.failure.expect("the rule fails");
    assert_eq!(failure.labels.get("rule"), Some("A"));
    assert_eq!(failure.labels.get("rule_group"), Some("g"));
    assert_eq!(failure.annotations[0].1, "query is too large");

    world.find(&["x"]);
    world.step(&ruler);
    let sent = world.take_sent();
    assert!(
        sent.iter()
            .any(|s| s.resolved && s.labels.get("alertname") == Some(failed))
    );
    assert!(rule(&ruler).failure.is_none());
}

#[test]
fn alerts_about_failures_can_be_switched_off() {
    let world = World::new(0);
    let ruler = world.ruler(Settings {
        failure_alerts: FailureAlerts::Off,
        ..Settings::default()
    });
    load(&ruler, &alert(""));
    world.fail("no");
    world.step(&ruler);
    assert!(world.take_sent().is_empty());
    assert_eq!(rule(&ruler).health, Health::Failed);
}

#[test]
fn equal_label_sets_and_too_many_alerts_are_failures() {
    let (world, ruler) = one_rule(&alert("for: 0s"));
    world.find(&["x"]);
    world.step(&ruler);
    world.find(&["y", "y"]);
    world.step(&ruler);
    let repeated = "vector contains metrics with the same labelset after applying alert labels";
    assert_eq!(rule(&ruler).last_error.as_deref(), Some(repeated));
    assert_eq!(rule(&ruler).alerts[0].labels.get("of"), Some("x"));

    let yaml = format!(
        "name: g\nlimit: 1\nrules:\n- {}\n- {{record: r, expr: '{QUERY}'}}",
        alert("")
    );
    ruler.load(&TenantId::fake(), vec![loaded("n", &yaml)]);
    world.find(&["x", "y"]);
    world.step(&ruler);
    let errors: Vec<_> = group(&ruler)
        .rules
        .into_iter()
        .map(|r| r.last_error)
        .collect();
    assert_eq!(
        errors[0].as_deref(),
        Some("exceeded limit of 1 with 2 alerts")
    );
    assert_eq!(
        errors[1].as_deref(),
        Some("exceeded limit of 1 with 2 series")
    );

    let same = format!("{{record: r, expr: '{QUERY}', labels: {{of: z}}}}");
    load(&ruler, &same);
    world.step(&ruler);
    let repeated = "vector contains metrics with the same labelset after applying rule labels";
    assert_eq!(rule(&ruler).last_error.as_deref(), Some(repeated));
}

#[test]
fn what_an_outbox_refuses_is_handed_over_again() {
    let (world, ruler) = one_rule(&alert("for: 0s"));
    world.find(&["x"]);
    *world.refuse.lock() = Some("the disk is full".to_owned());
    let fired = world.step(&ruler);
    *world.refuse.lock() = None;
    world.step(&ruler);
    assert_eq!(world.take_sent()[0].starts_at, fired);
    world.step(&ruler);
    assert!(world.take_sent().is_empty(), "it was taken a minute ago");

    load(&ruler, &format!("{{record: r, expr: '{QUERY}'}}"));
    *world.refuse.lock() = Some("the disk is full".to_owned());
    world.step(&ruler);
    assert_eq!(rule(&ruler).last_error.as_deref(), Some("the disk is full"));
    assert!(rule(&ruler).failure.is_some());
}

#[test]
fn series_are_recorded_and_end() {
    let (world, ruler) = one_rule(&format!(
        "{{record: 'a:b', expr: '{QUERY}', labels: {{l: m}}}}"
    ));
    world.find(&["x", "y"]);
    let at = world.step(&ruler);
    let samples = world.take_samples();
    let labels = [("__name__", "a:b"), ("l", "m"), ("of", "x")];
    assert_eq!(samples[0].labels, Labels::from_pairs(labels));
    assert_eq!(
        (samples[0].at, samples[0].value, samples.len()),
        (at, 1.0, 2)
    );
    world.find(&["x"]);
    let at = world.step(&ruler);
    let samples = world.take_samples();
    assert_eq!(samples.len(), 2);
    assert_eq!(samples[1].labels.get("of"), Some("y"));
    assert!(is_stale(samples[1].value) && samples[1].at == at);
    // Another name is another rule: the series of the old one end at the next slot.
    load(&ruler, &format!("{{record: 'c:d', expr: '{QUERY}'}}"));
    world.step(&ruler);
    let ends: Vec<_> = world
        .take_samples()
        .into_iter()
        .filter(|s| is_stale(s.value))
        .collect();
    assert_eq!(ends.len(), 1);
    assert_eq!(ends[0].labels.get("__name__"), Some("a:b"));
    ruler.load(&TenantId::fake(), Vec::new());
    let ends = world.take_samples();
    assert!(ends.len() == 1 && is_stale(ends[0].value));
    assert_eq!(ruler.run_due(), None);
}

#[test]
fn alerts_have_the_series_of_prometheus() {
    let (world, ruler) = one_rule(&alert("for: 1m"));
    world.find(&["x"]);
    let active = world.step(&ruler);
    let seen = || -> Vec<(String, Option<String>, bool)> {
        let series = world.take_samples().into_iter().map(|s| {
            let name = s.labels.get("__name__").unwrap_or_default().to_owned();
            let state = s.labels.get("alertstate").map(str::to_owned);
            (name, state, is_stale(s.value))
        });
        series.collect()
    };
    let state = |state: &str| Some(state.to_owned());
    let alerts = || "ALERTS".to_owned();
    let for_state = || "ALERTS_FOR_STATE".to_owned();
    assert_eq!(
        seen(),
        [
            (alerts(), state("pending"), false),
            (for_state(), None, false)
        ]
    );
    world.step(&ruler);
    let expected = [
        (alerts(), state("firing"), false),
        (for_state(), None, false),
        (alerts(), state("pending"), true),
    ];
    assert_eq!(seen(), expected);
    world.step(&ruler);
    let since = world.take_samples()[1].value;
    assert_eq!(since, (active / 1_000_000_000) as f64);
    world.find(&[]);
    world.step(&ruler);
    assert_eq!(
        seen(),
        [(alerts(), state("firing"), true), (for_state(), None, true)]
    );
}

#[test]
fn queries_of_an_offset_are_asked_before_their_slot() {
    let world = World::new(0);
    let ruler = world.ruler(Settings::default());
    let yaml = format!("name: g\nquery_offset: 30s\nrules:\n- {{record: r, expr: '{QUERY}'}}");
    ruler.load(&TenantId::fake(), vec![loaded("n", &yaml)]);
    world.find(&["x"]);
    let slot = world.step(&ruler);
    assert_eq!(world.take_asked(), [(QUERY.to_owned(), slot - MINUTE / 2)]);
    assert_eq!(world.take_samples()[0].at, slot - MINUTE / 2);
}

#[test]
fn rules_that_differ_in_their_threshold_ask_once() {
    let world = World::new(0);
    let ruler = world.ruler(Settings::default());
    let exprs = ["> 5", "> 0.5", ">= 1", "< 1", "!= 1", "== 1"];
    let mut yaml = "name: g\nrules:\n".to_owned();
    for (number, comparison) in exprs.iter().enumerate() {
        yaml += &format!("- {{record: 'r{number}', expr: '{QUERY} {comparison}'}}\n");
    }
    yaml += "- {record: alone, expr: 'sum(rate({a=\"b\"}[1m])) > 7'}\n";
    ruler.load(&TenantId::fake(), vec![loaded("n", &yaml)]);
    world.find(&["x"]);
    world.step(&ruler);
    let asked: Vec<String> = world
        .take_asked()
        .into_iter()
        .map(|(query, _)| query)
        .collect();
    assert_eq!(asked.len(), 2);
    assert!(asked[0].starts_with("count_over_time({a=\"b\"}") && asked[0].ends_with(')'));
    assert_eq!(asked[1], "sum(rate({a=\"b\"}[1m])) > 7", "as it is written");
    let samples: Vec<u64> = group(&ruler)
        .rules
        .iter()
        .map(|r| r.history[0].samples)
        .collect();
    assert_eq!(samples, [0, 1, 1, 0, 0, 1, 1]);
    let bytes: Vec<u64> = group(&ruler)
        .rules
        .iter()
        .map(|r| r.history[0].bytes)
        .collect();
    assert_eq!(bytes, [100, 0, 0, 0, 0, 0, 100], "it is paid once");
}

#[test]
fn a_rule_that_never_found_a_stream_says_so() {
    let (world, ruler) = one_rule(&alert(""));
    assert!(!rule(&ruler).never_matched, "it was not evaluated yet");
    world.step(&ruler);
    assert!(rule(&ruler).never_matched);
    world.find(&["x"]);
    world.step(&ruler);
    world.find(&[]);
    world.step(&ruler);
    assert!(!rule(&ruler).never_matched);
    load(&ruler, "{alert: B, expr: 'vector(1) > 2'}");
    world.step(&ruler);
    assert!(!rule(&ruler).never_matched, "it reads no streams");
}

#[test]
fn slots_that_passed_are_counted_and_not_made_good() {
    let (world, ruler) = one_rule(&alert(""));
    let slot = world.step(&ruler);
    world.set(slot + 5 * MINUTE + MINUTE / 2);
    ruler.run_due();
    let view = group(&ruler);
    assert_eq!((view.missed, view.iterations), (4, 2));
    assert_eq!(view.last_evaluation, Some(slot + 5 * MINUTE));
    assert_eq!(view.next_evaluation, slot + 6 * MINUTE);
    assert_eq!(rule(&ruler).history.len(), 2);
}

#[test]
fn a_reload_keeps_alerts_of_rules_that_are_the_same() {
    let (world, ruler) = one_rule(&alert("for: 2m"));
    world.find(&["x"]);
    let first = world.step(&ruler);
    load(&ruler, &alert("for: 3m, annotations: {a: b}"));
    world.step(&ruler);
    world.step(&ruler);
    assert_eq!(rule(&ruler).state, RuleState::Pending);
    assert_eq!(rule(&ruler).alerts[0].active_at, first);
    assert_eq!(rule(&ruler).alerts[0].annotations.len(), 1);
    world.step(&ruler);
    assert_eq!(rule(&ruler).state, RuleState::Firing);
    let other = format!("{{alert: A, expr: '{QUERY}', labels: {{severity: low}}}}");
    load(&ruler, &other);
    assert_eq!(
        rule(&ruler).state,
        RuleState::Unknown,
        "other labels, another rule"
    );
}

#[test]
fn only_the_last_evaluations_are_remembered() {
    let (world, ruler) = one_rule(&alert(""));
    let mut last = 0;
    for _ in 0..30 {
        last = world.step(&ruler);
    }
    let history = rule(&ruler).history;
    assert_eq!(history.len(), 20);
    assert_eq!(history[0].at, last);
    assert_eq!(history[19].at, last - 19 * MINUTE);
}

#[test]
fn a_slot_waits_for_an_engine_that_is_not_ready() {
    let (world, ruler) = one_rule(&alert("for: 0s"));
    let slot = ruler.run_due().expect("the group waits");
    world.answer(|_| Err(EngineError::NotReady("replaying".to_owned())));
    world.set(slot);
    assert_eq!(ruler.run_due(), Some(slot + SECOND));
    assert_eq!(rule(&ruler).health, Health::Unknown);
    assert!(world.take_sent().is_empty(), "it is no failure");
    world.find(&["x"]);
    world.set(slot + SECOND);
    ruler.run_due();
    assert_eq!(group(&ruler).last_evaluation, Some(slot));
    assert_eq!(world.take_sent()[0].starts_at, slot);
}
