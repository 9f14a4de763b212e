//! Field access reads labels, entries of JSON objects and methods of times.

use super::{Evaluated, Executor};
use crate::ast::Operand;
use crate::function::Param;
use crate::time::{Time, Zone};
use crate::value::{IntKind, MapKind, Value};

impl<'a> Executor<'a, '_> {
    /// Follows `names` from a receiver; the last may be a method, which gets the arguments.
    ///
    /// The receiver is boxed if it came out of an `interface {}`, which messages then name.
    pub(super) fn fields(
        &mut self,
        dot: &Value<'a>,
        (mut receiver, mut boxed): (Value<'a>, bool),
        names: &'a [String],
        args: &'a [Operand],
        last: Option<Value<'a>>,
    ) -> Evaluated<'a> {
        let Some((final_name, path)) = names.split_last() else {
            return Ok(receiver);
        };
        for name in path {
            let inside = matches!(receiver, Value::Map(_, MapKind::Any));
            receiver = self.field(dot, receiver, boxed, name, &[], None)?;
            boxed = inside;
        }
        self.field(dot, receiver, boxed, final_name, args, last)
    }

    /// One field of a receiver.
    fn field(
        &mut self,
        dot: &Value<'a>,
        receiver: Value<'a>,
        boxed: bool,
        name: &'a str,
        args: &'a [Operand],
        last: Option<Value<'a>>,
    ) -> Evaluated<'a> {
        let has_args = !args.is_empty() || last.is_some();
        match &receiver {
            Value::Nil if boxed => {
                return self.fail(format!("nil pointer evaluating interface {{}}.{name}"));
            }
            Value::Nil => return Ok(Value::Nil),
            Value::Labels | Value::Map(..) if has_args => {
                return self.fail(format!("{name} is not a method but has arguments"));
            }
            Value::Labels => {
                return Ok(Value::text(
                    self.env.entry().label(name).unwrap_or_default(),
                ));
            }
            Value::Map(map, kind) => {
                let value = Value::entry(map, name.as_bytes());
                return Ok(value.unwrap_or_else(|| kind.zero()));
            }
            Value::Record(record) => match record.field(name) {
                Some(_) if has_args => {
                    return self.fail(format!(
                        "{name} has arguments but cannot be invoked as function"
                    ));
                }
                Some(value) => return Ok(value.clone()),
                None => {}
            },
            Value::Int(nanos, IntKind::Duration) if !has_args => {
                if let Some(value) = duration_method(*nanos, name) {
                    return Ok(value);
                }
            }
            Value::Time(time) => {
                if let Some(value) = self.method(dot, time, name, args, last)? {
                    return Ok(value);
                }
            }
            Value::Bool(_) | Value::Int(..) | Value::Float(_) | Value::Str(_) | Value::List(..) => {
            }
        }
        let type_name = if boxed {
            "interface {}"
        } else {
            receiver.type_name()
        };
        self.fail(format!("can't evaluate field {name} in type {type_name}"))
    }

    /// What a method of a time gives; `None` if there is no such method.
    fn method(
        &mut self,
        dot: &Value<'a>,
        time: &Time,
        name: &str,
        args: &'a [Operand],
        last: Option<Value<'a>>,
    ) -> Result<Option<Value<'a>>, super::Stop> {
        let civil = time.civil();
        let value = match name {
            "Format" => {
                let count = args.len() + usize::from(last.is_some());
                if count != 1 {
                    return self.fail(format!(
                        "wrong number of args for Format: want 1 got {count}"
                    ));
                }
                let layout = match (args.first(), last) {
                    (Some(operand), _) => self.argument(dot, operand, Param::Str)?,
                    (None, last) => self.validated(last.unwrap_or(Value::Nil), Param::Str)?,
                };
                let Value::Str(layout) = layout else {
                    return Ok(None);
                };
                return Ok(Some(Value::owned(time.format(&layout))));
            }
            "Year" => Value::int(civil.year),
            "Month" => Value::Int(civil.month, IntKind::Month),
            "Day" => Value::int(civil.day),
            "Hour" => Value::int(civil.hour),
            "Minute" => Value::int(civil.minute),
            "Second" => Value::int(civil.second),
            "Nanosecond" => Value::int(i64::from(time.nanos)),
            "Weekday" => Value::Int(time.weekday(), IntKind::Weekday),
            "YearDay" => Value::int(time.year_day()),
            "Unix" => Value::int64(time.seconds),
            "UnixMilli" => Value::int64(
                time.seconds
                    .wrapping_mul(1_000)
                    .wrapping_add(i64::from(time.nanos / 1_000_000)),
            ),
            "UnixMicro" => Value::int64(
                time.seconds
                    .wrapping_mul(1_000_000)
                    .wrapping_add(i64::from(time.nanos / 1_000)),
            ),
            "UnixNano" => Value::int64(time.unix_nanos()),
            "UTC" | "Local" => Value::Time(Time {
                zone: Zone::Utc,
                ..time.clone()
            }),
            "String" => Value::owned(time.to_string()),
            "IsZero" => Value::Bool(time.seconds == Time::zero().seconds && time.nanos == 0),
            _ => return Ok(None),
        };
        let count = args.len() + usize::from(last.is_some());
        if count > 0 {
            return self.fail(format!(
                "wrong number of args for {name}: want 0 got {count}"
            ));
        }
        Ok(Some(value))
    }
}

/// What a method of a duration gives.
fn duration_method<'a>(nanos: i64, name: &str) -> Option<Value<'a>> {
    Some(match name {
        "Hours" => Value::Float(nanos as f64 / 3.6e12),
        "Minutes" => Value::Float(nanos as f64 / 6e10),
        "Seconds" => Value::Float(nanos as f64 / 1e9),
        "Milliseconds" => Value::int64(nanos / 1_000_000),
        "Microseconds" => Value::int64(nanos / 1_000),
        "Nanoseconds" => Value::int64(nanos),
        "String" => Value::owned(crate::go::duration::format(nanos)),
        _ => return None,
    })
}
