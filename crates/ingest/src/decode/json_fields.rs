//! Fields of JSON events: members by path, texts of values, and objects as metadata pairs.

use crate::decode::decoded::Text;
use crate::decode::grouped::Grouped;
use crate::decode::json_tree::Node;
use crate::rejection::BodyError;
use std::borrow::Cow;

/// The members of an object.
pub(crate) type Members<'t> = Vec<(Cow<'t, str>, Node<'t>)>;

/// Where a path leads among the members of an object.
enum Lookup {
    /// Nowhere.
    Absent,
    /// To the member at this place.
    At(usize),
    /// Into an object, it may be: a member has a first part of the path as its name.
    Within,
}

/// Most paths lead nowhere, which one look at each name says.
fn lookup(members: &Members<'_>, path: &str) -> Lookup {
    let mut found = Lookup::Absent;
    for (at, (name, _)) in members.iter().enumerate() {
        match path.strip_prefix(&**name).map(str::as_bytes) {
            Some([]) => return Lookup::At(at),
            Some([b'.', ..]) => found = Lookup::Within,
            _ => {}
        }
    }
    found
}

/// Takes a member out: `kubernetes.pod.name` as one name, or as objects in one another.
pub(crate) fn take<'t>(members: &mut Members<'t>, path: &str) -> Option<Node<'t>> {
    match lookup(members, path) {
        Lookup::Absent => return None,
        Lookup::At(at) => return Some(members.remove(at).1),
        Lookup::Within => {}
    }
    let mut end = path.len();
    while let Some(dot) = path[..end].rfind('.') {
        let (outer, inner) = (&path[..dot], &path[dot + 1..]);
        let within = members.iter_mut().find(|(name, _)| name == outer);
        if let Some((_, Node::Object(members))) = within
            && let Some(found) = take(members, inner)
        {
            return Some(found);
        }
        end = dot;
    }
    None
}

/// Takes the first of these members whose value is a text that is not empty, or a number or a
/// boolean. Others stay.
pub(crate) fn take_text<'t, 'p>(
    members: &mut Members<'t>,
    paths: impl IntoIterator<Item = &'p str>,
) -> Option<Cow<'t, str>> {
    paths.into_iter().find_map(|path| {
        let found = find(members, path)?;
        let usable = match found {
            Node::Text(text) => !text.is_empty(),
            Node::Number(_) | Node::Bool(_) => true,
            _ => false,
        };
        usable.then(|| take(members, path).map(text))?
    })
}

/// A member by path.
pub(crate) fn find<'n, 't>(members: &'n Members<'t>, path: &str) -> Option<&'n Node<'t>> {
    match lookup(members, path) {
        Lookup::Absent => return None,
        Lookup::At(at) => return Some(&members[at].1),
        Lookup::Within => {}
    }
    let mut end = path.len();
    while let Some(dot) = path[..end].rfind('.') {
        let within = members.iter().find(|(name, _)| *name == path[..dot]);
        if let Some((_, Node::Object(members))) = within
            && let Some(found) = find(members, &path[dot + 1..])
        {
            return Some(found);
        }
        end = dot;
    }
    None
}

/// A value as one text: lists and objects as JSON, null as nothing.
pub(crate) fn text<'t>(node: Node<'t>) -> Cow<'t, str> {
    match node {
        Node::Null => Cow::Borrowed(""),
        Node::Text(text) => text,
        other => Cow::Owned(json(&other)),
    }
}

/// A text as bytes.
pub(crate) fn bytes(text: Cow<'_, str>) -> Text<'_> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}

/// Appends members as pairs of the entry to come, those of inner objects under joined names. Gives
/// whether all of them fitted.
pub(crate) fn push_pairs<'t>(
    grouped: &mut Grouped<'t>,
    prefix: &str,
    members: Members<'t>,
) -> Result<bool, BodyError> {
    let mut all = true;
    for (name, node) in members {
        let name = match prefix {
            "" => name,
            _ => Cow::Owned(format!("{prefix}_{name}")),
        };
        all &= match node {
            Node::Object(inner) => push_pairs(grouped, &name, inner)?,
            other => grouped.pair(bytes(name), bytes(text(other)))?,
        };
    }
    Ok(all)
}

