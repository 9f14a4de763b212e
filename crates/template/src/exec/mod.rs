//! The executor walks a template's tree, evaluates pipes and writes what they give.
//!
//! Follows Go's executor step by step, so that the same things fail with the same words. `at` is the node
//! being evaluated: messages quote it. Work is bounded three ways: steps, bytes produced, and depth.

use crate::ast::{Command, Ideal, Invocation, Number, Operand, OperandKind, Pipe};
use crate::compiled::Compiled;
use crate::env::Env;
use crate::error::TemplateError;
use crate::function::{Function, Param, Run};
use crate::subject::{ALERT_VARIABLES, Subject};
use crate::value::{Record, RecordKind, Value};
use std::rc::Rc;

mod argument;
mod field;
mod walk;

/// Nodes, commands and turns of loops that one execution may take: a few milliseconds.
const STEPS_MAX: u32 = 100_000;

/// Deepest nesting at run time, template invocations included; keeps the executor's stack below a megabyte.
const DEPTH_MAX: usize = 200;
const _: () = assert!(DEPTH_MAX > crate::parse::NESTING_MAX);

/// Most arguments that a call takes without the heap.
const INLINE_ARGS: usize = 4;

/// Why the walk does not go on.
enum Stop {
    Failed(TemplateError),
    Break,
    Continue,
}

type Evaluated<'a> = Result<Value<'a>, Stop>;

