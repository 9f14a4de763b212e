//! A unit test of rules: its lines are pushed, its rules evaluated, and what they give is compared.

use super::difference::{self, GotAlert};
use super::files::files_of;
use super::unit_file::{InputLine, InputStream, RepeatedLine, Span, Test, TestFile};
use skald_model::Labels;
use skald_ruler::ruler::Loaded;
use skald_ruler::rules::{Alignment, joined, read_documents};
use skald_ruler::view::{GroupView, RuleState};
use skald_server::clock::rfc3339;
use skald_server::rule_sandbox::{Receiver, Sandbox, SandboxRules};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

const MICROSECOND: i64 = 1_000;
const MINUTE: i64 = 60_000_000_000;

/// Most lines of a test.
const LINES_MAX: usize = 100_000;

/// Runs a test; each text is a difference. An error says why it could not be run.
pub(super) fn run(file: &TestFile, folder: &Path, test: &Test) -> Result<Vec<String>, String> {
    let data = tempfile::tempdir().map_err(|error| format!("a temporary folder: {error}"))?;
    let external = Labels::from_pairs(&test.external_labels);
    let sandbox = Sandbox::open(data.path(), external, &test.external_url)?;
    let start = test.start()?;
    for (number, stream) in test.input_streams.iter().enumerate() {
        let interval = test.interval.as_ref().map_or(MINUTE, |s| s.nanoseconds);
        push(&sandbox, stream, start, interval)
            .map_err(|why| format!("input stream {}: {why}", number + 1))?;
    }
    let groups = groups(file, folder, &sandbox)?;
    let alerts: BTreeSet<String> = groups
        .iter()
        .flat_map(|loaded| &loaded.group.rules)
        .filter(|rule| rule.alert().is_some())
        .map(|rule| rule.name.clone())
        .collect();
    let mut rules = sandbox.rules(groups, start, file.interval());
    let mut said = Vec::new();
    for check in checks(test) {
        let until = start.saturating_add(check.at().nanoseconds);
        advance(&mut rules, start, until, &mut said);
        match check {
            Check::Alert(number, _) => {
                let check = &test.alert_rule_test[number];
                if !alerts.contains(&check.alertname) {
                    said.push(format!("there is no alerting rule {:?}", check.alertname));
                    continue;
                }
                let got = firing(&rules.view(), &check.alertname);
                said.extend(difference::of_alerts(check, &got));
            }
            Check::Expr(number, _) => {
                let check = &test.logql_expr_test[number];
                let got = sandbox.query(&check.expr, until);
                said.extend(difference::of_samples(check, got));
            }
        }
    }
    Ok(said)
}

/// What is compared, by the time.
enum Check<'a> {
    Alert(usize, &'a Span),
    Expr(usize, &'a Span),
}

impl Check<'_> {
    fn at(&self) -> &Span {
        let (Check::Alert(_, at) | Check::Expr(_, at)) = self;
        at
    }
}

fn checks(test: &Test) -> Vec<Check<'_>> {
    let alerts = test.alert_rule_test.iter().enumerate();
    let exprs = test.logql_expr_test.iter().enumerate();
    let alerts = alerts.map(|(number, check)| Check::Alert(number, &check.eval_time));
    let exprs = exprs.map(|(number, check)| Check::Expr(number, &check.eval_time));
    let mut checks: Vec<Check<'_>> = alerts.chain(exprs).collect();
    checks.sort_by_key(|check| check.at().nanoseconds);
    checks
}

/// Evaluates all slots up to a time; a rule that fails is a difference, once.
fn advance(rules: &mut SandboxRules, start: i64, until: i64, said: &mut Vec<String>) {
    while let Some(slot) = rules.step(until) {
        for group in rules.view() {
            for rule in &group.rules {
                let newest = rule.history.first().filter(|newest| newest.at == slot);
                let Some(error) = newest.and_then(|newest| newest.error.as_ref()) else {
                    continue;
                };
                let is_first = rule.failures == 1;
                if is_first {
                    let seconds = (slot - start) / 1_000_000_000;
                    let (group, name) = (&group.group.name, &rule.rule.name);
                    said.push(format!(
                        "group {group:?}, rule {name:?} fails at {seconds}s: {error}"
                    ));
                }
            }
        }
    }
}

