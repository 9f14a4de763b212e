//! Advice on rules that can be evaluated but hardly do what is meant.

use skald_logql::ast::{Expr, MetricExpr, RangeOp};
use skald_logql::syntax::duration::format_prometheus;
use skald_ruler::rules::{Expression, Rule, RuleGroup};
use skald_template::AlertTemplate;

/// Advice on each rule of a group, with the rule's number; `interval` is that of groups without one.
pub(super) fn of_group(group: &RuleGroup, interval: i64) -> Vec<(usize, String)> {
    let interval = group.interval.unwrap_or(interval);
    let mut said = Vec::new();
    for (number, rule) in group.rules.iter().enumerate() {
        let texts = of_window(rule, interval)
            .into_iter()
            .chain(of_queries(rule));
        said.extend(texts.map(|text| (number, text)));
    }
    said
}

/// A window that is shorter than the interval leaves lines out.
fn of_window(rule: &Rule, interval: i64) -> Option<String> {
    let Ok(Expr::Metric(metric)) = skald_logql::parse(rule.expr.text()) else {
        return None;
    };
    let window = shortest_window(&metric)?;
    (window < interval).then(|| {
        let (window, interval) = (format_prometheus(window), format_prometheus(interval));
        format!(
            "the window of {window} is shorter than the interval of {interval}: lines between two \
             evaluations are never looked at; take [{interval}] or more"
        )
    })
}

/// The shortest window in which lines are looked for; that of `absent_over_time` leaves none out.
fn shortest_window(metric: &MetricExpr) -> Option<i64> {
    match metric {
        MetricExpr::Range(range) => {
            (range.op != RangeOp::AbsentOverTime).then_some(range.range.range)
        }
        MetricExpr::Vector(vector) => shortest_window(&vector.inner),
        MetricExpr::Binary(binary) => {
            let (left, right) = (
                shortest_window(&binary.left),
                shortest_window(&binary.right),
            );
            left.into_iter().chain(right).min()
        }
        MetricExpr::LabelReplace(replace) => shortest_window(&replace.inner),
        MetricExpr::Literal(_) | MetricExpr::VectorOf(_) => None,
    }
}

/// Queries in templates that would fail each time.
fn of_queries(rule: &Rule) -> Vec<String> {
    let annotations = rule.alert().map(|alert| alert.annotations.iter());
    let annotations = annotations.into_iter().flatten();
    let labels = rule.labels.iter().filter(|_| rule.alert().is_some());
    let named = (labels.map(|(name, text)| ("label", name, text)))
        .chain(annotations.map(|(name, text)| ("annotation", name, text)));
    let mut said = Vec::new();
    for (kind, name, text) in named {
        let Ok(template) = AlertTemplate::parse(text) else {
            continue;
        };
        for query in template.queries() {
            if let Err(error) = Expression::parse(query) {
                // What follows shows the place within the query.
                let error = error.lines().next().unwrap_or_default();
                said.push(format!("{kind} \"{name}\": query {query:?} fails: {error}"));
            }
        }
    }
    said
}
