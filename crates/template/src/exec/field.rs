//! Field access reads labels, entries of JSON objects and methods of times.

use super::{Evaluated, Executor};
use crate::template::ast::Operand;
use crate::template::function::Param;
use crate::template::time::{Time, Zone};
use crate::template::value::{IntKind, Value};

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
            let inside = matches!(receiver, Value::Map(_));
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
            Value::Labels | Value::Map(_) if has_args => {
                return self.fail(format!("{name} is not a method but has arguments"));
            }
            Value::Labels => {
                return Ok(Value::text(
                    self.env.context.label(name).unwrap_or_default(),
                ));
            }
            Value::Map(map) => return Ok(Value::entry(map, name.as_bytes()).unwrap_or(Value::Nil)),
            Value::Time(time) => {
                if let Some(value) = self.method(dot, time, name, args, last)? {
                    return Ok(value);
                }
            }
            Value::Bool(_) | Value::Int(..) | Value::Float(_) | Value::Str(_) | Value::List(_) => {}
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
