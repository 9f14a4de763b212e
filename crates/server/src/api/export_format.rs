//! Forms of an export: JSON lines, text with times, or CSV.

use crate::api::params::Params;
use crate::clock;
use crate::error::ApiError;
use crate::wire::answer::write_page_entry;
use crate::wire::json::Json;
use axum::http::HeaderValue;
use skald_query::{Page, PageEntry};

/// Most columns of a CSV.
const COLUMNS_MAX: usize = 100;

/// How entries are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ExportFormat {
    /// One JSON object a line.
    Lines,
    /// Time and line.
    Text,
    /// Time, these labels or fields, and line; the first row names them.
    Csv(Vec<String>),
}

impl ExportFormat {
    /// What `format` and `columns` ask for.
    pub(crate) fn of(params: &Params) -> Result<ExportFormat, ApiError> {
        match params.get("format") {
            "" | "jsonl" => Ok(ExportFormat::Lines),
            "text" => Ok(ExportFormat::Text),
            "csv" => {
                let columns: Vec<String> = params
                    .get("columns")
                    .split(',')
                    .map(str::trim)
                    .filter(|name| !name.is_empty())
                    .map(str::to_owned)
                    .collect();
                if columns.len() > COLUMNS_MAX {
                    return Err(ApiError::bad(format!(
                        "a CSV has at most {COLUMNS_MAX} columns"
                    )));
                }
                Ok(ExportFormat::Csv(columns))
            }
            other => Err(ApiError::bad(format!(
                "invalid format '{other}': jsonl, text and csv are known"
            ))),
        }
    }

    pub(crate) fn content_type(&self) -> HeaderValue {
        HeaderValue::from_static(match self {
            ExportFormat::Lines => "application/x-ndjson",
            ExportFormat::Text => "text/plain; charset=utf-8",
            ExportFormat::Csv(_) => "text/csv; charset=utf-8",
        })
    }

    /// What comes before the first entry.
    pub(crate) fn head(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if let ExportFormat::Csv(columns) = self {
            let names = columns.iter().map(String::as_bytes);
            write_row(
                &mut out,
                std::iter::once(&b"time"[..])
                    .chain(names)
                    .chain([&b"line"[..]]),
            );
        }
        out
    }

    /// The entries of a page. Only JSON has a place for warnings.
    pub(crate) fn encode(&self, page: &Page) -> Vec<u8> {
        if *self == ExportFormat::Lines {
            return encode_lines(page);
        }
        let mut out = Vec::new();
        for PageEntry { labels, entry } in &page.entries {
            let time = clock::rfc3339(entry.timestamp);
            let ExportFormat::Csv(columns) = self else {
                out.extend_from_slice(time.as_bytes());
                out.push(b' ');
                out.extend_from_slice(&entry.line);
                out.push(b'\n');
                continue;
            };
            let value = |name: &String| {
                let all = labels.iter().chain(&entry.metadata).chain(&entry.parsed);
                let mut found = all.filter(|(known, _)| known == name);
                found.next().map_or(&b""[..], |(_, value)| value.as_bytes())
            };
            write_row(
                &mut out,
                std::iter::once(time.as_bytes())
                    .chain(columns.iter().map(value))
                    .chain([&entry.line[..]]),
            );
        }
        out
    }

    /// The end of an export that failed on the way: a line, where readers look for one.
    pub(crate) fn failure(&self, message: &str) -> Option<Vec<u8>> {
        let line = || format!("{}\n", serde_json::json!({"error": message})).into_bytes();
        (*self == ExportFormat::Lines).then(line)
    }
}

/// Cells with commas between; quoted where needed, and such that no spreadsheet computes them.
fn write_row<'a>(out: &mut Vec<u8>, cells: impl Iterator<Item = &'a [u8]>) {
    for (i, cell) in cells.enumerate() {
        if i > 0 {
            out.push(b',');
        }
        let is_formula = cell.first().is_some_and(|byte| b"=+-@\t\r".contains(byte));
        let is_quoted = cell.iter().any(|byte| b"\",\n\r".contains(byte));
        if is_quoted {
            out.push(b'"');
        }
        if is_formula {
            out.push(b'\'');
        }
        for byte in cell {
            if *byte == b'"' {
                out.push(b'"');
            }
            out.push(*byte);
        }
        if is_quoted {
            out.push(b'"');
        }
    }
    out.extend_from_slice(b"\r\n");
}

fn encode_lines(page: &Page) -> Vec<u8> {
    let mut out = Json::default();
    for warning in &page.warnings {
        out.raw("{\"warning\":");
        out.text(warning);
        out.raw("}\n");
    }
    for entry in &page.entries {
        write_page_entry(&mut out, entry);
        out.raw("\n");
    }
    out.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use skald_model::Charge;
    use skald_query::{EntryResult, Stats};

    #[test]
    fn a_line_is_an_entry_with_its_labels_by_category() {
        let pair = |name: &str| vec![(name.to_owned(), "1".to_owned())];
        let entry = EntryResult {
            timestamp: -5,
            line: b"x\n<".to_vec(),
            metadata: pair("m"),
            parsed: vec![],
        };
        let entries = vec![PageEntry {
            labels: pair("app"),
            entry,
        }];
        let page = Page {
            entries,
            stats: Stats::default(),
            warnings: vec!["part 3 is damaged".to_owned()],
            cursor: None,
            charge: Charge::default(),
        };
        let expected = concat!(
            "{\"warning\":\"part 3 is damaged\"}\n",
            "{\"timestamp\":\"-5\",\"stream\":{\"app\":\"1\"},\"structuredMetadata\":{\"m\":\"1\"},\"line\":\"x\\n\\u003c\"}\n"
        );
        assert_eq!(
            String::from_utf8(ExportFormat::Lines.encode(&page)).expect("JSON is UTF-8"),
            expected
        );
    }

    #[test]
    fn rows_are_quoted_and_never_computed() {
        let check = |cells: &[&str], expected: &str| {
            let mut out = Vec::new();
            write_row(&mut out, cells.iter().map(|cell| cell.as_bytes()));
            assert_eq!(String::from_utf8_lossy(&out), format!("{expected}\r\n"));
        };
        check(
            &["a", "b,c", "d\"e", "f\ng"],
            "a,\"b,c\",\"d\"\"e\",\"f\ng\"",
        );
        check(&["=1+1", "-2", "@x", ""], "'=1+1,'-2,'@x,");
    }
}