/// JSON without blanks.
pub(crate) fn json(node: &Node<'_>) -> String {
    let mut out = String::new();
    write(node, &mut out);
    out
}

fn write(node: &Node<'_>, out: &mut String) {
    match node {
        Node::Null => out.push_str("null"),
        Node::Bool(true) => out.push_str("true"),
        Node::Bool(false) => out.push_str("false"),
        Node::Number(number) => out.push_str(&number.to_string()),
        Node::Text(text) => write_text(text, out),
        Node::List(items) => {
            for (at, item) in items.iter().enumerate() {
                out.push(if at == 0 { '[' } else { ',' });
                write(item, out);
            }
            out.push_str(if items.is_empty() { "[]" } else { "]" });
        }
        Node::Object(members) => {
            for (at, (name, value)) in members.iter().enumerate() {
                out.push(if at == 0 { '{' } else { ',' });
                write_text(name, out);
                out.push(':');
                write(value, out);
            }
            out.push_str(if members.is_empty() { "{}" } else { "}" });
        }
    }
}

/// A string with its quotes.
pub(crate) fn write_text(text: &str, out: &mut String) {
    // A string is always JSON.
    out.push_str(&serde_json::to_string(text).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::json_tree;
    use crate::limits::IngestLimits;
    use crate::room::Room;

    fn members(text: &str) -> Members<'_> {
        match json_tree::parse(text.as_bytes(), &mut Room::default()) {
            Ok(Node::Object(members)) => members,
            other => panic!("{text} is an object: {other:?}"),
        }
    }

    #[test]
    fn members_are_found_dotted_and_nested() {
        let check = |text: &str, path: &str, expected: Option<&str>, left: &str| {
            let mut members = members(text);
            let found = take_text(&mut members, [path]);
            assert_eq!(found.as_deref(), expected, "{text} {path}");
            assert_eq!(json(&Node::Object(members)), left);
        };
        check(r#"{"a":"1","b":2}"#, "a", Some("1"), r#"{"b":2}"#);
        check(
            r#"{"a":{"b":{"c":3,"d":[]}}}"#,
            "a.b.c",
            Some("3"),
            r#"{"a":{"b":{"d":[]}}}"#,
        );
        check(r#"{"a.b":{"c":"x"}}"#, "a.b.c", Some("x"), r#"{"a.b":{}}"#);
        check(r#"{"a":{"b.c":"x"}}"#, "a.b.c", Some("x"), r#"{"a":{}}"#);
        check(r#"{"a":{"b":null}}"#, "a.b", None, r#"{"a":{"b":null}}"#);
        check(r#"{"a":""}"#, "a", None, r#"{"a":""}"#);
        check(r#"{"a":"x"}"#, "a.b", None, r#"{"a":"x"}"#);
    }

    #[test]
    fn objects_become_pairs_until_the_limits() {
        let limits = IngestLimits {
            max_structured_metadata_entries_count: 2,
            ..IngestLimits::default()
        };
        let mut grouped = Grouped::within(Room::default(), &limits);
        let text = r#"{"a":{"b":"x\ny","c":[1,{"d":"\""}]},"e":null,"f":1.5}"#;
        let fitted = push_pairs(&mut grouped, "", members(text)).expect("there is room");
        assert!(!fitted, "three members with a value, and room for two");
        grouped
            .entry(Default::default(), 0, &b""[..])
            .expect("there is room");
        let decoded = grouped.finish().expect("there is room");
        let pairs: Vec<String> = decoded
            .pairs_of(&decoded.entries[0])
            .iter()
            .map(|(n, v)| {
                format!(
                    "{}={}",
                    String::from_utf8_lossy(n),
                    String::from_utf8_lossy(v)
                )
            })
            .collect();
        assert_eq!(pairs, ["a_b=x\ny", r#"a_c=[1,{"d":"\""}]"#]);
    }
}
