//! The body of a push is decompressed here, within size caps, and its media type read.
//!
//! Nothing is allocated on the word of a header that the body can't keep, and nothing grows past
//! the cap.

use crate::limits::IngestLimits;
use crate::rejection::BodyError;
use crate::room::Room;
use std::io::Read;

/// Most encodings one body may be wrapped in.
const ENCODINGS_MAX: usize = 3;

/// A snappy block grows at most by this: three bytes copy up to 64.
const SNAPPY_GROWTH_MAX: usize = 22;

/// What a framed snappy stream begins with: its identifier.
const SNAPPY_FRAMES_BEGIN: &[u8] = b"\xff\x06\x00\x00sNaPpY";

/// Bytes that a decompressed body begins with.
const FIRST_BYTES: usize = 64 << 10;

/// What a decompressed body that is full grows to, in percent.
const GROWTH_PERCENT: usize = 150;

/// Buffers of an lz4 decoder with the largest blocks there are, in bytes.
const LZ4_BUFFER_BYTES: usize = 12 << 20;

/// Smallest window of a zstd decoder, as a power of two: what its own buffers take anyway.
const ZSTD_WINDOW_LOG_MIN: u32 = 18;

/// Largest window of a zstd decoder: the library's own bound.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;

/// What the media type says a push is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Json,
    Protobuf,
}

/// The media type without parameters, lower-cased; an error in Go's words when there is none.
pub(crate) fn media_type(content_type: Option<&str>) -> Result<String, BodyError> {
    let media = content_type
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let is_token = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|b| b.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(&b))
    };
    match media.split_once('/') {
        _ if media.is_empty() => Err(BodyError::malformed("mime: no media type")),
        None if is_token(&media) => Ok(media),
        Some((kind, sub)) if is_token(kind) && is_token(sub) => Ok(media),
        Some((kind, "")) if is_token(kind) => {
            Err(BodyError::malformed("mime: expected token after slash"))
        }
        _ => Err(BodyError::malformed(
            "mime: unexpected content after media type",
        )),
    }
}

/// Which message a Loki push holds: anything that is not JSON by its type is protobuf, as in Loki.
pub(crate) fn shape(content_type: Option<&str>) -> Shape {
    match media_type(content_type).as_deref() {
        Ok("application/json") => Shape::Json,
        _ => Shape::Protobuf,
    }
}

/// The error of a body that was taken for protobuf and is no snappy: names the content type when
/// that is why.
pub(crate) fn blame_content_type(error: BodyError, content_type: Option<&str>) -> BodyError {
    if error != BodyError::NotSnappy {
        return error;
    }
    match media_type(content_type).as_deref() {
        Err(unusable) => unusable.clone(),
        Ok("application/x-protobuf" | "application/protobuf" | "application/x-snappy") => error,
        Ok(other) => BodyError::Malformed(format!(
            "content type {other:?} is not application/json, so the body was read as snappy-compressed protobuf: \
             {error}"
        )),
    }
}

/// One step of decoding a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Gzip,
    Deflate,
    Zstd,
    /// Framed.
    Lz4,
    /// A bare snappy block, as protobuf pushes are.
    SnappyBlock,
    /// Snappy's framed form, as gRPC uses it.
    SnappyFrames,
    /// Snappy in the form its first bytes show: senders call both `snappy`.
    Snappy,
}

/// The encoding a name of `Content-Encoding` stands for.
fn content_encoding(name: &str) -> Option<Encoding> {
    match name.to_ascii_lowercase().as_str() {
        "gzip" | "x-gzip" => Some(Encoding::Gzip),
        "deflate" | "zlib" => Some(Encoding::Deflate),
        "zstd" => Some(Encoding::Zstd),
        "lz4" => Some(Encoding::Lz4),
        "snappy" => Some(Encoding::Snappy),
        "x-snappy-framed" => Some(Encoding::SnappyFrames),
        _ => None,
    }
}

/// The encodings of a body in the order in which they are undone, by all names that HTTP and
/// senders have for them.
pub(crate) fn http_encodings(header: Option<&str>) -> Result<Vec<Encoding>, BodyError> {
    content_encodings(header, &["identity", "none"], |name| {
        format!(
            "content encoding {name:?} is not supported: gzip, deflate, zstd, lz4 and framed snappy are"
        )
    })
}

