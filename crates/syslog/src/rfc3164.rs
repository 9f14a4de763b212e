//! Messages of RFC 3164 in the forms that senders give them: time, host and tag, each where there is
//! one.

use crate::message::{Message, token};
use crate::timestamp::{self, SentTime};

/// Longest tag, in bytes. The RFC has 32; programs have longer names.
const TAG_BYTES_MAX: usize = 128;

/// Longest sequence number that routers put before the time, in digits.
const SEQUENCE_DIGITS_MAX: usize = 10;

/// Reads what follows the priority.
pub(crate) fn parse(rest: &[u8]) -> Message<'_> {
    let Some((time, after)) = time(rest) else {
        return tagged(rest, Message::of_text(rest));
    };
    let timed = |text| Message {
        time,
        ..Message::of_text(text)
    };
    // Routers end the time in a colon and have no host.
    if let Some(after) = after.strip_prefix(b":") {
        let after = after.strip_prefix(b" ").unwrap_or(after);
        return tagged(after, timed(after));
    }
    let after = after.strip_prefix(b" ").unwrap_or(after);
    if tag(after).is_some() {
        return tagged(after, timed(after));
    }
    let (host, after) = token(after);
    let message = Message {
        host: (!host.is_empty()).then_some(host),
        ..timed(after)
    };
    tagged(after, message)
}

/// The time at the start, also behind a router's sequence number and its mark of clocks that are not
/// synchronised.
fn time(rest: &[u8]) -> Option<(SentTime, &[u8])> {
    let read = |text| timestamp::rfc3164(text).or_else(|| timestamp::rfc3339(text));
    if let Some(found) = read(rest) {
        return Some(found);
    }
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let rest = match digits {
        1..=SEQUENCE_DIGITS_MAX => rest[digits..].strip_prefix(b": ")?,
        _ => rest,
    };
    let rest = rest
        .strip_prefix(b"*")
        .or_else(|| rest.strip_prefix(b"."))
        .unwrap_or(rest);
    read(rest)
}

/// The message with the tag that its text begins with.
fn tagged<'a>(text: &'a [u8], message: Message<'a>) -> Message<'a> {
    match tag(text) {
        Some(tag) => Message {
            app: Some(tag.app),
            procid: tag.procid,
            text: tag.text,
            ..message
        },
        None => message,
    }
}

/// A tag, and the text behind it.
struct Tag<'a> {
    app: &'a [u8],
    procid: Option<&'a [u8]>,
    text: &'a [u8],
}

/// `app[procid]: text` or `app: text`.
fn tag(text: &[u8]) -> Option<Tag<'_>> {
    let is_end = |byte: &u8| matches!(byte, b'[' | b':' | 0..=32 | 127);
    let end = text.iter().take(TAG_BYTES_MAX + 1).position(is_end)?;
    let app = &text[..end];
    if app.is_empty() {
        return None;
    }
    let (procid, rest) = match text[end] {
        b'[' => {
            let inside = &text[end + 1..];
            let close = inside
                .iter()
                .take(TAG_BYTES_MAX)
                .position(|byte| *byte == b']')?;
            (Some(&inside[..close]), &inside[close + 1..])
        }
        _ => (None, &text[end..]),
    };
    let rest = rest.strip_prefix(b":")?;
    // `fe80::1` is a host, `a:b` a word.
    let rest = match rest.first() {
        None => rest,
        Some(b' ') => &rest[1..],
        Some(_) if procid.is_some() => rest,
        Some(_) => return None,
    };
    let procid = procid.filter(|procid| !procid.is_empty());
    Some(Tag {
        app,
        procid,
        text: rest,
    })
}
