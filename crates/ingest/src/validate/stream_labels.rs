//! Labels of a stream: parsed, completed with `service_name`, checked against limits, hashed.
//!
//! Main type: [`StreamResolver`], which does this once per distinct text.

use crate::decode::decoded::RawLabels;
use crate::decode::json_reader::Scanner;
use crate::decode::label_text;
use crate::decode::label_text::{INVALID_RUNE, Pair};
use crate::label_name::is_label_name;
use crate::level;
use crate::limits::IngestLimits;
use crate::rejection::{Reason, Rejected};
use crate::validate::stream_cache::{StreamCache, StreamFacts};
use skald_model::labels::write_quoted;
use skald_model::{Budget, Labels, StreamId};
use std::borrow::Cow;
use std::sync::Arc;

/// The label Loki adds to every stream.
pub(crate) const SERVICE_NAME: &str = "service_name";

/// `service_name` of a stream none of whose labels gives one.
const SERVICE_UNKNOWN: &str = "unknown_service";

/// Resolves labels of pushes.
pub(crate) struct StreamResolver {
    texts: StreamCache,
    objects: StreamCache,
}

impl StreamResolver {
    pub(crate) fn new() -> StreamResolver {
        StreamResolver {
            texts: StreamCache::new(),
            objects: StreamCache::new(),
        }
    }

    /// The stream these labels name, or why it is refused; what is remembered of it is charged to the
    /// budget, if there is one.
    pub(crate) fn resolve(
        &self,
        labels: &RawLabels<'_>,
        limits: &IngestLimits,
        budget: Option<&Arc<Budget>>,
    ) -> Result<Arc<StreamFacts>, Rejected> {
        match labels {
            RawLabels::Text(text) => self.texts.get_or_make(text, budget, || {
                let pairs = label_text::parse(text).map_err(|error| unparsable(&error))?;
                facts_of(pairs, Vec::new(), limits)
            }),
            RawLabels::Json(text) => self.objects.get_or_make(text, budget, || {
                facts_of(parse_object(text)?, Vec::new(), limits)
            }),
            RawLabels::Pairs { resource, record } => {
                let is_replaced = |name: &str| {
                    record
                        .binary_search_by(|(own, _)| (**own).cmp(name))
                        .is_ok()
                };
                let shared = resource
                    .iter()
                    .filter(|(name, _)| !is_replaced(name))
                    .map(borrowed)
                    .collect();
                let pairs = resource.iter().chain(record);
                if let Some(wrong) = pairs.clone().find(|(_, value)| holds_replacement(value)) {
                    let pairs: Vec<Pair<'_>> = pairs.map(borrowed).collect();
                    return Err(invalid_value(&borrowed(wrong), &pairs));
                }
                facts_of(shared, record.iter().map(borrowed).collect(), limits).map(Arc::new)
            }
        }
    }
}

fn borrowed((name, value): &(String, String)) -> Pair<'_> {
    (Cow::Borrowed(name), Cow::Borrowed(value))
}

fn unparsable(error: &impl std::fmt::Display) -> Rejected {
    Rejected {
        reason: Reason::InvalidLabels,
        message: format!("couldn't parse labels: {error}"),
    }
}

/// The labels of a JSON object; of equal keys the last one stays. Values that are no strings are
/// taken as written, nulls are left out.
fn parse_object(text: &[u8]) -> Result<Vec<Pair<'_>>, Rejected> {
    let refused = || Rejected {
        reason: Reason::InvalidLabels,
        message: "couldn't parse labels: not a JSON object".to_owned(),
    };
    let mut scanner = Scanner::new(text);
    let mut pairs: Vec<(Cow<'_, str>, Cow<'_, [u8]>)> = Vec::new();
    scanner.expect(b'{').map_err(|_| refused())?;
    let mut first = true;
    while let Some(name) = scanner.key(&mut first).map_err(|_| refused())? {
        let value = match scanner.peek() {
            Some(b'"') => scanner.string().map_err(|_| refused())?,
            Some(b'n') => {
                scanner.value().map_err(|_| refused())?;
                continue;
            }
            _ => Cow::Borrowed(scanner.value().map_err(|_| refused())?),
        };
        let name = lossy(name);
        match pairs.iter_mut().find(|(n, _)| *n == name) {
            Some(pair) => pair.1 = value,
            None => pairs.push((name, value)),
        }
    }
    let is_refused = |value: &[u8]| std::str::from_utf8(value).is_ok_and(holds_replacement);
    let refused = pairs.iter().position(|(_, value)| is_refused(value));
    let pairs: Vec<Pair<'_>> = pairs
        .into_iter()
        .map(|(name, value)| (name, lossy(value)))
        .collect();
    if let Some(wrong) = pairs
        .iter()
        .find(|(name, _)| !is_label_name(name.as_bytes()))
    {
        let why = "is invalid: names match [a-zA-Z_][a-zA-Z0-9_]*";
        return Err(unparsable(&blame_label(
            "name of label",
            wrong,
            &pairs,
            why,
        )));
    }
    match refused {
        Some(at) => Err(invalid_value(&pairs[at], &pairs)),
        None => Ok(pairs),
    }
}