/// The encodings a header names in the order in which they are undone; `unknown` gives the error
/// for another name.
fn content_encodings(
    header: Option<&str>,
    ignored: &[&str],
    unknown: impl Fn(&str) -> String,
) -> Result<Vec<Encoding>, BodyError> {
    let names = header.unwrap_or_default().split(',').rev().map(str::trim);
    let named = names.filter(|name| {
        !name.is_empty() && !ignored.iter().any(|other| other.eq_ignore_ascii_case(name))
    });
    let encodings: Vec<Encoding> = named
        .map(|name| content_encoding(name).ok_or_else(|| BodyError::Malformed(unknown(name))))
        .collect::<Result<_, _>>()?;
    if encodings.len() > ENCODINGS_MAX {
        return Err(BodyError::malformed("too many content encodings"));
    }
    Ok(encodings)
}

/// The encodings of a Loki push in the order in which they are undone. The `snappy` that some
/// clients name is the block a protobuf push is anyway.
pub(crate) fn loki_encodings(
    header: Option<&str>,
    shape: Shape,
) -> Result<Vec<Encoding>, BodyError> {
    let mut encodings = content_encodings(header, &["identity", "snappy"], |name| {
        format!("Content-Encoding {name:?} not supported")
    })?;
    if shape == Shape::Protobuf {
        encodings.push(Encoding::SnappyBlock);
    }
    Ok(encodings)
}

/// The encodings of an OTLP body: all that a Collector has.
pub(crate) fn otlp_encodings(header: Option<&str>) -> Result<Vec<Encoding>, BodyError> {
    content_encodings(header, &["identity", "none"], |name| {
        format!(
            "unsupported content encoding {name}: only gzip, deflate, zlib, lz4, snappy and zstd are supported"
        )
    })
}

/// The encoding of a gRPC message.
pub(crate) fn grpc_encodings(name: Option<&str>) -> Result<Vec<Encoding>, BodyError> {
    match name.unwrap_or_default() {
        "" | "identity" => Ok(Vec::new()),
        "gzip" => Ok(vec![Encoding::Gzip]),
        "snappy" => Ok(vec![Encoding::SnappyFrames]),
        "zstd" => Ok(vec![Encoding::Zstd]),
        "deflate" => Ok(vec![Encoding::Deflate]),
        name => Err(BodyError::Malformed(format!(
            "grpc-encoding {name:?} not supported"
        ))),
    }
}

/// Refuses a body that is too large as it came.
pub(crate) fn check_received(bytes: usize, limits: &IngestLimits) -> Result<(), BodyError> {
    let max = limits.max_recv_msg_size;
    if bytes > max {
        return Err(BodyError::TooLarge(format!(
            "message size too large than max ({bytes} vs {max})"
        )));
    }
    Ok(())
}

/// Undoes the encodings one after another; the result lies in `buffer` unless there was nothing to
/// undo.
pub(crate) fn decompress<'b>(
    body: &'b [u8],
    encodings: &[Encoding],
    limits: &IngestLimits,
    buffer: &'b mut Vec<u8>,
    room: &mut Room,
) -> Result<&'b [u8], BodyError> {
    let Some((first, others)) = encodings.split_first() else {
        return if body.len() > limits.max_decompressed_size {
            Err(too_large(body.len(), limits))
        } else {
            Ok(body)
        };
    };
    let mut out = Output {
        bytes: buffer,
        limits,
        room,
    };
    out.room.take(out.bytes.capacity())?;
    undo(*first, body, &mut out)?;
    for encoding in others {
        let input = std::mem::take(out.bytes);
        undo(*encoding, &input, &mut out)?;
        out.room.give_back(input.capacity());
    }
    Ok(buffer)
}

/// What comes out of an encoding: within the size caps, and within the room there is.
struct Output<'o> {
    bytes: &'o mut Vec<u8>,
    limits: &'o IngestLimits,
    room: &'o mut Room,
}

impl Output<'_> {
    /// Makes place for `bytes` in all.
    fn grow_to(&mut self, bytes: usize) -> Result<(), BodyError> {
        let before = self.bytes.capacity();
        if before < bytes {
            // What there is moves, and is there twice meanwhile.
            self.room.take(bytes)?;
            self.bytes.reserve_exact(bytes - self.bytes.len());
            self.room.give_back(before);
        }
        Ok(())
    }

    /// Reads to the end, or to the cap.
    fn read(&mut self, mut reader: impl Read, words: &str) -> Result<(), BodyError> {
        let max = self.limits.max_decompressed_size;
        loop {
            if self.bytes.len() == self.bytes.capacity() {
                let grown = (self.bytes.len() * GROWTH_PERCENT / 100).max(FIRST_BYTES);
                self.grow_to(grown.min(max + 1))?;
            }
            let space = self.bytes.capacity() - self.bytes.len();
            match reader.by_ref().take(space as u64).read_to_end(self.bytes) {
                _ if self.bytes.len() > max => {
                    return Err(too_large(self.bytes.len(), self.limits));
                }
                Ok(read) if read < space => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                    return Err(BodyError::malformed("unexpected EOF"));
                }
                Err(error) => return Err(BodyError::Malformed(format!("{words}: {error}"))),
            }
        }
    }
}

