//! Functions on strings: case, trimming, replacing, truncating, padding, testing.

use super::Param::{Any, Int, Str};
use super::{Args, Function, Outcome, fixed, int, open, string, take};
use crate::env::Env;
use crate::print::{rune_count, rune_offset};
use crate::value::Value;

pub(super) static FUNCTIONS: &[Function] = &[
    fixed("ToLower", &[Str], lower),
    fixed("ToUpper", &[Str], upper),
    fixed("Replace", &[Str, Str, Str, Int], replace_first),
    fixed("Trim", &[Str, Str], |_, args| {
        trimmed(args, 0, |s, set| trim_left(trim_right(s, set), set))
    }),
    fixed("TrimLeft", &[Str, Str], |_, args| {
        trimmed(args, 0, trim_left)
    }),
    fixed("TrimRight", &[Str, Str], |_, args| {
        trimmed(args, 0, trim_right)
    }),
    fixed("TrimPrefix", &[Str, Str], |_, args| {
        trimmed(args, 0, trim_prefix)
    }),
    fixed("TrimSuffix", &[Str, Str], |_, args| {
        trimmed(args, 0, trim_suffix)
    }),
    fixed("TrimSpace", &[Str], trim_space),
    fixed("lower", &[Str], lower),
    fixed("upper", &[Str], upper),
    fixed("title", &[Str], title),
    fixed("trim", &[Str], trim_space),
    fixed("trimAll", &[Str, Str], |_, args| {
        trimmed(args, 1, |s, set| trim_left(trim_right(s, set), set))
    }),
    fixed("trimPrefix", &[Str, Str], |_, args| {
        trimmed(args, 1, trim_prefix)
    }),
    fixed("trimSuffix", &[Str, Str], |_, args| {
        trimmed(args, 1, trim_suffix)
    }),
    fixed("replace", &[Str, Str, Str], |env, args| {
        replace(
            env,
            string(&args[2]),
            string(&args[0]),
            string(&args[1]),
            usize::MAX,
        )
    }),
    fixed("repeat", &[Int, Str], repeat),
    fixed("contains", &[Str, Str], |_, args| {
        Ok(Value::Bool(
            memchr::memmem::find(string(&args[1]), string(&args[0])).is_some(),
        ))
    }),
    fixed("hasPrefix", &[Str, Str], |_, args| {
        Ok(Value::Bool(string(&args[1]).starts_with(string(&args[0]))))
    }),
    fixed("hasSuffix", &[Str, Str], |_, args| {
        Ok(Value::Bool(string(&args[1]).ends_with(string(&args[0]))))
    }),
    fixed("indent", &[Int, Str], |env, args| indent(env, args, "")),
    fixed("nindent", &[Int, Str], |env, args| indent(env, args, "\n")),
    fixed("trunc", &[Int, Str], trunc),
    fixed("substr", &[Int, Int, Str], substr),
    open("default", &[Any], Any, default),
    fixed("alignLeft", &[Int, Str], align_left),
    fixed("alignRight", &[Int, Str], align_right),
];

/// Those of alerts.
pub(super) static ALERT_FUNCTIONS: &[Function] = &[
    fixed("title", &[Str], title),
    fixed("toUpper", &[Str], upper),
    fixed("toLower", &[Str], lower),
    // Marks what html/template shall not escape; here nothing is escaped.
    fixed("safeHtml", &[Str], |_, args| Ok(take(&mut args[0]))),
];

/// Applies `change` to each run of valid text; bytes that are no text become U+FFFD, as Go maps
/// them.
fn map_text(value: &mut Value<'_>, change: impl Fn(&str) -> String) -> Vec<u8> {
    change(&String::from_utf8_lossy(string(value))).into_bytes()
}

fn lower<'a>(_: &Env<'a>, args: Args<'_, 'a>) -> Outcome<'a> {
    if string(&args[0]).is_ascii() {
        return Ok(Value::owned(string(&args[0]).to_ascii_lowercase()));
    }
    Ok(Value::owned(map_text(&mut args[0], |text| {
        text.chars().map(simple_lower).collect()
    })))
}

fn upper<'a>(_: &Env<'a>, args: Args<'_, 'a>) -> Outcome<'a> {
    if string(&args[0]).is_ascii() {
        return Ok(Value::owned(string(&args[0]).to_ascii_uppercase()));
    }
    Ok(Value::owned(map_text(&mut args[0], |text| {
        text.chars().map(simple_upper).collect()
    })))
}

/// The lower case that is one character, as Go maps; others stay.
fn simple_lower(c: char) -> char {
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(only), None) => only,
        (Some(first), Some(_)) if c == 'İ' => first,
        _ => c,
    }
}

fn simple_upper(c: char) -> char {
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(only), None) => only,
        _ => c,
    }
}

