//! Receiver of comma-separated values (RFC 4180): the request names the columns that are the time,
//! the line and labels.
//!
//! Without a message the line is the row as it was sent.

use crate::decode::decoded::{Decoded, Text};
use crate::receivers::answers;
use crate::receivers::events::Events;
use crate::receivers::fields::{FieldNames, Record};
use crate::receivers::{Receiver, Reception, Taken};
use crate::rejection::BodyError;
use crate::reply::PushReply;
use crate::request::Parameters;
use crate::room::Room;
use std::borrow::Cow;

/// Most columns of a row.
const COLUMNS_MAX: usize = 1000;

/// Where the names of columns come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Header {
    /// The first row.
    FirstRow,
    /// There are none: columns are named by their number, from 1.
    Numbers,
    /// The request.
    Given(Vec<String>),
}

/// How a body is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dialect {
    pub(crate) delimiter: u8,
    pub(crate) header: Header,
}

impl Dialect {
    /// From `header` (`true`, `false`, or names with commas) and `delimiter` (one character, or
    /// `tab`).
    pub(crate) fn of(parameters: &Parameters) -> Result<Dialect, BodyError> {
        let delimiter = match parameters.get("delimiter").unwrap_or(",") {
            "tab" | "\\t" => b'\t',
            text => match text.as_bytes() {
                [byte] if !matches!(byte, b'"' | b'\r' | b'\n') && byte.is_ascii() => *byte,
                _ => {
                    return Err(BodyError::malformed(
                        "delimiter is one character that is no quote, or tab",
                    ));
                }
            },
        };
        let header = match parameters.get("header").unwrap_or("true") {
            "true" | "1" | "yes" => Header::FirstRow,
            "false" | "0" | "no" => Header::Numbers,
            names => Header::Given(
                names
                    .split(',')
                    .map(|name| name.trim().to_owned())
                    .collect(),
            ),
        };
        Ok(Dialect { delimiter, header })
    }
}

/// `/ingest/csv`
pub(crate) struct Table;

impl Receiver for Table {
    fn name(&self) -> &'static str {
        "csv"
    }

    fn decode<'m>(&self, reception: &Reception<'m>, room: Room) -> Result<Decoded<'m>, BodyError> {
        let events = Events::within(room, reception.limits);
        let parameters = &reception.request.parameters;
        let (dialect, names) = (
            Dialect::of(parameters)?,
            FieldNames::of(parameters, reception.limits)?,
        );
        decode(reception.body, &dialect, &names, reception.now, events)
    }

    fn reply(&self, _content_type: Option<&str>, taken: &Taken<'_>) -> PushReply {
        answers::json_object(200, taken)
    }
}

/// Decodes rows.
fn decode<'a>(
    body: &'a [u8],
    dialect: &Dialect,
    names: &FieldNames,
    now: i64,
    mut events: Events<'a>,
) -> Result<Decoded<'a>, BodyError> {
    let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    let mut rows = Rows {
        rest: body,
        delimiter: dialect.delimiter,
    };
    let header: Vec<String> = match &dialect.header {
        Header::Numbers => Vec::new(),
        Header::Given(names) => names.clone(),
        Header::FirstRow => {
            let Some(row) = rows.next() else {
                return events.finish();
            };
            let names = row.fields.iter().map(|name| String::from_utf8_lossy(name));
            names.map(|name| name.trim().to_owned()).collect()
        }
    };
    check_header(&header, names)?;
    for row in rows {
        push(&mut events, row, &header, names, now)?;
    }
    events.finish()
}

/// Refuses a request that names columns there are not, before anything is stored under wrong ones.
fn check_header(header: &[String], names: &FieldNames) -> Result<(), BodyError> {
    if header.is_empty() {
        return Ok(());
    }
    let asked = names.time.iter().chain(&names.message).chain(&names.labels);
    for name in asked {
        if !header.contains(name) {
            let columns: String = header.join(", ").chars().take(200).collect();
            return Err(BodyError::Malformed(format!(
                "there is no column {name:?}: columns are {columns}"
            )));
        }
    }
    Ok(())
}

