//! Any template over a few labels: compiling and running end, and one that fails leaves nothing
//! behind.

use skald_logql::template::{Context, Template};

struct Labels;

impl Context for Labels {
    fn label(&self, name: &str) -> Option<&str> {
        self.labels()
            .into_iter()
            .find(|(n, _)| *n == name)
            .map(|(_, v)| v)
    }

    fn labels(&self) -> Vec<(&str, &str)> {
        vec![
            ("a", "1"),
            ("b", "{\"x\":[1,2,{\"y\":null}]}"),
            ("c", "1700000000"),
            ("d", "naïve \u{0}%d"),
        ]
    }

    fn line(&self) -> &[u8] {
        b"level=info \xff msg=\"x\""
    }

    fn timestamp(&self) -> i64 {
        1_772_323_200_123_456_789
    }

    fn now(&self) -> i64 {
        1_772_323_300_000_000_000
    }
}

/// Compiles and runs.
pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let Ok(template) = Template::compile("line", text) else {
        return;
    };
    let mut out = b"before".to_vec();
    let ran = template.execute(&Labels, &mut out);
    assert!(out.starts_with(b"before"));
    assert!(ran.is_ok() || out == b"before");
    let _ = template.labels_read();
}
