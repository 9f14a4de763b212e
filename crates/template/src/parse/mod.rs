//! The template parser builds a tree by the grammar of Go's text/template, with its messages.
//!
//! Names of functions and variables are resolved here, so a template that parses fails later only
//! on values. Nesting is bounded, since both this parser and the executor recurse along the tree.

mod pipe;

use std::collections::BTreeMap;

use crate::ast::{self, Branch, Invocation, List, Node};
use crate::error::TemplateError;
use crate::function::Table;
use crate::go::quote::{quoted, unquote};
use crate::lexer::{Keyword, Kind, Token, lex};

/// Deepest nesting of blocks, `else if` chains and parentheses together. Each level costs the
/// parser and the executor a few stack frames; no template written by hand comes near.
pub(crate) const NESTING_MAX: usize = 100;

/// The templates of one text, by name.
pub(crate) type Templates = BTreeMap<Vec<u8>, List>;

/// What a template may name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names {
    /// Functions.
    pub(crate) functions: Table,
    /// Variables that are there at the beginning, with their `$`.
    pub(crate) variables: &'static [&'static str],
}

/// Parses `source`; the text outside any definition becomes the template `name`.
pub(crate) fn parse(name: &str, source: &str, names: Names) -> Result<Templates, TemplateError> {
    let variables = ["$"].iter().chain(names.variables);
    let mut parser = Parser {
        name,
        tokens: lex(source),
        next: 0,
        furthest: 0,
        functions: names.functions,
        variables: variables.map(|name| (*name).to_owned()).collect(),
        templates: Templates::new(),
        range_depth: 0,
        nesting: 0,
        action_line: 0,
    };
    parser.whole()?;
    Ok(parser.templates)
}

type Parsed<T> = Result<T, TemplateError>;

struct Parser<'s> {
    name: &'s str,
    functions: Table,
    tokens: Vec<Token<'s>>,
    next: usize,
    /// The last token looked at: its line stands in messages.
    furthest: usize,
    /// Variables in scope, innermost last.
    variables: Vec<String>,
    templates: Templates,
    range_depth: usize,
    nesting: usize,
    /// Line where the current action began; 0 outside actions.
    action_line: usize,
}

/// How a list of nodes ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    End,
    Else,
}

impl Ending {
    fn shown(self) -> &'static str {
        match self {
            Ending::End => "{{end}}",
            Ending::Else => "{{else}}",
        }
    }
}

/// What an action or a text yields to the list it stands in.
enum Item {
    Node(Node),
    Ending(Ending),
}

