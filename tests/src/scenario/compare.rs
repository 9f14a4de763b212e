//! Whether a body is what was expected; where not, the place.

use super::Body;
use serde_json::Value;

/// Matches any value.
const ANY: &str = "*";

/// What is wrong with a body.
pub(super) fn body(expected: &Body, found: &str) -> Result<(), String> {
    let json = || {
        serde_json::from_str::<Value>(found)
            .map_err(|why| format!("the body is no JSON ({why}): {found}"))
    };
    match expected {
        Body::Any => Ok(()),
        Body::Text(text) if text == found.trim_end_matches('\n') => Ok(()),
        Body::Text(text) => Err(format!("expected the text\n{text}\nfound\n{found}")),
        Body::Has(texts) => match texts.iter().find(|text| !found.contains(text.as_str())) {
            Some(text) => Err(format!("{text:?} is not in\n{found}")),
            None => Ok(()),
        },
        Body::Json(expected) => value(expected, &json()?, Keys::Exactly, "$"),
        Body::Like(expected) => value(expected, &json()?, Keys::AtLeast, "$"),
    }
}

/// Which keys an object may have.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keys {
    Exactly,
    AtLeast,
}

fn value(expected: &Value, found: &Value, keys: Keys, at: &str) -> Result<(), String> {
    match (expected, found) {
        (Value::String(any), _) if any == ANY => Ok(()),
        (Value::Object(expected), Value::Object(found)) => {
            if keys == Keys::Exactly
                && let Some(more) = found.keys().find(|key| !expected.contains_key(*key))
            {
                return Err(format!("{at} has the key {more:?}"));
            }
            expected.iter().try_for_each(|(key, expected)| {
                let at = format!("{at}.{key}");
                value(
                    expected,
                    found.get(key).ok_or_else(|| format!("{at} is missing"))?,
                    keys,
                    &at,
                )
            })
        }
        (Value::Array(expected), Value::Array(list)) if expected.len() == list.len() => {
            let pairs = expected.iter().zip(list).enumerate();
            pairs.into_iter().try_for_each(|(i, (expected, found))| {
                value(expected, found, keys, &format!("{at}[{i}]"))
            })
        }
        (expected, found) if expected == found => Ok(()),
        (expected, found) => Err(format!("{at}: expected {expected}, found {found}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(expected: Body, found: &str, wrong: Option<&str>) {
        match (body(&expected, found), wrong) {
            (Ok(()), None) => {}
            (Err(why), Some(wrong)) => assert!(why.contains(wrong), "{why}"),
            (result, wrong) => panic!("{expected:?} {found}: {result:?}, not {wrong:?}"),
        }
    }

    #[test]
    fn every_difference_is_noticed_and_named() {
        let expected = || json!({"a": [1, "*"], "b": {"c": "x"}});
        let more = r#"{"a":[1,2],"b":{"c":"x","d":1}}"#;
        check(Body::Like(expected()), more, None);
        check(Body::Json(expected()), more, Some("$.b has the key \"d\""));
        check(
            Body::Like(expected()),
            r#"{"a":[1,2,3],"b":{"c":"x"}}"#,
            Some("$.a: expected"),
        );
        check(
            Body::Like(expected()),
            r#"{"a":[1,2],"b":{"c":"y"}}"#,
            Some("$.b.c: expected \"x\""),
        );
        check(
            Body::Like(expected()),
            r#"{"a":[1,2]}"#,
            Some("$.b is missing"),
        );
        check(Body::Like(expected()), "oops", Some("no JSON"));
        check(Body::Text("a".to_owned()), "a\n", None);
        check(Body::Text("a".to_owned()), "b", Some("expected the text"));
        check(
            Body::Has(vec!["b".to_owned(), "z".to_owned()]),
            "abc",
            Some("\"z\" is not in"),
        );
    }
}
