//! Truncation of audit events that are too large for a line: their objects go, the rest stays JSON.
//!
//! As the API server's own truncation has it (`--audit-webhook-truncate-enabled`): an event loses
//! `requestObject` and `responseObject`, and an annotation says so.

use crate::decode::json_members::{Members, Value};
use crate::decode::json_reader::{JsonError, Scanner};

/// The annotation of an event that lost its objects.
pub(super) const TRUNCATED: &[u8] = b"audit.k8s.io/truncated";

/// The annotation with its value, as a member.
const ANNOTATION: &[u8] = br#""audit.k8s.io/truncated":"true""#;

/// An event, an object with its braces, without the objects of request and response, and annotated;
/// `None` when it has neither.
pub(super) fn without_objects(event: &[u8]) -> Result<Option<Vec<u8>>, JsonError> {
    let mut scanner = Scanner::new(event);
    scanner.expect(b'{')?;
    let (mut out, mut first) = (vec![b'{'], true);
    let (mut lost, mut annotated) = (false, false);
    while scanner.next_item(b'}', &mut first)? {
        scanner.peek();
        let start = scanner.place().1;
        let name = scanner.string()?;
        scanner.expect(b':')?;
        let value = scanner.value()?;
        match &*name {
            b"requestObject" | b"responseObject" => {
                lost = true;
                continue;
            }
            b"annotations" if value != b"null" => {
                annotated = true;
                next_member(&mut out);
                out.extend_from_slice(b"\"annotations\":");
                annotate(&mut out, value)?;
            }
            b"annotations" => {}
            _ => {
                next_member(&mut out);
                out.extend_from_slice(&event[start..scanner.place().1]);
            }
        }
    }
    if !annotated {
        next_member(&mut out);
        out.extend_from_slice(b"\"annotations\":{");
        out.extend_from_slice(ANNOTATION);
        out.push(b'}');
    }
    out.push(b'}');
    Ok(lost.then_some(out))
}

fn next_member(out: &mut Vec<u8>) {
    if out.len() > 1 {
        out.push(b',');
    }
}

/// Appends annotations with one more, first as their names are in order; what is no object stays as
/// it is.
fn annotate(out: &mut Vec<u8>, annotations: &[u8]) -> Result<(), JsonError> {
    let Value::Object(object) = Value::of(annotations)? else {
        out.extend_from_slice(annotations);
        return Ok(());
    };
    let (mut members, mut count, mut known) = (Members::of(object)?, 0, false);
    while let Some((name, _)) = members.next()? {
        known |= &*name == TRUNCATED;
        count += 1;
    }
    if known {
        out.extend_from_slice(object);
        return Ok(());
    }
    out.push(b'{');
    out.extend_from_slice(ANNOTATION);
    if count > 0 {
        out.push(b',');
    }
    out.extend_from_slice(&object[1..]);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(event: &str, expected: Option<&str>) {
        let found = without_objects(event.as_bytes()).expect("the event is JSON");
        let found = found.map(|text| String::from_utf8(text).expect("UTF-8"));
        assert_eq!(found.as_deref(), expected, "{event}");
        if let Some(text) = found {
            let tree: serde_json::Value = serde_json::from_str(&text).expect("JSON");
            assert_eq!(tree["annotations"]["audit.k8s.io/truncated"], "true");
        }
    }

    #[test]
    fn objects_go_and_an_annotation_says_so() {
        check(
            r#"{ "auditID" : "a" , "requestObject":{"a":[1,"}"]},"verb":"get","responseObject":null}"#,
            Some(
                r#"{"auditID" : "a","verb":"get","annotations":{"audit.k8s.io/truncated":"true"}}"#,
            ),
        );
        check(
            r#"{"requestObject":1,"annotations":{"b":"c"}}"#,
            Some(r#"{"annotations":{"audit.k8s.io/truncated":"true","b":"c"}}"#),
        );
        check(
            r#"{"annotations":{ },"requestObject":1}"#,
            Some(r#"{"annotations":{"audit.k8s.io/truncated":"true" }}"#),
        );
        check(
            r#"{"annotations":null,"responseObject":{},"x":2}"#,
            Some(r#"{"x":2,"annotations":{"audit.k8s.io/truncated":"true"}}"#),
        );
        check(
            r#"{"annotations":{"audit.k8s.io/truncated":"true"},"responseObject":{}}"#,
            Some(r#"{"annotations":{"audit.k8s.io/truncated":"true"}}"#),
        );
    }

    #[test]
    fn what_has_no_objects_stays_as_it_is() {
        check(r#"{"auditID":"a","objectRef":{"requestObject":1}}"#, None);
        check("{}", None);
        for broken in ["{\"a\"", "[]", "{\"requestObject\":}"] {
            assert!(without_objects(broken.as_bytes()).is_err(), "{broken}");
        }
    }
}