/// Whether a text holds U+FFFD, which stands for what was no text.
fn holds_replacement(text: &str) -> bool {
    text.contains(char::REPLACEMENT_CHARACTER)
}

/// A label's value holds U+FFFD: Loki's lexer refuses it.
fn invalid_value(pair: &Pair<'_>, pairs: &[Pair<'_>]) -> Rejected {
    let why = format!("is invalid: {INVALID_RUNE}");
    unparsable(&blame_label("value of label", pair, pairs, &why))
}

/// `parse error: name of label 'a-b' in stream '{a-b="c"}' is invalid`. Clients that send JSON or
/// attributes never saw a label text, so a column of it would say nothing to them.
fn blame_label(what: &str, (name, _): &Pair<'_>, pairs: &[Pair<'_>], why: &str) -> String {
    let mut sorted = pairs.to_vec();
    sorted.sort();
    format!(
        "parse error: {what} '{name}' in stream '{}' {why}",
        write_pairs(&sorted)
    )
}

fn lossy(bytes: Cow<'_, [u8]>) -> Cow<'_, str> {
    match bytes {
        Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
        Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
    }
}

/// `{a="b", c="d"}`, in the order given.
fn write_pairs(pairs: &[Pair<'_>]) -> String {
    let mut out = String::from("{");
    for (i, (name, value)) in pairs.iter().enumerate() {
        out.push_str(if i > 0 { ", " } else { "" });
        out.push_str(name);
        out.push('=');
        write_quoted(&mut out, value).expect("writing to a string succeeds");
    }
    out.push('}');
    out
}

/// Adds `service_name`, checks the limits in Loki's order, and hashes. Labels that are an entry's
/// `own` do not give the service: it is that of all that came with it.
fn facts_of<'p>(
    mut pairs: Vec<Pair<'p>>,
    own: Vec<Pair<'p>>,
    limits: &IngestLimits,
) -> Result<StreamFacts, Rejected> {
    let shared = pairs.len();
    pairs.extend(own);
    let service = discover_service(&pairs[..shared], &limits.discover_service_name);
    pairs.retain(|(_, value)| !value.is_empty());
    if pairs.is_empty() && limits.discover_service_name.is_empty() {
        let message = "error at least one label pair is required per stream".to_owned();
        return Err(Rejected {
            reason: Reason::MissingLabels,
            message,
        });
    }
    let is_internal = pairs
        .iter()
        .any(|(name, _)| matches!(&**name, "__aggregated_metric__" | "__pattern__"));
    let has_service = pairs.iter().any(|(name, _)| name == SERVICE_NAME);
    if !has_service && !is_internal && !limits.discover_service_name.is_empty() {
        pairs.push((Cow::Borrowed(SERVICE_NAME), Cow::Owned(service)));
    }
    pairs.sort_by(|a, b| a.0.cmp(&b.0));
    if !is_internal {
        check_limits(&pairs, limits)?;
    }
    let labels = Labels::from_pairs(pairs.iter().map(|(n, v)| (&**n, &**v)));
    let level = level::of_labels(&labels, limits);
    Ok(StreamFacts {
        id: StreamId::of(&labels),
        labels,
        level,
    })
}

fn discover_service(pairs: &[Pair<'_>], names: &[String]) -> String {
    let found = names
        .iter()
        .find_map(|name| pairs.iter().find(|(n, v)| n == name && !v.is_empty()));
    found.map_or_else(
        || SERVICE_UNKNOWN.to_owned(),
        |(_, value)| value.to_string(),
    )
}

fn check_limits(pairs: &[Pair<'_>], limits: &IngestLimits) -> Result<(), Rejected> {
    let refuse = |reason, message| Err(Rejected { reason, message });
    let count = pairs
        .iter()
        .filter(|(name, _)| name != SERVICE_NAME)
        .count();
    if count > limits.max_label_names_per_series {
        let max = limits.max_label_names_per_series;
        let message = format!(
            "entry for stream '{}' has {count} label names; limit {max}",
            write_pairs(pairs)
        );
        return refuse(Reason::MaxLabelNames, message);
    }
    for (i, (name, value)) in pairs.iter().enumerate() {
        if name.len() > limits.max_label_name_length {
            let message = format!(
                "stream '{}' has label name too long: '{name}'",
                write_pairs(pairs)
            );
            return refuse(Reason::LabelNameTooLong, message);
        }
        if value.len() > limits.max_label_value_length {
            let message = format!(
                "stream '{}' has label value too long: '{value}'",
                write_pairs(pairs)
            );
            return refuse(Reason::LabelValueTooLong, message);
        }
        if i > 0 && pairs[i - 1].0 == *name {
            let message = format!(
                "stream '{}' has duplicate label name: '{name}'",
                write_pairs(pairs)
            );
            return refuse(Reason::DuplicateLabelNames, message);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::Level;

    fn check(labels: RawLabels<'_>, want: &str) {
        let streams = StreamResolver::new();
        for _ in 0..2 {
            let got = match streams.resolve(&labels, &IngestLimits::default(), None) {
                Ok(facts) => format!(
                    "{} {:?}",
                    facts.labels,
                    facts.level.as_ref().map(Level::as_str)
                ),
                Err(refused) => format!("{}: {}", refused.reason.as_str(), refused.message),
            };
            assert_eq!(got, want);
        }
    }

    fn text(labels: &str) -> RawLabels<'_> {
        RawLabels::Text(Cow::Borrowed(labels.as_bytes()))
    }

    fn json(labels: &str) -> RawLabels<'_> {
        RawLabels::Json(labels.as_bytes())
    }

    #[test]
    fn a_service_name_is_found_or_made_up() {
        check(
            text(r#"{zz="1", app="a", service="s"}"#),
            r#"{app="a", service="s", service_name="s", zz="1"} None"#,
        );
        check(
            text(r#"{service_name="own", app="a"}"#),
            r#"{app="a", service_name="own"} None"#,
        );
        check(json("{}"), r#"{service_name="unknown_service"} None"#);
        check(text(r#"{__pattern__="x"}"#), r#"{__pattern__="x"} None"#);
        let off = IngestLimits {
            discover_service_name: Vec::new(),
            ..IngestLimits::default()
        };
        let refused = StreamResolver::new()
            .resolve(&json("{}"), &off, None)
            .expect_err("no labels");
        assert_eq!(
            refused.message,
            "error at least one label pair is required per stream"
        );
    }

    #[test]
    fn json_labels_take_the_last_of_equal_keys_and_any_scalar() {
        check(
            json(r#"{"app":"a1","app":"a2","n":5,"t":true,"e":"","x":null}"#),
            r#"{app="a2", n="5", service_name="a2", t="true"} None"#,
        );
    }

    #[test]
    fn labels_of_a_record_stand_in_place_of_its_resources() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let resource = [pair("app", "a"), pair("env", "x")];
        let record = vec![pair("env", "y"), pair("service", "s")];
        check(
            RawLabels::Pairs {
                resource: &resource,
                record,
            },
            r#"{app="a", env="y", service="s", service_name="a"} None"#,
        );
    }

    #[test]
    fn labels_give_the_level() {
        check(
            text(r#"{app="a",severity="x",level="WRN"}"#),
            r#"{app="a", level="WRN", service_name="a", severity="x"} Some("warn")"#,
        );
        check(
            text(r#"{app="a",lvl="odd"}"#),
            r#"{app="a", lvl="odd", service_name="a"} Some("odd")"#,
        );
    }

    #[test]
    fn a_bad_name_in_json_is_named_with_its_stream() {
        for name in ["a-b", "a:b", "a.b", "0", "", "\u{e9}", "a b"] {
            let want = format!(
                "invalid_labels: couldn't parse labels: parse error: name of label '{name}' in stream"
            );
            let labels = format!(r#"{{"zz":"1","{name}":"c"}}"#);
            let refused = StreamResolver::new()
                .resolve(&json(&labels), &IngestLimits::default(), None)
                .expect_err("the name is invalid");
            let message = format!("{}: {}", refused.reason.as_str(), refused.message);
            assert!(message.starts_with(&want), "{message}");
            assert!(message.contains(&format!("{name}=\"c\"")), "{message}");
        }
    }

    #[test]
    fn a_value_with_the_replacement_character_is_refused() {
        let words = "parse error: value of label 'a' in stream '{a=\"x\u{fffd}\", b=\"1\"}' is invalid: invalid UTF-8 rune";
        let refused = format!("invalid_labels: couldn't parse labels: {words}");
        check(json("{\"b\":\"1\",\"a\":\"x\u{fffd}\"}"), &refused);
        check(json(r#"{"b":"1","a":"x\ufffd"}"#), &refused);
        check(json(r#"{"b":"1","a":"x\ud800"}"#), &refused);
        check(
            text("{b=\"1\", a=\"x\u{fffd}\"}"),
            "invalid_labels: couldn't parse labels: 1:11: parse error: invalid UTF-8 rune",
        );
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        check(
            RawLabels::Pairs {
                resource: &[pair("b", "1")],
                record: vec![pair("a", "x\u{fffd}")],
            },
            &refused,
        );
        // Bytes that are no UTF-8 Loki takes, escaped; here they are replaced.
        check(
            RawLabels::Json(b"{\"a\":\"x\xff\"}"),
            "{a=\"x\u{fffd}\", service_name=\"unknown_service\"} None",
        );
    }

    #[test]
    fn bad_labels_are_refused_in_lokis_words() {
        check(
            text(r#"{a-b="c"}"#),
            "invalid_labels: couldn't parse labels: 1:3: parse error: unexpected character inside braces: '-'",
        );
        check(
            text(r#"{a="1",a="2"}"#),
            "duplicate_label_names: stream '{a=\"1\", a=\"2\", service_name=\"unknown_service\"}' has duplicate label name: 'a'",
        );
    }
}
