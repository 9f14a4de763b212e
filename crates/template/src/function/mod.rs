//! The function table lists what templates may call: names, parameters, implementations.
//!
//! A function gets arguments that already have the types it declares, and gives a value or the text
//! of an error; the executor puts call and place around that text.

use crate::env::Env;
use crate::value::{ListKind, RecordKind, Value};

mod ask;
mod builtin;
mod encode;
mod entry;
mod float;
mod humanize;
mod integer;
mod link;
mod moment;
mod pattern;
mod text;

/// What a function accepts in one place, by Go's types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Param {
    /// `string`
    Str,
    /// `string`: a regex.
    Regex,
    /// `string`: a query.
    Query,
    /// A sample of a query's result.
    Sample,
    /// A query's result.
    Samples,
    /// `int`
    Int,
    /// `float64`
    Float,
    /// `time.Time`
    Time,
    /// `interface {}`
    Any,
    /// `reflect.Value`: like `interface {}`, in the functions of Go itself.
    Value,
}

impl Param {
    /// Go's name of the type.
    pub(crate) fn type_name(self) -> &'static str {
        match self {
            Param::Str | Param::Regex | Param::Query => "string",
            Param::Sample => RecordKind::Sample.type_name(),
            Param::Samples => ListKind::Samples.type_name(),
            Param::Int => "int",
            Param::Float => "float64",
            Param::Time => "time.Time",
            Param::Any => "interface {}",
            Param::Value => "reflect.Value",
        }
    }
}

/// The arguments of a call, of the declared number and types; a function may take them out.
pub(crate) type Args<'x, 'a> = &'x mut [Value<'a>];

/// What a call gives: a value, or what went wrong.
pub(crate) type Outcome<'a> = Result<Value<'a>, String>;

/// How a function runs.
#[derive(Clone, Copy)]
pub(crate) enum Run {
    /// Stops at the first false argument.
    And,
    /// Stops at the first true argument.
    Or,
    /// The `call` of Go, which finds nothing here that it could call.
    Call,
    Plain(for<'x, 'a> fn(&Env<'a>, Args<'x, 'a>) -> Outcome<'a>),
}

/// A function that templates may call.
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) params: &'static [Param],
    /// The type of further arguments, if any number may follow.
    pub(crate) variadic: Option<Param>,
    pub(crate) run: Run,
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// Functions that some templates may call.
pub(crate) type Table = &'static [&'static [Function]];

/// The functions of LogQL's templates.
pub(crate) static LINE: Table = &[
    builtin::FUNCTIONS,
    encode::BUILTINS,
    encode::FUNCTIONS,
    entry::FUNCTIONS,
    text::FUNCTIONS,
    integer::FUNCTIONS,
    float::FUNCTIONS,
    moment::FUNCTIONS,
    pattern::FUNCTIONS,
];

/// The functions of an alert's templates, as Prometheus has them, and `samples`.
pub(crate) static ALERT: Table = &[
    builtin::FUNCTIONS,
    encode::BUILTINS,
    text::ALERT_FUNCTIONS,
    ask::FUNCTIONS,
    humanize::FUNCTIONS,
    link::FUNCTIONS,
    pattern::ALERT_FUNCTIONS,
];

/// The function called `name`.
pub(crate) fn find(table: Table, name: &str) -> Option<&'static Function> {
    let all = table.iter().copied().flatten();
    all.into_iter().find(|function| function.name == name)
}

/// A function of fixed parameters.
const fn fixed(
    name: &'static str,
    params: &'static [Param],
    run: for<'x, 'a> fn(&Env<'a>, Args<'x, 'a>) -> Outcome<'a>,
) -> Function {
    Function {
        name,
        params,
        variadic: None,
        run: Run::Plain(run),
    }
}

/// A function that takes any number of `rest` after `params`.
const fn open(
    name: &'static str,
    params: &'static [Param],
    rest: Param,
    run: for<'x, 'a> fn(&Env<'a>, Args<'x, 'a>) -> Outcome<'a>,
) -> Function {
    Function {
        name,
        params,
        variadic: Some(rest),
        run: Run::Plain(run),
    }
}

/// The bytes of an argument declared as a string.
fn string<'v>(value: &'v Value<'_>) -> &'v [u8] {
    match value {
        Value::Str(text) => text,
        _ => b"",
    }
}

/// The number of an argument declared as an int.
fn int(value: &Value<'_>) -> i64 {
    match value {
        Value::Int(n, _) => *n,
        _ => 0,
    }
}

/// Takes an argument out.
fn take<'a>(value: &mut Value<'a>) -> Value<'a> {
    std::mem::replace(value, Value::Nil)
}
