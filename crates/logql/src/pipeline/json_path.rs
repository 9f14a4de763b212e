//! `| json a="b.c[0]"`: the values at given paths, found in one walk over the line.

use super::StageError;
use super::json::{JSON_ERROR, scalar};
use super::labels::LabelSet;
use super::line::Line;
use super::names::{NameId, StaticNames};
use super::span::{Input, Text};
use super::stage::ParserState;
use crate::ast::Extraction;
use skald_fields::json::{
    JsonError, Kind, Step, Value, skip_space, unescape, value_at, walk_object,
};
use std::sync::Arc;

/// Paths followed in one walk: as many as a word has bits.
const PATHS_A_WALK: usize = 64;

/// One step into a value.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Key(String),
    Index(usize),
}

#[derive(Debug, Clone)]
struct Path {
    label: NameId,
    segments: Vec<Segment>,
}

/// The json parser with expressions.
#[derive(Debug, Clone)]
pub(super) struct JsonPathParser(Arc<[Path]>);

impl JsonPathParser {
    /// Compiles the expressions.
    pub(super) fn compile(
        list: &[Extraction],
        names: &mut StaticNames,
    ) -> Result<JsonPathParser, StageError> {
        let path = |extraction: &Extraction| {
            let segments = parse_path(&extraction.expression).map_err(|why| {
                StageError(format!(
                    "cannot parse expression [{}]: syntax error: {why}",
                    extraction.expression
                ))
            })?;
            Ok(Path {
                label: names.id(&extraction.label),
                segments,
            })
        };
        list.iter()
            .map(path)
            .collect::<Result<_, _>>()
            .map(JsonPathParser)
    }

    /// Sets a label for each path, to nothing where there is none; never drops the line.
    pub(super) fn apply(&self, line: &mut Line<'_>, state: &mut ParserState) -> bool {
        if line.bytes().is_empty() || line.labels.wants_none() {
            return true;
        }
        if !matches!(line.bytes()[0], b'{' | b'[' | b'"') {
            line.labels.set_error(JSON_ERROR, "");
            return true;
        }
        line.parse(|labels, input, text| {
            for paths in self.0.chunks(PATHS_A_WALK) {
                let all = u64::MAX >> (PATHS_A_WALK - paths.len());
                let mut walk = Walk {
                    paths,
                    missing: all,
                    labels,
                    input,
                    text,
                    key: &mut state.text,
                };
                // What is malformed further on is not looked at, as in Loki.
                let _ = walk.value_of(text.bytes, 0, all, 0);
            }
        });
        for path in self.0.iter() {
            if line.labels.find(line.input, path.label).is_none() {
                let nothing = line.labels.store(b"");
                line.labels.set_parsed(path.label, nothing);
            }
        }
        true
    }
}

struct Walk<'w> {
    paths: &'w [Path],
    missing: u64,
    labels: &'w mut LabelSet,
    input: Input<'w>,
    text: Text<'w>,
    key: &'w mut Vec<u8>,
}

impl Walk<'_> {
    /// Goes into the value at or after `at` with the paths of `active`, whose next segment is number `depth`.
    fn value_of(
        &mut self,
        data: &[u8],
        at: usize,
        active: u64,
        depth: usize,
    ) -> Result<Step, JsonError> {
        let start = skip_space(data, at).ok_or(JsonError::Malformed)?;
        match data[start] {
            b'{' => walk_object(data, start, |(from, to, escaped), value| {
                let mut buffer = std::mem::take(self.key);
                buffer.clear();
                if escaped {
                    unescape(&data[from..to], &mut buffer).ok_or(JsonError::Escape)?;
                } else {
                    buffer.extend_from_slice(&data[from..to]);
                }
                let next = self.narrowed(
                    active,
                    depth,
                    |segment| matches!(segment, Segment::Key(k) if k.as_bytes() == buffer),
                );
                *self.key = buffer;
                self.follow(data, value, next, depth)
            }),
            b'[' => self.elements(data, start + 1, active, depth),
            _ => Ok(Step::Next),
        }
    }

    fn elements(
        &mut self,
        data: &[u8],
        mut at: usize,
        active: u64,
        depth: usize,
    ) -> Result<Step, JsonError> {
        for index in 0.. {
            at = skip_space(data, at).ok_or(JsonError::Array)?;
            if data[at] == b']' {
                break;
            }
            let value = value_at(data, at)?;
            let next = self.narrowed(active, depth, |segment| *segment == Segment::Index(index));
            if self.follow(data, value, next, depth)? == Step::Done {
                return Ok(Step::Done);
            }
            at = skip_space(data, value.next).ok_or(JsonError::Array)?;
            match data[at] {
                b',' => at += 1,
                b']' => break,
                _ => return Err(JsonError::Array),
            }
        }
        Ok(Step::Next)
    }

    /// Those of `active` that are still missing and whose segment `depth` is the one wanted.
    fn narrowed(&self, active: u64, depth: usize, wanted: impl Fn(&Segment) -> bool) -> u64 {
        let mut rest = active & self.missing;
        let mut next = 0;
        while rest != 0 {
            let bit = rest.trailing_zeros();
            rest &= rest - 1;
            if self.paths[bit as usize]
                .segments
                .get(depth)
                .is_some_and(&wanted)
            {
                next |= 1 << bit;
            }
        }
        next
    }

    /// Takes the value for paths that end here and goes on with the others.
    fn follow(
        &mut self,
        data: &[u8],
        value: Value,
        next: u64,
        depth: usize,
    ) -> Result<Step, JsonError> {
        let mut deeper = next;
        for at in (0..self.paths.len()).filter(|at| next >> at & 1 == 1) {
            if self.paths[at].segments.len() == depth + 1 {
                self.take(at, value);
                deeper &= !(1 << at);
            }
        }
        if self.missing == 0 {
            return Ok(Step::Done);
        }
        if deeper != 0 && matches!(value.kind, Kind::Object | Kind::Array) {
            return self.value_of(&data[..value.end], value.start, deeper, depth + 1);
        }
        Ok(Step::Next)
    }

    fn take(&mut self, at: usize, value: Value) {
        self.missing &= !(1 << at);
        let name = self.labels.unshadowed(self.input, self.paths[at].label);
        let span = match value.kind {
            Kind::Null => self.labels.store(b""),
            _ => scalar(self.labels, self.text, value),
        };
        self.labels.set_parsed(name, span);
    }
}

