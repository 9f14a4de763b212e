//! Numeric and character constants of templates.

use super::ast::{Ideal, Number};
use super::convert::{parse_int, parse_uint};
use super::lexer::{Kind, Token};
use super::quote::{quoted, unquote_char};
use crate::pipeline::parse_float;

/// A numeric or character constant.
pub(super) fn constant(token: &Token<'_>) -> Result<Number, String> {
    let source = token.text.to_string();
    if token.kind == Kind::Char {
        let (code, rest) = unquote_char(&source).ok_or("invalid syntax")?;
        if rest != "'" {
            return Err(format!("malformed character constant: {source}"));
        }
        return Ok(Number { source, int: Some(code), float: Some(code as f64), ideal: Ideal::Int });
    }
    numeric(source)
}

/// A numeric constant as Go reads it: an integer if it can be one, a float otherwise.
fn numeric(source: String) -> Result<Number, String> {
    let looks_float = source.contains(['.', 'e', 'E', 'p', 'P']);
    if let Ok(int) = parse_int(&source, 0) {
        let ideal = if looks_float && !is_hex_int(&source) { Ideal::Float } else { Ideal::Int };
        return Ok(Number { source, int: Some(int), float: Some(int as f64), ideal });
    }
    if let Ok(unsigned) = parse_uint(&source, 0) {
        return Ok(Number { source, int: None, float: Some(unsigned as f64), ideal: Ideal::Overflow });
    }
    let Ok(float) = parse_float(&source) else {
        return Err(format!("illegal number syntax: {}", quoted(source.as_bytes())));
    };
    if !looks_float {
        return Err(format!("integer overflow: {}", quoted(source.as_bytes())));
    }
    let int = (float.fract() == 0.0 && float.abs() < 9_223_372_036_854_775_808.0).then_some(float as i64);
    Ok(Number { source, int, float: Some(float), ideal: Ideal::Float })
}

fn is_hex_int(source: &str) -> bool {
    (source.starts_with("0x") || source.starts_with("0X")) && !source.contains(['p', 'P'])
}
