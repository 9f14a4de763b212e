//! Lines known by their form: access logs of Envoy and Istio, and what Hubble exports.
//!
//! Their fields become columns when they come, whatever way they come by, so that a query needs no
//! parser. A line that is none of them costs a look at its first bytes.

pub(crate) mod envoy;
pub(crate) mod flow;
pub(crate) mod hubble;

use crate::decode::decoded::{Decoded, Text};
use crate::decode::line_start::{Form, form_of};
use crate::limits::IngestLimits;
use crate::rejection::BodyError;
use std::borrow::Cow;

/// Names with values.
type Columns<'l> = Vec<(&'static str, Text<'l>)>;

/// Adds the columns of all lines that are known by their form. An entry that has some of them
/// already, or has no place for them within its limits, stays as it is.
pub(crate) fn discover(decoded: &mut Decoded<'_>, limits: &IngestLimits) -> Result<(), BodyError> {
    let wanted = limits.discover_log_formats && limits.allow_structured_metadata;
    if !wanted || !decoded.has_known_forms {
        return Ok(());
    }
    for row in 0..decoded.entries.len() {
        let columns = match &decoded.entries[row].line {
            Cow::Borrowed(line) => of_line(line),
            Cow::Owned(line) => of_line(line).map(owned),
        };
        if let Some(columns) = columns.filter(|columns| !columns.is_empty()) {
            decoded.add_columns(row, columns, limits)?;
        }
    }
    Ok(())
}

/// The columns of a line; `None` when its form is not known.
fn of_line(line: &[u8]) -> Option<Columns<'_>> {
    match form_of(line)? {
        Form::AccessText => envoy::of_text(line),
        Form::AccessJson => envoy::of_json(line),
        Form::Hubble => {
            let line = hubble::HubbleLine::read(line).ok()??;
            Some(line.flow.into_columns().collect())
        }
    }
}

/// Columns that borrow from nothing.
fn owned(columns: Columns<'_>) -> Columns<'static> {
    let columns = columns.into_iter();
    columns
        .map(|(name, value)| (name, Cow::Owned(value.into_owned())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::Room;

    const LINE: &str =
        r#"[2026-11-30T21:53:27.325Z] "GET / HTTP/1.1" 503 UF 0 11 44 - "-" "curl" "-" "-" "-""#;

    fn check(
        limits: &IngestLimits,
        pairs: &[(&'static str, &'static str)],
        line: Text<'_>,
        want: &str,
    ) {
        let mut decoded = Decoded::within(Room::default());
        decoded.push_entry(1, b"other"[..].into(), 0).expect("room");
        for (name, value) in pairs {
            let pair = (name.as_bytes().into(), value.as_bytes().into());
            decoded.push_pair(pair.0, pair.1).expect("room");
        }
        decoded.push_entry(2, line, 0).expect("room");
        decoded
            .push_entry(3, b"{\"a\":1}"[..].into(), pairs.len())
            .expect("room");
        discover(&mut decoded, limits).expect("room");
        let shown = |row: usize| {
            let pairs = decoded.pairs_of(&decoded.entries[row]).iter();
            let pairs = pairs.map(|(name, value)| {
                format!(
                    "{}={}",
                    String::from_utf8_lossy(name),
                    String::from_utf8_lossy(value)
                )
            });
            pairs.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            (shown(0), shown(1), shown(2)),
            (String::new(), want.to_owned(), String::new())
        );
    }

    #[test]
    fn columns_join_those_that_came() {
        let columns = "method=GET path=/ protocol=HTTP/1.1 response_code=503 response_flags=UF \
                       bytes_received=0 bytes_sent=11 duration=44 user_agent=curl";
        let limits = IngestLimits::default();
        check(&limits, &[], LINE.as_bytes().into(), columns);
        check(&limits, &[], LINE.as_bytes().to_vec().into(), columns);
        let both = format!("trace=t {columns}");
        check(&limits, &[("trace", "t")], LINE.as_bytes().into(), &both);
        let own = [("response_code", "7")];
        check(&limits, &own, LINE.as_bytes().into(), "response_code=7");
    }

    #[test]
    fn limits_and_the_setting_are_kept() {
        let off = IngestLimits {
            discover_log_formats: false,
            ..IngestLimits::default()
        };
        let no_metadata = IngestLimits {
            allow_structured_metadata: false,
            ..IngestLimits::default()
        };
        let few = IngestLimits {
            max_structured_metadata_entries_count: 9,
            ..IngestLimits::default()
        };
        let small = IngestLimits {
            max_structured_metadata_size: 64,
            ..IngestLimits::default()
        };
        for limits in [off, no_metadata, few, small] {
            check(&limits, &[("a", "b")], LINE.as_bytes().into(), "a=b");
        }
    }
}
