//! `label_replace` writes a label from what a regex finds in another.

use super::Matrix;
use regex::Regex;
use skald_model::{Charge, Labels, Stop};

/// Bytes that a capture of a regex takes for each of its groups.
const GROUP_BYTES: usize = 32;

/// Rewrites `dst` of each series whose `src` matches; two series may come to have the same labels.
/// What values may come to is charged before they are made.
pub(super) fn label_replace(
    mut matrix: Matrix,
    (dst, replacement): (&str, &str),
    (src, regex): (&str, &Regex),
    charge: &mut Charge,
) -> Result<Matrix, Stop> {
    // Each group that the replacement names may be all of the source.
    let references = replacement.matches('$').count();
    for series in &mut matrix.series {
        let source = series.labels.get(src).unwrap_or_default();
        charge.work(source.len())?;
        let value_max = replacement.len() + references.saturating_mul(source.len());
        let old = series.labels.as_bytes().len();
        // The value, its copy on the way into the labels, and the labels.
        let working = value_max.saturating_mul(3) + 2 * old + regex.captures_len() * GROUP_BYTES;
        charge.room_for(working)?;
        if let Some(captures) = regex.captures(source) {
            let mut value = String::new();
            captures.expand(replacement, &mut value);
            charge.work(value.len())?;
            series.labels = with_label(&series.labels, dst, &value);
            charge.add(series.labels.as_bytes().len())?;
            charge.sub(old);
        }
    }
    Ok(matrix)
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
            (dst, replacement),
            (src, &regex),
            &mut Charge::default(),
        )
        .expect("nothing is refused");
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
