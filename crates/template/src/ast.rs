//! A template's syntax tree keeps the position of each node for error messages.
//!
//! `Display` prints nodes in Go's canonical form, which messages quote (`at <div 1 0>`).

use std::fmt;

use super::function::Function;

/// Nodes that run one after another.
pub(super) type List = Vec<Node>;

/// A step of a template.
#[derive(Debug)]
pub(super) enum Node {
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
pub(super) struct Branch {
    pub(super) pipe: Pipe,
    pub(super) list: List,
    pub(super) otherwise: Option<List>,
}

/// `{{template "name" pipe}}`
#[derive(Debug)]
pub(super) struct Invocation {
    pub(super) pos: usize,
    pub(super) name: Vec<u8>,
    pub(super) pipe: Option<Pipe>,
}

/// Commands joined by `|`, perhaps bound to variables.
#[derive(Debug)]
pub(super) struct Pipe {
    pub(super) pos: usize,
    /// Names with their `$`.
    pub(super) variables: Vec<String>,
    pub(super) assigns: bool,
    pub(super) commands: Vec<Command>,
}

/// An operand or a function with its arguments; never empty.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) pos: usize,
    pub(super) operands: Vec<Operand>,
}

/// A word of a command.
#[derive(Debug)]
pub(super) struct Operand {
    pub(super) pos: usize,
    pub(super) kind: OperandKind,
}

#[derive(Debug)]
pub(super) enum OperandKind {
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
pub(super) struct Number {
    pub(super) source: String,
    pub(super) int: Option<i64>,
    pub(super) float: Option<f64>,
    /// Its type where nothing else decides.
    pub(super) ideal: Ideal,
}

/// What type a constant has of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ideal {
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
pub(super) fn is_blank(list: &List) -> bool {
    list.iter()
        .all(|node| matches!(node, Node::Text(text) if text.trim_ascii().is_empty()))
}
