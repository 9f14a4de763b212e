//! The .proto files and the Rust types written by hand say the same: names, numbers and kinds of
//! all fields.

use std::collections::BTreeMap;

/// Kind, name and number of a field.
type Field = (String, String, u32);

/// Fields by message. Members of a oneof count as fields of its message.
type Messages = BTreeMap<String, Vec<Field>>;

const PROTO_FILES: [&str; 4] = [
    include_str!("../../../../proto/logproto/push.proto"),
    include_str!("../../../../proto/opentelemetry/logs.proto"),
    include_str!("../../../../proto/google/protobuf/timestamp.proto"),
    include_str!("../../../../proto/google/rpc/status.proto"),
];

fn read_proto(text: &str, messages: &mut Messages) {
    let mut message = String::new();
    let code = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default().trim());
    for line in code {
        let words: Vec<&str> = line
            .split([' ', ';'])
            .filter(|word| !word.is_empty())
            .collect();
        match words.as_slice() {
            ["message", name, "{"] => message = (*name).to_owned(),
            [kind @ .., name, "=", number] if !message.is_empty() => {
                let number = number.parse().expect("field number");
                let kind = kind.join(" ");
                messages.entry(message.clone()).or_default().push((
                    kind,
                    (*name).to_owned(),
                    number,
                ));
            }
            _ => {}
        }
    }
}

/// Reads `#[prost(…, tag = "1")]` and the field under it. A oneof's enum is named in `oneofs` with
/// its message.
fn read_rust(text: &str, oneofs: &[(&str, &str)]) -> Messages {
    let mut messages = Messages::new();
    let (mut message, mut attribute) = (String::new(), None);
    for line in text.lines().map(str::trim) {
        if let Some(name) = line
            .strip_prefix("pub struct ")
            .or_else(|| line.strip_prefix("pub enum "))
        {
            let name = name.trim_end_matches(" {");
            message = oneofs
                .iter()
                .find(|(of, _)| *of == name)
                .map_or(name, |(_, message)| message)
                .to_owned();
        } else if let Some(inner) = line.strip_prefix("#[prost(") {
            attribute =
                Some(inner.trim_end_matches(")]").to_owned()).filter(|a| a.contains("tag = "));
        } else if let Some(attribute) = attribute.take() {
            let (kind, number) = attribute.split_once("tag = ").expect("a tag");
            let number = number.trim_matches('"').parse().expect("field number");
            messages.entry(message.clone()).or_default().push((
                kind.to_owned(),
                line.to_owned(),
                number,
            ));
        }
    }
    messages
}

/// The .proto kind that a Rust field's attribute and declaration stand for, and its name in the
/// .proto.
fn as_proto(attribute: &str, declaration: &str) -> (Vec<String>, String) {
    let (name, rust_type) = declaration
        .trim_start_matches("pub ")
        .trim_end_matches(',')
        .split_once([':', '('])
        .expect("a field");
    let name = if attribute.contains("oneof") || name.starts_with(char::is_uppercase) {
        snake(name)
    } else {
        name.to_owned()
    };
    let inner = rust_type
        .trim()
        .trim_end_matches(')')
        .trim_start_matches("Option<")
        .trim_start_matches("Vec<")
        .trim_end_matches('>');
    let scalar = attribute.split([',', ' ']).next().unwrap_or_default();
    let repeated = if attribute.contains("repeated") {
        "repeated "
    } else {
        ""
    };
    match scalar {
        // Strings of a push are bytes in Rust because clients send what is no UTF-8.
        "bytes" => (vec!["bytes".to_owned(), "string".to_owned()], name),
        "message" => (
            vec![
                format!("{repeated}{inner}"),
                format!("google.protobuf.{inner}"),
            ],
            name,
        ),
        _ => (vec![format!("{repeated}{scalar}")], name),
    }
}

fn snake(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

#[test]
fn rust_types_mirror_the_proto_files() {
    let mut proto = Messages::new();
    PROTO_FILES
        .iter()
        .for_each(|text| read_proto(text, &mut proto));
    let rust = read_rust(
        include_str!("../../src/decode/proto_types.rs"),
        &[("Any", "AnyValue")],
    );
    assert!(proto.len() > 12, "{proto:?}");
    assert_eq!(
        proto.keys().collect::<Vec<_>>(),
        rust.keys().collect::<Vec<_>>()
    );
    for (message, fields) in &proto {
        let mirrored = &rust[message];
        assert_eq!(fields.len(), mirrored.len(), "{message}");
        for ((kind, name, number), (attribute, declaration, tag)) in fields.iter().zip(mirrored) {
            let (kinds, rust_name) = as_proto(attribute, declaration);
            assert_eq!((name, number), (&rust_name, tag), "{message}");
            assert!(
                kinds.contains(kind),
                "{message}.{name} is {kind} in .proto and {kinds:?} in Rust"
            );
        }
    }
}
