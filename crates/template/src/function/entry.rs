//! Functions that give the line itself.

use super::{Function, fixed};
use crate::time::Time;
use crate::value::Value;

pub(super) static FUNCTIONS: &[Function] = &[
    fixed("__line__", &[], |env, _| {
        Ok(Value::Str(env.entry().line().into()))
    }),
    fixed("__timestamp__", &[], |env, _| {
        Ok(Value::Time(Time::from_nanos(env.entry().timestamp())))
    }),
];
