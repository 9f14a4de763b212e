//! The first bytes of a line tell whether its form may be a known one, before anything is parsed.
//!
//! Asked of every line while it is decoded and at hand; what may be known is read later, in `forms`.

/// How a line that Hubble exports begins.
const HUBBLE: &[u8] = b"{\"flow\":{";

/// Bytes within which the first name of an access log ends.
const NAME_BYTES_MAX: usize = 40;

/// A form of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// An access log of Envoy or Istio, as text: `[2026-11-30T21:53:27.278Z] "`.
    AccessText,
    /// The same in JSON: it begins with one of Istio's names.
    AccessJson,
    /// A flow of Hubble.
    Hubble,
}

/// The form that a line may have, and no other.
#[inline]
pub(crate) fn form_of(line: &[u8]) -> Option<Form> {
    match line {
        [b'{', b'"', b'f', ..] => line.starts_with(HUBBLE).then_some(Form::Hubble),
        [b'{', b'"', rest @ ..] => begins_access_json(rest).then_some(Form::AccessJson),
        [b'[', ..] => begins_access_text(line).then_some(Form::AccessText),
        _ => None,
    }
}

fn begins_access_text(line: &[u8]) -> bool {
    match line.get(..28) {
        Some(head) => {
            (head[5], head[11], head[24], head[25]) == (b'-', b'T', b'Z', b']')
                && head[26..28] == *b" \""
        }
        None => false,
    }
}

fn begins_access_json(rest: &[u8]) -> bool {
    if !matches!(
        rest.first(),
        Some(b'a'..=b'd' | b'm' | b'p' | b'r'..=b'u' | b'x')
    ) {
        return false;
    }
    let head = &rest[..rest.len().min(NAME_BYTES_MAX)];
    let Some(end) = memchr::memchr(b'"', head) else {
        return false;
    };
    matches!(
        &head[..end],
        b"authority"
            | b"bytes_received"
            | b"bytes_sent"
            | b"connection_termination_details"
            | b"downstream_local_address"
            | b"downstream_remote_address"
            | b"duration"
            | b"method"
            | b"path"
            | b"protocol"
            | b"request_id"
            | b"requested_server_name"
            | b"response_code"
            | b"response_code_details"
            | b"response_flags"
            | b"route_name"
            | b"start_time"
            | b"traceparent"
            | b"upstream_cluster"
            | b"upstream_host"
            | b"upstream_local_address"
            | b"upstream_service_time"
            | b"upstream_transport_failure_reason"
            | b"user_agent"
            | b"x_forwarded_for"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell() {
        for (line, want) in [
            ("[2026-11-30T21:53:27.278Z] \"GET", Some(Form::AccessText)),
            ("[2026-11-30T21:53:27.278Z] GET /", None),
            ("[warn] \"x\"", None),
            ("{\"authority\":\"a\"", Some(Form::AccessJson)),
            ("{\"x_forwarded_for\":", Some(Form::AccessJson)),
            ("{\"author\":\"a\"", None),
            ("{\"msg\":\"a\"", None),
            ("{\"method", None),
            ("{\"flow\":{\"time\":", Some(Form::Hubble)),
            ("{\"flow\":5}", None),
            ("{}", None),
            ("", None),
        ] {
            assert_eq!(form_of(line.as_bytes()), want, "{line}");
        }
    }
}
