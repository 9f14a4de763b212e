//! Paths of `| json a="b.c[0]"` are read from their text into segments.

use skald_fields::json::{string_end, unescape};

/// One step into a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    /// Into an object.
    Key(String),
    /// Into an array, counted from 0.
    Index(usize),
}

/// Most segments of a path: each is a level of recursion.
const SEGMENTS_MAX: usize = 64;

/// Reads `a.b`, `["a b"]` and `[0]`; the error is the part of Loki's text after `syntax error: `.
pub(super) fn parse_path(text: &str) -> Result<Vec<Segment>, String> {
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

/// What stands in brackets, `inner` being behind the opening one; and the text after the closing
/// one.
fn bracketed(inner: &str) -> Result<(Segment, &str), String> {
    let expected = || "unexpected $end, expecting STRING or INDEX".to_owned();
    let (segment, after) = if inner.starts_with('"') {
        let (end, _) = string_end(inner.as_bytes(), 1).ok_or_else(expected)?;
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
