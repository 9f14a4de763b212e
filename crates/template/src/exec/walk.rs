//! The walk executes the nodes of a template: text, output, branches, loops, calls of templates.

use super::{At, Executor, Stop};
use crate::ast::{Branch, Command, Invocation, Node, OperandKind, Pipe};
use crate::go::quote::quoted;
use crate::print::show;
use crate::value::{ListKind, MapKind, Value};
use skald_model::steps;

type Walked = Result<(), Stop>;

impl<'a> Executor<'a, '_> {
    pub(super) fn main(&mut self) -> Walked {
        let template = self.template;
        let root = self.root.clone();
        match template.templates.get(template.name.as_bytes()) {
            Some(list) => self.list(&root, list),
            None => Ok(()),
        }
    }

    fn list(&mut self, dot: &Value<'a>, list: &'a [Node]) -> Walked {
        self.deepen()?;
        for node in list {
            steps::count(1);
            self.step()?;
            self.node(dot, node)?;
        }
        self.depth -= 1;
        Ok(())
    }

    fn node(&mut self, dot: &Value<'a>, node: &'a Node) -> Walked {
        match node {
            Node::Text(text) => self.write(text),
            Node::Action(pipe) => self.action(dot, pipe),
            Node::If(branch) => self.choice(dot, branch, false),
            Node::With(branch) => self.choice(dot, branch, true),
            Node::Range(branch) => self.range(dot, branch),
            Node::Template(invocation) => self.invoke(dot, invocation),
            Node::Break => Err(Stop::Break),
            Node::Continue => Err(Stop::Continue),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Walked {
        let most = self.env.output_max();
        if self.out.len() - self.start + bytes.len() > most {
            return self.fail(format!("output exceeds {most} bytes"));
        }
        steps::count(bytes.len());
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    fn action(&mut self, dot: &Value<'a>, pipe: &'a Pipe) -> Walked {
        if let (Value::Labels, Some(name)) = (dot, lone_label(pipe)) {
            self.at = At::Pipe(pipe);
            return self.write(self.env.entry().label(name).unwrap_or_default().as_bytes());
        }
        let value = self.pipe(dot, pipe)?;
        if !pipe.variables.is_empty() {
            return Ok(());
        }
        match value {
            Value::Str(text) => self.write(&text),
            Value::Nil => self.write(b"<no value>"),
            Value::Bool(value) => self.write(if value { b"true" } else { b"false" }),
            value => {
                let printed = self
                    .env
                    .print(|printer| printer.print(&[value]))
                    .or_else(|message| self.fail(message))?;
                self.write(&printed)
            }
        }
    }

    /// `if` and `with`; `with` rebinds the dot.
    fn choice(&mut self, dot: &Value<'a>, branch: &'a Branch, rebinds: bool) -> Walked {
        let mark = self.variables.len();
        let value = self.pipe(dot, &branch.pipe)?;
        if self.is_true(&value) {
            let boxed = self.dot_boxed;
            self.dot_boxed &= !rebinds;
            self.list(if rebinds { &value } else { dot }, &branch.list)?;
            self.dot_boxed = boxed;
        } else if let Some(otherwise) = &branch.otherwise {
            self.list(dot, otherwise)?;
        }
        self.variables.truncate(mark);
        Ok(())
    }

    fn range(&mut self, dot: &Value<'a>, branch: &'a Branch) -> Walked {
        let mark = self.variables.len();
        let value = self.pipe(dot, &branch.pipe)?;
        let (ran, walked) = self.turns(&value, branch)?;
        match walked {
            Err(Stop::Break) | Ok(()) => {}
            Err(stop) => return Err(stop),
        }
        if let (false, Some(otherwise)) = (ran, &branch.otherwise) {
            self.list(dot, otherwise)?;
        }
        self.variables.truncate(mark);
        Ok(())
    }

    /// Runs the body for each element; says whether there was one, and how the last turn ended.
    fn turns(&mut self, value: &Value<'a>, branch: &'a Branch) -> Result<(bool, Walked), Stop> {
        match value {
            Value::Int(n, kind) => {
                if branch.pipe.variables.len() > 1 {
                    return self.fail(format!(
                        "can't use {n} to iterate over more than one variable"
                    ));
                }
                let walked = (0..*n)
                    .try_for_each(|i| self.turn(branch, Value::Nil, Value::Int(i, *kind), false));
                Ok((*n > 0, walked))
            }
            Value::List(list, kind) => {
                let boxed = *kind == ListKind::Any;
                let mut items = list.iter().enumerate();
                let walked = items.try_for_each(|(i, item)| {
                    self.turn(branch, Value::int(i as i64), item.clone(), boxed)
                });
                Ok((!list.is_empty(), walked))
            }
            Value::Map(map, kind) => {
                let boxed = *kind == MapKind::Any;
                let mut entries = map.iter();
                let walked = entries.try_for_each(|(k, v)| {
                    self.turn(branch, Value::owned(k.as_slice()), v.clone(), boxed)
                });
                Ok((!map.is_empty(), walked))
            }
            Value::Labels => {
                let labels = self.env.entry().labels();
                let ran = !labels.is_empty();
                let mut labels = labels.into_iter();
                let walked = labels.try_for_each(|(k, v)| {
                    self.turn(branch, Value::text(k), Value::text(v), false)
                });
                Ok((ran, walked))
            }
            Value::Nil => Ok((false, Ok(()))),
            Value::Bool(_)
            | Value::Float(_)
            | Value::Str(_)
            | Value::Time(_)
            | Value::Record(_) => self.fail(format!("range can't iterate over {}", show(value))),
        }
    }

    /// One turn of a loop; `boxed` tells that the item came out of JSON.
    fn turn(
        &mut self,
        branch: &'a Branch,
        index: Value<'a>,
        item: Value<'a>,
        boxed: bool,
    ) -> Walked {
        self.step()?;
        let mark = self.variables.len();
        let (names, depth) = (&branch.pipe.variables, self.depth);
        let values = match names.len() {
            0 => vec![],
            1 => vec![(item.clone(), boxed)],
            _ => vec![(index, false), (item.clone(), boxed)],
        };
        for (i, (name, (value, boxed))) in names.iter().zip(values).enumerate() {
            if branch.pipe.assigns {
                self.assign(name, value, boxed)?;
            } else {
                let slot = &mut self.variables[mark - names.len() + i];
                (slot.value, slot.boxed) = (value, boxed);
            }
        }
        let outer = std::mem::replace(&mut self.dot_boxed, boxed);
        let walked = self.list(&item, &branch.list);
        self.dot_boxed = outer;
        self.variables.truncate(mark);
        match walked {
            Err(Stop::Continue) => {
                self.depth = depth;
                Ok(())
            }
            Err(Stop::Break) => {
                self.depth = depth;
                Err(Stop::Break)
            }
            other => other,
        }
    }

    fn invoke(&mut self, dot: &Value<'a>, invocation: &'a Invocation) -> Walked {
        self.at = At::Invocation(invocation);
        let Some((name, list)) = self.template.templates.get_key_value(&invocation.name) else {
            return self.fail(format!("template {} not defined", quoted(&invocation.name)));
        };
        let dot = match &invocation.pipe {
            Some(pipe) => self.pipe(dot, pipe)?,
            None => Value::Nil,
        };
        let root = std::mem::replace(&mut self.root, dot.clone());
        let outer = std::mem::replace(&mut self.name, name);
        let base = std::mem::replace(&mut self.base, self.variables.len());
        let boxed = std::mem::take(&mut self.dot_boxed);
        self.list(&dot, list)?;
        self.dot_boxed = boxed;
        self.variables.truncate(self.base);
        (self.root, self.name, self.base) = (root, outer, base);
        Ok(())
    }
}

/// The label that a pipe of nothing else names.
fn lone_label(pipe: &Pipe) -> Option<&str> {
    let [Command { operands, .. }] = pipe.commands.as_slice() else {
        return None;
    };
    match operands.as_slice() {
        [operand] if pipe.variables.is_empty() => match &operand.kind {
            OperandKind::Field(names) if names.len() == 1 => Some(&names[0]),
            _ => None,
        },
        _ => None,
    }
}
