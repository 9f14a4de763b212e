//! Inspection finds what a template reads without running it: labels and regexes.

use crate::ast::{Command, List, Node, Operand, OperandKind, Pipe};
use crate::function::Param;
use crate::parse::Templates;

/// What a walk over a template found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// Names that are labels wherever the dot is still the entry.
    pub(crate) labels: Vec<String>,
    /// The dot itself is used as a value while it may be the labels.
    pub(crate) whole: bool,
    /// Regexes that stand in it.
    pub(crate) regexes: Vec<Vec<u8>>,
    /// Queries that stand in it.
    pub(crate) queries: Vec<String>,
    /// Fields that are asked of what the dot is at first.
    pub(crate) root_fields: Vec<String>,
    /// Whether a definition is looked through, which may have another dot.
    in_definition: bool,
}

/// Looks through all templates of a text; `main` is the one that runs.
pub(crate) fn inspect(templates: &Templates, main: &str) -> Findings {
    let mut findings = Findings::default();
    for (name, list) in templates {
        findings.in_definition = name != main.as_bytes();
        // A defined template may be run with the labels as its dot.
        findings.list(list, true);
    }
    findings.labels.sort();
    findings.labels.dedup();
    findings
}

impl Findings {
    fn list(&mut self, list: &List, dot_is_labels: bool) {
        for node in list {
            match node {
                Node::Text(_) | Node::Break | Node::Continue => {}
                Node::Action(pipe) => self.pipe(pipe, dot_is_labels),
                Node::Template(invocation) => {
                    if let Some(pipe) = &invocation.pipe {
                        self.pipe(pipe, dot_is_labels);
                    }
                }
                Node::If(branch) | Node::With(branch) | Node::Range(branch) => {
                    self.pipe(&branch.pipe, dot_is_labels);
                    self.list(&branch.list, dot_is_labels && matches!(node, Node::If(_)));
                    if let Some(otherwise) = &branch.otherwise {
                        self.list(otherwise, dot_is_labels);
                    }
                }
            }
        }
    }

    fn pipe(&mut self, pipe: &Pipe, dot_is_labels: bool) {
        for Command { operands, .. } in &pipe.commands {
            if let [
                Operand {
                    kind: OperandKind::Function(function),
                    ..
                },
                first,
                ..,
            ] = operands.as_slice()
                && let OperandKind::Str { value, .. } = &first.kind
            {
                match function.params.first() {
                    Some(Param::Regex) => self.regexes.push(value.clone()),
                    Some(Param::Query) => {
                        let query = String::from_utf8_lossy(value);
                        self.queries.push(query.into_owned());
                    }
                    _ => {}
                }
            }
            for operand in operands {
                self.operand(operand, dot_is_labels);
            }
        }
    }

    fn operand(&mut self, operand: &Operand, dot_is_labels: bool) {
        match &operand.kind {
            OperandKind::Dot => self.whole |= dot_is_labels,
            // Elsewhere these may be fields of other values: naming one label too many does no
            // harm.
            OperandKind::Field(names) => {
                self.labels.extend(names.first().cloned());
                if dot_is_labels && !self.in_definition {
                    self.root_fields.extend(names.first().cloned());
                }
            }
            OperandKind::Variable { name, fields } if name == "$" => match fields.first() {
                Some(field) => {
                    self.labels.push(field.clone());
                    if !self.in_definition {
                        self.root_fields.push(field.clone());
                    }
                }
                None => self.whole = true,
            },
            OperandKind::Chain(inner, _) => self.operand(inner, dot_is_labels),
            OperandKind::Pipe(pipe) => self.pipe(pipe, dot_is_labels),
            OperandKind::Nil
            | OperandKind::Bool(_)
            | OperandKind::Number(_)
            | OperandKind::Str { .. }
            | OperandKind::Variable { .. }
            | OperandKind::Function(_) => {}
        }
    }
}
