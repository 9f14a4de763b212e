//! Functions on numbers, durations and times for people; each takes numbers and texts of numbers.

use super::Param::{Any, Str};
use super::{Args, Function, Outcome, fixed, string};
use crate::env::Env;
use crate::go::{float, prometheus_duration};
use crate::time::Time;
use crate::value::{IntKind, Value};

const LARGE: [&str; 8] = ["k", "M", "G", "T", "P", "E", "Z", "Y"];
const SMALL: [&str; 8] = ["m", "u", "n", "p", "f", "a", "z", "y"];
const BINARY: [&str; 8] = ["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"];

const DAY_SECONDS: i64 = 86_400;

pub(super) static FUNCTIONS: &[Function] = &[
    fixed("humanize", &[Any], humanize),
    fixed("humanize1024", &[Any], humanize1024),
    fixed("humanizeDuration", &[Any], humanize_duration),
    fixed("humanizePercentage", &[Any], |env, args| {
        short(env, "", number(&args[0])? * 100.0, "%")
    }),
    fixed("humanizeTimestamp", &[Any], humanize_timestamp),
    fixed("toTime", &[Any], |_, args| {
        let seconds = number(&args[0])?;
        if !seconds.is_finite() {
            return Err("value is NaN or Inf".to_owned());
        }
        time(seconds).map(Value::Time)
    }),
    fixed("toDuration", &[Any], |_, args| {
        let seconds = number(&args[0])?;
        let nanos = nanos(seconds, "a nanoseconds duration")?;
        Ok(Value::Int(nanos, IntKind::Duration))
    }),
    fixed("parseDuration", &[Str], |_, args| {
        let nanos = prometheus_duration::parse(&String::from_utf8_lossy(string(&args[0])))?;
        Ok(Value::Float(nanos as f64 / 1e9))
    }),
    fixed("now", &[], |env, _| {
        let millis = env.alert()?.timestamp.div_euclid(1_000_000);
        Ok(Value::Float(millis as f64 / 1_000.0))
    }),
];

/// What stands for a number, as a float.
fn number(value: &Value<'_>) -> Result<f64, String> {
    match value {
        Value::Float(f) => Ok(*f),
        Value::Int(nanos, IntKind::Duration) => Ok(*nanos as f64 / 1e9),
        Value::Int(n, IntKind::Int | IntKind::Int64) => Ok(*n as f64),
        Value::Str(text) => float::parse(&String::from_utf8_lossy(text)),
        other => Err(format!("can't convert {} to float", other.type_name())),
    }
}

/// Four digits between two texts.
fn short<'a>(env: &Env<'a>, before: &str, number: f64, after: &str) -> Outcome<'a> {
    let args = [
        Value::owned(before),
        Value::Float(number),
        Value::owned(after),
    ];
    Ok(Value::owned(
        env.print(|printer| printer.printf(b"%s%.4g%s", &args))?,
    ))
}

/// Divides by `base` while the number has too many digits; gives it with the unit it has then.
fn scaled(mut number: f64, base: f64, units: [&'static str; 8]) -> (f64, &'static str) {
    let mut unit = "";
    for larger in units {
        if number.abs() < base {
            break;
        }
        unit = larger;
        number /= base;
    }
    (number, unit)
}

/// Multiplies a number below one until it is none; gives it with its unit.
fn magnified(mut number: f64) -> (f64, &'static str) {
    let mut unit = "";
    for smaller in SMALL {
        if number.abs() >= 1.0 {
            break;
        }
        unit = smaller;
        number *= 1_000.0;
    }
    (number, unit)
}

fn humanize<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Outcome<'a> {
    let (number, unit) = match number(&args[0])? {
        n if n == 0.0 || !n.is_finite() => (n, ""),
        n if n.abs() >= 1.0 => scaled(n, 1_000.0, LARGE),
        n => magnified(n),
    };
    short(env, "", number, unit)
}

fn humanize1024<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Outcome<'a> {
    let (number, unit) = match number(&args[0])? {
        n if n.abs() <= 1.0 || !n.is_finite() => (n, ""),
        n => scaled(n, 1_024.0, BINARY),
    };
    short(env, "", number, unit)
}

fn humanize_duration<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Outcome<'a> {
    let number = number(&args[0])?;
    if !number.is_finite() {
        return short(env, "", number, "");
    }
    if number != 0.0 && number.abs() < 1.0 {
        let (number, unit) = magnified(number);
        return short(env, "", number, &format!("{unit}s"));
    }
    let sign = if number < 0.0 { "-" } else { "" };
    let whole = number.abs() as i64;
    let (days, hours) = (whole / DAY_SECONDS, whole / 3_600 % 24);
    let (minutes, seconds) = (whole / 60 % 60, whole % 60);
    if whole < 60 {
        return short(env, sign, number.abs(), "s");
    }
    let text = match (days, hours) {
        (0, 0) => format!("{sign}{minutes}m {seconds}s"),
        (0, _) => format!("{sign}{hours}h {minutes}m {seconds}s"),
        _ => format!("{sign}{days}d {hours}h {minutes}m {seconds}s"),
    };
    Ok(Value::owned(text))
}

fn humanize_timestamp<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Outcome<'a> {
    let seconds = number(&args[0])?;
    if !seconds.is_finite() {
        return short(env, "", seconds, "");
    }
    Ok(Value::owned(time(seconds)?.to_string()))
}

/// The time that many seconds after 1970, whole milliseconds.
fn time(seconds: f64) -> Result<Time, String> {
    let nanos = nanos(seconds, "a nanoseconds timestamp")?;
    Ok(Time::from_nanos(nanos / 1_000_000 * 1_000_000))
}

fn nanos(seconds: f64, what: &str) -> Result<i64, String> {
    let nanos = seconds * 1e9;
    if (-9_223_372_036_854_775_808.0..=9_223_372_036_854_775_808.0).contains(&nanos) {
        return Ok(nanos as i64);
    }
    let seconds = crate::print::show(&Value::Float(seconds));
    Err(format!(
        "{seconds} cannot be represented as {what} since it overflows int64"
    ))
}
