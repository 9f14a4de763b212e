//! `label_name` turns the key of a JSON or logfmt line into a valid label name.

/// The label name of `key` below `prefix`: letters, digits and `_`, never a digit first.
pub fn label_name(prefix: &str, key: &str) -> String {
    skald_model::steps::count(prefix.len() + key.len());
    let key = key.trim();
    let mut name = String::with_capacity(prefix.len() + 1 + key.len());
    name.push_str(prefix);
    if key.is_empty() {
        return name;
    }
    if !prefix.is_empty() || key.starts_with(|c: char| c.is_ascii_digit()) {
        name.push('_');
    }
    name.extend(key.chars().map(|c| {
        if c.is_ascii_alphanumeric() || c == '_' {
            c
        } else {
            '_'
        }
    }));
    name
}

#[cfg(test)]
mod tests {
    use super::label_name;

    #[test]
    fn keys_become_label_names() {
        let check = |prefix: &str, key: &str, expected: &str| {
            assert_eq!(label_name(prefix, key), expected, "{prefix} {key}")
        };
        check("", "level", "level");
        check("", "dash-key", "dash_key");
        check("", "9lead", "_9lead");
        check("", " é.x ", "__x");
        check("a", "9", "a_9");
        check("a_b", "c d", "a_b_c_d");
        check("", " ", "");
        check("a", "", "a");
    }
}
