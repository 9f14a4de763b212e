//! The lines of groups and rules in a file, found by their indentation.
//!
//! Faults know the number of a rule, not its line, as YAML readers keep none. Files that are not
//! written in lines (`{groups: [...]}`) have no places.

/// The line of a group, from 1 on: that of its `name`.
pub(super) fn of_group(text: &str, group: &str) -> Option<usize> {
    lines(text)
        .find(|line| line.value_of("name").is_some_and(|name| name == group))
        .map(|line| line.number)
}

/// The line of a rule of a group, counted from 0 on.
pub(super) fn of_rule(text: &str, group: &str, rule: usize) -> Option<usize> {
    let name = of_group(text, group)?;
    let after = || lines(text).filter(|line| line.number > name);
    // `rules` may stand before the name: then the group is not written as people do.
    let list = after().find(|line| line.key() == "rules")?;
    let mut items = after()
        .filter(|line| line.number > list.number)
        .take_while(|line| {
            line.indent > list.indent || line.starts_item && line.indent >= list.indent
        });
    let first = items.next().filter(|line| line.starts_item)?;
    let same = |line: &Line<'_>| line.starts_item && line.indent == first.indent;
    let mut rules = std::iter::once(first).chain(items.filter(|line| same(line)));
    rules.nth(rule).map(|line| line.number)
}

/// A line with something on it.
#[derive(Clone, Copy)]
struct Line<'t> {
    number: usize,
    /// Where it begins, without `- `.
    indent: usize,
    /// Whether it begins with `- `.
    starts_item: bool,
    /// What stands on it, without `- `.
    text: &'t str,
}

impl<'t> Line<'t> {
    fn key(&self) -> &'t str {
        self.text.split_once(':').map_or("", |(key, _)| key.trim())
    }

    /// The value of a key, without quotes.
    fn value_of(&self, key: &str) -> Option<&'t str> {
        let (found, value) = self.text.split_once(':')?;
        let value = value.split(" #").next().unwrap_or_default().trim();
        let is_quote = |c: char| c == '"' || c == '\'';
        (found.trim() == key).then(|| value.trim_matches(is_quote))
    }
}

fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    text.lines().enumerate().filter_map(|(number, line)| {
        let trimmed = line.trim_start();
        let item = trimmed.strip_prefix("- ");
        let is_blank = trimmed.is_empty() || trimmed.starts_with('#');
        (!is_blank).then(|| Line {
            number: number + 1,
            indent: line.len() - trimmed.len(),
            starts_item: item.is_some(),
            text: item.unwrap_or(trimmed).trim_start(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
# rules
groups:
  - name: a # first
    interval: 1m
    rules:
      - alert: one
        expr: |
          - not a rule
          x
      # a comment

      - record: two
        labels:
          - odd
  - rules_of: nobody
    name: \"b c\"
    rules:
    - alert: three
      expr: y
    - expr: z
      alert: four
";

    #[test]
    fn rules_are_found_by_their_indentation() {
        for (group, rule, line) in [
            ("a", 0, Some(6)),
            ("a", 1, Some(12)),
            ("a", 2, None),
            ("b c", 0, Some(18)),
            ("b c", 1, Some(20)),
            ("b c", 2, None),
            ("c", 0, None),
        ] {
            assert_eq!(of_rule(FILE, group, rule), line, "{group} {rule}");
        }
        assert_eq!(
            (of_group(FILE, "a"), of_group(FILE, "b c")),
            (Some(3), Some(16))
        );
        assert_eq!(
            of_rule("{groups: [{name: a, rules: [{alert: x}]}]}", "a", 0),
            None
        );
    }
}
