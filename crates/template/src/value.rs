//! Values of templates carry the names and rules of Go's types.
//!
//! Strings are bytes: cutting one may leave half a character. Values borrow from the template and
//! the entry where they can.

use std::borrow::Cow;
use std::rc::Rc;

use super::time::Time;

/// A value of a template.
#[derive(Clone, Debug)]
pub(super) enum Value<'a> {
    /// No value: an absent key, JSON's null, a function's nil.
    Nil,
    Bool(bool),
    Int(i64, IntKind),
    Float(f64),
    Str(Cow<'a, [u8]>),
    Time(Time),
    /// A JSON array.
    List(Rc<[Value<'a>]>),
    /// A JSON object, sorted by key.
    Map(Rc<[(Vec<u8>, Value<'a>)]>),
    /// The labels of the entry: what `.` is at first.
    Labels,
}

/// The integer types that templates meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IntKind {
    /// `int`: constants, lengths, counts.
    Int,
    /// `int64`: results of integer arithmetic.
    Int64,
    /// `uint8`: a byte of a string.
    Uint8,
    /// `time.Month`
    Month,
    /// `time.Weekday`
    Weekday,
}

/// The kinds that comparisons tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BasicKind {
    Bool,
    Int,
    Uint,
    Float,
    Str,
}

impl<'a> Value<'a> {
    /// An `int`.
    pub(super) fn int(n: i64) -> Value<'a> {
        Value::Int(n, IntKind::Int)
    }

    /// An `int64`.
    pub(super) fn int64(n: i64) -> Value<'a> {
        Value::Int(n, IntKind::Int64)
    }

    /// A string of its own.
    pub(super) fn owned(text: impl Into<Vec<u8>>) -> Value<'a> {
        Value::Str(Cow::Owned(text.into()))
    }

    /// A borrowed string.
    pub(super) fn text(text: &'a str) -> Value<'a> {
        Value::Str(Cow::Borrowed(text.as_bytes()))
    }

    /// Go's name of the type.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Value::Nil => "<nil>",
            Value::Bool(_) => "bool",
            Value::Int(_, kind) => kind.type_name(),
            Value::Float(_) => "float64",
            Value::Str(_) => "string",
            Value::Time(_) => "time.Time",
            Value::List(_) => "[]interface {}",
            Value::Map(_) => "map[string]interface {}",
            Value::Labels => "map[string]string",
        }
    }

    /// What comparisons take it for; `None` for what has no order.
    pub(super) fn basic_kind(&self) -> Option<BasicKind> {
        Some(match self {
            Value::Bool(_) => BasicKind::Bool,
            Value::Int(_, IntKind::Uint8) => BasicKind::Uint,
            Value::Int(..) => BasicKind::Int,
            Value::Float(_) => BasicKind::Float,
            Value::Str(_) => BasicKind::Str,
            Value::Nil | Value::Time(_) | Value::List(_) | Value::Map(_) | Value::Labels => {
                return None;
            }
        })
    }

    /// Whether `if` takes it; `labels` is the number of labels.
    pub(super) fn is_true(&self, labels: impl FnOnce() -> usize) -> bool {
        match self {
            Value::Nil => false,
            Value::Bool(b) => *b,
            Value::Int(n, _) => *n != 0,
            Value::Float(f) => *f != 0.0,
            Value::Str(s) => !s.is_empty(),
            Value::Time(_) => true,
            Value::List(list) => !list.is_empty(),
            Value::Map(map) => !map.is_empty(),
            Value::Labels => labels() > 0,
        }
    }

    /// Converts parsed JSON.
    pub(super) fn from_json(json: serde_json::Value) -> Value<'a> {
        match json {
            serde_json::Value::Null => Value::Nil,
            serde_json::Value::Bool(b) => Value::Bool(b),
            serde_json::Value::Number(n) => Value::Float(n.as_f64().unwrap_or_default()),
            serde_json::Value::String(s) => Value::owned(s),
            serde_json::Value::Array(items) => {
                Value::List(items.into_iter().map(Value::from_json).collect())
            }
            serde_json::Value::Object(fields) => {
                let mut entries: Vec<(Vec<u8>, Value<'a>)> = fields
                    .into_iter()
                    .map(|(k, v)| (k.into_bytes(), Value::from_json(v)))
                    .collect();
                entries.sort_by(|a, b| a.0.cmp(&b.0));
                Value::Map(entries.into())
            }
        }
    }

    /// The value of `key` in a JSON object.
    pub(super) fn entry(map: &[(Vec<u8>, Value<'a>)], key: &[u8]) -> Option<Value<'a>> {
        let at = map.binary_search_by(|(k, _)| k.as_slice().cmp(key)).ok()?;
        Some(map[at].1.clone())
    }
}

impl IntKind {
    fn type_name(self) -> &'static str {
        match self {
            IntKind::Int => "int",
            IntKind::Int64 => "int64",
            IntKind::Uint8 => "uint8",
            IntKind::Month => "time.Month",
            IntKind::Weekday => "time.Weekday",
        }
    }

    /// How values with a name of their own print; `None` for plain integers.
    pub(super) fn named(self, n: i64) -> Option<String> {
        let (names, first, fallback): (&[&str], i64, &str) = match self {
            IntKind::Month => (&super::layout::MONTHS, 1, "Month"),
            IntKind::Weekday => (&super::layout::WEEKDAYS, 0, "Weekday"),
            IntKind::Int | IntKind::Int64 | IntKind::Uint8 => return None,
        };
        let name = usize::try_from(n - first).ok().and_then(|i| names.get(i));
        Some(name.map_or_else(|| format!("%!{fallback}({n})"), |name| (*name).to_owned()))
    }
}
