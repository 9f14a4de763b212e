//! Any template over a few labels, and over an alert: compiling and running end, and one that fails
//! leaves nothing behind.

use skald_template::{
    AlertContext, AlertSource, AlertTemplate, Context, Sample, SampleLine, Template,
};

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

struct Source;

impl AlertSource for Source {
    fn query(&self, text: &str) -> Result<Vec<Sample>, String> {
        let labels = skald_model::Labels::from_pairs([("a", text)]);
        Ok(vec![
            Sample {
                labels,
                value: -1.5
            };
            text.len() % 100
        ])
    }

    fn samples(&self, count: usize) -> Result<Vec<SampleLine>, String> {
        let line = SampleLine {
            timestamp: i64::MAX,
            labels: skald_model::Labels::empty(),
            line: "naïve \u{0}%d".to_owned(),
        };
        Ok(vec![line; count])
    }
}

fn expand(text: &str) {
    let Ok(template) = AlertTemplate::parse(text) else {
        return;
    };
    let _ = template.check();
    let alert = AlertContext {
        labels: &skald_model::Labels::from_pairs([("a", "1"), ("b", "%d")]),
        external_labels: &skald_model::Labels::empty(),
        external_url: "http://a/b",
        value: f64::NAN,
        timestamp: -1,
        source: &Source,
    };
    template.expand(&alert);
}

/// Compiles and runs.
pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    expand(text);
    let Ok(template) = Template::compile("line", text) else {
        return;
    };
    let mut out = b"before".to_vec();
    let ran = template.execute(&Labels, &mut out);
    assert!(out.starts_with(b"before"));
    assert!(ran.is_ok() || out == b"before");
    let _ = template.labels_read();
}
