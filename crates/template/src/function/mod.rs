//! The function table lists what templates may call: names, parameters, implementations.
//!
//! A function gets arguments that already have the types it declares, and gives a value or the text
//! of an error; the executor puts call and place around that text.

use super::exec::Env;
use super::value::Value;

mod builtin;
mod encode;
mod float;
mod integer;
mod moment;
mod pattern;
mod text;

/// What a function accepts in one place, by Go's types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Param {
    /// `string`
    Str,
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
    pub(super) fn type_name(self) -> &'static str {
        match self {
            Param::Str => "string",
            Param::Int => "int",
            Param::Float => "float64",
            Param::Time => "time.Time",
            Param::Any => "interface {}",
            Param::Value => "reflect.Value",
        }
    }
}

/// The arguments of a call, of the declared number and types; a function may take them out.
pub(super) type Args<'x, 'a> = &'x mut [Value<'a>];

/// What a call gives: a value, or what went wrong.
pub(super) type Outcome<'a> = Result<Value<'a>, String>;

/// How a function runs.
#[derive(Clone, Copy)]
pub(super) enum Run {
    /// Stops at the first false argument.
    And,
    /// Stops at the first true argument.
    Or,
    /// The `call` of Go, which finds nothing here that it could call.
    Call,
    Plain(for<'x, 'a> fn(&Env<'a>, Args<'x, 'a>) -> Outcome<'a>),
}

/// A function that templates may call.
pub(super) struct Function {
    pub(super) name: &'static str,
    pub(super) params: &'static [Param],
    /// The type of further arguments, if any number may follow.
    pub(super) variadic: Option<Param>,
    pub(super) run: Run,
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// The function called `name`.
pub(super) fn find(name: &str) -> Option<&'static Function> {
    let groups = [
        builtin::FUNCTIONS,
        text::FUNCTIONS,
        integer::FUNCTIONS,
        float::FUNCTIONS,
        moment::FUNCTIONS,
        pattern::FUNCTIONS,
        encode::FUNCTIONS,
    ];
    groups
        .into_iter()
        .flatten()
        .find(|function| function.name == name)
}

/// Whether the first argument of `function` is a regex.
pub(super) fn takes_regex(function: &Function) -> bool {
    pattern::FUNCTIONS.iter().any(|f| std::ptr::eq(f, function))
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
