//! `label_replace` writes a label from what a regex finds in another.

use super::Matrix;
use regex::Regex;
use skald_model::Labels;

/// Rewrites `dst` of each series whose `src` matches; two series may come to have the same labels.
pub(super) fn label_replace(
    mut matrix: Matrix,
    dst: &str,
    replacement: &str,
    src: &str,
    regex: &Regex,
) -> Matrix {
    for series in &mut matrix.series {
        let source = series.labels.get(src).unwrap_or_default();
        if let Some(captures) = regex.captures(source) {
            let mut value = String::new();
            captures.expand(replacement, &mut value);
            series.labels = with_label(&series.labels, dst, &value);
        }
    }
    matrix
}

/// The labels with one set; an empty value removes it.
pub(super) fn with_label(labels: &Labels, name: &str, value: &str) -> Labels {
    Labels::from_pairs(labels.iter().chain([(name, value)]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::check::{grid, shown};

    fn check(dst: &str, replacement: &str, src: &str, regex: &str, expected: &str) {
        let regex = skald_model::re2::anchored(regex).expect("regex is valid");
        let found = label_replace(
            grid(&[r#"{app="nginx", x="old"} 1"#]),
            dst,
            replacement,
            src,
            &regex,
        );
        assert_eq!(
            shown(&found),
            [expected],
            "{dst} {replacement} {src} {regex}"
        );
    }

    #[test]
    fn groups_are_put_in_by_number_and_name() {
        check(
            "x",
            "$1-$2",
            "app",
            "(.)(.*)",
            r#"{app="nginx", x="n-ginx"} 1"#,
        );
        check("x", "${1}0", "app", "(n).*", r#"{app="nginx", x="n0"} 1"#);
        check(
            "x",
            "<$first>",
            "app",
            "(?P<first>.).*",
            r#"{app="nginx", x="<n>"} 1"#,
        );
    }

    #[test]
    fn a_group_that_does_not_exist_is_empty_and_an_empty_value_removes() {
        check("x", "$10", "app", "(n).*", r#"{app="nginx"} 1"#);
        check("app", "", "app", ".*", r#"{x="old"} 1"#);
    }

    #[test]
    fn the_whole_value_must_match() {
        check("x", "new", "app", "ngin", r#"{app="nginx", x="old"} 1"#);
        check("x", "new", "nosuch", "z", r#"{app="nginx", x="old"} 1"#);
        check("x", "new", "nosuch", "", r#"{app="nginx", x="new"} 1"#);
    }
}
