//! Notes go beside an answer: the cursor of the next page, and why the answer is empty.
//!
//! Both go into response headers and into the statistics, so that the body keeps its shape.

use super::json::Json;
use axum::http::header::HeaderName;
use axum::http::{HeaderMap, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use skald_query::{Answer, Cursor, Engine, HintRequest};

/// Carries the cursor of the next page.
pub(crate) const CURSOR_HEADER: HeaderName = HeaderName::from_static("x-skald-cursor");

/// Carries the reason of an empty answer.
pub(crate) const HINT_HEADER: HeaderName = HeaderName::from_static("x-skald-hint");

/// Longest hint, in characters: it quotes the user's own text, and a header must stay small.
const HINT_CHARS_MAX: usize = 300;

/// Notes on one answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Notes {
    /// Text of the cursor of the next page.
    pub cursor: Option<String>,
    /// Why the answer is empty.
    pub hint: Option<String>,
}

impl Notes {
    /// The notes on an answer to `question`.
    pub(crate) fn on(
        answer: &Answer,
        engine: &Engine,
        question: impl FnOnce() -> HintRequest,
    ) -> Notes {
        let hint = if answer.data.is_empty() {
            // A reason that can't be found is no reason to fail.
            engine
                .hint(&question())
                .ok()
                .flatten()
                .map(|hint| hint.chars().take(HINT_CHARS_MAX).collect())
        } else {
            None
        };
        Notes {
            cursor: answer.cursor.as_ref().map(cursor_text),
            hint,
        }
    }

    /// Writes them as the last part of the statistics; nothing when there is nothing to say.
    pub(super) fn write(&self, json: &mut Json) {
        if *self == Notes::default() {
            return;
        }
        json.raw(",\"skald\":{");
        let mut first = true;
        for (name, value) in [("cursor", &self.cursor), ("hint", &self.hint)] {
            if let Some(value) = value {
                json.comma(&mut first);
                json.text(name);
                json.raw(":");
                json.text(value);
            }
        }
        json.raw("}");
    }

    /// Adds their headers.
    pub(crate) fn add_headers(&self, headers: &mut HeaderMap) {
        for (name, value) in [(CURSOR_HEADER, &self.cursor), (HINT_HEADER, &self.hint)] {
            let plain = |c: char| {
                if c == ' ' || c.is_ascii_graphic() {
                    c
                } else {
                    '?'
                }
            };
            let value = value
                .as_ref()
                .map(|value| value.chars().map(plain).collect::<String>());
            if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
                headers.insert(name, value);
            }
        }
    }
}

/// A cursor as text that needs no escaping in a URL.
fn cursor_text(cursor: &Cursor) -> String {
    URL_SAFE_NO_PAD.encode(cursor.encode())
}

/// Reads the text of a cursor.
pub(crate) fn read_cursor(text: &str) -> Option<Cursor> {
    Cursor::decode(&URL_SAFE_NO_PAD.decode(text).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_stand_in_headers_and_in_the_statistics() {
        let notes = Notes {
            cursor: Some("AbC-_".to_owned()),
            hint: Some("no stream matches a=\"ü\"".to_owned()),
        };
        let mut headers = HeaderMap::new();
        notes.add_headers(&mut headers);
        assert_eq!(headers[CURSOR_HEADER], "AbC-_");
        assert_eq!(headers[HINT_HEADER], "no stream matches a=\"?\"");
        let mut json = Json::default();
        notes.write(&mut json);
        let expected = r#","skald":{"cursor":"AbC-_","hint":"no stream matches a=\"ü\""}"#;
        assert_eq!(
            String::from_utf8(json.finish()).expect("JSON is UTF-8"),
            expected
        );
        assert_eq!(read_cursor("AbC-_"), None);
    }
}
