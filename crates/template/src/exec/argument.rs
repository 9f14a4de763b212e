//! Arguments are evaluated and checked against the types that functions declare.

use super::{At, Evaluated, Executor};
use crate::ast::{Number, Operand, OperandKind};
use crate::function::Param;
use crate::value::{IntKind, ListKind, RecordKind, Value};

impl<'a> Executor<'a, '_> {
    /// An operand as an argument of type `param`.
    pub(super) fn argument(
        &mut self,
        dot: &Value<'a>,
        operand: &'a Operand,
        param: Param,
    ) -> Evaluated<'a> {
        self.at = At::Operand(operand);
        match (&operand.kind, param) {
            (OperandKind::Nil, Param::Any | Param::Value) => Ok(Value::Nil),
            (OperandKind::Nil, _) => {
                self.fail(format!("cannot assign nil to {}", param.type_name()))
            }
            (OperandKind::Bool(_) | OperandKind::Number(_) | OperandKind::Str { .. }, _) => {
                self.literal(dot, operand, param)
            }
            _ => {
                let value = self.plain(dot, operand)?;
                self.validated(value, param)
            }
        }
    }

    fn literal(&mut self, dot: &Value<'a>, operand: &'a Operand, param: Param) -> Evaluated<'a> {
        match (param, &operand.kind) {
            (Param::Any | Param::Value, _) => self.plain(dot, operand),
            (Param::Str | Param::Regex | Param::Query, OperandKind::Str { value, .. }) => {
                Ok(Value::Str(value.as_slice().into()))
            }
            (Param::Str | Param::Regex | Param::Query, _) => {
                self.fail(format!("expected string; found {operand}"))
            }
            (Param::Int, OperandKind::Number(Number { int: Some(n), .. })) => Ok(Value::int(*n)),
            (Param::Int, _) => self.fail(format!("expected integer; found {operand}")),
            (Param::Float, OperandKind::Number(Number { float: Some(f), .. })) => {
                Ok(Value::Float(*f))
            }
            (Param::Float, _) => self.fail(format!("expected float; found {operand}")),
            (Param::Time | Param::Sample | Param::Samples, _) => self.fail(format!(
                "can't handle {operand} for arg of type {}",
                param.type_name()
            )),
        }
    }

    /// `value`, if it has the type that `param` asks for.
    pub(super) fn validated(&self, value: Value<'a>, param: Param) -> Evaluated<'a> {
        let fits = match (param, &value) {
            (Param::Any | Param::Value, _) => true,
            (Param::Str | Param::Regex | Param::Query, Value::Str(_)) => true,
            (Param::Samples, Value::List(_, ListKind::Samples)) => true,
            (Param::Sample, Value::Record(record)) => record.kind == RecordKind::Sample,
            (Param::Int, Value::Int(_, IntKind::Int)) => true,
            (Param::Float, Value::Float(_)) => true,
            (Param::Time, Value::Time(_)) => true,
            (_, Value::Nil) => {
                return self.fail(format!("invalid value; expected {}", param.type_name()));
            }
            _ => false,
        };
        if fits {
            return Ok(value);
        }
        let (wanted, found) = (param.type_name(), value.type_name());
        self.fail(format!(
            "wrong type for value; expected {wanted}; got {found}"
        ))
    }
}
