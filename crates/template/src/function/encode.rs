//! Functions between strings and their encodings: URL, base64, JSON, HTML, JavaScript.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Param::{Any, Str};
use super::{Args, Function, Outcome, fixed, open, string};
use crate::env::Env;
use crate::go::quote::{is_print, quoted};
use crate::value::Value;

pub(super) static FUNCTIONS: &[Function] = &[
    fixed("urlencode", &[Str], |_, args| {
        Ok(Value::owned(query_escape(string(&args[0]))))
    }),
    fixed("urldecode", &[Str], |_, args| {
        Ok(Value::owned(query_unescape(string(&args[0]))?))
    }),
    fixed("b64enc", &[Str], |_, args| {
        Ok(Value::owned(STANDARD.encode(string(&args[0]))))
    }),
    fixed("b64dec", &[Str], |_, args| {
        Ok(Value::owned(decode_base64(string(&args[0]))))
    }),
    fixed("fromJson", &[Str], from_json),
];

/// Those of Go's text/template.
pub(super) static BUILTINS: &[Function] = &[
    open("html", &[], Any, |env, args| {
        Ok(Value::owned(escape_html(&flat(env, args)?)))
    }),
    open("js", &[], Any, |env, args| {
        Ok(Value::owned(escape_js(&flat(env, args)?)))
    }),
    open("urlquery", &[], Any, |env, args| {
        Ok(Value::owned(query_escape(&flat(env, args)?)))
    }),
];

/// The arguments as `print` joins them.
fn flat(env: &Env<'_>, args: Args<'_, '_>) -> Result<Vec<u8>, String> {
    for arg in args.iter_mut().filter(|arg| matches!(arg, Value::Nil)) {
        *arg = Value::text("<no value>");
    }
    env.print(|printer| printer.print(args))
}

fn from_json<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Outcome<'a> {
    let text = string(&args[0]);
    env.charge(text.len())?;
    Ok(serde_json::from_slice(text).map_or(Value::Nil, Value::from_json))
}

pub(super) fn query_escape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for &byte in text {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(byte),
            b' ' => out.push(b'+'),
            _ => out.extend_from_slice(format!("%{byte:02X}").as_bytes()),
        }
    }
    out
}

fn query_unescape(text: &[u8]) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        match text[at] {
            b'%' => {
                let digits = text
                    .get(at + 1..at + 3)
                    .and_then(|d| std::str::from_utf8(d).ok());
                let byte = digits
                    .filter(|d| !d.starts_with('+'))
                    .and_then(|d| u8::from_str_radix(d, 16).ok());
                let Some(byte) = byte else {
                    let bad = &text[at..text.len().min(at + 3)];
                    return Err(format!("invalid URL escape {}", quoted(bad)));
                };
                out.push(byte);
                at += 3;
                continue;
            }
            b'+' => out.push(b' '),
            byte => out.push(byte),
        }
        at += 1;
    }
    Ok(out)
}

/// Decoded base64, its padding completed; what can't be decoded gives the message instead.
///
/// Done by hand, since the message tells the byte at which Go's decoder gives up.
fn decode_base64(text: &[u8]) -> Vec<u8> {
    let mut padded = text.to_vec();
    if matches!(text.len() % 4, 2 | 3) {
        padded.resize(text.len().next_multiple_of(4), b'=');
    }
    decode_padded(&padded)
        .unwrap_or_else(|at| format!("illegal base64 data at input byte {at}").into_bytes())
}

/// Decodes in groups of four, skipping line breaks; an error is the place of the offending byte.
fn decode_padded(text: &[u8]) -> Result<Vec<u8>, usize> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let mut group = (0u32, 0);
    let mut bytes = text
        .iter()
        .enumerate()
        .filter(|(_, b)| !matches!(b, b'\n' | b'\r'));
    while let Some((at, byte)) = bytes.next() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' if group.1 >= 2 => {
                if group.1 == 2 {
                    match bytes.next() {
                        Some((_, b'=')) => {}
                        Some((at, _)) => return Err(at - 1),
                        None => return Err(text.len()),
                    }
                }
                let bits = group.0 << (6 * (4 - group.1));
                out.extend_from_slice(&bits.to_be_bytes()[1..group.1]);
                return bytes.next().map_or(Ok(out), |(at, _)| Err(at));
            }
            _ => return Err(at),
        };
        group = (group.0 << 6 | u32::from(value), group.1 + 1);
        if group.1 == 4 {
            out.extend_from_slice(&group.0.to_be_bytes()[1..]);
            group = (0, 0);
        }
    }
    if group.1 == 0 {
        Ok(out)
    } else {
        Err(text.len() - group.1)
    }
}

fn escape_html(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for &byte in text {
        match byte {
            0 => out.extend_from_slice("\u{fffd}".as_bytes()),
            b'"' => out.extend_from_slice(b"&#34;"),
            b'\'' => out.extend_from_slice(b"&#39;"),
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            byte => out.push(byte),
        }
    }
    out
}

fn escape_js(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\\' => out.extend_from_slice(b"\\\\"),
                '\'' => out.extend_from_slice(b"\\'"),
                '"' => out.extend_from_slice(b"\\\""),
                '<' | '>' | '&' | '=' => {
                    out.extend_from_slice(format!("\\u{:04X}", c as u32).as_bytes())
                }
                c if c < ' ' => out.extend_from_slice(format!("\\u{:04X}", c as u32).as_bytes()),
                c if c.is_ascii() || is_print(c) => {
                    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes())
                }
                c => out.extend_from_slice(format!("\\u{:04X}", c as u32).as_bytes()),
            }
        }
        for _ in chunk.invalid() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
    out
}
