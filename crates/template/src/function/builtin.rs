//! Built-in functions are those of Go's text/template, except for encodings.

use super::Param::{Any, Str, Value as Raw};
use super::{Args, Function, Outcome, Run, fixed, open, string, take};
use crate::env::Env;
use crate::value::{BasicKind, Value};
use std::cmp::Ordering;

pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "and",
        params: &[Raw],
        variadic: Some(Raw),
        run: Run::And,
    },
    Function {
        name: "or",
        params: &[Raw],
        variadic: Some(Raw),
        run: Run::Or,
    },
    Function {
        name: "call",
        params: &[Raw],
        variadic: Some(Raw),
        run: Run::Call,
    },
    fixed("not", &[Raw], |env, args| {
        Ok(Value::Bool(!args[0].is_true(|| env.label_count())))
    }),
    open("eq", &[Raw], Raw, |env, args| {
        Ok(Value::Bool(equal_to_any(env, args)?))
    }),
    fixed("ne", &[Raw, Raw], |env, args| {
        Ok(Value::Bool(!equal(env, &args[0], &args[1])?))
    }),
    fixed("lt", &[Raw, Raw], |_, args| {
        Ok(Value::Bool(less(&args[0], &args[1])?))
    }),
    fixed("le", &[Raw, Raw], |env, args| {
        Ok(Value::Bool(
            less(&args[0], &args[1])? || equal(env, &args[0], &args[1])?,
        ))
    }),
    fixed("gt", &[Raw, Raw], |env, args| {
        Ok(Value::Bool(
            !(less(&args[0], &args[1])? || equal(env, &args[0], &args[1])?),
        ))
    }),
    fixed("ge", &[Raw, Raw], |_, args| {
        Ok(Value::Bool(!less(&args[0], &args[1])?))
    }),
    fixed("len", &[Raw], len),
    open("index", &[Raw], Raw, index),
    open("slice", &[Raw], Raw, slice),
    open("print", &[], Any, |env, args| {
        Ok(Value::owned(env.print(|printer| printer.print(args))?))
    }),
    open("println", &[], Any, |env, args| {
        Ok(Value::owned(env.print(|printer| printer.println(args))?))
    }),
    open("printf", &[Str], Any, |env, args| {
        Ok(Value::owned(env.print(|printer| {
            printer.printf(string(&args[0]), &args[1..])
        })?))
    }),
];

fn len<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Outcome<'a> {
    let length = match &args[0] {
        Value::Str(text) => text.len(),
        Value::List(list, _) => list.len(),
        Value::Map(map, _) => map.len(),
        Value::Labels => env.label_count(),
        // Go's reflection has no type to name here and panics.
        Value::Nil => return Err("reflect: call of reflect.Value.Type on zero Value".to_owned()),
        other => return Err(format!("len of type {}", other.type_name())),
    };
    Ok(Value::int(length as i64))
}

