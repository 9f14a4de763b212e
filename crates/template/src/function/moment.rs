//! Time functions work on times and durations: `now`, `date`, `duration` and their kin.

use super::Param::{Any, Str, Time as TimeParam};
use super::{Args, Function, Outcome, fixed, string};
use crate::env::Env;
use crate::go::integer::parse_int;
use crate::go::{bytes, duration};
use crate::time::{Time, Zone};
use crate::time_parse;
use crate::value::{IntKind, Value};

const DAY_SECONDS: i64 = 86_400;

pub(super) static FUNCTIONS: &[Function] = &[
    fixed("now", &[], |env, _| {
        Ok(Value::Time(Time::from_nanos(env.entry().now())))
    }),
    fixed("date", &[Str, Any], date),
    fixed("toDate", &[Str, Str], |_, args| {
        Ok(read(string(&args[0]), string(&args[1]), Zone::Utc))
    }),
    fixed("toDateInZone", &[Str, Str, Str], |_, args| {
        let zone = Zone::load(&String::from_utf8_lossy(string(&args[1]))).unwrap_or(Zone::Utc);
        Ok(read(string(&args[0]), string(&args[2]), zone))
    }),
    fixed("unixEpoch", &[TimeParam], |_, args| {
        epoch(args, |time| time.seconds)
    }),
    fixed("unixEpochMillis", &[TimeParam], |_, args| {
        epoch(args, |time| {
            time.seconds
                .wrapping_mul(1_000)
                .wrapping_add(i64::from(time.nanos / 1_000_000))
        })
    }),
    fixed("unixEpochNanos", &[TimeParam], |_, args| {
        epoch(args, Time::unix_nanos)
    }),
    fixed("unixToTime", &[Str], unix_to_time),
    fixed("bytes", &[Str], |_, args| {
        Ok(Value::Float(bytes::parse(&text(args))? as f64))
    }),
    fixed("duration", &[Str], seconds),
    fixed("duration_seconds", &[Str], seconds),
];

fn text(args: Args<'_, '_>) -> String {
    String::from_utf8_lossy(string(&args[0])).into_owned()
}

/// A time that doesn't fit its layout is Go's zero time.
fn read<'a>(layout: &[u8], value: &[u8], zone: Zone) -> Value<'a> {
    Value::Time(time_parse::parse(layout, value, zone).unwrap_or_else(Time::zero))
}

/// Formats a time or seconds since 1970 in UTC; anything else, bytes of strings too, stands for
/// now.
fn date<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Outcome<'a> {
    let time = match &args[1] {
        Value::Time(time) => Time {
            zone: Zone::Utc,
            ..time.clone()
        },
        Value::Int(seconds, IntKind::Int | IntKind::Int64) => Time::utc(*seconds, 0),
        _ => Time::from_nanos(env.entry().now()),
    };
    Ok(Value::owned(time.format(string(&args[0]))))
}

fn epoch<'a>(args: Args<'_, 'a>, unit: fn(&Time) -> i64) -> Outcome<'a> {
    match &args[0] {
        Value::Time(time) => Ok(Value::owned(unit(time).to_string())),
        _ => Err("not a time".to_owned()),
    }
}

/// The number of digits says the unit.
fn unix_to_time<'a>(_: &Env<'a>, args: Args<'_, 'a>) -> Outcome<'a> {
    let text = text(args);
    let number = parse_int(&text, 10).map_err(|e| {
        format!(
            "unable to parse time '{text}': {}",
            e.message("ParseInt", &text)
        )
    })?;
    let time = match text.len() {
        5 => Time::utc(number * DAY_SECONDS, 0),
        10 => Time::utc(number, 0),
        13 => Time::from_nanos(number.wrapping_mul(1_000_000)),
        16 => Time::from_nanos(number.wrapping_mul(1_000)),
        19 => Time::from_nanos(number),
        _ => return Err(format!("unable to parse time '{text}'")),
    };
    Ok(Value::Time(time))
}

fn seconds<'a>(_: &Env<'a>, args: Args<'_, 'a>) -> Outcome<'a> {
    let nanos = duration::parse(&text(args))?;
    // In two parts as Go does, so that the same float results.
    Ok(Value::Float(
        (nanos / 1_000_000_000) as f64 + (nanos % 1_000_000_000) as f64 / 1e9,
    ))
}
