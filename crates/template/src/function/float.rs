//! Float functions calculate in exact decimals, so that `addf 0.1 0.2` is 0.3.

use super::Param::{Any, Float, Int};
use super::{Args, Function, Outcome, fixed, int, open};
use crate::decimal::Decimal;
use crate::env::Env;
use crate::go::float::parse;
use crate::value::Value;

/// Longest intermediate result in digits: a product of floats stays below this for any sane number
/// of factors.
const DIGITS_MAX: usize = 10_000;

pub(super) static FUNCTIONS: &[Function] = &[
    fixed("float64", &[Any], |_, args| {
        Ok(Value::Float(to_float(&args[0])))
    }),
    open("addf", &[], Any, add),
    open("subf", &[Any], Any, |env, args| {
        decimals(env, args, |a, b| Ok(a.subtract(b)))
    }),
    open("mulf", &[Any], Any, |env, args| {
        decimals(env, args, |a, b| Ok(a.multiply(b)))
    }),
    open("divf", &[Any], Any, |env, args| {
        decimals(env, args, |a, b| {
            a.divide(b)
                .ok_or_else(|| "decimal division by 0".to_owned())
        })
    }),
    open("maxf", &[Any], Any, |_, args| Ok(reduce(args, go_max))),
    open("minf", &[Any], Any, |_, args| Ok(reduce(args, go_min))),
    fixed("ceil", &[Any], |_, args| {
        Ok(Value::Float(to_float(&args[0]).ceil()))
    }),
    fixed("floor", &[Any], |_, args| {
        Ok(Value::Float(to_float(&args[0]).floor()))
    }),
    open("round", &[Any, Int], Float, round),
];

/// What a value counts for as a float.
fn to_float(value: &Value<'_>) -> f64 {
    match value {
        Value::Float(f) => *f,
        Value::Int(n, _) => *n as f64,
        Value::Bool(b) => f64::from(u8::from(*b)),
        Value::Str(text) => std::str::from_utf8(text)
            .ok()
            .and_then(|t| parse(t).ok())
            .unwrap_or(0.0),
        Value::Nil
        | Value::Time(_)
        | Value::List(..)
        | Value::Map(..)
        | Value::Record(_)
        | Value::Labels => 0.0,
    }
}

fn add<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Outcome<'a> {
    if args.is_empty() {
        return Ok(Value::Float(0.0));
    }
    decimals(env, args, |a, b| Ok(a.add(b)))
}

fn decimals<'a>(
    env: &Env<'a>,
    args: Args<'_, 'a>,
    step: impl Fn(&Decimal, &Decimal) -> Result<Decimal, String>,
) -> Outcome<'a> {
    let mut total: Option<Decimal> = None;
    for arg in args.iter() {
        let number = to_float(arg);
        let number = Decimal::from_f64(number)
            .ok_or_else(|| format!("Cannot create a Decimal from {}", name_of(number)))?;
        let next = match &total {
            Some(total) => step(total, &number)?,
            None => number,
        };
        if next.len() > DIGITS_MAX {
            return Err(format!("number exceeds {DIGITS_MAX} digits"));
        }
        env.charge(next.len())?;
        total = Some(next);
    }
    Ok(Value::Float(total.map_or(0.0, |total| total.to_f64())))
}

fn name_of(number: f64) -> &'static str {
    match number {
        n if n.is_nan() => "NaN",
        n if n > 0.0 => "+Inf",
        _ => "-Inf",
    }
}

fn reduce<'a>(args: Args<'_, 'a>, step: fn(f64, f64) -> f64) -> Value<'a> {
    Value::Float(args.iter().map(to_float).reduce(step).unwrap_or(0.0))
}

fn go_max(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        f64::NAN
    } else {
        a.max(b)
    }
}

fn go_min(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        f64::NAN
    } else {
        a.min(b)
    }
}

/// Rounds to places after the point; fractions of at least the optional third argument go up.
fn round<'a>(_: &Env<'a>, args: Args<'_, 'a>) -> Outcome<'a> {
    let from = match args.get(2) {
        Some(Value::Float(from)) => *from,
        _ => 0.5,
    };
    let scale = 10f64.powf(int(&args[1]) as f64);
    let scaled = scale * to_float(&args[0]);
    let rounded = if scaled.fract() >= from {
        scaled.ceil()
    } else {
        scaled.floor()
    };
    Ok(Value::Float(rounded / scale))
}
