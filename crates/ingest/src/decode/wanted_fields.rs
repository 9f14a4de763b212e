//! The fields that a receiver looks for, as a tree of names: one pass over an event says which of
//! them it has, so that those it lacks are never searched for.

use crate::decode::json_fields::Members;
use crate::decode::json_tree::Node;

/// Groups of paths, of which the first that has a value counts.
#[derive(Debug)]
pub(crate) struct WantedFields {
    groups: Vec<Group>,
    names: Names,
}

#[derive(Debug)]
struct Group {
    paths: &'static [&'static str],
    /// The bit of its first path.
    first: u32,
}

/// Names of members that lead to a wanted field, sorted by length.
#[derive(Debug, Default)]
struct Names(Vec<Name>);

#[derive(Debug)]
struct Name {
    text: &'static str,
    /// The fields that such a member is.
    fields: u64,
    /// Where the fields within it are looked for.
    within: Names,
}

/// Which fields there are in one event. A field of it may still have no value of use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FoundFields<'w> {
    wanted: &'w WantedFields,
    fields: u64,
}

impl WantedFields {
    /// Fields by path, at most 64, in groups: `kubernetes.pod.name` is found as one name, and as
    /// objects in one another.
    pub(crate) fn of(groups: impl IntoIterator<Item = &'static [&'static str]>) -> WantedFields {
        let mut wanted = WantedFields {
            groups: Vec::new(),
            names: Names::default(),
        };
        let mut next = 0;
        for paths in groups {
            wanted.groups.push(Group { paths, first: next });
            for path in paths {
                assert!(next < u64::BITS, "a field has a bit");
                wanted.names.add(path, 1 << next);
                next += 1;
            }
        }
        wanted
    }

    /// Looks at each member once.
    pub(crate) fn among(&self, members: &Members<'_>) -> FoundFields<'_> {
        FoundFields {
            wanted: self,
            fields: self.names.among(members),
        }
    }
}

impl Names {
    fn add(&mut self, path: &'static str, field: u64) {
        self.named(path).fields |= field;
        for (dot, _) in path.match_indices('.') {
            self.named(&path[..dot]).within.add(&path[dot + 1..], field);
        }
    }

    fn named(&mut self, text: &'static str) -> &mut Name {
        let at = match self.0.iter().position(|name| name.text == text) {
            Some(at) => at,
            None => {
                let at = self.0.partition_point(|name| name.text.len() <= text.len());
                let name = Name {
                    text,
                    fields: 0,
                    within: Names::default(),
                };
                self.0.insert(at, name);
                at
            }
        };
        &mut self.0[at]
    }

    fn among(&self, members: &Members<'_>) -> u64 {
        let mut fields = 0;
        for (name, node) in members {
            let Some(known) = self.get(name) else {
                continue;
            };
            fields |= known.fields;
            if let Node::Object(members) = node
                && !known.within.0.is_empty()
            {
                fields |= known.within.among(members);
            }
        }
        fields
    }

    /// Lengths tell most names apart, first bytes most of the others.
    fn get(&self, text: &str) -> Option<&Name> {
        let first = text.as_bytes().first();
        self.0
            .iter()
            .skip_while(|name| name.text.len() < text.len())
            .take_while(|name| name.text.len() == text.len())
            .find(|name| name.text.as_bytes().first() == first && name.text == text)
    }
}

impl<'w> FoundFields<'w> {
    /// The paths of a group that lead to something, in their order.
    pub(crate) fn of(self, group: usize) -> impl Iterator<Item = &'static str> + 'w {
        let group = &self.wanted.groups[group];
        let bits = group.first..;
        let paths = group.paths.iter().zip(bits);
        paths.filter_map(move |(path, bit)| (self.fields >> bit & 1 == 1).then_some(*path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::json_fields;
    use crate::decode::json_tree;
    use crate::room::Room;

    const FIRST: &[&str] = &["a.b.c", "a.b", "a", ""];
    const SECOND: &[&str] = &["a.c", "b", "c.d"];

    #[test]
    fn what_is_found_by_path_is_found_in_one_pass() {
        let wanted = WantedFields::of([FIRST, SECOND]);
        for text in [
            "{}",
            r#"{"a":{"b":{"c":1}}}"#,
            r#"{"a":{"b":{"d":1}}}"#,
            r#"{"a.b":{"c":1},"b":2}"#,
            r#"{"a":{"b.c":1,"c":null}}"#,
            r#"{"a.b.c":1,"":2}"#,
            r#"{"a":"x","a.c":[{"b":1}],"c":{"d.":1}}"#,
            r#"{"x":{"a":1},"aa":1,"c.d":1}"#,
        ] {
            let tree = json_tree::parse(text.as_bytes(), &mut Room::default());
            let Ok(Node::Object(members)) = tree else {
                panic!("{text} is an object")
            };
            let found = wanted.among(&members);
            for (at, paths) in [FIRST, SECOND].into_iter().enumerate() {
                let by_path = paths.iter().copied();
                let by_path = by_path.filter(|path| json_fields::find(&members, path).is_some());
                let expected: Vec<&str> = by_path.collect();
                assert_eq!(found.of(at).collect::<Vec<_>>(), expected, "{text}");
            }
        }
    }
}