/// Raises the first letter of each word.
fn title<'a>(_: &Env<'a>, args: Args<'_, 'a>) -> Outcome<'a> {
    let titled = map_text(&mut args[0], |text| {
        let mut before = ' ';
        let mut raise = |c| {
            let raised = if separates(before) {
                simple_upper(c)
            } else {
                c
            };
            before = c;
            raised
        };
        text.chars().map(&mut raise).collect()
    });
    Ok(Value::owned(titled))
}

fn separates(c: char) -> bool {
    if c.is_ascii() {
        !(c.is_ascii_alphanumeric() || c == '_')
    } else {
        !c.is_alphanumeric() && c.is_whitespace()
    }
}

/// Cuts the string at `subject` by the other argument, keeping it borrowed where it was.
fn trimmed<'a>(
    args: Args<'_, 'a>,
    subject: usize,
    by: impl for<'x> Fn(&'x [u8], &[u8]) -> &'x [u8],
) -> Outcome<'a> {
    let other = take(&mut args[1 - subject]);
    Ok(keep(take(&mut args[subject]), |text| {
        by(text, string(&other))
    }))
}

/// The part of `value` that `part` chooses.
fn keep<'a>(value: Value<'a>, part: impl for<'x> Fn(&'x [u8]) -> &'x [u8]) -> Value<'a> {
    match value {
        Value::Str(std::borrow::Cow::Borrowed(text)) => Value::Str(part(text).into()),
        Value::Str(text) => Value::owned(part(&text)),
        other => other,
    }
}

fn trim_prefix<'x>(text: &'x [u8], prefix: &[u8]) -> &'x [u8] {
    text.strip_prefix(prefix).unwrap_or(text)
}

fn trim_suffix<'x>(text: &'x [u8], suffix: &[u8]) -> &'x [u8] {
    text.strip_suffix(suffix).unwrap_or(text)
}

/// Cuts characters of `set` from the left; bytes that are no text count as U+FFFD.
fn trim_left<'x>(text: &'x [u8], set: &[u8]) -> &'x [u8] {
    let set = String::from_utf8_lossy(set);
    let mut kept = text;
    while let Some(chunk) = kept.utf8_chunks().next() {
        let (c, len) = match chunk.valid().chars().next() {
            Some(c) => (c, c.len_utf8()),
            None => (char::REPLACEMENT_CHARACTER, 1),
        };
        if !set.contains(c) {
            break;
        }
        kept = &kept[len..];
    }
    kept
}

fn trim_right<'x>(text: &'x [u8], set: &[u8]) -> &'x [u8] {
    let set = String::from_utf8_lossy(set);
    let mut kept = text;
    while !kept.is_empty() {
        let start = (kept.len().saturating_sub(4)..kept.len()).find(|&at| {
            std::str::from_utf8(&kept[at..]).is_ok_and(|tail| tail.chars().count() == 1)
        });
        let (c, len) = match start {
            Some(at) => (
                String::from_utf8_lossy(&kept[at..])
                    .chars()
                    .next()
                    .unwrap_or_default(),
                kept.len() - at,
            ),
            None => (char::REPLACEMENT_CHARACTER, 1),
        };
        if !set.contains(c) {
            break;
        }
        kept = &kept[..kept.len() - len];
    }
    kept
}

fn trim_space<'a>(_: &Env<'a>, args: Args<'_, 'a>) -> Outcome<'a> {
    let trimmed = keep(take(&mut args[0]), |text| {
        if text.is_ascii() {
            // Unlike Rust, Go counts the vertical tab as a space.
            let is_space = |b: &u8| matches!(b, b'\t'..=b'\r' | b' ');
            let start = text.iter().position(|b| !is_space(b)).unwrap_or(text.len());
            let end = text
                .iter()
                .rposition(|b| !is_space(b))
                .map_or(start, |at| at + 1);
            return &text[start..end];
        }
        let spaces = " \t\n\u{b}\u{c}\r\u{85}\u{a0}\u{1680}\u{2000}\u{2001}\u{2002}\u{2003}\u{2004}\u{2005}\u{2006}\
                      \u{2007}\u{2008}\u{2009}\u{200a}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}"
            .as_bytes();
        trim_left(trim_right(text, spaces), spaces)
    });
    Ok(trimmed)
}

fn replace_first<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Outcome<'a> {
    let times = usize::try_from(int(&args[3])).unwrap_or(usize::MAX);
    replace(
        env,
        string(&args[0]),
        string(&args[1]),
        string(&args[2]),
        times,
    )
}

