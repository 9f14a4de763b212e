//! Functions on regexes; each has the regex as its first argument.

use regex::bytes::Captures;

use super::Param::{Regex, Str};
use super::{Function, Outcome, fixed, string};
use crate::env::Env;
use crate::value::Value;

pub(super) static FUNCTIONS: &[Function] = &[
    fixed("regexReplaceAll", &[Regex, Str, Str], |env, args| {
        replace_all(env, &args[0], &args[1], string(&args[2]))
    }),
    fixed("regexReplaceAllLiteral", &[Regex, Str, Str], |env, args| {
        let literal = string(&args[2]);
        replace(env, &args[0], &args[1], |_, out| {
            out.extend_from_slice(literal)
        })
    }),
    fixed("count", &[Regex, Str], |env, args| {
        let found = env.regex(string(&args[0]), |regex| {
            regex.find_iter(string(&args[1])).count()
        })?;
        Ok(Value::int(found as i64))
    }),
];

/// Those of alerts.
pub(super) static ALERT_FUNCTIONS: &[Function] = &[
    fixed("reReplaceAll", &[Regex, Str, Str], |env, args| {
        replace_all(env, &args[0], &args[2], string(&args[1]))
    }),
    fixed("match", &[Regex, Str], |env, args| {
        let text = string(&args[1]);
        Ok(Value::Bool(
            env.regex(string(&args[0]), |regex| regex.is_match(text))?,
        ))
    }),
];

/// Replaces by a text in which `$1` stands for a group.
fn replace_all<'a>(env: &Env<'a>, pattern: &Value<'a>, text: &Value<'a>, by: &[u8]) -> Outcome<'a> {
    replace(env, pattern, text, |captures, out| captures.expand(by, out))
}

fn replace<'a>(
    env: &Env<'a>,
    pattern: &Value<'a>,
    text: &Value<'a>,
    insert: impl Fn(&Captures<'_>, &mut Vec<u8>),
) -> Outcome<'a> {
    let text = string(text);
    let replaced = env.regex(string(pattern), |regex| {
        let mut out = Vec::new();
        let mut done = 0;
        let mut charged = 0;
        for captures in regex.captures_iter(text) {
            let Some(whole) = captures.get(0) else {
                continue;
            };
            out.extend_from_slice(&text[done..whole.start()]);
            insert(&captures, &mut out);
            done = whole.end();
            env.charge(out.len() - charged)?;
            charged = out.len();
        }
        out.extend_from_slice(&text[done..]);
        Ok::<_, String>(out)
    })??;
    Ok(Value::owned(replaced))
}
