//! The patterns section of a part encodes templates as bytes; README.md describes it.
//!
//! Its varints are its own: they follow the block format, but this crate should not depend on it.

use crate::template::{Format, Pattern, SAMPLES_MAX, Template, known_level};

/// Version of the layout.
const VERSION: u8 = 1;

/// The patterns of one stream of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamPatterns {
    /// Number of the stream in the part.
    pub stream: u32,
    /// Those with the most lines first.
    pub patterns: Vec<Pattern>,
}

/// The plain bytes of a section; streams ascend.
pub fn encode(streams: &[StreamPatterns]) -> Vec<u8> {
    let mut out = vec![VERSION];
    put(&mut out, streams.len() as u64);
    for StreamPatterns { stream, patterns } in streams {
        put(&mut out, u64::from(*stream));
        put(&mut out, patterns.len() as u64);
        for pattern in patterns {
            put_pattern(&mut out, pattern);
        }
    }
    out
}

fn put_pattern(out: &mut Vec<u8>, pattern: &Pattern) {
    out.push(match pattern.template.format {
        Format::Text => 0,
        Format::Logfmt => 1,
        Format::Json => 2,
    });
    put_text(out, pattern.level);
    put(out, pattern.template.tokens.len() as u64);
    for (token, spaces) in pattern.template.tokens.iter().zip(&pattern.template.spaces) {
        put_text(out, token);
        out.push(*spaces);
    }
    put(out, pattern.slot_seconds as u64);
    put(out, pattern.samples.len() as u64);
    let mut last = 0;
    for (second, count) in &pattern.samples {
        let slot = second.div_euclid(pattern.slot_seconds);
        put(out, zigzag(slot - last));
        put(out, *count);
        last = slot;
    }
}

/// Reads what [`encode`] made; `None` for anything else.
pub fn decode(mut bytes: &[u8]) -> Option<Vec<StreamPatterns>> {
    let bytes = &mut bytes;
    if get_byte(bytes)? != VERSION {
        return None;
    }
    let mut streams = Vec::new();
    for _ in 0..get(bytes)? {
        let stream = u32::try_from(get(bytes)?).ok()?;
        let mut patterns = Vec::new();
        for _ in 0..get(bytes)? {
            patterns.push(get_pattern(bytes)?);
        }
        streams.push(StreamPatterns { stream, patterns });
    }
    bytes.is_empty().then_some(streams)
}

fn get_pattern(bytes: &mut &[u8]) -> Option<Pattern> {
    let format = match get_byte(bytes)? {
        0 => Format::Text,
        1 => Format::Logfmt,
        2 => Format::Json,
        _ => return None,
    };
    let level = known_level(get_text(bytes)?);
    let (mut tokens, mut spaces) = (Vec::new(), Vec::new());
    for _ in 0..get(bytes)? {
        tokens.push(get_text(bytes)?.into());
        spaces.push(get_byte(bytes)?);
    }
    let slot_seconds = i64::try_from(get(bytes)?).ok().filter(|width| *width > 0)?;
    let count = get(bytes)?;
    if count > SAMPLES_MAX as u64 {
        return None;
    }
    let (mut samples, mut slot) = (Vec::new(), 0i64);
    for _ in 0..count {
        slot = slot.checked_add(unzigzag(get(bytes)?))?;
        samples.push((slot.checked_mul(slot_seconds)?, get(bytes)?));
    }
    Some(Pattern {
        template: Template {
            format,
            tokens,
            spaces,
        },
        level,
        slot_seconds,
        samples,
    })
}

fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn get_byte(bytes: &mut &[u8]) -> Option<u8> {
    let (first, rest) = bytes.split_first()?;
    *bytes = rest;
    Some(*first)
}

fn get(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = get_byte(bytes)?;
        number |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

fn get_text<'a>(bytes: &mut &'a [u8]) -> Option<&'a str> {
    let length = usize::try_from(get(bytes)?).ok()?;
    let (text, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    std::str::from_utf8(text).ok()
}

fn zigzag(number: i64) -> u64 {
    (number.wrapping_shl(1) ^ (number >> 63)) as u64
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StreamMiner;

    fn section() -> Vec<StreamPatterns> {
        let stream = |stream: u32, from: i64| {
            let mut miner = StreamMiner::default();
            for i in from..from + 50 {
                miner.add(
                    i * 7,
                    if i % 2 == 0 { "info" } else { "warn" },
                    format!("item {i} was {i} ß").as_bytes(),
                    3,
                );
            }
            StreamPatterns {
                stream,
                patterns: miner.finish(),
            }
        };
        vec![stream(0, -20), stream(9, 1_772_323_200)]
    }

    #[test]
    fn a_section_reads_back() {
        assert_eq!(decode(&encode(&section())), Some(section()));
        assert_eq!(decode(&encode(&[])), Some(Vec::new()));
    }

    #[test]
    fn damaged_bytes_are_refused_or_read_and_never_panic() {
        let good = encode(&section());
        for at in 0..good.len() {
            assert_eq!(decode(&good[..at]), None, "truncated at {at}");
            let mut bytes = good.clone();
            bytes[at] ^= 0x55;
            decode(&bytes);
        }
    }
}
