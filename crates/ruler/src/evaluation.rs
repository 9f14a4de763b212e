//! An evaluation asks the engine for a rule at a slot and makes alerts or samples of the answer.
//!
//! It changes nothing: what comes of it is applied by [`crate::rule_run`].

use crate::alerts::Found;
use crate::engine::{Answer, Cost, Engine, EngineError, Question, Sample};
use crate::outbox::Recorded;
use crate::rules::AlertRule;
use crate::spec::{GroupSpec, RuleSpec};
use crate::templates::{TemplateInput, Templates};
use skald_model::{Labels, LabelsBuilder};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// The name of a series' name.
const NAME: &str = "__name__";

/// What a rule makes of an answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Product {
    Alerts(Vec<Found>),
    Series(Vec<Recorded>),
}

/// An evaluation that has come to its end.
#[derive(Clone, Debug)]
pub(crate) struct Evaluated {
    /// What was made, or why nothing.
    pub(crate) product: Result<Product, String>,
    /// What it cost; nothing when another rule of the slot had asked the same.
    pub(crate) cost: Cost,
    /// Streams that its selectors matched.
    pub(crate) streams: u64,
    /// Series of the result.
    pub(crate) samples: u64,
}

/// An evaluation has neither succeeded nor failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    /// Lines can't be read yet.
    NotReady,
    /// The process is ending.
    Stopping,
}

/// What is filled in of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expand {
    /// Labels and annotations.
    All,
    /// Labels alone: nobody is to see the annotations of a slot that passed long ago.
    Labels,
}

/// Answers of one slot, by their query: what rules share is asked once.
#[derive(Debug, Default)]
pub(crate) struct SlotAnswers(HashMap<Arc<str>, Result<Arc<Answer>, EngineError>>);

/// Evaluates a rule at a slot.
pub(crate) fn evaluate(
    engine: &dyn Engine,
    templates: &dyn Templates,
    answers: &mut SlotAnswers,
    group: &GroupSpec,
    rule: &RuleSpec,
    (slot, expand): (i64, Expand),
) -> Result<Evaluated, NoAnswer> {
    let at = group.asked_at(slot);
    let asked_before = answers.0.contains_key(&rule.query);
    let answer = answers.0.entry(rule.query.clone()).or_insert_with(|| {
        engine
            .instant(&Question {
                tenant: &group.id.tenant,
                query: &rule.query,
                at,
                asker: group.asker(rule),
            })
            .map(Arc::new)
    });
    let answer = match answer {
        Ok(answer) => answer.clone(),
        Err(EngineError::Stopping) => return Err(NoAnswer::Stopping),
        Err(EngineError::NotReady(_)) => return Err(NoAnswer::NotReady),
        Err(EngineError::Failed(why)) => return Ok(Evaluated::failed(why.clone())),
    };
    let passing = |sample: &&Sample| rule.threshold.is_none_or(|t| t.passes(sample.value));
    let samples: Vec<&Sample> = answer.samples.iter().filter(passing).collect();
    let count = samples.len() as u64;
    let limit = group.group.limit;
    let product = match rule.rule.alert() {
        Some(_) if limit > 0 && count > limit => {
            Err(format!("exceeded limit of {limit} with {count} alerts"))
        }
        None if limit > 0 && count > limit => {
            Err(format!("exceeded limit of {limit} with {count} series"))
        }
        Some(alert) => {
            let found = samples.iter().map(|sample| {
                let input = TemplateInput {
                    tenant: &group.id.tenant,
                    asker: group.asker(rule),
                    query: rule.rule.expr.text(),
                    labels: &sample.labels,
                    value: sample.value,
                    at,
                };
                found(rule, alert, templates, &input, expand)
            });
            Ok(Product::Alerts(found.collect()))
        }
        None => recorded(rule, &samples, at).map(Product::Series),
    };
    Ok(Evaluated {
        product,
        cost: match asked_before {
            true => Cost::default(),
            false => answer.cost,
        },
        streams: answer.cost.streams,
        samples: count,
    })
}

impl Evaluated {
    fn failed(why: String) -> Evaluated {
        Evaluated {
            product: Err(why),
            cost: Cost::default(),
            streams: 0,
            samples: 0,
        }
    }
}

/// The alert of a sample: labels of the result without its name, those of the rule over them.
fn found(
    rule: &RuleSpec,
    alert: &AlertRule,
    templates: &dyn Templates,
    input: &TemplateInput<'_>,
    expand: Expand,
) -> Found {
    let mut labels = builder_without_name(input.labels);
    for (name, text) in &rule.labels {
        labels.set(name, &templates.expand(text, input));
    }
    labels.set("alertname", &rule.rule.name);
    let filled = |(name, text): (&String, &String)| (name.clone(), templates.expand(text, input));
    Found {
        labels: labels.build(),
        annotations: match expand {
            Expand::All => Some(alert.annotations.iter().map(filled).collect()),
            Expand::Labels => None,
        },
        value: input.value,
    }
}

fn recorded(rule: &RuleSpec, samples: &[&Sample], at: i64) -> Result<Vec<Recorded>, String> {
    let mut seen = HashSet::new();
    let mut series = Vec::with_capacity(samples.len());
    for sample in samples {
        let labels = series_labels(&sample.labels, &rule.rule.name, &rule.labels);
        if !seen.insert(labels.clone()) {
            let why = "vector contains metrics with the same labelset after applying rule labels";
            return Err(why.to_owned());
        }
        series.push(Recorded {
            labels,
            at,
            value: sample.value,
        });
    }
    Ok(series)
}

fn series_labels(of: &Labels, name: &str, more: &BTreeMap<String, String>) -> Labels {
    let mut labels = builder_without_name(of);
    labels.set(NAME, name);
    for (name, value) in more {
        labels.set(name, value);
    }
    labels.build()
}

fn builder_without_name(labels: &Labels) -> LabelsBuilder {
    let mut builder = LabelsBuilder::default();
    for (name, value) in labels.iter().filter(|(name, _)| *name != NAME) {
        builder.set(name, value);
    }
    builder
}

/// The two series that Prometheus keeps of an alert.
pub(crate) fn alert_series(labels: &Labels, state: &str, active_at: i64, at: i64) -> [Recorded; 2] {
    let named = |name: &str, state: &str, value: f64| {
        let mut series = builder_without_name(labels);
        series.set(NAME, name);
        series.set("alertstate", state);
        Recorded {
            labels: series.build(),
            at,
            value,
        }
    };
    let seconds = active_at.div_euclid(1_000_000_000) as f64;
    [
        named("ALERTS", state, 1.0),
        named("ALERTS_FOR_STATE", "", seconds),
    ]
}
