//! Messages of RFC 5424: a header of six fields, structured data, text.

use crate::message::{Fault, Message, token};
use crate::structured_data;
use crate::timestamp::{SentTime, rfc3339};

/// The byte order mark that says a text is UTF-8.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// Whether what follows the version begins as a header does: with `-` or the digits of a year. Texts
/// of RFC 3164 may begin with a 1 too.
pub(crate) fn is_header(header: &[u8]) -> bool {
    let starts_with_year = |header: &[u8]| {
        let is_digit = |byte: &u8| byte.is_ascii_digit();
        header.len() > 4 && header[..4].iter().all(is_digit) && header[4] == b'-'
    };
    header.starts_with(b"- ") || starts_with_year(header)
}

/// Reads what follows the version; `whole` is the message with its priority.
pub(crate) fn parse<'a>(whole: &'a [u8], header: &'a [u8]) -> Message<'a> {
    let (time, rest) = token(header);
    let (host, rest) = token(rest);
    let (app, rest) = token(rest);
    let (procid, rest) = token(rest);
    let (msgid, rest) = token(rest);
    if [host, app, procid, msgid, rest]
        .iter()
        .any(|field| field.is_empty())
    {
        return Message::faulty(whole, Fault::Header);
    }
    let (time, mut fault) = match (time, rfc3339(time)) {
        (b"-", _) => (SentTime::Missing, None),
        (_, Some((time @ SentTime::Instant(..), b""))) => (time, None),
        _ => (SentTime::Missing, Some(Fault::Time)),
    };
    let (structured, text) = match structured_data::split(rest) {
        Some((structured, text)) => (structured, text),
        None => {
            fault = Some(Fault::StructuredData);
            (&b""[..], rest)
        }
    };
    let text = text.strip_prefix(BOM).unwrap_or(text);
    Message {
        priority: None,
        time,
        host: field(host),
        app: field(app),
        procid: field(procid),
        msgid: field(msgid),
        structured,
        text,
        fault,
    }
}

/// A field that is there.
fn field(text: &[u8]) -> Option<&[u8]> {
    (text != b"-").then_some(text)
}
