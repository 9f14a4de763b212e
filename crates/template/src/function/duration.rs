//! `parseDuration` reads Prometheus' durations: `1h30m`, units from years to milliseconds.

use super::Param::Str;
use super::{Function, fixed, string};
use crate::go::quote::quoted;
use crate::value::Value;

/// Units, the largest first, in milliseconds.
const UNITS: [(&str, u64); 7] = [
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Longest duration: what nanoseconds can say.
const MILLIS_MAX: u64 = i64::MAX as u64 / 1_000_000;

pub(super) static FUNCTIONS: &[Function] = &[fixed("parseDuration", &[Str], |_, args| {
    let text = String::from_utf8_lossy(string(&args[0]));
    Ok(Value::Float(millis(&text)? as f64 / 1_000.0))
})];

/// Milliseconds of a duration; each unit at most once, and in order.
fn millis(text: &str) -> Result<u64, String> {
    let invalid = || format!("not a valid duration string: {}", quoted(text));
    match text {
        "0" => return Ok(0),
        "" => return Err("empty duration string".to_owned()),
        _ => {}
    }
    let (mut rest, mut units, mut total) = (text, UNITS.as_slice(), 0u64);
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (count, after) = rest.split_at(digits);
        let letters = after.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, after) = after.split_at(letters);
        let at = units.iter().position(|(name, _)| *name == unit);
        let (Some(at), false) = (at, count.is_empty()) else {
            return Err(invalid());
        };
        let sum = count.parse::<u64>().ok().and_then(|count| {
            let millis = count.checked_mul(units[at].1)?;
            total.checked_add(millis)
        });
        match sum {
            Some(sum) if sum <= MILLIS_MAX => total = sum,
            _ => return Err("duration out of range".to_owned()),
        }
        (rest, units) = (after, &units[at + 1..]);
    }
    Ok(total)
}
