//! Functions that ask for data: the results of queries, and lines behind an alert.

use super::Param::{Any, Int, Query, Sample as SampleParam, Samples, Str};
use super::{Args, Function, Outcome, fixed, int, open, string, take};
use crate::env::Env;
use crate::subject::{Sample, SampleLine, texts};
use crate::time::Time;
use crate::value::{ListKind, MapKind, Record, RecordKind, Value};
use std::rc::Rc;

/// Most lines that a template may ask for at once.
const SAMPLES_MAX: i64 = 100;

/// What a sample takes besides its labels, in bytes.
const SAMPLE_BYTES: usize = 256;

pub(super) static FUNCTIONS: &[Function] = &[
    fixed("query", &[Query], query),
    fixed("samples", &[Int], samples),
    fixed("first", &[Samples], |_, args| match &args[0] {
        Value::List(list, _) if !list.is_empty() => Ok(list[0].clone()),
        _ => Err("first() called on vector with no elements".to_owned()),
    }),
    fixed("label", &[Str, SampleParam], |_, args| {
        Ok(label(&args[1], string(&args[0])))
    }),
    fixed("value", &[SampleParam], |_, args| {
        Ok(field(&args[0], "Value").unwrap_or(Value::Nil))
    }),
    fixed("strvalue", &[SampleParam], |_, args| {
        Ok(label(&args[0], b"__value__"))
    }),
    fixed("sortByLabel", &[Str, Samples], sort_by_label),
    open("args", &[], Any, |env, args| {
        env.charge(args.len() * SAMPLE_BYTES)?;
        let key = |i: usize| format!("arg{i}").into_bytes();
        let values = args.iter_mut().enumerate();
        let mut entries: Vec<_> = values.map(|(i, value)| (key(i), take(value))).collect();
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(Value::Map(entries.into(), MapKind::Any))
    }),
];

fn query<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Outcome<'a> {
    let text = String::from_utf8_lossy(string(&args[0]));
    let found = env.question()?.source.query(&text)?;
    let bytes = |sample: &Sample| sample.labels.as_bytes().len() + SAMPLE_BYTES;
    env.charge(found.iter().map(bytes).sum())?;
    let record = |sample: Sample| {
        Value::Record(Rc::new(Record {
            kind: RecordKind::Sample,
            fields: vec![
                ("Labels", texts(&sample.labels)),
                ("Value", Value::Float(sample.value)),
            ],
        }))
    };
    let records = found.into_iter().map(record).collect();
    Ok(Value::List(records, ListKind::Samples))
}

fn samples<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Outcome<'a> {
    let count = int(&args[0]).clamp(0, SAMPLES_MAX) as usize;
    let mut lines = env.question()?.source.samples(count)?;
    lines.truncate(count);
    let bytes = |one: &SampleLine| one.labels.as_bytes().len() + one.line.len() + SAMPLE_BYTES;
    env.charge(lines.iter().map(bytes).sum())?;
    let record = |one: SampleLine| {
        Value::Record(Rc::new(Record {
            kind: RecordKind::Line,
            fields: vec![
                ("Line", Value::owned(one.line)),
                ("Labels", texts(&one.labels)),
                ("Timestamp", Value::Time(Time::from_nanos(one.timestamp))),
            ],
        }))
    };
    let records = lines.into_iter().map(record).collect();
    Ok(Value::List(records, ListKind::Lines))
}

fn field<'a>(sample: &Value<'a>, name: &str) -> Option<Value<'a>> {
    match sample {
        Value::Record(record) => record.field(name).cloned(),
        _ => None,
    }
}

/// The value of a label; empty without one.
fn label<'a>(sample: &Value<'a>, name: &[u8]) -> Value<'a> {
    match field(sample, "Labels") {
        Some(Value::Map(map, kind)) => Value::entry(&map, name).unwrap_or_else(|| kind.zero()),
        _ => Value::text(""),
    }
}

fn sort_by_label<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Outcome<'a> {
    let Value::List(list, kind) = take(&mut args[1]) else {
        return Ok(Value::Nil);
    };
    let name = string(&args[0]);
    env.charge(list.len().saturating_mul(SAMPLE_BYTES))?;
    let mut keyed: Vec<_> = list
        .iter()
        .map(|sample| (label(sample, name), sample))
        .collect();
    keyed.sort_by(|a, b| string(&a.0).cmp(string(&b.0)));
    let sorted = keyed.into_iter().map(|(_, sample)| sample.clone());
    Ok(Value::List(sorted.collect(), kind))
}