/// Most segments of a path: each is a level of recursion.
const SEGMENTS_MAX: usize = 64;

/// Reads `a.b`, `["a b"]` and `[0]`; the error is the part of Loki's text after `syntax error: `.
fn parse_path(text: &str) -> Result<Vec<Segment>, String> {
    let mut segments = Vec::new();
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err("unexpected $end, expecting FIELD or LSB".to_owned());
    }
    while !rest.is_empty() {
        if segments.len() == SEGMENTS_MAX {
            return Err("too many segments".to_owned());
        }
        if let Some(inner) = rest.strip_prefix('[') {
            let (segment, after) = bracketed(inner.trim_start())?;
            segments.push(segment);
            rest = after;
            continue;
        }
        let field = match rest.strip_prefix('.') {
            Some(after) if !segments.is_empty() => after,
            None if segments.is_empty() => rest,
            _ => return Err("unexpected DOT".to_owned()),
        };
        let length = field
            .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-'))
            .unwrap_or(field.len());
        if length == 0 {
            return Err(if field.is_empty() {
                "unexpected $end, expecting FIELD"
            } else {
                "unexpected character"
            }
            .to_owned());
        }
        segments.push(Segment::Key(field[..length].to_owned()));
        rest = &field[length..];
    }
    Ok(segments)
}

/// What stands in brackets, `inner` being behind the opening one; and the text after the closing one.
fn bracketed(inner: &str) -> Result<(Segment, &str), String> {
    let expected = || "unexpected $end, expecting STRING or INDEX".to_owned();
    let (segment, after) = if inner.starts_with('"') {
        let (end, _) = skald_fields::json::string_end(inner.as_bytes(), 1).ok_or_else(expected)?;
        let mut key = Vec::new();
        unescape(&inner.as_bytes()[1..end], &mut key).ok_or("invalid escape in STRING")?;
        (
            Segment::Key(String::from_utf8_lossy(&key).into_owned()),
            &inner[end + 1..],
        )
    } else {
        let digits = inner.bytes().take_while(u8::is_ascii_digit).count();
        let index = inner[..digits].parse().map_err(|_| expected())?;
        (Segment::Index(index), &inner[digits..])
    };
    let after = after
        .trim_start()
        .strip_prefix(']')
        .ok_or("unexpected $end, expecting RSB")?;
    Ok((segment, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let shown: Vec<String> = parse_path(text)
            .expect("path is valid")
            .iter()
            .map(|segment| match segment {
                Segment::Key(key) => key.clone(),
                Segment::Index(index) => format!("#{index}"),
            })
            .collect();
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn paths_are_read_in_all_their_forms() {
        check("a", &["a"]);
        check("user.id", &["user", "id"]);
        check("tags[2].c", &["tags", "#2", "c"]);
        check(r#"["dotted.key"]"#, &["dotted.key"]);
        check(r#"a["b c"][0]"#, &["a", "b c", "#0"]);
        check("[0].x", &["#0", "x"]);
        check("k-1", &["k-1"]);
    }

    #[test]
    fn broken_paths_are_refused() {
        assert_eq!(
            parse_path("b["),
            Err("unexpected $end, expecting STRING or INDEX".to_owned())
        );
        for text in ["", ".", "a.", "a..b", "a[x]", "a[0", "a[\"x]", "a b"] {
            assert!(parse_path(text).is_err(), "{text}");
        }
    }
}
