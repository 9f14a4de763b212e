//! Structured data of RFC 5424: `[id name="value" …]`, with `\"`, `\\` and `\]` in values.

use std::borrow::Cow;

/// One parameter of an element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Param<'a> {
    /// Name of its element, as `origin` or `exampleSDID@32473`.
    pub id: &'a [u8],
    /// Its own name; empty for an element without parameters.
    pub name: &'a [u8],
    /// Its value without escapes.
    pub value: Cow<'a, [u8]>,
}

/// Splits what follows the header into structured data and text: `None` when it can't be read. `-`
/// is none. Of the text the space before it is left out, and one more where a sender (rsyslog) puts
/// two.
pub(crate) fn split(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = match rest.first()? {
        b'-' => 1,
        _ => elements_end(rest)?,
    };
    let structured = if rest[0] == b'-' {
        &b""[..]
    } else {
        &rest[..end]
    };
    let text = match &rest[end..] {
        b"" => b"",
        text => text.strip_prefix(b" ")?,
    };
    Some((structured, text.strip_prefix(b" ").unwrap_or(text)))
}

/// Where the elements at the start of a text end.
fn elements_end(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    while text.get(at) == Some(&b'[') {
        let mut element = Element::open(&text[at..])?;
        while element.next_param()?.is_some() {}
        at = text.len() - element.rest.len();
    }
    (at > 0).then_some(at)
}

/// The parameters of structured data of a message; an element without any is one without a
/// name.
pub fn params(structured: &[u8]) -> impl Iterator<Item = Param<'_>> {
    let mut rest = structured;
    let mut element: Option<Element<'_>> = None;
    std::iter::from_fn(move || {
        loop {
            let Some(open) = &mut element else {
                let opened = Element::open(rest)?;
                let is_empty = opened.rest.first() == Some(&b']');
                let id = opened.id;
                element = Some(opened);
                if is_empty {
                    return Some(Param {
                        id,
                        name: b"",
                        value: Cow::Borrowed(b""),
                    });
                }
                continue;
            };
            if let Some(param) = open.next_param()? {
                return Some(param);
            }
            rest = open.rest;
            element = None;
        }
    })
}

/// An element that is being read.
struct Element<'a> {
    id: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Element<'a> {
    fn open(text: &'a [u8]) -> Option<Element<'a>> {
        let text = text.strip_prefix(b"[")?;
        let id = name(text)?;
        Some(Element {
            id,
            rest: &text[id.len()..],
        })
    }

    /// The next parameter; `Some(None)` at the end of the element, which is read over.
    fn next_param(&mut self) -> Option<Option<Param<'a>>> {
        if let Some(rest) = self.rest.strip_prefix(b"]") {
            self.rest = rest;
            return Some(None);
        }
        let rest = self.rest.strip_prefix(b" ")?;
        let name = name(rest)?;
        let rest = rest[name.len()..].strip_prefix(b"=\"")?;
        let end = value_end(rest)?;
        self.rest = &rest[end + 1..];
        Some(Some(Param {
            id: self.id,
            name,
            value: unescaped(&rest[..end]),
        }))
    }
}

/// A name at the start of a text: printable, without space, `=`, `]` and `"`.
fn name(text: &[u8]) -> Option<&[u8]> {
    let is_of_name = |byte: &u8| !matches!(byte, b' ' | b'=' | b']' | b'"' | 0..=31 | 127);
    let length = text.iter().take_while(|byte| is_of_name(byte)).count();
    (length > 0).then(|| &text[..length])
}

/// Where a value ends: at the first `"` that is not escaped.
fn value_end(text: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + memchr::memchr2(b'"', b'\\', &text[from..])?;
        if text[at] == b'"' {
            return Some(at);
        }
        from = (at + 2).min(text.len());
    }
}

/// A value without its escapes; a backslash before any other character stands for itself.
fn unescaped(value: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\\', value).is_none() {
        return Cow::Borrowed(value);
    }
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match (byte, after.first()) {
            (b'\\', Some(escaped @ (b'"' | b'\\' | b']'))) => {
                out.push(*escaped);
                rest = &after[1..];
            }
            _ => out.push(*byte),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rest: &str, expected: Option<(&str, &str)>) {
        let split = split(rest.as_bytes());
        let shown = split.map(|(structured, text)| {
            let params = params(structured).map(|param| {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                format!(
                    "{}.{}={}",
                    text(param.id),
                    text(param.name),
                    text(&param.value)
                )
            });
            let params: Vec<String> = params.collect();
            (params.join(" "), String::from_utf8_lossy(text).into_owned())
        });
        let expected = expected.map(|(params, text)| (params.to_owned(), text.to_owned()));
        assert_eq!(shown, expected, "{rest}");
    }

    #[test]
    fn elements_and_parameters_are_read_with_their_escapes() {
        check("-", Some(("", "")));
        check("- text", Some(("", "text")));
        check("-  text", Some(("", "text")));
        check("[a@1 k=\"v\"] text", Some(("a@1.k=v", "text")));
        check(
            "[a][b x=\"\"][c y=\"1\" y=\"2\"]",
            Some(("a.= b.x= c.y=1 c.y=2", "")),
        );
        check(
            r#"[x@32473 k="v \"q\" \] \\ \n"] t"#,
            Some((r#"x@32473.k=v "q" ] \ \n"#, "t")),
        );
        check("[é k=\"ö]\"] [no] part", Some(("é.k=ö]", "[no] part")));
    }

    #[test]
    fn what_is_no_structured_data_is_not_read() {
        for wrong in [
            "",
            "text",
            "-text",
            "[",
            "[]",
            "[a",
            "[a k]",
            "[a k=v]",
            "[a k=\"v]",
            "[a k=\"v\\",
            "[a  k=\"v\"]",
            "[a k=\"v\"]text",
            "[ a]",
        ] {
            check(wrong, None);
        }
    }
}
