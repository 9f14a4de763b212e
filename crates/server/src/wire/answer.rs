//! Query results are written as Loki's JSON.

use super::json::Json;
use super::notes::Notes;
use super::stats;
use skald_query::{Answer, Data, EntryResult, Labelling, Stats, StreamResult};

/// The body of `query` and `query_range`.
pub(crate) fn encode(answer: &Answer, labelling: Labelling, notes: &Notes) -> Vec<u8> {
    let mut json = Json::default();
    json.raw("{\"status\":\"success\"");
    warnings(&mut json, &answer.warnings);
    json.raw(",\"data\":{\"resultType\":");
    match &answer.data {
        Data::Streams(streams) => {
            json.raw("\"streams\"");
            if labelling == Labelling::Categorized {
                json.raw(",\"encodingFlags\":[\"categorize-labels\"]");
            }
            json.raw(",\"result\":");
            list(&mut json, streams, |json, stream| {
                write_stream(json, stream, labelling)
            });
        }
        Data::Matrix(series) => {
            json.raw("\"matrix\",\"result\":");
            list(&mut json, series, |json, series| {
                json.raw("{\"metric\":");
                json.labels(series.labels.iter());
                json.raw(",\"values\":");
                list(json, &series.points, |json, (time, value)| {
                    write_point(json, *time, *value)
                });
                json.raw("}");
            });
        }
        Data::Vector(samples) => {
            json.raw("\"vector\",\"result\":");
            list(&mut json, samples, |json, sample| {
                json.raw("{\"metric\":");
                json.labels(sample.labels.iter());
                json.raw(",\"value\":");
                write_point(json, sample.timestamp, sample.value);
                json.raw("}");
            });
        }
        Data::Scalar(time, value) => {
            json.raw("\"scalar\",\"result\":");
            write_point(&mut json, *time, *value);
        }
    }
    json.raw(",\"stats\":");
    stats::write(&mut json, &answer.stats, notes);
    json.raw("}}\n");
    json.finish()
}

/// The body of `/api/prom/query`: streams with their labels as one text.
pub(crate) fn encode_legacy(streams: &[StreamResult], stats: &Stats) -> Vec<u8> {
    let mut json = Json::default();
    json.raw("{\"streams\":");
    list(&mut json, streams, |json, stream| {
        json.raw("{\"labels\":");
        let pairs = stream.labels.iter().map(|(n, v)| (n.as_str(), v.as_str()));
        json.text(&skald_model::Labels::from_pairs(pairs).to_string());
        json.raw(",\"entries\":");
        list(json, &stream.entries, |json, entry| {
            json.raw("{\"ts\":");
            json.text(&crate::clock::rfc3339(entry.timestamp));
            json.raw(",\"line\":");
            json.bytes(&entry.line);
            json.raw("}");
        });
        json.raw("}");
    });
    json.raw(",\"stats\":");
    stats::write(&mut json, stats, &Notes::default());
    json.raw("}\n");
    json.finish()
}

fn write_stream(json: &mut Json, stream: &StreamResult, labelling: Labelling) {
    json.raw("{\"stream\":");
    write_pairs(json, &stream.labels);
    json.raw(",\"values\":");
    list(json, &stream.entries, |json, entry| {
        write_entry(json, entry, labelling)
    });
    json.raw("}");
}

/// One entry: time, line, and with categories a third element.
pub(crate) fn write_entry(json: &mut Json, entry: &EntryResult, labelling: Labelling) {
    json.raw("[\"");
    json.integer(entry.timestamp);
    json.raw("\",");
    json.bytes(&entry.line);
    if labelling == Labelling::Categorized {
        json.raw(",{");
        let mut first = true;
        for (name, pairs) in [
            ("structuredMetadata", &entry.metadata),
            ("parsed", &entry.parsed),
        ] {
            if !pairs.is_empty() {
                json.comma(&mut first);
                json.text(name);
                json.raw(":");
                write_pairs(json, pairs);
            }
        }
        json.raw("}");
    }
    json.raw("]");
}