fn push<'a>(
    events: &mut Events<'a>,
    row: Row<'a>,
    header: &[String],
    names: &FieldNames,
    now: i64,
) -> Result<(), BodyError> {
    let found = row.fields.len();
    let wrong = match row.wrong {
        Some(wrong) => Some(wrong.to_owned()),
        None if header.is_empty() || found == header.len() => None,
        None => Some(format!(
            "a row has {found} fields, the header {}",
            header.len()
        )),
    };
    let mut record = Record::new(names);
    for (at, value) in row.fields.into_iter().enumerate() {
        let name = match header.get(at) {
            Some(name) => Cow::Owned(name.clone()),
            None => Cow::Owned((at + 1).to_string()),
        };
        record.field(name, value);
    }
    record.push(events, row.text, wrong, now)
}

/// A row.
struct Row<'a> {
    /// As it was sent, without the end of its line.
    text: &'a [u8],
    fields: Vec<Text<'a>>,
    /// What is not as RFC 4180 has it.
    wrong: Option<&'static str>,
}

/// Rows that are not empty.
struct Rows<'a> {
    rest: &'a [u8],
    delimiter: u8,
}

impl<'a> Iterator for Rows<'a> {
    type Item = Row<'a>;

    fn next(&mut self) -> Option<Row<'a>> {
        while let Some(rest) = self
            .rest
            .strip_prefix(b"\n")
            .or(self.rest.strip_prefix(b"\r\n"))
        {
            self.rest = rest;
        }
        if self.rest.is_empty() {
            return None;
        }
        let start = self.rest;
        let mut row = Row {
            text: start,
            fields: Vec::new(),
            wrong: None,
        };
        loop {
            let field = match self.rest.first() {
                Some(b'"') => self.quoted(&mut row.wrong),
                _ => Cow::Borrowed(self.plain()),
            };
            if row.fields.len() < COLUMNS_MAX {
                row.fields.push(field);
            } else {
                row.wrong = Some("a row has too many fields");
            }
            match self.rest.split_first() {
                Some((byte, rest)) if *byte == self.delimiter => self.rest = rest,
                _ => break,
            }
        }
        let text = &start[..start.len() - self.rest.len()];
        row.text = text.strip_suffix(b"\r").unwrap_or(text);
        if !text.starts_with(b"\"") || row.fields.len() > 1 {
            strip_return(&mut row.fields);
        }
        self.rest = self.rest.strip_prefix(b"\n").unwrap_or(self.rest);
        Some(row)
    }
}

