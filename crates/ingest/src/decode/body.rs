//! Undoes the encodings of a body, within caps, and reads its media type.
//!
//! Nothing is allocated on the word of a header that the body can't keep, and nothing grows past the cap.

use crate::limits::IngestLimits;
use crate::rejection::BodyError;
use std::io::Read;

/// Most encodings one body may be wrapped in.
const ENCODINGS_MAX: usize = 3;

/// A snappy block grows at most by this: three bytes copy up to 64.
const SNAPPY_GROWTH_MAX: usize = 22;

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

/// Which message a Loki push holds: anything that is not JSON is protobuf, as in Loki.
pub(crate) fn shape(content_type: Option<&str>) -> Result<Shape, BodyError> {
    Ok(if media_type(content_type)? == "application/json" {
        Shape::Json
    } else {
        Shape::Protobuf
    })
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
}

/// The encodings of a Loki push in the order in which they are undone. The `snappy` that some clients name is
/// the block a protobuf push is anyway.
pub(crate) fn loki_encodings(
    header: Option<&str>,
    shape: Shape,
) -> Result<Vec<Encoding>, BodyError> {
    let mut encodings = Vec::new();
    for name in header.unwrap_or_default().split(',').rev().map(str::trim) {
        match name.to_ascii_lowercase().as_str() {
            "" | "identity" | "snappy" => {}
            "gzip" | "x-gzip" => encodings.push(Encoding::Gzip),
            "deflate" => encodings.push(Encoding::Deflate),
            "zstd" => encodings.push(Encoding::Zstd),
            "lz4" => encodings.push(Encoding::Lz4),
            _ => {
                return Err(BodyError::Malformed(format!(
                    "Content-Encoding {name:?} not supported"
                )));
            }
        }
    }
    if encodings.len() > ENCODINGS_MAX {
        return Err(BodyError::malformed("too many content encodings"));
    }
    if shape == Shape::Protobuf {
        encodings.push(Encoding::SnappyBlock);
    }
    Ok(encodings)
}

/// The encoding of a gRPC message.
pub(crate) fn grpc_encodings(name: Option<&str>) -> Result<Vec<Encoding>, BodyError> {
    match name.unwrap_or_default() {
        "" | "identity" => Ok(Vec::new()),
        "gzip" => Ok(vec![Encoding::Gzip]),
        "snappy" => Ok(vec![Encoding::SnappyFrames]),
        name => Err(BodyError::Malformed(format!(
            "grpc-encoding {name:?} not supported"
        ))),
    }
}

/// The encodings of an OTLP body, in Loki's words when there is another.
pub(crate) fn otlp_encodings(header: Option<&str>) -> Result<Vec<Encoding>, BodyError> {
    let name = header.unwrap_or_default().trim();
    match name.to_ascii_lowercase().as_str() {
        "" | "identity" => Ok(Vec::new()),
        "gzip" => Ok(vec![Encoding::Gzip]),
        "zstd" => Ok(vec![Encoding::Zstd]),
        "lz4" => Ok(vec![Encoding::Lz4]),
        _ => Err(BodyError::Malformed(format!(
            "unsupported content encoding {name}: only gzip, lz4 and zstd are supported"
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

/// Undoes the encodings one after another; the result lies in `buffer` unless there was nothing to undo.
pub(crate) fn decompress<'b>(
    body: &'b [u8],
    encodings: &[Encoding],
    limits: &IngestLimits,
    buffer: &'b mut Vec<u8>,
) -> Result<&'b [u8], BodyError> {
    let Some((first, others)) = encodings.split_first() else {
        return if body.len() > limits.max_decompressed_size {
            Err(too_large(body.len(), limits))
        } else {
            Ok(body)
        };
    };
    undo(*first, body, limits, buffer)?;
    for encoding in others {
        let input = std::mem::take(buffer);
        undo(*encoding, &input, limits, buffer)?;
    }
    Ok(buffer)
}

fn undo(
    encoding: Encoding,
    input: &[u8],
    limits: &IngestLimits,
    out: &mut Vec<u8>,
) -> Result<(), BodyError> {
    out.clear();
    match encoding {
        Encoding::Gzip => read_capped(
            flate2::bufread::MultiGzDecoder::new(input),
            "gzip: invalid header",
            limits,
            out,
        ),
        Encoding::Deflate => read_capped(
            flate2::bufread::DeflateDecoder::new(input),
            "flate: corrupt input",
            limits,
            out,
        ),
        Encoding::Zstd => {
            let decoder = zstd::stream::read::Decoder::with_buffer(input);
            let decoder = decoder.map_err(|e| BodyError::Malformed(format!("zstd: {e}")))?;
            read_capped(decoder, "zstd: invalid input", limits, out)
        }
        Encoding::Lz4 => read_capped(
            lz4_flex::frame::FrameDecoder::new(input),
            "lz4: invalid input",
            limits,
            out,
        ),
        Encoding::SnappyBlock => undo_snappy(input, limits, out),
        Encoding::SnappyFrames => read_capped(
            snap::read::FrameDecoder::new(input),
            "snappy: corrupt input",
            limits,
            out,
        ),
    }
}

fn read_capped(
    reader: impl Read,
    words: &str,
    limits: &IngestLimits,
    out: &mut Vec<u8>,
) -> Result<(), BodyError> {
    let max = limits.max_decompressed_size;
    match reader.take(max as u64 + 1).read_to_end(out) {
        Ok(_) if out.len() > max => Err(too_large(out.len(), limits)),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            Err(BodyError::malformed("unexpected EOF"))
        }
        Err(error) => Err(BodyError::Malformed(format!("{words}: {error}"))),
    }
}

fn undo_snappy(input: &[u8], limits: &IngestLimits, out: &mut Vec<u8>) -> Result<(), BodyError> {
    let corrupt = || BodyError::malformed("snappy: corrupt input");
    let len = snap::raw::decompress_len(input).map_err(|_| corrupt())?;
    if input.is_empty() {
        return Err(corrupt());
    }
    if len > limits.max_decompressed_size {
        return Err(too_large(len, limits));
    }
    if len > input.len().saturating_mul(SNAPPY_GROWTH_MAX) {
        return Err(corrupt());
    }
    out.resize(len, 0);
    let written = snap::raw::Decoder::new()
        .decompress(input, out)
        .map_err(|_| corrupt())?;
    out.truncate(written);
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
        let got = loki_encodings(Some(header), shape)
            .and_then(|e| decompress(body, &e, &limits, &mut buffer).map(<[u8]>::to_vec));
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
    fn other_encodings_are_refused_by_name() {
        let refused = otlp_encodings(Some("br")).expect_err("not an encoding of OTLP");
        assert_eq!(
            refused.to_string(),
            "unsupported content encoding br: only gzip, lz4 and zstd are supported"
        );
    }

    #[test]
    fn media_types_are_read_without_their_parameters() {
        assert_eq!(
            shape(Some("Application/JSON; charset=utf-8")),
            Ok(Shape::Json)
        );
        assert_eq!(shape(Some("text/plain")), Ok(Shape::Protobuf));
        for (header, want) in [
            (None, "mime: no media type"),
            (Some(""), "mime: no media type"),
            (Some("text/"), "mime: expected token after slash"),
            (Some("a b"), "mime: unexpected content after media type"),
        ] {
            assert_eq!(shape(header), Err(BodyError::malformed(want)));
        }
    }
}