fn undo(encoding: Encoding, input: &[u8], out: &mut Output<'_>) -> Result<(), BodyError> {
    out.bytes.clear();
    match encoding {
        Encoding::Gzip => out.read(
            flate2::bufread::MultiGzDecoder::new(input),
            "gzip: invalid header",
        ),
        Encoding::Deflate => undo_deflate(input, out),
        Encoding::Zstd => undo_zstd(input, out),
        Encoding::Lz4 => {
            out.room.take(LZ4_BUFFER_BYTES)?;
            out.read(
                lz4_flex::frame::FrameDecoder::new(input),
                "lz4: invalid input",
            )?;
            out.room.give_back(LZ4_BUFFER_BYTES);
            Ok(())
        }
        Encoding::SnappyBlock => undo_snappy(input, out),
        Encoding::SnappyFrames => out.read(
            snap::read::FrameDecoder::new(input),
            "snappy: corrupt input",
        ),
        Encoding::Snappy => match input.starts_with(SNAPPY_FRAMES_BEGIN) {
            true => undo(Encoding::SnappyFrames, input, out),
            false => undo_snappy(input, out),
        },
    }
}

/// A decoder of zstd keeps the window that the frame asks for; none of a later frame may be larger
/// than that of the first.
fn undo_zstd(input: &[u8], out: &mut Output<'_>) -> Result<(), BodyError> {
    let failed = |error| BodyError::Malformed(format!("zstd: {error}"));
    let window_log = zstd_window_log(input).clamp(ZSTD_WINDOW_LOG_MIN, ZSTD_WINDOW_LOG_MAX);
    out.room.take(1 << window_log)?;
    let mut decoder = zstd::stream::read::Decoder::with_buffer(input).map_err(failed)?;
    decoder.window_log_max(window_log).map_err(failed)?;
    out.read(decoder, "zstd: invalid input")?;
    out.room.give_back(1 << window_log);
    Ok(())
}

/// The window that a zstd frame asks for, as the power of two that holds it (RFC 8878 3.1.1.1); 0
/// when there is no frame.
fn zstd_window_log(input: &[u8]) -> u32 {
    let Some([descriptor, window, ..]) = input.get(4..) else {
        return 0;
    };
    if descriptor & 0x20 != 0 {
        // A single segment: the window is the content, which fits the output or is refused.
        return ZSTD_WINDOW_LOG_MIN;
    }
    let rounded_up = u32::from(window & 7 != 0);
    10 + u32::from(window >> 3) + rounded_up
}

/// HTTP's deflate is zlib's framing around deflate (RFC 9110 8.4.1.2); many clients, and Loki, mean
/// bare deflate.
fn undo_deflate(input: &[u8], out: &mut Output<'_>) -> Result<(), BodyError> {
    const WORDS: &str = "flate: corrupt input";
    let framed =
        has_zlib_header(input).then(|| out.read(flate2::bufread::ZlibDecoder::new(input), WORDS));
    match framed {
        Some(Ok(())) => return Ok(()),
        Some(Err(error @ (BodyError::TooLarge(_) | BodyError::Again(_)))) => return Err(error),
        Some(Err(_)) | None => out.bytes.clear(),
    }
    let bare = out.read(flate2::bufread::DeflateDecoder::new(input), WORDS);
    match framed {
        Some(Err(error)) => bare.map_err(|_| error),
        _ => bare,
    }
}

/// Whether bytes begin as zlib does (RFC 1950): deflate, a window up to 32 KB, a check over both
/// bytes, no dictionary.
fn has_zlib_header(input: &[u8]) -> bool {
    match input {
        [method, flags, ..] => {
            let check = u16::from_be_bytes([*method, *flags]);
            method & 0x0f == 8 && method >> 4 <= 7 && flags & 0x20 == 0 && check.is_multiple_of(31)
        }
        _ => false,
    }
}

