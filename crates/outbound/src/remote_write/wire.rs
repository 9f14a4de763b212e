//! Remote write's messages: 1.0, in which samples also wait on disk, and 2.0.

use super::series::Series;
use prost::Message;
use std::collections::HashMap;

/// A request of remote write 1.0.
#[derive(Clone, PartialEq, Message)]
pub(super) struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    pub(super) timeseries: Vec<TimeSeries>,
}

/// Samples of one series; labels are sorted by name.
#[derive(Clone, PartialEq, Message)]
pub(super) struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    pub(super) labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    pub(super) samples: Vec<Point>,
}

#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub(super) struct Label {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "2")]
    pub(super) value: String,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct Point {
    /// Always written: 0 that is left out could be -0.
    #[prost(double, required, tag = "1")]
    pub(super) value: f64,
    /// Milliseconds of Unix time.
    #[prost(int64, tag = "2")]
    pub(super) timestamp: i64,
}

/// A request of remote write 2.0.
#[derive(Clone, PartialEq, Message)]
struct Request {
    /// Each text once; the first is empty.
    #[prost(string, repeated, tag = "4")]
    symbols: Vec<String>,
    #[prost(message, repeated, tag = "5")]
    timeseries: Vec<TimeSeriesV2>,
}

#[derive(Clone, PartialEq, Message)]
struct TimeSeriesV2 {
    /// Places of names and values among the symbols, in turn.
    #[prost(uint32, repeated, tag = "1")]
    labels_refs: Vec<u32>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Point>,
    #[prost(message, optional, tag = "5")]
    metadata: Option<MetadataV2>,
}

/// Says nothing of a series, which 2.0 wants to be said.
#[derive(Clone, Copy, PartialEq, Message)]
struct MetadataV2 {
    #[prost(enumeration = "MetricTypeV2", tag = "1")]
    kind: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
enum MetricTypeV2 {
    Unspecified = 0,
    Gauge = 2,
}

/// Series as a request of 1.0, compressed.
pub(super) fn encode_v1(series: &[Series]) -> Vec<u8> {
    let timeseries = series.iter().map(|series| TimeSeries {
        labels: series.labels.clone(),
        samples: series.points.clone(),
    });
    let request = WriteRequest {
        timeseries: timeseries.collect(),
    };
    compress(&request.encode_to_vec())
}

/// Series as a request of 2.0, compressed.
pub(super) fn encode_v2(series: &[Series]) -> Vec<u8> {
    let mut symbols = vec![String::new()];
    let mut places: HashMap<&str, u32> = HashMap::from([("", 0)]);
    let mut timeseries = Vec::with_capacity(series.len());
    for one in series {
        let texts = one
            .labels
            .iter()
            .flat_map(|label| [label.name.as_str(), label.value.as_str()]);
        let labels_refs = texts.map(|text| {
            *places.entry(text).or_insert_with(|| {
                symbols.push(text.to_owned());
                symbols.len() as u32 - 1
            })
        });
        timeseries.push(TimeSeriesV2 {
            labels_refs: labels_refs.collect(),
            samples: one.points.clone(),
            metadata: Some(MetadataV2 {
                kind: MetricTypeV2::Gauge as i32,
            }),
        });
    }
    compress(
        &Request {
            symbols,
            timeseries,
        }
        .encode_to_vec(),
    )
}

/// The series of a compressed request of 1.0.
pub(super) fn decode_v1(bytes: &[u8]) -> Result<Vec<TimeSeries>, String> {
    let plain = snap::raw::Decoder::new()
        .decompress_vec(bytes)
        .map_err(|error| error.to_string())?;
    let request = WriteRequest::decode(plain.as_slice()).map_err(|error| error.to_string())?;
    Ok(request.timeseries)
}

/// Snappy's block format.
fn compress(plain: &[u8]) -> Vec<u8> {
    let compressed = snap::raw::Encoder::new().compress_vec(plain);
    compressed.expect("a request has fewer bytes than snappy can take")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::STALE_NAN_BITS;

    fn series() -> Vec<Series> {
        let label = |name: &str, value: &str| Label {
            name: name.to_owned(),
            value: value.to_owned(),
        };
        let stale = f64::from_bits(STALE_NAN_BITS);
        vec![
            Series {
                labels: vec![label("__name__", "up"), label("job", "up")],
                points: vec![
                    Point {
                        value: 1.5,
                        timestamp: 10,
                    },
                    Point {
                        value: stale,
                        timestamp: 20,
                    },
                ],
            },
            Series {
                labels: vec![label("__name__", "down")],
                points: vec![Point {
                    value: -0.0,
                    timestamp: 10,
                }],
            },
        ]
    }

    #[test]
    fn values_come_back_bit_by_bit() {
        let back = decode_v1(&encode_v1(&series())).expect("it is a request");
        assert_eq!(back[0].labels, series()[0].labels);
        let bits: Vec<u64> = back
            .iter()
            .flat_map(|one| &one.samples)
            .map(|point| point.value.to_bits())
            .collect();
        assert_eq!(
            bits,
            [1.5_f64.to_bits(), STALE_NAN_BITS, (-0.0_f64).to_bits()]
        );
        assert!(decode_v1(b"nothing").is_err());
    }

    /// The bytes by hand, from remote.proto.
    #[test]
    fn a_request_of_1_0_has_the_documented_bytes() {
        let one = Series {
            labels: vec![Label {
                name: "a".to_owned(),
                value: "b".to_owned(),
            }],
            points: vec![Point {
                value: 1.0,
                timestamp: 5,
            }],
        };
        let plain = snap::raw::Decoder::new()
            .decompress_vec(&encode_v1(&[one]))
            .expect("snappy");
        let mut expected = vec![
            0x0a, 21, 0x0a, 6, 0x0a, 1, b'a', 0x12, 1, b'b', 0x12, 11, 0x09,
        ];
        expected.extend_from_slice(&1.0_f64.to_le_bytes());
        expected.extend_from_slice(&[0x10, 5]);
        assert_eq!(plain, expected);
    }

    #[test]
    fn a_request_of_2_0_has_each_text_once() {
        let plain = snap::raw::Decoder::new()
            .decompress_vec(&encode_v2(&series()))
            .expect("snappy");
        let request = Request::decode(plain.as_slice()).expect("a request");
        assert_eq!(request.symbols, ["", "__name__", "up", "job", "down"]);
        assert_eq!(request.timeseries[0].labels_refs, [1, 2, 3, 2]);
        assert_eq!(request.timeseries[1].labels_refs, [1, 4]);
        assert_eq!(request.timeseries[0].samples.len(), 2);
    }
}
