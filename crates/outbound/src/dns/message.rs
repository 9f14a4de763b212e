//! DNS messages: a question for SRV records, and the answer to it.

/// Where a service is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Srv {
    /// Its host, without the dot at the end; empty says that the service is not there.
    pub(crate) target: String,
    /// Its port.
    pub(crate) port: u16,
}

/// What a server said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// The records of the name; none when it has none of this kind.
    Records(Vec<Srv>),
    /// There is no such name.
    NoName,
    /// The answer is too long for a datagram.
    Truncated,
    /// The server can't say; its code.
    Failed(u8),
}

const HEADER_BYTES: usize = 12;
/// Longest name in a message, and most jumps that its labels take.
const NAME_BYTES_MAX: usize = 255;
const JUMPS_MAX: usize = 32;
const LABEL_BYTES_MAX: usize = 63;
const SRV: u16 = 33;
const INTERNET: u16 = 1;

/// A question for the SRV records of a name; an error when it is no name.
pub(super) fn question(id: u16, name: &str) -> Result<Vec<u8>, String> {
    let mut bytes = id.to_be_bytes().to_vec();
    // One question; recursion is asked for.
    bytes.extend_from_slice(&[1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.trim_end_matches('.').split('.') {
        let length = u8::try_from(label.len())
            .ok()
            .filter(|length| (1..=LABEL_BYTES_MAX).contains(&usize::from(*length)));
        bytes.push(length.ok_or_else(|| format!("{name:?} is no name"))?);
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.push(0);
    if bytes.len() - HEADER_BYTES > NAME_BYTES_MAX {
        return Err(format!("{name:?} is too long for a name"));
    }
    bytes.extend_from_slice(&SRV.to_be_bytes());
    bytes.extend_from_slice(&INTERNET.to_be_bytes());
    Ok(bytes)
}

/// Reads the answer to a question; `None` when these bytes are none.
pub(super) fn reply(bytes: &[u8], question: &[u8]) -> Option<Reply> {
    let asked = question.get(HEADER_BYTES..)?;
    let is_answer = bytes.get(..2)? == question.get(..2)? && bytes.get(2)? & 0x80 != 0;
    let echoed = bytes.get(HEADER_BYTES..HEADER_BYTES + asked.len())?;
    if !is_answer || u16_at(bytes, 4)? != 1 || !echoed.eq_ignore_ascii_case(asked) {
        return None;
    }
    match bytes.get(3)? & 0x0f {
        0 => {}
        3 => return Some(Reply::NoName),
        code => return Some(Reply::Failed(code)),
    }
    if bytes.get(2)? & 0x02 != 0 {
        return Some(Reply::Truncated);
    }
    let mut at = HEADER_BYTES + asked.len();
    let mut records = Vec::new();
    for _ in 0..u16_at(bytes, 6)? {
        at = name(bytes, at)?.1;
        let (kind, class) = (u16_at(bytes, at)?, u16_at(bytes, at + 2)?);
        let length = usize::from(u16_at(bytes, at + 8)?);
        let data = at + 10;
        bytes.get(data..data + length)?;
        // Other kinds are the names that this one stands for.
        if (kind, class) == (SRV, INTERNET) {
            let (target, _) = name(bytes, data + 6)?;
            records.push(Srv {
                target,
                port: u16_at(bytes, data + 4)?,
            });
        }
        at = data + length;
    }
    Some(Reply::Records(records))
}

/// The name at a place, and the place behind it.
fn name(bytes: &[u8], mut at: usize) -> Option<(String, usize)> {
    let (mut text, mut end, mut jumps) = (String::new(), None, 0);
    loop {
        let length = usize::from(*bytes.get(at)?);
        match length {
            0 => return Some((text, end.unwrap_or(at + 1))),
            1..=LABEL_BYTES_MAX => {
                let label = std::str::from_utf8(bytes.get(at + 1..at + 1 + length)?).ok()?;
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(label);
                if text.len() > NAME_BYTES_MAX {
                    return None;
                }
                at += 1 + length;
            }
            0xc0.. => {
                end.get_or_insert(at + 2);
                at = usize::from(u16_at(bytes, at)? & 0x3fff);
                jumps += 1;
                if jumps > JUMPS_MAX {
                    return None;
                }
            }
            _ => return None,
        }
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An answer with a CNAME and two SRV records, one of whose targets is compressed.
    fn answer() -> (Vec<u8>, Vec<u8>) {
        let question = question(7, "_web._tcp.a.example.").expect("a name");
        let mut bytes = question.clone();
        bytes[2..4].copy_from_slice(&[0x81, 0x80]);
        bytes[7] = 3;
        bytes.extend_from_slice(&[0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 9, 0, 2, 0xc0, 12]);
        bytes.extend_from_slice(&[
            0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 9, 0, 11, 0, 1, 0, 2, 0x23, 0x85, 2, b'a', b'm', 0xc0,
            22,
        ]);
        bytes.extend_from_slice(&[
            0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 9, 0, 7, 0, 1, 0, 2, 0, 80, 0,
        ]);
        (question, bytes)
    }

    #[test]
    fn records_are_read_with_compressed_names() {
        let (question, bytes) = answer();
        let expected = vec![
            Srv {
                target: "am.a.example".to_owned(),
                port: 9093,
            },
            Srv {
                target: String::new(),
                port: 80,
            },
        ];
        assert_eq!(reply(&bytes, &question), Some(Reply::Records(expected)));
    }

    #[test]
    fn only_an_answer_to_the_question_counts() {
        let (question, bytes) = answer();
        let with = |at: usize, byte: u8| {
            let mut other = bytes.clone();
            other[at] = byte;
            reply(&other, &question)
        };
        assert_eq!(with(0, 9), None, "another id");
        assert_eq!(with(2, 0x01), None, "a question");
        assert_eq!(with(14, b'x'), None, "of another name");
        assert_eq!(with(3, 0x83), Some(Reply::NoName));
        assert_eq!(with(3, 0x82), Some(Reply::Failed(2)));
        assert_eq!(with(2, 0x83), Some(Reply::Truncated));
        assert_eq!(reply(&bytes[..bytes.len() - 1], &question), None);
        // A name that jumps to itself has no end.
        let mut endless = bytes.clone();
        let last = endless.len() - 1;
        endless[last] = 0xc0;
        endless.push(last as u8);
        endless[last - 7] = 8;
        assert_eq!(reply(&endless, &question), None);
    }

    #[test]
    fn names_have_labels_of_1_to_63_bytes() {
        for bad in ["", "a..b", &"x".repeat(64), &"x.".repeat(200)] {
            assert!(question(1, bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(mut bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let (question, good) = answer();
            let head = good.len().min(bytes.len()).min(45);
            bytes[..head].copy_from_slice(&good[..head]);
            let _ = reply(&bytes, &question);
        }
    }
}