fn equal_to_any<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<bool, String> {
    let [first, rest @ ..] = &*args else {
        return Ok(false);
    };
    if rest.is_empty() {
        return Err("missing argument for comparison".to_owned());
    }
    for other in rest {
        if equal(env, first, other)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn equal<'a>(env: &Env<'a>, a: &Value<'a>, b: &Value<'a>) -> Result<bool, String> {
    if a.basic_kind() != b.basic_kind() {
        return match (a, b) {
            (Value::Int(x, _), Value::Int(y, _)) => Ok(x == y),
            (Value::Nil, _) | (_, Value::Nil) => Ok(false),
            _ => Err(incompatible(a, b)),
        };
    }
    match (a, b) {
        (Value::Bool(x), Value::Bool(y)) => Ok(x == y),
        (Value::Int(x, _), Value::Int(y, _)) => Ok(x == y),
        (Value::Float(x), Value::Float(y)) => Ok(x == y),
        (Value::Str(x), Value::Str(y)) => Ok(x == y),
        (Value::Time(x), Value::Time(y)) => Ok(x.seconds == y.seconds && x.nanos == y.nanos),
        (Value::Nil, other) | (other, Value::Nil) => Ok(matches!(other, Value::Nil)),
        _ if std::mem::discriminant(a) != std::mem::discriminant(b) => {
            let args = [
                a.clone(),
                Value::text(a.type_name()),
                Value::text(b.type_name()),
                b.clone(),
            ];
            let message =
                env.print(|printer| printer.printf(b"non-comparable types %s: %v, %s: %v", &args))?;
            Err(String::from_utf8_lossy(&message).into_owned())
        }
        _ => {
            let args = [b.clone(), Value::text(b.type_name())];
            let message =
                env.print(|printer| printer.printf(b"non-comparable type %s: %v", &args))?;
            Err(String::from_utf8_lossy(&message).into_owned())
        }
    }
}

fn incompatible(a: &Value<'_>, b: &Value<'_>) -> String {
    format!(
        "incompatible types for comparison: {} and {}",
        a.type_name(),
        b.type_name()
    )
}

fn less(a: &Value<'_>, b: &Value<'_>) -> Result<bool, String> {
    let bad = || "invalid type for comparison".to_owned();
    let (x, y) = (
        a.basic_kind().ok_or_else(bad)?,
        b.basic_kind().ok_or_else(bad)?,
    );
    let ordering = match (a, b) {
        (Value::Int(x, _), Value::Int(y, _)) => x.cmp(y),
        _ if x != y => return Err(incompatible(a, b)),
        (Value::Float(x), Value::Float(y)) => x.partial_cmp(y).unwrap_or(Ordering::Greater),
        (Value::Str(x), Value::Str(y)) => x.cmp(y),
        _ => {
            debug_assert_eq!(x, BasicKind::Bool, "every other kind is compared above");
            return Err(bad());
        }
    };
    Ok(ordering == Ordering::Less)
}

fn index<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Outcome<'a> {
    let mut item = take(&mut args[0]);
    if matches!(item, Value::Nil) {
        return Err("index of untyped nil".to_owned());
    }
    for (i, key) in args.iter().enumerate().skip(1) {
        item = match &item {
            Value::Nil if i > 1 => return Err("index of nil pointer".to_owned()),
            Value::Str(text) => {
                let at = position(key, text.len())?;
                let byte = text.get(at).ok_or("reflect: string index out of range")?;
                Value::Int(i64::from(*byte), crate::value::IntKind::Uint8)
            }
            Value::List(list, _) => {
                let at = position(key, list.len())?;
                list.get(at)
                    .cloned()
                    .ok_or("reflect: slice index out of range")?
            }
            Value::Map(map, kind) => {
                Value::entry(map, map_key(key)?).unwrap_or_else(|| kind.zero())
            }
            Value::Labels => {
                let name = String::from_utf8_lossy(map_key(key)?);
                Value::text(env.entry().label(&name).unwrap_or_default())
            }
            other => return Err(format!("can't index item of type {}", other.type_name())),
        };
    }
    Ok(item)
}

fn map_key<'v>(key: &'v Value<'_>) -> Result<&'v [u8], String> {
    match key {
        Value::Str(text) => Ok(text),
        Value::Nil => Err("value is nil; should be of type string".to_owned()),
        other => Err(format!(
            "value has type {}; should be string",
            other.type_name()
        )),
    }
}

/// An index from 0 to `length`.
fn position(key: &Value<'_>, length: usize) -> Result<usize, String> {
    match key {
        Value::Int(n, _) => match usize::try_from(*n) {
            Ok(at) if at <= length => Ok(at),
            _ => Err(format!("index out of range: {n}")),
        },
        Value::Nil => Err("cannot index slice/array with nil".to_owned()),
        other => Err(format!(
            "cannot index slice/array with type {}",
            other.type_name()
        )),
    }
}

fn slice<'a>(_: &Env<'a>, args: Args<'_, 'a>) -> Outcome<'a> {
    let item = take(&mut args[0]);
    let indexes = &args[1..];
    if matches!(item, Value::Nil) {
        return Err("slice of untyped nil".to_owned());
    }
    if indexes.len() > 3 {
        return Err(format!("too many slice indexes: {}", indexes.len()));
    }
    let length = match &item {
        Value::Str(_) if indexes.len() == 3 => {
            return Err("cannot 3-index slice a string".to_owned());
        }
        Value::Str(text) => text.len(),
        Value::List(list, _) => list.len(),
        other => return Err(format!("can't slice item of type {}", other.type_name())),
    };
    let mut bounds = [0, length, length];
    for (bound, key) in bounds.iter_mut().zip(indexes) {
        *bound = position(key, length)?;
    }
    let [from, to, most] = bounds;
    if from > to {
        return Err(format!("invalid slice index: {from} > {to}"));
    }
    if to > most {
        return Err(format!("invalid slice index: {to} > {most}"));
    }
    Ok(match item {
        Value::Str(std::borrow::Cow::Borrowed(text)) => Value::Str(text[from..to].into()),
        Value::Str(text) => Value::owned(&text[from..to]),
        Value::List(list, kind) => Value::List(list[from..to].into(), kind),
        other => other,
    })
}
