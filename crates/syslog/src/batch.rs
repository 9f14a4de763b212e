//! A batch of frames in one body, as a listener hands it on: never stored, never sent.
//!
//! ```text
//! body  = i64 arrival, zone labels { frame }
//! zone  = u8 length, name
//! labels = u8 count, { u16 length, name, u32 length, value }
//! frame = u32 length, u16 repeat, u8 flags (1 truncated), u8 address length (0, 4, 16), address, bytes
//! ```
//!
//! Numbers are little-endian. `repeat` counts equal frames that came shortly before.

use std::net::{IpAddr, Ipv6Addr};

/// Bytes of a frame beside its own.
pub const FRAME_HEAD_BYTES: usize = 8 + 16;

/// Longest name of a zone, in bytes.
const ZONE_BYTES_MAX: usize = 255;

/// A message was longer than the limit.
const TRUNCATED: u8 = 1;

/// One message as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The message.
    pub bytes: &'a [u8],
    /// Who sent it.
    pub address: Option<IpAddr>,
    /// How many equal ones came shortly before.
    pub repeat: u16,
    /// Whether its end is missing.
    pub truncated: bool,
}

/// What a listener says of all its messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// The zone of times without one, by its name ([`crate::zone::zone_named`]).
    pub zone: String,
    /// Labels that every message gets.
    pub labels: Vec<(String, String)>,
    /// When the first of them came, in nanoseconds since 1970.
    pub arrival: i64,
}

/// A body that is no batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the batch of frames is broken")]
pub struct BatchError;

impl Context {
    /// The start of a body.
    pub fn encode(&self) -> Vec<u8> {
        let zone = &self.zone.as_bytes()[..self.zone.len().min(ZONE_BYTES_MAX)];
        let mut body = self.arrival.to_le_bytes().to_vec();
        body.push(zone.len() as u8);
        body.extend_from_slice(zone);
        let labels = &self.labels[..self.labels.len().min(usize::from(u8::MAX))];
        body.push(labels.len() as u8);
        for (name, value) in labels {
            let name = &name.as_bytes()[..name.len().min(usize::from(u16::MAX))];
            body.extend_from_slice(&(name.len() as u16).to_le_bytes());
            body.extend_from_slice(name);
            body.extend_from_slice(&(value.len() as u32).to_le_bytes());
            body.extend_from_slice(value.as_bytes());
        }
        body
    }
}

/// Writes into a body when the first of its frames came, in nanoseconds since 1970.
pub fn set_arrival(body: &mut [u8], arrival: i64) {
    if let Some(start) = body.first_chunk_mut() {
        *start = arrival.to_le_bytes();
    }
}

impl Frame<'_> {
    /// Appends the frame to a body.
    pub fn append_to(&self, body: &mut Vec<u8>) {
        body.extend_from_slice(&(self.bytes.len() as u32).to_le_bytes());
        body.extend_from_slice(&self.repeat.to_le_bytes());
        body.push(if self.truncated { TRUNCATED } else { 0 });
        match self.address {
            None => body.push(0),
            Some(IpAddr::V4(address)) => {
                body.push(4);
                body.extend_from_slice(&address.octets());
            }
            Some(IpAddr::V6(address)) => {
                body.push(16);
                body.extend_from_slice(&address.octets());
            }
        }
        body.extend_from_slice(self.bytes);
    }
}

/// Reads a body from its start to its end.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    rest: &'a [u8],
}

impl<'a> Batch<'a> {
    /// The context of a body, and its frames.
    pub fn open(body: &'a [u8]) -> Result<(Context, Batch<'a>), BatchError> {
        let mut batch = Batch { rest: body };
        let arrival = i64::from_le_bytes(batch.array()?);
        let zone = batch.byte()?;
        let zone = batch.text(usize::from(zone))?;
        let count = batch.byte()?;
        let mut labels = Vec::with_capacity(usize::from(count));
        for _ in 0..count {
            let length = u16::from_le_bytes(batch.array()?);
            let name = batch.text(usize::from(length))?;
            let length = u32::from_le_bytes(batch.array()?);
            labels.push((name, batch.text(length as usize)?));
        }
        let context = Context {
            zone,
            labels,
            arrival,
        };
        Ok((context, batch))
    }

    /// The next frame; `None` at the end.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'a>>, BatchError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let length = u32::from_le_bytes(self.array()?) as usize;
        let repeat = u16::from_le_bytes(self.array()?);
        let flags = self.byte()?;
        let address = match self.byte()? {
            0 => None,
            4 => Some(IpAddr::from(self.array::<4>()?)),
            16 => Some(IpAddr::V6(Ipv6Addr::from(self.array::<16>()?))),
            _ => return Err(BatchError),
        };
        Ok(Some(Frame {
            bytes: self.bytes(length)?,
            address,
            repeat,
            truncated: flags & TRUNCATED != 0,
        }))
    }

    fn bytes(&mut self, count: usize) -> Result<&'a [u8], BatchError> {
        let (bytes, rest) = self.rest.split_at_checked(count).ok_or(BatchError)?;
        self.rest = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], BatchError> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(BatchError)?;
        self.rest = rest;
        Ok(*bytes)
    }

    fn byte(&mut self) -> Result<u8, BatchError> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn text(&mut self, count: usize) -> Result<String, BatchError> {
        let text = std::str::from_utf8(self.bytes(count)?).map_err(|_| BatchError)?;
        Ok(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_gives_back_what_was_put_into_it() {
        let context = Context {
            zone: "Europe/Berlin".to_owned(),
            labels: vec![("site".to_owned(), "örebro".to_owned())],
            arrival: 77,
        };
        let frames = [
            Frame {
                bytes: b"<1>a",
                address: None,
                repeat: 0,
                truncated: false,
            },
            Frame {
                bytes: b"",
                address: Some([10, 0, 0, 1].into()),
                repeat: 7,
                truncated: true,
            },
            Frame {
                bytes: b"\0\n",
                address: Some(Ipv6Addr::LOCALHOST.into()),
                repeat: u16::MAX,
                truncated: false,
            },
        ];
        let mut body = Context {
            arrival: 0,
            ..context.clone()
        }
        .encode();
        set_arrival(&mut body, 77);
        let mut ends = Vec::new();
        for frame in &frames {
            ends.push(body.len());
            frame.append_to(&mut body);
        }
        let (read, mut batch) = Batch::open(&body).expect("a batch");
        assert_eq!(read, context);
        for frame in frames {
            assert_eq!(batch.next_frame(), Ok(Some(frame)));
        }
        assert_eq!(batch.next_frame(), Ok(None));
        for end in 0..body.len() {
            let read = Batch::open(&body[..end]).and_then(|(_, mut batch)| {
                while batch.next_frame()?.is_some() {}
                Ok(())
            });
            // Between frames a body may end.
            assert_eq!(read.is_ok(), ends.contains(&end), "{end}");
        }
    }
}
