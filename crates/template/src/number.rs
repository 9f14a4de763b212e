//! Constants of templates are read as numbers and characters.

use crate::ast::{Ideal, Number};
use crate::go::float;
use crate::go::integer::{parse_int, parse_uint};
use crate::go::quote::{quoted, unquote_char};
use crate::lexer::{Kind, Token};

/// A numeric or character constant.
pub(crate) fn constant(token: &Token<'_>) -> Result<Number, String> {
    let source = token.text.to_string();
    if token.kind == Kind::Char {
        let (code, rest) = unquote_char(&source).ok_or("invalid syntax")?;
        if rest != "'" {
            return Err(format!("malformed character constant: {source}"));
        }
        return Ok(Number {
            source,
            int: Some(code),
            float: Some(code as f64),
            ideal: Ideal::Int,
        });
    }
    numeric(source)
}

/// A numeric constant as Go reads it: an integer if it can be one, a float otherwise.
fn numeric(source: String) -> Result<Number, String> {
    let looks_float = source.contains(['.', 'e', 'E', 'p', 'P']);
    if let Ok(int) = parse_int(&source, 0) {
        let ideal = if looks_float && !is_hex_int(&source) {
            Ideal::Float
        } else {
            Ideal::Int
        };
        return Ok(Number {
            source,
            int: Some(int),
            float: Some(int as f64),
            ideal,
        });
    }
    if let Ok(unsigned) = parse_uint(&source, 0) {
        return Ok(Number {
            source,
            int: None,
            float: Some(unsigned as f64),
            ideal: Ideal::Overflow,
        });
    }
    let Ok(value) = float::parse(&source) else {
        return Err(format!("illegal number syntax: {}", quoted(source)));
    };
    if !looks_float {
        return Err(format!("integer overflow: {}", quoted(source)));
    }
    let int =
        (value.fract() == 0.0 && value.abs() < 9_223_372_036_854_775_808.0).then_some(value as i64);
    Ok(Number {
        source,
        int,
        float: Some(value),
        ideal: Ideal::Float,
    })
}

fn is_hex_int(source: &str) -> bool {
    (source.starts_with("0x") || source.starts_with("0X")) && !source.contains(['p', 'P'])
}
