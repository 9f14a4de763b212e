//! Values of templates carry the names and rules of Go's types.
//!
//! Strings are bytes: cutting one may leave half a character. Values borrow from the template and
//! the entry where they can.

use std::borrow::Cow;
use std::rc::Rc;

use crate::time::Time;

/// A value of a template.
#[derive(Clone, Debug)]
pub(crate) enum Value<'a> {
    /// No value: an absent key, JSON's null, a function's nil.
    Nil,
    Bool(bool),
    Int(i64, IntKind),
    Float(f64),
    Str(Cow<'a, [u8]>),
    Time(Time),
    /// Values in order.
    List(Rc<[Value<'a>]>, ListKind),
    /// Values by key, sorted by it.
    Map(Rc<[(Vec<u8>, Value<'a>)]>, MapKind),
    /// A struct.
    Record(Rc<Record<'a>>),
    /// The labels of the entry: what `.` is at first where lines are formatted.
    Labels,
}

/// The types of lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ListKind {
    /// `[]interface {}`: a JSON array.
    Any,
    /// What a query gave: records of [`RecordKind::Sample`].
    Samples,
    /// Lines of logs: records of [`RecordKind::Line`].
    Lines,
}

/// The types of maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MapKind {
    /// `map[string]interface {}`: a JSON object.
    Any,
    /// `map[string]string`: labels.
    Text,
}

/// A value of a Go struct.
#[derive(Debug)]
pub(crate) struct Record<'a> {
    pub(crate) kind: RecordKind,
    /// Names and values, in the order of the type.
    pub(crate) fields: Vec<(&'static str, Value<'a>)>,
}

/// The types of structs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecordKind {
    /// What `.` is at first in a template of an alert.
    Alert,
    /// A sample of a query's result.
    Sample,
    /// A line of a log; prints as that.
    Line,
}

impl<'a> Record<'a> {
    /// The field of that name.
    pub(crate) fn field(&self, name: &str) -> Option<&Value<'a>> {
        let found = self.fields.iter().find(|(field, _)| *field == name);
        found.map(|(_, value)| value)
    }
}

impl RecordKind {
    /// Go's name of the type.
    pub(crate) fn type_name(self) -> &'static str {
        match self {
            RecordKind::Alert => {
                "struct { Labels map[string]string; ExternalLabels map[string]string; ExternalURL string; Value interface {} }"
            }
            RecordKind::Sample => "*template.sample",
            RecordKind::Line => "*template.line",
        }
    }
}

impl ListKind {
    /// Go's name of the type.
    pub(crate) fn type_name(self) -> &'static str {
        match self {
            ListKind::Any => "[]interface {}",
            ListKind::Samples => "template.queryResult",
            ListKind::Lines => "[]*template.line",
        }
    }
}

impl MapKind {
    /// Go's name of the type.
    pub(crate) fn type_name(self) -> &'static str {
        match self {
            MapKind::Any => "map[string]interface {}",
            MapKind::Text => "map[string]string",
        }
    }

    /// What stands for a key that is not there.
    pub(crate) fn zero<'a>(self) -> Value<'a> {
        match self {
            MapKind::Any => Value::Nil,
            MapKind::Text => Value::text(""),
        }
    }
}

/// The integer types that templates meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IntKind {
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
    /// `time.Duration`, in nanoseconds.
    Duration,
}

/// The kinds that comparisons tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BasicKind {
    Bool,
    Int,
    Uint,
    Float,
    Str,
}

