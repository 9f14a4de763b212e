//! A document becomes an entry: its message is the line, some fields are labels, the others
//! metadata.

use crate::decode::decoded::Text;
use crate::decode::event_time;
use crate::decode::grouped::Grouped;
use crate::decode::json_fields::{self, Members};
use crate::decode::json_tree::Node;
use crate::decode::wanted_fields::{FoundFields, WantedFields};
use crate::rejection::BodyError;
use std::borrow::Cow;
use std::sync::LazyLock;

/// Fields that become labels: the label, and the fields it is taken from, the first that has a
/// value. Beats, Logstash, Fluent Bit, Vector and rsyslog name them.
const LABELS: &[(&str, &[&str])] = &[
    ("service_name", &["service.name", "service_name", "service"]),
    (
        "namespace",
        &[
            "kubernetes.namespace",
            "kubernetes.namespace_name",
            "kubernetes.pod_namespace",
        ],
    ),
    ("pod", &["kubernetes.pod.name", "kubernetes.pod_name"]),
    (
        "container",
        &["kubernetes.container.name", "kubernetes.container_name"],
    ),
    (
        "app",
        &[
            "kubernetes.labels.app_kubernetes_io/name",
            "kubernetes.labels.app",
        ],
    ),
    ("host", &["host.name", "host.hostname", "host", "hostname"]),
];

/// Labels that say which service it is, the first there is; without them it is the index.
const SERVICES: &[&str] = &["service_name", "app", "container"];

/// Fields that are the line.
const LINES: &[&str] = &["message", "log", "msg", "event.original"];

/// Fields that are the time.
const TIMES: &[&str] = &["@timestamp", "timestamp", "time"];

/// Fields that are the level.
const LEVELS: &[&str] = &["log.level"];

/// All of these, a group each: those of [`LABELS`] come last.
static WANTED: LazyLock<WantedFields> = LazyLock::new(|| {
    let labels = LABELS.iter().map(|(_, paths)| *paths);
    WantedFields::of([LINES, TIMES, LEVELS].into_iter().chain(labels))
});

/// Groups of [`WANTED`].
const LINE: usize = 0;
const TIME: usize = 1;
const LEVEL: usize = 2;
const FIRST_LABEL: usize = 3;

/// Appends the entry of a document; gives its position. The line is the whole document when it has
/// no message, or more fields than metadata may have.
pub(super) fn entry<'m>(
    grouped: &mut Grouped<'m>,
    index: &str,
    mut members: Members<'m>,
    whole: &'m str,
    now: i64,
) -> Result<u32, BodyError> {
    let found = WANTED.among(&members);
    let time = take_time(&mut members, found).unwrap_or(now);
    let series = series(index);
    let mut labels = vec![("index", Cow::Borrowed(series))];
    for (group, (label, _)) in (FIRST_LABEL..).zip(LABELS) {
        if let Some(value) = json_fields::take_text(&mut members, found.of(group)) {
            labels.push((*label, value));
        }
    }
    let of_label = |wanted: &&str| labels.iter().find(|(label, _)| label == wanted);
    let service = SERVICES.iter().find_map(of_label);
    let service = service.map_or(Cow::Borrowed(series), |(_, value)| value.clone());
    labels.push(("service_name", service));
    let mut fitted = true;
    if let Some(level) = json_fields::take_text(&mut members, found.of(LEVEL)) {
        fitted &= grouped.pair(&b"level"[..], json_fields::bytes(level))?;
    }
    let line = found
        .of(LINE)
        .find_map(|path| match json_fields::find(&members, path) {
            Some(Node::Text(_)) => json_fields::take(&mut members, path).map(json_fields::text),
            _ => None,
        });
    if series != index {
        let full = Cow::Owned::<[u8]>(index.as_bytes().to_vec());
        fitted &= grouped.pair(&b"_index"[..], full)?;
    }
    fitted &= json_fields::push_pairs(grouped, "", members)?;
    let whole: Text<'m> = Cow::Borrowed(whole.as_bytes());
    let line = line.filter(|_| fitted).map_or(whole, json_fields::bytes);
    let stream = grouped.stream_found(&labels)?;
    grouped.entry_of(stream, time, line)
}

/// Takes the first field that is a time.
fn take_time(members: &mut Members<'_>, found: FoundFields<'_>) -> Option<i64> {
    found.of(TIME).find_map(|path| {
        let time = match json_fields::find(members, path)? {
            Node::Text(text) => event_time::parse(text.as_bytes()),
            Node::Number(number) => event_time::parse(number.to_string().as_bytes()),
            _ => None,
        };
        json_fields::take(members, path).filter(|_| time.is_some())?;
        time
    })
}

/// An index without the date that many begin anew by: `logs-2026.11.30` is of `logs`.
fn series(index: &str) -> &str {
    let bare = index.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '_'));
    let digits = |text: &str| text.bytes().filter(u8::is_ascii_digit).count();
    // A year and a month at least.
    match bare.is_empty() || digits(&index[bare.len()..]) < 6 {
        true => index,
        false => bare,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_no_part_of_a_series() {
        for (index, expected) in [
            ("audit-2026.11", "audit"),
            ("falco-2026.11.30", "falco"),
            ("logs_2026-11-30", "logs"),
            ("app-v2", "app-v2"),
            ("app-12", "app-12"),
            (".ds-logs-shop-2026.11.30-000001", ".ds-logs-shop"),
            ("2026.11.30", "2026.11.30"),
            ("", ""),
        ] {
            assert_eq!(series(index), expected);
        }
    }
}