/// Pairs as an object.
pub(crate) fn write_pairs(json: &mut Json, pairs: &[(String, String)]) {
    json.labels(
        pairs
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str())),
    );
}

fn write_point(json: &mut Json, time: i64, value: f64) {
    json.raw("[");
    json.seconds(time);
    json.raw(",");
    json.value(value);
    json.raw("]");
}

fn warnings(json: &mut Json, warnings: &[String]) {
    if !warnings.is_empty() {
        json.raw(",\"warnings\":");
        list(json, warnings, |json, warning| json.text(warning));
    }
}

/// A JSON array.
pub(crate) fn list<T>(json: &mut Json, items: &[T], mut write: impl FnMut(&mut Json, &T)) {
    json.raw("[");
    let mut first = true;
    for item in items {
        json.comma(&mut first);
        write(json, item);
    }
    json.raw("]");
}

#[cfg(test)]
mod tests {
    use super::*;
    use skald_model::Labels;
    use skald_query::{MatrixSeries, VectorSample};

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    fn check(data: Data, labelling: Labelling, expected: &str) {
        let answer = Answer {
            data,
            stats: Stats::default(),
            warnings: vec![],
            cursor: None,
        };
        let text = String::from_utf8(encode(&answer, labelling, &Notes::default()))
            .expect("JSON is UTF-8");
        let start =
            format!("{{\"status\":\"success\",\"data\":{{{expected},\"stats\":{{\"summary\"");
        assert!(text.starts_with(&start), "{text}\n{start}");
        serde_json::from_str::<serde_json::Value>(&text).expect("valid JSON");
    }

    fn stream() -> Data {
        let entry = EntryResult {
            timestamp: 1,
            line: b"a<".to_vec(),
            metadata: vec![pair("k", "v")],
            parsed: vec![],
        };
        let bare = EntryResult {
            timestamp: 0,
            line: vec![],
            metadata: vec![],
            parsed: vec![],
        };
        Data::Streams(vec![StreamResult {
            labels: vec![pair("app", "x")],
            entries: vec![entry, bare],
        }])
    }

    #[test]
    fn streams_are_written_with_and_without_categories() {
        let merged = r#""resultType":"streams","result":[{"stream":{"app":"x"},"values":[["1","a\u003c"],["0",""]]}]"#;
        check(stream(), Labelling::Merged, merged);
        let categorized = r#""resultType":"streams","encodingFlags":["categorize-labels"],"result":[{"stream":{"app":"x"},"values":[["1","a\u003c",{"structuredMetadata":{"k":"v"}}],["0","",{}]]}]"#;
        check(stream(), Labelling::Categorized, categorized);
    }

    #[test]
    fn metrics_are_written_with_seconds_and_text_values() {
        let labels = Labels::from_pairs([("a", "b")]);
        let matrix = Data::Matrix(vec![MatrixSeries {
            labels: labels.clone(),
            points: vec![(1_500_000_000, 0.25)],
        }]);
        check(
            matrix,
            Labelling::Categorized,
            r#""resultType":"matrix","result":[{"metric":{"a":"b"},"values":[[1.5,"0.25"]]}]"#,
        );
        let vector = Data::Vector(vec![VectorSample {
            labels,
            timestamp: 2_000_000_000,
            value: f64::NAN,
        }]);
        check(
            vector,
            Labelling::Merged,
            r#""resultType":"vector","result":[{"metric":{"a":"b"},"value":[2,"NaN"]}]"#,
        );
        check(
            Data::Scalar(3_000_000_000, 2.0),
            Labelling::Merged,
            r#""resultType":"scalar","result":[3,"2"]"#,
        );
        check(
            Data::Vector(vec![]),
            Labelling::Merged,
            r#""resultType":"vector","result":[]"#,
        );
    }
}
