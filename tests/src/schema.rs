//! What an answer must look like, written as JSON.
//!
//! A text names a kind of value (see `leaf`); an object lists keys, those ending in `?` may be
//! missing and `...` lets others be; a list of one is a list of such values, a longer one has just
//! these elements.

use serde_json::{Map, Value};

/// Where a value does not look as it must.
pub fn check(schema: &Value, found: &Value) -> Result<(), String> {
    matches(schema, found, "$")
}

fn matches(schema: &Value, found: &Value, at: &str) -> Result<(), String> {
    match (schema, found) {
        (Value::String(kind), found) if leaf(kind, found) => Ok(()),
        (Value::Object(schema), Value::Object(found)) => object(schema, found, at),
        (Value::Array(schema), Value::Array(list)) => match schema.as_slice() {
            [each] => list
                .iter()
                .enumerate()
                .try_for_each(|(i, value)| matches(each, value, &format!("{at}[{i}]"))),
            elements if elements.len() == list.len() => {
                let pairs = elements.iter().zip(list).enumerate();
                pairs.into_iter().try_for_each(|(i, (schema, value))| {
                    matches(schema, value, &format!("{at}[{i}]"))
                })
            }
            _ => Err(format!(
                "{at} has {} elements, not {}",
                list.len(),
                schema.len()
            )),
        },
        (schema, found) => Err(format!("{at}: {found} is no {schema}")),
    }
}

fn object(schema: &Map<String, Value>, found: &Map<String, Value>, at: &str) -> Result<(), String> {
    let plain = |key: &str| schema.contains_key(key) || schema.contains_key(&format!("{key}?"));
    let any = schema.get("*");
    for (key, value) in found {
        match any {
            Some(each) => matches(each, value, &format!("{at}.{key}"))?,
            None if plain(key) || schema.contains_key("...") => {}
            None => return Err(format!("{at} has the key {key:?}")),
        }
    }
    for (key, schema) in schema
        .iter()
        .filter(|(key, _)| *key != "*" && *key != "...")
    {
        let name = key.strip_suffix('?').unwrap_or(key);
        match found.get(name) {
            Some(value) => matches(schema, value, &format!("{at}.{name}"))?,
            None if key.ends_with('?') => {}
            None => return Err(format!("{at}.{name} is missing")),
        }
    }
    Ok(())
}

/// Whether a value is of a kind. What starts with `=` is a text as it is.
fn leaf(kind: &str, found: &Value) -> bool {
    let text = found.as_str();
    match kind {
        "text" => text.is_some(),
        "filled" => text.is_some_and(|t| !t.is_empty()),
        "number" => found.is_number(),
        "count" => found.is_u64(),
        "true or false" => found.is_boolean(),
        "nanoseconds" => text.is_some_and(|t| t.len() >= 16 && t.parse::<i64>().is_ok()),
        "sample" => text.is_some_and(|t| {
            matches!(t, "NaN" | "+Inf" | "-Inf") || !t.contains('e') && t.parse::<f64>().is_ok()
        }),
        "anything" => true,
        kind => kind
            .strip_prefix('=')
            .is_some_and(|exactly| text == Some(exactly)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_looks_otherwise_is_named() {
        let schema = json!({"status": "=success", "data": [["nanoseconds", "text"]], "more?": {"*": "count"}});
        let check = |found: Value, wrong: Option<&str>| {
            let result = check(&schema, &found);
            assert_eq!(result.as_ref().err().map(String::as_str), wrong, "{found}");
        };
        check(
            json!({"status": "success", "data": [["1772323200000000000", "x"]], "more": {"a": 1}}),
            None,
        );
        check(json!({"status": "success", "data": []}), None);
        check(
            json!({"status": "error", "data": []}),
            Some("$.status: \"error\" is no \"=success\""),
        );
        check(
            json!({"status": "success", "data": [["1", "x"]]}),
            Some("$.data[0][0]: \"1\" is no \"nanoseconds\""),
        );
        check(
            json!({"status": "success", "data": [["1"]]}),
            Some("$.data[0] has 1 elements, not 2"),
        );
        check(
            json!({"status": "success", "data": [], "more": {"a": -1}}),
            Some("$.more.a: -1 is no \"count\""),
        );
        check(json!({"status": "success"}), Some("$.data is missing"));
        check(
            json!({"status": "success", "data": [], "x": 1}),
            Some("$ has the key \"x\""),
        );
    }
}