fn undo_snappy(input: &[u8], out: &mut Output<'_>) -> Result<(), BodyError> {
    let len = snap::raw::decompress_len(input).map_err(|_| BodyError::NotSnappy)?;
    if input.is_empty() {
        return Err(BodyError::NotSnappy);
    }
    if len > out.limits.max_decompressed_size {
        return Err(too_large(len, out.limits));
    }
    if len > input.len().saturating_mul(SNAPPY_GROWTH_MAX) {
        return Err(BodyError::NotSnappy);
    }
    out.grow_to(len)?;
    out.bytes.resize(len, 0);
    let written = snap::raw::Decoder::new()
        .decompress(input, out.bytes)
        .map_err(|_| BodyError::NotSnappy)?;
    out.bytes.truncate(written);
    Ok(())
}

fn too_large(bytes: usize, limits: &IngestLimits) -> BodyError {
    let max = limits.max_decompressed_size;
    BodyError::TooLarge(format!(
        "decompressed message size too large than max ({bytes} vs {max})"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder
            .write_all(bytes)
            .expect("writing to memory succeeds");
        encoder.finish().expect("writing to memory succeeds")
    }

    fn check(body: &[u8], header: &str, shape: Shape, want: Result<&[u8], &str>) {
        let limits = IngestLimits {
            max_decompressed_size: 1 << 20,
            ..IngestLimits::default()
        };
        let mut buffer = Vec::new();
        let got = loki_encodings(Some(header), shape).and_then(|e| {
            decompress(body, &e, &limits, &mut buffer, &mut Room::default()).map(<[u8]>::to_vec)
        });
        assert_eq!(
            got.as_deref().map_err(ToString::to_string),
            want.map_err(str::to_owned)
        );
        assert!(buffer.capacity() <= 3 << 20, "{}", buffer.capacity());
    }

    #[test]
    fn encodings_are_undone_in_reverse_order() {
        check(b"{}", "", Shape::Json, Ok(b"{}"));
        check(&gzip(b"{}"), "GZIP", Shape::Json, Ok(b"{}"));
        check(&gzip(&gzip(b"{}")), "gzip, gzip", Shape::Json, Ok(b"{}"));
        check(
            &zstd::encode_all(&b"{}"[..], 1).expect("memory"),
            "zstd",
            Shape::Json,
            Ok(b"{}"),
        );
        let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
        lz4.write_all(b"{}").expect("writing to memory succeeds");
        check(
            &lz4.finish().expect("writing to memory succeeds"),
            "lz4",
            Shape::Json,
            Ok(b"{}"),
        );
        let snappy = snap::raw::Encoder::new()
            .compress_vec(b"abc")
            .expect("memory");
        check(&snappy, "snappy", Shape::Protobuf, Ok(b"abc"));
        check(&gzip(&snappy), "gzip", Shape::Protobuf, Ok(b"abc"));
        check(
            b"{}",
            "br",
            Shape::Json,
            Err("Content-Encoding \"br\" not supported"),
        );
        check(
            b"{}",
            "gzip,gzip,gzip,gzip",
            Shape::Json,
            Err("too many content encodings"),
        );
    }

    #[test]
    fn bombs_are_refused_before_they_grow() {
        let bomb = gzip(&vec![0; 64 << 20]);
        let text = "request body too large: decompressed message size too large than max (1048577 vs 1048576)";
        check(&bomb, "gzip", Shape::Json, Err(text));
        let four_gigabytes = [0xff, 0xff, 0xff, 0xff, 0x0f, 0];
        let text = "request body too large: decompressed message size too large than max (4294967295 vs 1048576)";
        check(&four_gigabytes, "", Shape::Protobuf, Err(text));
        check(
            &[0x80, 0x80, 0x20, 0],
            "",
            Shape::Protobuf,
            Err("snappy: corrupt input"),
        );
    }

    #[test]
    fn broken_bodies_are_reported() {
        check(b"", "", Shape::Protobuf, Err("snappy: corrupt input"));
        check(b"{}", "gzip", Shape::Json, Err("unexpected EOF"));
        check(
            &gzip(b"{}")[..12],
            "gzip",
            Shape::Json,
            Err("unexpected EOF"),
        );
    }

    #[test]
    fn otlp_takes_what_a_collector_has() {
        for (header, want) in [
            ("", vec![]),
            ("identity", vec![]),
            ("Deflate", vec![Encoding::Deflate]),
            ("x-gzip", vec![Encoding::Gzip]),
            ("zstd, gzip", vec![Encoding::Gzip, Encoding::Zstd]),
            ("zlib", vec![Encoding::Deflate]),
            ("snappy", vec![Encoding::Snappy]),
            ("x-snappy-framed", vec![Encoding::SnappyFrames]),
            ("none", vec![]),
        ] {
            assert_eq!(otlp_encodings(Some(header)), Ok(want), "{header}");
        }
        let refused = otlp_encodings(Some("br")).expect_err("not an encoding of OTLP");
        assert_eq!(
            refused.to_string(),
            "unsupported content encoding br: only gzip, deflate, zlib, lz4, snappy and zstd are supported"
        );
    }

    #[test]
    fn snappy_is_read_in_blocks_and_in_frames() {
        let block = snap::raw::Encoder::new()
            .compress_vec(b"{}")
            .expect("memory");
        let mut framed = snap::write::FrameEncoder::new(Vec::new());
        framed.write_all(b"{}").expect("writing to memory succeeds");
        let framed = framed.into_inner().expect("writing to memory succeeds");
        let limits = IngestLimits::default();
        for (body, name, want) in [
            (&block, "snappy", true),
            (&framed, "snappy", true),
            (&framed, "x-snappy-framed", true),
            (&block, "x-snappy-framed", false),
        ] {
            let encodings = http_encodings(Some(name)).expect("a known name");
            let mut buffer = Vec::new();
            let room = &mut Room::default();
            let read = decompress(body, &encodings, &limits, &mut buffer, room);
            assert_eq!(read.is_ok_and(|bytes| bytes == b"{}"), want, "{name}");
        }
    }

    fn deflate(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), Default::default());
        encoder
            .write_all(bytes)
            .expect("writing to memory succeeds");
        encoder.finish().expect("writing to memory succeeds")
    }

    fn zlib(bytes: &[u8], level: u32) -> Vec<u8> {
        let level = flate2::Compression::new(level);
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), level);
        encoder
            .write_all(bytes)
            .expect("writing to memory succeeds");
        encoder.finish().expect("writing to memory succeeds")
    }

    #[test]
    fn deflate_is_read_bare_and_in_zlib_framing() {
        let long = b"{\"streams\":[]}".repeat(1000);
        for body in [&b"{}"[..], b"", &long] {
            check(&deflate(body), "deflate", Shape::Json, Ok(body));
            for level in [0, 1, 6, 9] {
                check(&zlib(body, level), "deflate", Shape::Json, Ok(body));
            }
        }
        let zlibbed = zlib(&long, 6);
        let cut = &zlibbed[..zlibbed.len() - 9];
        check(cut, "deflate", Shape::Json, Err("unexpected EOF"));
        let mut damaged = zlibbed.clone();
        *damaged.last_mut().expect("it is long") ^= 1;
        for broken in [&*damaged, b"{\"streams\":[]}", b""] {
            let mut buffer = Vec::new();
            let limits = IngestLimits::default();
            let error = decompress(
                broken,
                &[Encoding::Deflate],
                &limits,
                &mut buffer,
                &mut Room::default(),
            )
            .expect_err("the body is broken");
            assert_eq!(error.status(), 400);
        }
        let bomb = zlib(&vec![0; 64 << 20], 9);
        let text = "request body too large: decompressed message size too large than max (1048577 vs 1048576)";
        check(&bomb, "deflate", Shape::Json, Err(text));
    }

    #[test]
    fn a_body_that_is_no_snappy_blames_an_odd_content_type() {
        for (content_type, want) in [
            ("application/x-protobuf", "snappy: corrupt input"),
            (
                "text/json; charset=utf-8",
                "content type \"text/json\" is not application/json, so the body was read as snappy-compressed \
                 protobuf: snappy: corrupt input",
            ),
        ] {
            let blamed = blame_content_type(BodyError::NotSnappy, Some(content_type));
            assert_eq!((blamed.status(), &*blamed.to_string()), (400, want));
        }
        let other = BodyError::malformed("unexpected EOF");
        assert_eq!(blame_content_type(other.clone(), Some("text/json")), other);
    }

    #[test]
    fn media_types_are_read_without_their_parameters() {
        for json in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/json;charset=\"UTF-8\"",
            "application/json ; charset=utf-8",
            "application/json;",
        ] {
            assert_eq!(shape(Some(json)), Shape::Json, "{json}");
        }
        for other in [
            None,
            Some("text/plain"),
            Some("application/x-protobuf; a=b"),
        ] {
            assert_eq!(shape(other), Shape::Protobuf);
        }
        for (header, want) in [
            (None, "mime: no media type"),
            (Some(""), "mime: no media type"),
            (Some("text/"), "mime: expected token after slash"),
            (Some("a b"), "mime: unexpected content after media type"),
        ] {
            assert_eq!(media_type(header), Err(BodyError::malformed(want)));
            let blamed = blame_content_type(BodyError::NotSnappy, header);
            assert_eq!(blamed, BodyError::malformed(want));
        }
    }
}
