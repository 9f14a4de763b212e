//! A template's syntax tree keeps the position of each node for error messages.
//!
//! `Display` prints nodes in Go's canonical form, which messages quote (`at <div 1 0>`).

use std::fmt;

use crate::function::Function;

/// Nodes that run one after another.
pub(crate) type List = Vec<Node>;

/// A step of a template.
#[derive(Debug)]
pub(crate) enum Node {
    Text(Vec<u8>),
    Action(Pipe),
    If(Branch),
    With(Branch),
    Range(Branch),
    Template(Invocation),
    Break,
    Continue,
}

/// The common shape of `if`, `with` and `range`.
#[derive(Debug)]
pub(crate) struct Branch {
    pub(crate) pipe: Pipe,
    pub(crate) list: List,
    pub(crate) otherwise: Option<List>,
}

/// `{{template "name" pipe}}`
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) pos: usize,
    pub(crate) name: Vec<u8>,
    pub(crate) pipe: Option<Pipe>,
}

/// Commands joined by `|`, perhaps bound to variables.
#[derive(Debug)]
pub(crate) struct Pipe {
    pub(crate) pos: usize,
    /// Names with their `$`.
    pub(crate) variables: Vec<String>,
    pub(crate) assigns: bool,
    pub(crate) commands: Vec<Command>,
}

/// An operand or a function with its arguments; never empty.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) pos: usize,
    pub(crate) operands: Vec<Operand>,
}

/// A word of a command.
#[derive(Debug)]
pub(crate) struct Operand {
    pub(crate) pos: usize,
    pub(crate) kind: OperandKind,
}

#[derive(Debug)]
pub(crate) enum OperandKind {
    Dot,
    Nil,
    Bool(bool),
    Number(Number),
    Str {
        source: String,
        value: Vec<u8>,
    },
    /// `.a.b`; never empty.
    Field(Vec<String>),
    /// `$x.a`; the name has its `$`.
    Variable {
        name: String,
        fields: Vec<String>,
    },
    Function(&'static Function),
    /// `(pipe).a` or `function.a`; the fields are never empty.
    Chain(Box<Operand>, Vec<String>),
    Pipe(Box<Pipe>),
}

/// A constant, as each type it can be.
#[derive(Debug)]
pub(crate) struct Number {
    pub(crate) source: String,
    pub(crate) int: Option<i64>,
    pub(crate) float: Option<f64>,
    /// Its type where nothing else decides.
    pub(crate) ideal: Ideal,
}

/// What type a constant has of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ideal {
    Int,
    Float,
    /// An integer beyond `int`.
    Overflow,
}

impl fmt::Display for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.variables.is_empty() {
            write!(
                f,
                "{} {} ",
                self.variables.join(", "),
                if self.assigns { "=" } else { ":=" }
            )?;
        }
        for (i, command) in self.commands.iter().enumerate() {
            if i > 0 {
                f.write_str(" | ")?;
            }
            write!(f, "{command}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, operand) in self.operands.iter().enumerate() {
            if i > 0 {
                f.write_str(" ")?;
            }
            match &operand.kind {
                OperandKind::Pipe(pipe) => write!(f, "({pipe})")?,
                _ => write!(f, "{operand}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            OperandKind::Dot => f.write_str("."),
            OperandKind::Nil => f.write_str("nil"),
            OperandKind::Bool(value) => write!(f, "{value}"),
            OperandKind::Number(number) => f.write_str(&number.source),
            OperandKind::Str { source, .. } => f.write_str(source),
            OperandKind::Field(names) => write_fields(f, names),
            OperandKind::Variable { name, fields } => {
                f.write_str(name)?;
                write_fields(f, fields)
            }
            OperandKind::Function(function) => f.write_str(function.name),
            OperandKind::Chain(operand, fields) => {
                match &operand.kind {
                    OperandKind::Pipe(pipe) => write!(f, "({pipe})")?,
                    _ => write!(f, "{operand}")?,
                }
                write_fields(f, fields)
            }
            OperandKind::Pipe(pipe) => write!(f, "{pipe}"),
        }
    }
}

fn write_fields(f: &mut fmt::Formatter<'_>, fields: &[String]) -> fmt::Result {
    fields.iter().try_for_each(|field| write!(f, ".{field}"))
}

impl fmt::Display for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{{template {}", crate::go::quote::quoted(&self.name))?;
        if let Some(pipe) = &self.pipe {
            write!(f, " {pipe}")?;
        }
        f.write_str("}}")
    }
}

/// Whether a template has nothing but white space.
pub(crate) fn is_blank(list: &List) -> bool {
    list.iter()
        .all(|node| matches!(node, Node::Text(text) if text.trim_ascii().is_empty()))
}
