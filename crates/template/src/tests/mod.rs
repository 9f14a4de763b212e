//! Templates against Go's own answers, and what no template may do.

use crate::{Context, Template};

mod alert;
mod bounds;
mod go;

/// An entry with fixed labels.
struct Entry<'t> {
    labels: &'t [(&'t str, &'t str)],
}

impl Context for Entry<'_> {
    fn label(&self, name: &str) -> Option<&str> {
        self.labels
            .iter()
            .find(|(n, _)| *n == name)
            .map(|(_, value)| *value)
    }

    fn labels(&self) -> Vec<(&str, &str)> {
        self.labels.to_vec()
    }

    fn line(&self) -> &[u8] {
        "GET /a 500 héllo".as_bytes()
    }

    fn timestamp(&self) -> i64 {
        1_700_000_000_123_456_789
    }

    fn now(&self) -> i64 {
        1_700_000_060_000_000_000
    }
}

/// The output for `labels`, or the message.
fn run(template: &str, labels: &[(&str, &str)]) -> Result<String, String> {
    let template = Template::compile("line", template).map_err(|e| e.to_string())?;
    let mut out = Vec::new();
    template
        .execute(&Entry { labels }, &mut out)
        .map_err(|e| e.to_string())?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}

#[track_caller]
fn check(template: &str, labels: &[(&str, &str)], expected: &str) {
    assert_eq!(run(template, labels).as_deref(), Ok(expected), "{template}");
}

#[track_caller]
fn check_error(template: &str, expected: &str) {
    assert_eq!(run(template, &[]), Err(expected.to_owned()), "{template}");
}
