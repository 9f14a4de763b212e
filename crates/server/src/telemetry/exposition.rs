//! The Prometheus text exposition format, written line by line.

use std::fmt::{Display, Write};

/// A metric of one line.
pub(crate) fn metric(out: &mut String, name: &str, kind: &str, help: &str, value: impl Display) {
    header(out, name, kind, help);
    line(out, name, &[], value);
}

/// `# HELP` and `# TYPE`.
pub(crate) fn header(out: &mut String, name: &str, kind: &str, help: &str) {
    writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}")
        .expect("writing to memory does not fail");
}

/// One sample.
pub(crate) fn line(out: &mut String, name: &str, labels: &[(&str, &str)], value: impl Display) {
    out.push_str(name);
    for (i, (label, text)) in labels.iter().enumerate() {
        let escaped = text
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n");
        write!(
            out,
            "{}{label}=\"{escaped}\"",
            if i == 0 { "{" } else { "," }
        )
        .expect("writing to memory does not fail");
    }
    let end = if labels.is_empty() { "" } else { "}" };
    writeln!(out, "{end} {value}").expect("writing to memory does not fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_values_are_escaped() {
        let mut out = String::new();
        line(&mut out, "m", &[("a", "x\"\\\n")], 1);
        assert_eq!(out, "m{a=\"x\\\"\\\\\\n\"} 1\n");
    }
}