/// A node that messages may quote.
#[derive(Clone, Copy)]
enum At<'a> {
    Start,
    Pipe(&'a Pipe),
    Command(&'a Command),
    Operand(&'a Operand),
    Invocation(&'a Invocation),
}

/// A variable and what it holds.
struct Variable<'a> {
    name: &'a str,
    value: Value<'a>,
    /// It came out of JSON: messages name its type `interface {}`.
    boxed: bool,
}

/// One execution.
pub(crate) struct Executor<'a, 'o> {
    env: Env<'a>,
    template: &'a Compiled,
    out: &'o mut Vec<u8>,
    /// Length of `out` at the start.
    start: usize,
    at: At<'a>,
    /// The template being run, for messages.
    name: &'a [u8],
    /// `$`
    root: Value<'a>,
    /// Variables in scope, innermost last.
    variables: Vec<Variable<'a>>,
    /// The dot came out of JSON: messages name its type `interface {}`.
    dot_boxed: bool,
    /// Where the variables of the current template begin.
    base: usize,
    steps: u32,
    depth: usize,
}

/// The dot of a template at first, and its variables.
fn beginning<'a>(subject: Subject<'a>) -> (Value<'a>, Vec<Variable<'a>>) {
    let Subject::Alert(alert) = subject else {
        return (Value::Labels, Vec::new());
    };
    let fields = alert.fields();
    let variables = ALERT_VARIABLES.iter().zip(&fields);
    let variables = variables.map(|(name, (_, value))| Variable {
        name,
        value: value.clone(),
        boxed: false,
    });
    let variables = variables.collect();
    let kind = RecordKind::Alert;
    (Value::Record(Rc::new(Record { kind, fields })), variables)
}

impl<'a, 'o> Executor<'a, 'o> {
    /// Runs `template` once; what was written before an error stays.
    pub(crate) fn run(
        template: &'a Compiled,
        subject: Subject<'a>,
        out: &'o mut Vec<u8>,
    ) -> Result<(), TemplateError> {
        let start = out.len();
        let (root, variables) = beginning(subject);
        let mut executor = Executor {
            env: Env::new(subject, &template.regexes),
            template,
            out,
            start,
            at: At::Start,
            name: template.name.as_bytes(),
            root,
            variables,
            dot_boxed: false,
            base: 0,
            steps: 0,
            depth: 0,
        };
        match executor.main() {
            Ok(()) | Err(Stop::Break | Stop::Continue) => Ok(()),
            Err(Stop::Failed(error)) => Err(error),
        }
    }

    fn fail<T>(&self, message: impl std::fmt::Display) -> Result<T, Stop> {
        let (pos, shown) = match self.at {
            At::Start => {
                let name = String::from_utf8_lossy(self.name);
                return Err(Stop::Failed(TemplateError(format!(
                    "template: {name}: {message}"
                ))));
            }
            At::Pipe(node) => (node.pos, node.to_string()),
            At::Command(node) => (node.pos, node.to_string()),
            At::Operand(node) => (node.pos, node.to_string()),
            At::Invocation(node) => (node.pos, node.to_string()),
        };
        let template = self.template;
        let before = &template.source[..pos];
        let line = before.matches('\n').count() + 1;
        let column = before.rfind('\n').map_or(pos, |newline| pos - newline - 1);
        let name = crate::go::quote::quoted(self.name);
        Err(Stop::Failed(TemplateError(format!(
            "template: {}:{line}:{column}: executing {name} at <{shown}>: {message}",
            template.name
        ))))
    }

    fn step(&mut self) -> Result<(), Stop> {
        self.steps += 1;
        if self.steps > STEPS_MAX {
            self.fail(format!("exceeded maximum number of steps ({STEPS_MAX})"))
        } else {
            Ok(())
        }
    }

    fn deepen(&mut self) -> Result<(), Stop> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            self.fail(format!("exceeded maximum template depth ({DEPTH_MAX})"))
        } else {
            Ok(())
        }
    }

    fn is_true(&self, value: &Value<'a>) -> bool {
        value.is_true(|| self.env.label_count())
    }

    /// The value of a variable, and whether it is boxed.
    fn variable(&self, name: &str) -> Result<(Value<'a>, bool), Stop> {
        match self.variables[self.base..]
            .iter()
            .rev()
            .find(|variable| variable.name == name)
        {
            Some(variable) => Ok((variable.value.clone(), variable.boxed)),
            None if name == "$" => Ok((self.root.clone(), false)),
            None => self.fail(format!("undefined variable: {name}")),
        }
    }

    /// Overwrites the innermost variable of that name.
    fn assign(&mut self, name: &str, value: Value<'a>, boxed: bool) -> Result<(), Stop> {
        match self.variables[self.base..]
            .iter_mut()
            .rev()
            .find(|variable| variable.name == name)
        {
            Some(variable) => (variable.value, variable.boxed) = (value, boxed),
            None if name == "$" => self.root = value,
            None => return self.fail(format!("undefined variable: {name}")),
        }
        Ok(())
    }

    /// The value of a pipe; its variables are bound and stay in scope.
    fn pipe(&mut self, dot: &Value<'a>, pipe: &'a Pipe) -> Evaluated<'a> {
        self.at = At::Pipe(pipe);
        let mut value = None;
        for command in &pipe.commands {
            self.step()?;
            value = Some(self.command(dot, command, value)?);
        }
        let value = value.unwrap_or(Value::Nil);
        for name in &pipe.variables {
            if pipe.assigns {
                self.assign(name, value.clone(), false)?;
            } else {
                self.variables.push(Variable {
                    name,
                    value: value.clone(),
                    boxed: false,
                });
            }
            if let Value::Str(text) = &value {
                self.charge(text.len())?;
            }
        }
        Ok(value)
    }

    fn charge(&self, bytes: usize) -> Result<(), Stop> {
        self.env.charge(bytes).or_else(|message| self.fail(message))
    }

    fn nested_pipe(&mut self, dot: &Value<'a>, pipe: &'a Pipe) -> Evaluated<'a> {
        self.deepen()?;
        let value = self.pipe(dot, pipe)?;
        self.depth -= 1;
        Ok(value)
    }

    /// The value of a command; `last` is what was piped into it.
    fn command(
        &mut self,
        dot: &Value<'a>,
        command: &'a Command,
        last: Option<Value<'a>>,
    ) -> Evaluated<'a> {
        let (first, args) = (&command.operands[0], &command.operands[1..]);
        let has_args = !args.is_empty() || last.is_some();
        match &first.kind {
            OperandKind::Function(function) => {
                self.at = At::Operand(first);
                return self.call(dot, function, At::Command(command), args, last);
            }
            OperandKind::Field(names) => {
                self.at = At::Operand(first);
                return self.fields(dot, (dot.clone(), self.dot_boxed), names, args, last);
            }
            OperandKind::Chain(inner, names) => {
                let receiver = self.chain_receiver(dot, first, inner)?;
                return self.fields(dot, (receiver, false), names, args, last);
            }
            OperandKind::Variable { name, fields } => {
                self.at = At::Operand(first);
                let receiver = self.variable(name)?;
                if !fields.is_empty() {
                    return self.fields(dot, receiver, fields, args, last);
                }
                if has_args {
                    return self.not_a_function(first);
                }
                return Ok(receiver.0);
            }
            OperandKind::Pipe(pipe) => {
                if has_args {
                    return self.not_a_function(first);
                }
                return self.nested_pipe(dot, pipe);
            }
            OperandKind::Dot
            | OperandKind::Nil
            | OperandKind::Bool(_)
            | OperandKind::Number(_)
            | OperandKind::Str { .. } => {}
        }
        self.at = At::Operand(first);
        if has_args {
            return self.not_a_function(first);
        }
        if matches!(first.kind, OperandKind::Nil) {
            return self.fail("nil is not a command");
        }
        self.plain(dot, first)
    }

    fn not_a_function(&self, operand: &Operand) -> Evaluated<'a> {
        self.fail(format!("can't give argument to non-function {operand}"))
    }

    /// The value of an operand where any type will do.
    fn plain(&mut self, dot: &Value<'a>, operand: &'a Operand) -> Evaluated<'a> {
        self.at = At::Operand(operand);
        match &operand.kind {
            OperandKind::Dot => Ok(dot.clone()),
            OperandKind::Nil => Ok(Value::Nil),
            OperandKind::Bool(value) => Ok(Value::Bool(*value)),
            OperandKind::Number(number) => self.ideal(number),
            OperandKind::Str { value, .. } => Ok(Value::Str(value.as_slice().into())),
            OperandKind::Field(names) => {
                self.fields(dot, (dot.clone(), self.dot_boxed), names, &[], None)
            }
            OperandKind::Variable { name, fields } if fields.is_empty() => {
                Ok(self.variable(name)?.0)
            }
            OperandKind::Variable { name, fields } => {
                let receiver = self.variable(name)?;
                self.fields(dot, receiver, fields, &[], None)
            }
            OperandKind::Function(function) => {
                self.call(dot, function, At::Operand(operand), &[], None)
            }
            OperandKind::Chain(inner, names) => {
                let receiver = self.chain_receiver(dot, operand, inner)?;
                self.fields(dot, (receiver, false), names, &[], None)
            }
            OperandKind::Pipe(pipe) => self.nested_pipe(dot, pipe),
        }
    }

    /// A constant as the type it has of itself.
    fn ideal(&self, number: &Number) -> Evaluated<'a> {
        match (number.ideal, number.int, number.float) {
            (Ideal::Int, Some(n), _) => Ok(Value::int(n)),
            (Ideal::Float, _, Some(f)) => Ok(Value::Float(f)),
            _ => self.fail(format!("{} overflows int", number.source)),
        }
    }

    fn chain_receiver(
        &mut self,
        dot: &Value<'a>,
        chain: &'a Operand,
        inner: &'a Operand,
    ) -> Evaluated<'a> {
        self.at = At::Operand(chain);
        self.plain(dot, inner)
    }

    /// Calls a function; `node` is quoted when the call itself fails.
    fn call(
        &mut self,
        dot: &Value<'a>,
        function: &'static Function,
        node: At<'a>,
        args: &'a [Operand],
        last: Option<Value<'a>>,
    ) -> Evaluated<'a> {
        let count = args.len() + usize::from(last.is_some());
        let (name, wanted) = (function.name, function.params.len());
        if function.variadic.is_some() && count < wanted {
            return self.fail(format!(
                "wrong number of args for {name}: want at least {wanted} got {}",
                args.len()
            ));
        }
        if function.variadic.is_none() && count != wanted {
            return self.fail(format!(
                "wrong number of args for {name}: want {wanted} got {count}"
            ));
        }
        if count <= INLINE_ARGS {
            let mut slots = [const { Value::Nil }; INLINE_ARGS];
            self.call_with(dot, function, node, args, last, &mut slots[..count])
        } else {
            let mut slots = vec![Value::Nil; count];
            self.call_with(dot, function, node, args, last, &mut slots)
        }
    }

    /// Evaluates the arguments into `slots` and runs the function on them.
    fn call_with(
        &mut self,
        dot: &Value<'a>,
        function: &'static Function,
        node: At<'a>,
        args: &'a [Operand],
        last: Option<Value<'a>>,
        slots: &mut [Value<'a>],
    ) -> Evaluated<'a> {
        let param = |i: usize| {
            function
                .params
                .get(i)
                .copied()
                .or(function.variadic)
                .unwrap_or(Param::Any)
        };
        if let Run::And | Run::Or = function.run {
            return self.first_decisive(dot, matches!(function.run, Run::Or), args, last);
        }
        for (i, operand) in args.iter().enumerate() {
            slots[i] = self.argument(dot, operand, param(i))?;
        }
        if let Some(last) = last {
            slots[args.len()] = self.validated(last, param(args.len()))?;
        }
        let outcome = match function.run {
            Run::Plain(run) => run(&self.env, slots),
            _ => Err(uncallable(args, slots)),
        };
        match outcome {
            Ok(value) => {
                if let Value::Str(std::borrow::Cow::Owned(text)) = &value {
                    self.charge(text.len())?;
                }
                Ok(value)
            }
            Err(message) => {
                self.at = node;
                self.fail(format!("error calling {}: {message}", function.name))
            }
        }
    }

    /// `and` and `or`: the first argument that decides, or the last.
    fn first_decisive(
        &mut self,
        dot: &Value<'a>,
        truth: bool,
        args: &'a [Operand],
        last: Option<Value<'a>>,
    ) -> Evaluated<'a> {
        let mut value = Value::Nil;
        for operand in args {
            value = self.argument(dot, operand, Param::Value)?;
            if self.is_true(&value) == truth {
                return Ok(value);
            }
        }
        Ok(last.unwrap_or(value))
    }
}

/// Why `call` can't call its argument: no value here is a function.
fn uncallable(args: &[Operand], slots: &[Value<'_>]) -> String {
    match slots.first() {
        None | Some(Value::Nil) => "call of nil".to_owned(),
        Some(value) => {
            let name = args
                .first()
                .map_or_else(|| crate::print::show(value), ToString::to_string);
            format!("non-function {name} of type {}", value.type_name())
        }
    }
}