impl<'a> Value<'a> {
    /// An `int`.
    pub(crate) fn int(n: i64) -> Value<'a> {
        Value::Int(n, IntKind::Int)
    }

    /// An `int64`.
    pub(crate) fn int64(n: i64) -> Value<'a> {
        Value::Int(n, IntKind::Int64)
    }

    /// A string of its own.
    pub(crate) fn owned(text: impl Into<Vec<u8>>) -> Value<'a> {
        Value::Str(Cow::Owned(text.into()))
    }

    /// A borrowed string.
    pub(crate) fn text(text: &'a str) -> Value<'a> {
        Value::Str(Cow::Borrowed(text.as_bytes()))
    }

    /// Go's name of the type.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Value::Nil => "<nil>",
            Value::Bool(_) => "bool",
            Value::Int(_, kind) => kind.type_name(),
            Value::Float(_) => "float64",
            Value::Str(_) => "string",
            Value::Time(_) => "time.Time",
            Value::List(_, kind) => kind.type_name(),
            Value::Map(_, kind) => kind.type_name(),
            Value::Record(record) => record.kind.type_name(),
            Value::Labels => "map[string]string",
        }
    }

    /// What comparisons take it for; `None` for what has no order.
    pub(crate) fn basic_kind(&self) -> Option<BasicKind> {
        Some(match self {
            Value::Bool(_) => BasicKind::Bool,
            Value::Int(_, IntKind::Uint8) => BasicKind::Uint,
            Value::Int(..) => BasicKind::Int,
            Value::Float(_) => BasicKind::Float,
            Value::Str(_) => BasicKind::Str,
            Value::Nil
            | Value::Time(_)
            | Value::List(..)
            | Value::Map(..)
            | Value::Record(_)
            | Value::Labels => return None,
        })
    }

    /// Whether `if` takes it; `labels` is the number of labels.
    pub(crate) fn is_true(&self, labels: impl FnOnce() -> usize) -> bool {
        match self {
            Value::Nil => false,
            Value::Bool(b) => *b,
            Value::Int(n, _) => *n != 0,
            Value::Float(f) => *f != 0.0,
            Value::Str(s) => !s.is_empty(),
            Value::Time(_) | Value::Record(_) => true,
            Value::List(list, _) => !list.is_empty(),
            Value::Map(map, _) => !map.is_empty(),
            Value::Labels => labels() > 0,
        }
    }

    /// Converts parsed JSON.
    pub(crate) fn from_json(json: serde_json::Value) -> Value<'a> {
        match json {
            serde_json::Value::Null => Value::Nil,
            serde_json::Value::Bool(b) => Value::Bool(b),
            serde_json::Value::Number(n) => Value::Float(n.as_f64().unwrap_or_default()),
            serde_json::Value::String(s) => Value::owned(s),
            serde_json::Value::Array(items) => {
                let items = items.into_iter().map(Value::from_json).collect();
                Value::List(items, ListKind::Any)
            }
            serde_json::Value::Object(fields) => {
                let mut entries: Vec<(Vec<u8>, Value<'a>)> = fields
                    .into_iter()
                    .map(|(k, v)| (k.into_bytes(), Value::from_json(v)))
                    .collect();
                entries.sort_by(|a, b| a.0.cmp(&b.0));
                Value::Map(entries.into(), MapKind::Any)
            }
        }
    }

    /// The value of `key` in a map.
    pub(crate) fn entry(map: &[(Vec<u8>, Value<'a>)], key: &[u8]) -> Option<Value<'a>> {
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
            IntKind::Duration => "time.Duration",
        }
    }

    /// How values with a name of their own print; `None` for plain integers.
    pub(crate) fn named(self, n: i64) -> Option<String> {
        let (names, first, fallback): (&[&str], i64, &str) = match self {
            IntKind::Month => (&crate::layout::MONTHS, 1, "Month"),
            IntKind::Weekday => (&crate::layout::WEEKDAYS, 0, "Weekday"),
            IntKind::Duration => return Some(crate::go::duration::format(n)),
            IntKind::Int | IntKind::Int64 | IntKind::Uint8 => return None,
        };
        let name = usize::try_from(n - first).ok().and_then(|i| names.get(i));
        Some(name.map_or_else(|| format!("%!{fallback}({n})"), |name| (*name).to_owned()))
    }
}
