//! The parser of pipelines within an action reads declarations, commands and operands.

use super::{Parsed, Parser};
use crate::ast::{Command, Operand, OperandKind, Pipe};
use crate::go::quote::quoted;
use crate::lexer::{Keyword, Kind};
use crate::{function, number};

impl Parser<'_> {
    pub(super) fn pipe(&mut self, context: &'static str, end: Kind) -> Parsed<Pipe> {
        self.skip_space();
        let mut pipe = Pipe {
            pos: self.peek().pos,
            variables: Vec::new(),
            assigns: false,
            commands: Vec::new(),
        };
        self.declarations(&mut pipe, context)?;
        loop {
            let token = self.token_after_space();
            match token.kind {
                kind if kind == end => break,
                Kind::Bool
                | Kind::Char
                | Kind::Dot
                | Kind::Field
                | Kind::Identifier
                | Kind::Number
                | Kind::Keyword(Keyword::Nil)
                | Kind::RawStr
                | Kind::Str
                | Kind::Variable
                | Kind::LeftParen => {
                    self.back();
                    let command = self.command()?;
                    pipe.commands.push(command);
                }
                _ => return self.unexpected(&token, context),
            }
        }
        self.check_pipe(&pipe, context)?;
        Ok(pipe)
    }

    /// `$a :=`, `$a =` or, in a range, `$a, $b :=` at the start of a pipe.
    fn declarations(&mut self, pipe: &mut Pipe, context: &str) -> Parsed<()> {
        while self.kind_after_space() == Kind::Variable {
            let mark = self.next;
            let variable = self.token().text.into_owned();
            match self.kind_after_space() {
                kind @ (Kind::Assign | Kind::Declare) => {
                    self.next += 1;
                    pipe.assigns = kind == Kind::Assign;
                    pipe.variables.push(variable.clone());
                    self.variables.push(variable);
                    return Ok(());
                }
                Kind::Other if self.peek().text == "," => {
                    self.next += 1;
                    pipe.variables.push(variable.clone());
                    self.variables.push(variable);
                    if context != "range" || pipe.variables.len() >= 2 {
                        return self.error(format!("too many declarations in {context}"));
                    }
                    if !matches!(
                        self.kind_after_space(),
                        Kind::Variable | Kind::RightDelim | Kind::RightParen
                    ) {
                        return self.error("range can only initialize variables");
                    }
                }
                _ => {
                    self.next = mark;
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn check_pipe(&self, pipe: &Pipe, context: &str) -> Parsed<()> {
        if pipe.commands.is_empty() {
            return self.error(format!("missing value for {context}"));
        }
        for (i, command) in pipe.commands.iter().enumerate().skip(1) {
            if matches!(
                command.operands[0].kind,
                OperandKind::Bool(_)
                    | OperandKind::Dot
                    | OperandKind::Nil
                    | OperandKind::Number(_)
                    | OperandKind::Str { .. }
            ) {
                return self.error(format!(
                    "non executable command in pipeline stage {}",
                    i + 1
                ));
            }
        }
        Ok(())
    }

    fn command(&mut self) -> Parsed<Command> {
        self.skip_space();
        let mut command = Command {
            pos: self.peek().pos,
            operands: Vec::new(),
        };
        loop {
            self.skip_space();
            if let Some(operand) = self.operand()? {
                command.operands.push(operand);
            }
            let token = self.token();
            match token.kind {
                Kind::Space => continue,
                Kind::RightDelim | Kind::RightParen => self.back(),
                Kind::Pipe => {}
                _ => return self.unexpected(&token, "operand"),
            }
            break;
        }
        if command.operands.is_empty() {
            return self.error("empty command");
        }
        Ok(command)
    }

    /// A term and the fields asked of it.
    fn operand(&mut self) -> Parsed<Option<Operand>> {
        let Some(term) = self.term()? else {
            return Ok(None);
        };
        let pos = self.peek().pos;
        let mut fields = Vec::new();
        while self.peek().kind == Kind::Field {
            fields.push(self.token().text[1..].to_owned());
        }
        if fields.is_empty() {
            return Ok(Some(term));
        }
        let kind = match term.kind {
            OperandKind::Field(mut names) => {
                names.append(&mut fields);
                OperandKind::Field(names)
            }
            OperandKind::Variable {
                name,
                fields: mut names,
            } => {
                names.append(&mut fields);
                OperandKind::Variable {
                    name,
                    fields: names,
                }
            }
            OperandKind::Bool(_)
            | OperandKind::Str { .. }
            | OperandKind::Number(_)
            | OperandKind::Nil
            | OperandKind::Dot => {
                return self.error(format!(
                    "unexpected . after term {}",
                    quoted(term.to_string().as_bytes())
                ));
            }
            OperandKind::Function(_) | OperandKind::Chain(..) | OperandKind::Pipe(_) => {
                OperandKind::Chain(Box::new(term), fields)
            }
        };
        Ok(Some(Operand { pos, kind }))
    }

    fn term(&mut self) -> Parsed<Option<Operand>> {
        let token = self.token_after_space();
        let kind = match token.kind {
            Kind::Identifier => match function::find(self.functions, &token.text) {
                Some(function) => OperandKind::Function(function),
                None => {
                    return self.error(format!(
                        "function {} not defined",
                        quoted(token.text.as_bytes())
                    ));
                }
            },
            Kind::Dot => OperandKind::Dot,
            Kind::Keyword(Keyword::Nil) => OperandKind::Nil,
            Kind::Variable => {
                if !self.variables.iter().any(|v| *v == token.text) {
                    return self.error(format!(
                        "undefined variable {}",
                        quoted(token.text.as_bytes())
                    ));
                }
                OperandKind::Variable {
                    name: token.text.into_owned(),
                    fields: Vec::new(),
                }
            }
            Kind::Field => OperandKind::Field(vec![token.text[1..].to_owned()]),
            Kind::Bool => OperandKind::Bool(token.text == "true"),
            Kind::Char | Kind::Number => match number::constant(&token) {
                Ok(number) => OperandKind::Number(number),
                Err(message) => return self.error(message),
            },
            Kind::LeftParen => {
                self.nest()?;
                let pipe = self.pipe("parenthesized pipeline", Kind::RightParen)?;
                self.nesting -= 1;
                return Ok(Some(Operand {
                    pos: pipe.pos,
                    kind: OperandKind::Pipe(Box::new(pipe)),
                }));
            }
            Kind::Str | Kind::RawStr => {
                let value = self.unquote(&token)?;
                OperandKind::Str {
                    source: token.text.into_owned(),
                    value,
                }
            }
            _ => {
                self.back();
                return Ok(None);
            }
        };
        Ok(Some(Operand {
            pos: token.pos,
            kind,
        }))
    }
}
