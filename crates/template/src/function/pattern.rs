//! Functions on regexes; each has the regex as its first argument.

use regex::bytes::Captures;

use super::Param::Str;
use super::{Args, Function, Outcome, fixed, string};
use crate::template::exec::Env;
use crate::template::value::Value;

pub(super) static FUNCTIONS: &[Function] = &[
    fixed("regexReplaceAll", &[Str, Str, Str], |env, args| {
        let template = string(&args[2]).to_vec();
        replace(env, args, |captures, out| captures.expand(&template, out))
    }),
    fixed("regexReplaceAllLiteral", &[Str, Str, Str], |env, args| {
        let literal = string(&args[2]).to_vec();
        replace(env, args, |_, out| out.extend_from_slice(&literal))
    }),
    fixed("count", &[Str, Str], |env, args| {
        let found = env.regex(string(&args[0]), |regex| {
            regex.find_iter(string(&args[1])).count()
        })?;
        Ok(Value::int(found as i64))
    }),
];

fn replace<'a>(
    env: &Env<'a>,
    args: Args<'_, 'a>,
    insert: impl Fn(&Captures<'_>, &mut Vec<u8>),
) -> Outcome<'a> {
    let text = string(&args[1]);
    let replaced = env.regex(string(&args[0]), |regex| {
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
