//! Arithmetic on int64. Anything may be an operand: strings are read as numbers, and junk counts as
//! 0.

use super::Param::Any;
use super::{Args, Function, Outcome, fixed, open};
use crate::go::integer::parse_int;
use crate::value::Value;

pub(super) static FUNCTIONS: &[Function] = &[
    fixed("int", &[Any], |_, args| Ok(Value::int(to_int(&args[0])))),
    open("add", &[], Any, |_, args| {
        fold(args, Some(0), i64::wrapping_add)
    }),
    fixed("sub", &[Any, Any], |_, args| {
        fold(args, None, i64::wrapping_sub)
    }),
    open("mul", &[Any], Any, |_, args| {
        fold(args, None, i64::wrapping_mul)
    }),
    fixed("div", &[Any, Any], |_, args| {
        divide(args, i64::wrapping_div)
    }),
    fixed("mod", &[Any, Any], |_, args| {
        divide(args, i64::wrapping_rem)
    }),
    open("max", &[Any], Any, |_, args| fold(args, None, i64::max)),
    open("min", &[Any], Any, |_, args| fold(args, None, i64::min)),
];

/// What a value counts for as an integer.
pub(super) fn to_int(value: &Value<'_>) -> i64 {
    match value {
        Value::Int(n, _) => *n,
        Value::Float(f) => float_to_int(*f),
        Value::Bool(b) => i64::from(*b),
        Value::Str(text) => std::str::from_utf8(text)
            .ok()
            .and_then(|t| parse_int(without_decimals(t), 0).ok())
            .unwrap_or(0),
        Value::Nil
        | Value::Time(_)
        | Value::List(..)
        | Value::Map(..)
        | Value::Record(_)
        | Value::Labels => 0,
    }
}

/// As amd64 converts: what doesn't fit becomes the smallest integer.
fn float_to_int(f: f64) -> i64 {
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&f) {
        f as i64
    } else {
        i64::MIN
    }
}

/// The integer part of a plain decimal number; other texts as they are.
fn without_decimals(text: &str) -> &str {
    let Some((whole, fraction)) = text.split_once('.') else {
        return text;
    };
    let digits = whole.strip_prefix(['-', '+']).unwrap_or(whole);
    let plain = digits
        .bytes()
        .chain(fraction.bytes())
        .all(|b| b.is_ascii_digit());
    match (plain, digits.is_empty()) {
        (true, true) => "0",
        (true, false) => whole,
        (false, _) => text,
    }
}

fn fold<'a>(args: Args<'_, 'a>, first: Option<i64>, step: fn(i64, i64) -> i64) -> Outcome<'a> {
    let numbers = args.iter().map(to_int);
    let total = match first {
        Some(first) => numbers.fold(first, step),
        None => numbers.reduce(step).unwrap_or(0),
    };
    Ok(Value::int64(total))
}

fn divide<'a>(args: Args<'_, 'a>, step: fn(i64, i64) -> i64) -> Outcome<'a> {
    if to_int(&args[1]) == 0 {
        return Err("runtime error: integer divide by zero".to_owned());
    }
    fold(args, None, step)
}