impl<'s> Parser<'s> {
    fn token(&mut self) -> Token<'s> {
        let token = self.peek().clone();
        self.next = (self.next + 1).min(self.tokens.len());
        token
    }

    fn peek(&mut self) -> &Token<'s> {
        let at = self.next.min(self.tokens.len() - 1);
        self.furthest = self.furthest.max(at);
        &self.tokens[at]
    }

    fn skip_space(&mut self) {
        while self.peek().kind == Kind::Space {
            self.next += 1;
        }
    }

    fn token_after_space(&mut self) -> Token<'s> {
        self.skip_space();
        self.token()
    }

    fn kind_after_space(&mut self) -> Kind {
        self.skip_space();
        self.peek().kind
    }

    fn back(&mut self) {
        self.next -= 1;
    }

    fn error<T>(&self, message: impl std::fmt::Display) -> Parsed<T> {
        let line = self.tokens[self.furthest].line;
        Err(TemplateError(format!(
            "template: {}:{line}: {message}",
            self.name
        )))
    }

    fn unexpected<T>(&self, token: &Token<'_>, context: &str) -> Parsed<T> {
        if token.kind != Kind::Error {
            return self.error(format!("unexpected {} in {context}", token));
        }
        let mut extra = String::new();
        if self.action_line != 0 && self.action_line != token.line {
            let word = if token.text.ends_with(" action") {
                ""
            } else {
                " in action"
            };
            extra = format!("{word} started at {}:{}", self.name, self.action_line);
        }
        self.error(format!("{}{extra}", token.text))
    }

    fn expect(&mut self, kind: Kind, context: &str) -> Parsed<Token<'s>> {
        let token = self.token_after_space();
        if token.kind == kind {
            Ok(token)
        } else {
            self.unexpected(&token, context)
        }
    }

    fn nest(&mut self) -> Parsed<()> {
        self.nesting += 1;
        if self.nesting > NESTING_MAX {
            self.error("max expression depth exceeded")
        } else {
            Ok(())
        }
    }

    fn whole(&mut self) -> Parsed<()> {
        let mut list = List::new();
        while self.peek().kind != Kind::Eof {
            if self.peek().kind == Kind::LeftDelim {
                let mark = self.next;
                self.next += 1;
                if self.token_after_space().kind == Kind::Keyword(Keyword::Define) {
                    self.definition()?;
                    continue;
                }
                self.next = mark;
            }
            match self.text_or_action()? {
                Item::Node(node) => list.push(node),
                Item::Ending(ending) => {
                    return self.error(format!("unexpected {}", ending.shown()));
                }
            }
        }
        self.add(self.name.as_bytes().to_vec(), list)
    }

    /// Enters a template under its name; a second one may only replace or be a blank.
    fn add(&mut self, name: Vec<u8>, list: List) -> Parsed<()> {
        match self.templates.get(&name) {
            Some(old) if !ast::is_blank(old) => {
                if !ast::is_blank(&list) {
                    return self.error(format!(
                        "template: multiple definition of template {}",
                        quoted(&name)
                    ));
                }
            }
            _ => {
                self.templates.insert(name, list);
            }
        }
        Ok(())
    }

    fn definition(&mut self) -> Parsed<()> {
        const CONTEXT: &str = "define clause";
        let token = self.token_after_space();
        let name = self.template_name(&token, CONTEXT)?;
        self.expect(Kind::RightDelim, CONTEXT)?;
        self.body_of(name, CONTEXT)
    }

    /// The body of a definition, which sees no variable from outside.
    fn body_of(&mut self, name: Vec<u8>, context: &str) -> Parsed<()> {
        self.nest()?;
        let outer = std::mem::replace(&mut self.variables, vec!["$".to_owned()]);
        let range_depth = std::mem::take(&mut self.range_depth);
        let (list, ending) = self.list()?;
        self.variables = outer;
        self.range_depth = range_depth;
        self.nesting -= 1;
        if ending != Ending::End {
            return self.error(format!("unexpected {} in {context}", ending.shown()));
        }
        self.add(name, list)
    }

    fn template_name(&mut self, token: &Token<'_>, context: &str) -> Parsed<Vec<u8>> {
        if !matches!(token.kind, Kind::Str | Kind::RawStr) {
            return self.unexpected(token, context);
        }
        self.unquote(token)
    }

    fn unquote(&mut self, token: &Token<'_>) -> Parsed<Vec<u8>> {
        match unquote(&token.text) {
            Some(value) => Ok(value),
            None => self.error("invalid syntax"),
        }
    }

    /// Nodes up to `{{end}}` or `{{else}}`.
    fn list(&mut self) -> Parsed<(List, Ending)> {
        let mut list = List::new();
        while self.kind_after_space() != Kind::Eof {
            match self.text_or_action()? {
                Item::Node(node) => list.push(node),
                Item::Ending(ending) => return Ok((list, ending)),
            }
        }
        self.error("unexpected EOF")
    }

    fn text_or_action(&mut self) -> Parsed<Item> {
        let token = self.token_after_space();
        match token.kind {
            Kind::Text => Ok(Item::Node(Node::Text(token.text.as_bytes().to_vec()))),
            Kind::LeftDelim => {
                self.action_line = token.line;
                let item = self.action();
                self.action_line = if item.is_ok() { 0 } else { self.action_line };
                item
            }
            _ => self.unexpected(&token, "input"),
        }
    }

    fn action(&mut self) -> Parsed<Item> {
        let token = self.token_after_space();
        let Kind::Keyword(keyword) = token.kind else {
            self.back();
            return Ok(Item::Node(Node::Action(
                self.pipe("command", Kind::RightDelim)?,
            )));
        };
        let node = match keyword {
            Keyword::If => Node::If(self.branch("if")?),
            Keyword::With => Node::With(self.branch("with")?),
            Keyword::Range => Node::Range(self.branch("range")?),
            Keyword::Break => self.jump(Node::Break, "{{break}}")?,
            Keyword::Continue => self.jump(Node::Continue, "{{continue}}")?,
            Keyword::Template => self.template()?,
            Keyword::Block => self.block()?,
            Keyword::End => {
                self.expect(Kind::RightDelim, "end")?;
                return Ok(Item::Ending(Ending::End));
            }
            Keyword::Else => {
                let kind = self.kind_after_space();
                if !matches!(kind, Kind::Keyword(Keyword::If | Keyword::With)) {
                    self.expect(Kind::RightDelim, "else")?;
                }
                return Ok(Item::Ending(Ending::Else));
            }
            Keyword::Nil | Keyword::Define => {
                self.back();
                return Ok(Item::Node(Node::Action(
                    self.pipe("command", Kind::RightDelim)?,
                )));
            }
        };
        Ok(Item::Node(node))
    }

    fn jump(&mut self, node: Node, shown: &str) -> Parsed<Node> {
        self.expect(Kind::RightDelim, shown)?;
        if self.range_depth == 0 {
            return self.error(format!("{shown} outside {{{{range}}}}"));
        }
        Ok(node)
    }

    fn branch(&mut self, word: &'static str) -> Parsed<Branch> {
        self.nest()?;
        let scope = self.variables.len();
        let pipe = self.pipe(word, Kind::RightDelim)?;
        let ranges = usize::from(word == "range");
        self.range_depth += ranges;
        let (list, ending) = self.list()?;
        self.range_depth -= ranges;
        let otherwise = if ending == Ending::Else {
            Some(self.otherwise(word)?)
        } else {
            None
        };
        self.variables.truncate(scope);
        self.nesting -= 1;
        Ok(Branch {
            pipe,
            list,
            otherwise,
        })
    }

    /// What follows `{{else`; `else if` and `else with` share the `{{end}}` of their outer block.
    fn otherwise(&mut self, word: &str) -> Parsed<List> {
        match (word, self.peek().kind) {
            ("if", Kind::Keyword(Keyword::If)) => {
                self.next += 1;
                Ok(vec![Node::If(self.branch("if")?)])
            }
            ("with", Kind::Keyword(Keyword::With)) => {
                self.next += 1;
                Ok(vec![Node::With(self.branch("with")?)])
            }
            _ => {
                let (list, ending) = self.list()?;
                if ending != Ending::End {
                    return self.error(format!("expected end; found {}", ending.shown()));
                }
                Ok(list)
            }
        }
    }

    fn template(&mut self) -> Parsed<Node> {
        const CONTEXT: &str = "template clause";
        let token = self.token_after_space();
        let name = self.template_name(&token, CONTEXT)?;
        let pipe = if self.kind_after_space() == Kind::RightDelim {
            self.next += 1;
            None
        } else {
            Some(self.pipe(CONTEXT, Kind::RightDelim)?)
        };
        Ok(Node::Template(Invocation {
            pos: token.pos,
            name,
            pipe,
        }))
    }

    fn block(&mut self) -> Parsed<Node> {
        const CONTEXT: &str = "block clause";
        let token = self.token_after_space();
        let name = self.template_name(&token, CONTEXT)?;
        let pipe = self.pipe(CONTEXT, Kind::RightDelim)?;
        self.body_of(name.clone(), CONTEXT)?;
        Ok(Node::Template(Invocation {
            pos: token.pos,
            name,
            pipe: Some(pipe),
        }))
    }
}