/// The carriage return before the end of a line is no part of its last field.
fn strip_return(fields: &mut [Text<'_>]) {
    if let Some(Cow::Borrowed(last)) = fields.last_mut() {
        *last = last.strip_suffix(b"\r").unwrap_or(last);
    }
}

impl<'a> Rows<'a> {
    /// A field without quotes, up to the delimiter or the end of the line.
    fn plain(&mut self) -> &'a [u8] {
        let end = memchr::memchr2(self.delimiter, b'\n', self.rest).unwrap_or(self.rest.len());
        let (field, rest) = self.rest.split_at(end);
        self.rest = rest;
        field
    }

    /// A field in quotes, two quotes standing for one. What stands between the closing quote and the
    /// delimiter belongs to it.
    fn quoted(&mut self, wrong: &mut Option<&'static str>) -> Text<'a> {
        let body = &self.rest[1..];
        let (mut at, mut doubled) = (0, false);
        let end = loop {
            let Some(quote) = memchr::memchr(b'"', &body[at..]) else {
                *wrong = Some("a quote is not closed");
                break body.len();
            };
            at += quote;
            if body.get(at + 1) != Some(&b'"') {
                break at;
            }
            (at, doubled) = (at + 2, true);
        };
        let field = &body[..end];
        self.rest = body.get(end + 1..).unwrap_or_default();
        let mut text = match doubled {
            true => Cow::Owned(halved(field)),
            false => Cow::Borrowed(field),
        };
        let after = self.plain();
        let after = after.strip_suffix(b"\r").unwrap_or(after);
        if !after.is_empty() {
            *wrong = wrong.or(Some("text follows a closing quote"));
            text.to_mut().extend_from_slice(after);
        }
        text
    }
}

/// Every two quotes as one.
fn halved(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        out.push(*byte);
        if *byte == b'"' {
            bytes.next();
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receivers::events::tests::{empty, shown};

    const NOW: i64 = 1_796_040_000_000_000_000;

    fn names() -> FieldNames {
        FieldNames {
            time: Some("ts".to_owned()),
            message: Some("msg".to_owned()),
            labels: vec!["app".to_owned()],
            ..FieldNames::default()
        }
    }

    fn check(
        parameters: &[(&str, &str)],
        names: &FieldNames,
        body: &str,
        want: Result<&str, &str>,
    ) {
        let pairs = parameters.iter();
        let pairs = pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let dialect = Dialect::of(&Parameters(pairs.collect())).expect("a dialect");
        let decoded = decode(body.as_bytes(), &dialect, names, NOW, empty());
        let got = decoded.map(|decoded| shown(&decoded));
        let got = got.as_deref().map_err(|error| error.to_string());
        assert_eq!(got, want.map_err(str::to_owned), "{body}");
    }

    #[test]
    fn rows_have_their_columns() {
        let body = "\u{feff}ts,app,msg,extra\r\n1796040000,shop,\"said \"\"a, b\"\"\nand left\",x\r\n\r\n1796040001,\"shop\",plain,\"y\"";
        let want = "{app=\"shop\"}\n  1796040000000000000 said \"a, b\"\nand left | extra=x\n  1796040001000000000 plain | extra=y\n";
        check(&[], &names(), body, Ok(want));
        check(
            &[("header", "ts, app,msg"), ("delimiter", "tab")],
            &names(),
            "1796040000\ta\tm\n\tb\tn\r\n",
            Ok(&format!(
                "{{app=\"a\"}}\n  1796040000000000000 m\n{{app=\"b\"}}\n  {NOW} n\n"
            )),
        );
        let numbers = FieldNames {
            message: Some("2".to_owned()),
            ..FieldNames::default()
        };
        check(
            &[("header", "false")],
            &numbers,
            "a,b\nc",
            Ok(&format!("{{}}\n  {NOW} b | 1=a\n  {NOW} c\n")),
        );
        check(
            &[],
            &FieldNames::default(),
            "a,b\n1,2\n",
            Ok(&format!("{{}}\n  {NOW} 1,2\n")),
        );
    }

    #[test]
    fn broken_rows_are_kept_as_they_are() {
        let wrong = |row: &str, what: &str| format!("  {NOW} {row} | malformed={what}\n");
        let message = FieldNames {
            message: Some("m".to_owned()),
            ..FieldNames::default()
        };
        for (row, what) in [
            ("1", "a row has 1 fields, the header 2"),
            ("1,2,3", "a row has 3 fields, the header 2"),
            ("1,\"open", "a quote is not closed"),
            ("1,\"a\"b", "text follows a closing quote"),
        ] {
            let body = format!("n,m\n0,fine\n{row}");
            let want = format!("{{}}\n  {NOW} fine | n=0\n{}", wrong(row, what));
            check(&[], &message, &body, Ok(&want));
        }
    }

    #[test]
    fn requests_that_name_no_column_are_refused() {
        check(
            &[],
            &names(),
            "ts,msg\n1,2\n",
            Err("there is no column \"app\": columns are ts, msg"),
        );
        check(&[], &names(), "", Ok(""));
        for delimiter in ["\"", "ab", "\n", "é"] {
            let parameters = Parameters(vec![("delimiter".to_owned(), delimiter.to_owned())]);
            assert!(Dialect::of(&parameters).is_err(), "{delimiter}");
        }
    }
}