/// Replaces `old` by `new` up to `times`; an empty `old` stands before every character and at the
/// end.
fn replace<'a>(env: &Env<'a>, text: &[u8], old: &[u8], new: &[u8], times: usize) -> Outcome<'a> {
    let places: Vec<usize> = if old.is_empty() {
        (0..=rune_count(text))
            .take(times)
            .map(|n| rune_offset_cached(text, n))
            .collect()
    } else {
        memchr::memmem::find_iter(text, old).take(times).collect()
    };
    let length = text.len() + places.len().saturating_mul(new.len());
    env.charge(length)?;
    let mut out = Vec::with_capacity(length);
    let mut done = 0;
    for place in places {
        out.extend_from_slice(&text[done..place]);
        out.extend_from_slice(new);
        done = place + old.len();
    }
    out.extend_from_slice(&text[done..]);
    Ok(Value::owned(out))
}

fn rune_offset_cached(text: &[u8], n: usize) -> usize {
    if text.is_ascii() {
        n
    } else {
        rune_offset(text, n)
    }
}

fn repeat<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Outcome<'a> {
    let text = string(&args[1]);
    let times =
        usize::try_from(int(&args[0])).map_err(|_| "strings: negative Repeat count".to_owned())?;
    env.charge(text.len().saturating_mul(times))?;
    Ok(Value::owned(text.repeat(times)))
}

fn indent<'a>(env: &Env<'a>, args: Args<'_, 'a>, before: &str) -> Outcome<'a> {
    let text = string(&args[1]);
    let spaces =
        usize::try_from(int(&args[0])).map_err(|_| "strings: negative Repeat count".to_owned())?;
    let lines = memchr::memchr_iter(b'\n', text).count() + 1;
    env.charge(spaces.saturating_mul(lines).saturating_add(text.len()))?;
    let pad = vec![b' '; spaces];
    let mut out = before.as_bytes().to_vec();
    for (i, line) in text.split(|b| *b == b'\n').enumerate() {
        if i > 0 {
            out.push(b'\n');
        }
        out.extend_from_slice(&pad);
        out.extend_from_slice(line);
    }
    Ok(Value::owned(out))
}

fn trunc<'a>(_: &Env<'a>, args: Args<'_, 'a>) -> Outcome<'a> {
    let count = int(&args[0]);
    Ok(keep(take(&mut args[1]), |text| {
        let magnitude = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
        match text.len().checked_sub(magnitude) {
            Some(rest) if count < 0 && rest > 0 => &text[rest..],
            Some(_) if count >= 0 => &text[..magnitude],
            _ => text,
        }
    }))
}

fn substr<'a>(_: &Env<'a>, args: Args<'_, 'a>) -> Outcome<'a> {
    let (start, end) = (int(&args[0]), int(&args[1]));
    let length = string(&args[2]).len() as i64;
    let (start, end) = if start < 0 {
        (0, end)
    } else if end < 0 || end > length {
        if start > length {
            return Err(format!(
                "runtime error: slice bounds out of range [{start}:{length}]"
            ));
        }
        (start, length)
    } else {
        (start, end)
    };
    if end < 0 {
        return Err(format!("runtime error: slice bounds out of range [:{end}]"));
    }
    if end > length {
        return Err(format!(
            "runtime error: slice bounds out of range [:{end}] with length {length}"
        ));
    }
    if start > end {
        return Err(format!(
            "runtime error: slice bounds out of range [{start}:{end}]"
        ));
    }
    Ok(keep(take(&mut args[2]), |text| {
        &text[start as usize..end as usize]
    }))
}

fn default<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Outcome<'a> {
    let given = args.get_mut(1).map_or(Value::Nil, take);
    Ok(if given.is_true(|| env.label_count()) {
        given
    } else {
        take(&mut args[0])
    })
}

fn align_left<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Outcome<'a> {
    align(
        env,
        args,
        |text, width| &text[..rune_offset(text, width)],
        |out, text, pad| {
            out.extend_from_slice(text);
            out.resize(out.len() + pad, b' ');
        },
    )
}

fn align_right<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Outcome<'a> {
    align(
        env,
        args,
        |text, width| &text[rune_offset(text, rune_count(text) - width)..],
        |out, text, pad| {
            out.resize(pad, b' ');
            out.extend_from_slice(text);
        },
    )
}

/// Cuts a text to a number of characters or pads it; a negative number leaves it alone.
fn align<'a>(
    env: &Env<'a>,
    args: Args<'_, 'a>,
    trimmed: impl for<'x> Fn(&'x [u8], usize) -> &'x [u8],
    join: impl Fn(&mut Vec<u8>, &[u8], usize),
) -> Outcome<'a> {
    let Ok(width) = usize::try_from(int(&args[0])) else {
        return Ok(take(&mut args[1]));
    };
    let runes = rune_count(string(&args[1]));
    if width <= runes {
        return Ok(keep(take(&mut args[1]), |text| trimmed(text, width)));
    }
    env.charge(width)?;
    let mut out = Vec::new();
    join(&mut out, string(&args[1]), width - runes);
    Ok(Value::owned(out))
}