fn firing(groups: &[GroupView], name: &str) -> Vec<GotAlert> {
    let rules = groups.iter().flat_map(|group| &group.rules);
    let named = rules.filter(|rule| rule.rule.alert().is_some() && rule.rule.name == name);
    let alerts = named.flat_map(|rule| &rule.alerts);
    alerts
        .filter(|alert| alert.state == RuleState::Firing)
        .map(|alert| GotAlert {
            labels: difference::texts(&alert.labels, "alertname"),
            annotations: alert.annotations.iter().cloned().collect(),
        })
        .collect()
}

/// The groups of the rule files, with slots at whole multiples of their interval.
fn groups(file: &TestFile, folder: &Path, sandbox: &Sandbox) -> Result<Vec<Loaded>, String> {
    let mut groups = Vec::new();
    for given in &file.rule_files {
        for path in files_of(&folder.join(given))? {
            groups.extend(groups_of(&path, sandbox)?);
        }
    }
    Ok(groups)
}

fn groups_of(path: &Path, sandbox: &Sandbox) -> Result<Vec<Loaded>, String> {
    let name = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| format!("{name}: {error}"))?;
    let documents = read_documents(&text, sandbox.templates());
    let documents = documents.map_err(|faults| format!("{name}: {}", joined(&faults)))?;
    let mut groups = Vec::new();
    for document in documents {
        let namespace = document.namespace.unwrap_or_else(|| name.to_string());
        let namespace: Arc<str> = Arc::from(namespace);
        for mut group in document.groups {
            group.alignment = Alignment::WallClock;
            groups.push(Loaded {
                namespace: namespace.clone(),
                group: Arc::new(group),
            });
        }
    }
    Ok(groups)
}

/// A line with its time and its metadata.
struct Placed {
    at: i64,
    line: String,
    metadata: BTreeMap<String, String>,
}

fn push(sandbox: &Sandbox, input: &InputStream, start: i64, interval: i64) -> Result<(), String> {
    let lines = placed(input, start, interval)?;
    match (&input.stream, &input.receiver) {
        (Some(stream), None) => {
            let value = |placed: Placed| {
                serde_json::json!([placed.at.to_string(), placed.line, placed.metadata])
            };
            let values: Vec<_> = lines.into_iter().map(value).collect();
            let body = serde_json::json!({"streams": [{"stream": stream.0, "values": values}]});
            sandbox.push(Receiver::Loki, body.to_string())
        }
        (None, Some(name)) => {
            let receiver = Receiver::named(name).ok_or_else(|| {
                format!(
                    "there is no receiver {name:?}: falco, k8s-audit, calico-flows, hubble, ndjson"
                )
            })?;
            let mut lines = lines.into_iter();
            lines.try_for_each(|placed| sandbox.push(receiver, placed.line))
        }
        _ => Err("it needs stream or receiver, and not both".to_owned()),
    }
}

/// The lines in their order. Those that come at once lie a microsecond apart, the last at the time.
fn placed(input: &InputStream, start: i64, interval: i64) -> Result<Vec<Placed>, String> {
    let mut lines = Vec::new();
    let mut place: i64 = 0;
    for given in &input.lines {
        let own;
        let given = match given {
            None => {
                place += 1;
                continue;
            }
            Some(InputLine::Repeated(line)) => line,
            Some(InputLine::Text(line)) => {
                own = RepeatedLine {
                    line: line.clone(),
                    metadata: BTreeMap::new(),
                    at: None,
                    times: 1,
                    count: 1,
                };
                &own
            }
        };
        if lines.len() + given.times as usize * given.count as usize > LINES_MAX {
            return Err(format!("a stream has at most {LINES_MAX} lines"));
        }
        let first = given
            .at
            .as_ref()
            .map_or_else(|| place.saturating_mul(interval), |span| span.nanoseconds);
        for time in 0..i64::from(given.times) {
            let at = start.saturating_add(first + time.saturating_mul(interval));
            for number in 0..given.count {
                let before = i64::from(given.count - 1 - number) * MICROSECOND;
                lines.push(filled(input, given, at - before, number + 1));
            }
        }
        if given.at.is_none() {
            place += i64::from(given.times);
        }
    }
    Ok(lines)
}

fn filled(input: &InputStream, given: &RepeatedLine, at: i64, number: u32) -> Placed {
    let fill = |text: &str| {
        text.replace("${time}", &rfc3339(at))
            .replace("${n}", &number.to_string())
    };
    let metadata = input.metadata.iter().chain(&given.metadata);
    Placed {
        at,
        line: fill(&given.line),
        metadata: metadata
            .map(|(name, value)| (name.clone(), fill(value)))
            .collect(),
    }
}
