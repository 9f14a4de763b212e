//! Query results are written as Loki's JSON.

use super::json::Json;
use super::notes::Notes;
use super::stats;
use skald_model::Labels;
use skald_query::{
    Answer, Data, EntryResult, Labelling, MatrixSeries, PageEntry, Stats, StreamResult,
    VectorSample,
};
use std::sync::Arc;

/// The whole body of `query` and `query_range`.
pub(crate) fn encode(answer: Answer, labelling: Labelling, notes: Notes) -> Vec<u8> {
    let mut encoder = Encoder::new(answer, labelling, notes);
    encoder.next(usize::MAX)
}

/// An answer that is written piece by piece. Clones go on from where they are, over one answer.
#[derive(Clone)]
pub(crate) struct Encoder {
    source: Arc<Source>,
    place: Place,
}

struct Source {
    answer: Answer,
    labelling: Labelling,
    notes: Notes,
}

/// What is written next.
#[derive(Clone, Copy)]
enum Place {
    Start,
    /// A stream, series or sample, and of it an entry or point.
    Item(usize, usize),
    End,
    Nothing,
}

impl Encoder {
    /// Nothing is written yet.
    pub(crate) fn new(answer: Answer, labelling: Labelling, notes: Notes) -> Encoder {
        let source = Source {
            answer,
            labelling,
            notes,
        };
        Encoder {
            source: Arc::new(source),
            place: Place::Start,
        }
    }

    /// Whether all is written.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self.place, Place::Nothing)
    }

    /// The next bytes: about `wanted`, unless one entry is longer or the answer ends.
    pub(crate) fn next(&mut self, wanted: usize) -> Vec<u8> {
        let mut json = Json::default();
        while json.len() < wanted && !self.is_done() {
            self.place = self.source.write(&mut json, self.place);
        }
        json.finish()
    }
}

impl Source {
    /// Writes one step; gives what comes after it.
    fn write(&self, json: &mut Json, place: Place) -> Place {
        match place {
            Place::Start => {
                self.start(json);
                Place::Item(0, 0)
            }
            Place::Item(item, row) => match &self.answer.data {
                Data::Streams(streams) => match streams.get(item) {
                    Some(stream) => self.entry(json, stream, item, row),
                    None => Place::End,
                },
                Data::Matrix(series) => match series.get(item) {
                    Some(series) => point(json, series, item, row),
                    None => Place::End,
                },
                Data::Vector(samples) => match samples.get(item) {
                    Some(sample) => {
                        separate(json, item);
                        json.raw("{\"metric\":");
                        json.labels(sample.labels.iter());
                        json.raw(",\"value\":");
                        write_point(json, sample.timestamp, sample.value);
                        json.raw("}");
                        Place::Item(item + 1, 0)
                    }
                    None => Place::End,
                },
                Data::Scalar(time, value) => {
                    write_point(json, *time, *value);
                    Place::End
                }
            },
            Place::End => {
                self.end(json);
                Place::Nothing
            }
            Place::Nothing => Place::Nothing,
        }
    }

    fn start(&self, json: &mut Json) {
        json.raw("{\"status\":\"success\"");
        warnings(json, &self.answer.warnings);
        json.raw(",\"data\":{\"resultType\":");
        match &self.answer.data {
            Data::Streams(_) => {
                json.raw("\"streams\"");
                if self.labelling == Labelling::Categorized {
                    json.raw(",\"encodingFlags\":[\"categorize-labels\"]");
                }
                json.raw(",\"result\":[");
            }
            Data::Matrix(_) => json.raw("\"matrix\",\"result\":["),
            Data::Vector(_) => json.raw("\"vector\",\"result\":["),
            Data::Scalar(..) => json.raw("\"scalar\",\"result\":"),
        }
    }

    fn end(&self, json: &mut Json) {
        match &self.answer.data {
            Data::Scalar(..) => json.raw(",\"stats\":"),
            _ => json.raw("],\"stats\":"),
        }
        stats::write(json, &self.answer.stats, &self.notes);
        json.raw("}}\n");
    }

    fn entry(&self, json: &mut Json, stream: &StreamResult, item: usize, row: usize) -> Place {
        if row == 0 {
            separate(json, item);
            json.raw("{\"stream\":");
            write_pairs(json, &stream.labels);
            json.raw(",\"values\":[");
        }
        if let Some(entry) = stream.entries.get(row) {
            separate(json, row);
            write_entry(json, entry, self.labelling);
        }
        next_row(json, item, row, stream.entries.len())
    }
}

fn point(json: &mut Json, series: &MatrixSeries, item: usize, row: usize) -> Place {
    if row == 0 {
        separate(json, item);
        json.raw("{\"metric\":");
        json.labels(series.labels.iter());
        json.raw(",\"values\":[");
    }
    if let Some((time, value)) = series.points.get(row) {
        separate(json, row);
        write_point(json, *time, *value);
    }
    next_row(json, item, row, series.points.len())
}

/// What comes after a row; the end of the item is written with its last one.
fn next_row(json: &mut Json, item: usize, row: usize, rows: usize) -> Place {
    if row + 1 < rows {
        return Place::Item(item, row + 1);
    }
    json.raw("]}");
    Place::Item(item + 1, 0)
}

/// A comma before all but the first.
fn separate(json: &mut Json, index: usize) {
    if index > 0 {
        json.raw(",");
    }
}

/// Bytes that an answer takes.
pub(crate) fn weight(data: &Data) -> usize {
    let of_pairs = |pairs: &[(String, String)]| -> usize {
        let pair = |(name, value): &(String, String)| {
            size_of::<(String, String)>() + name.len() + value.len()
        };
        pairs.iter().map(pair).sum()
    };
    let of_entry = |entry: &EntryResult| {
        size_of::<EntryResult>()
            + entry.line.len()
            + of_pairs(&entry.metadata)
            + of_pairs(&entry.parsed)
    };
    let of_labels =
        |labels: &Labels| -> usize { labels.iter().map(|(n, v)| n.len() + v.len()).sum() };
    match data {
        Data::Streams(streams) => {
            let stream = |stream: &StreamResult| {
                of_pairs(&stream.labels) + stream.entries.iter().map(of_entry).sum::<usize>()
            };
            streams.iter().map(stream).sum()
        }
        Data::Matrix(series) => {
            let one = |series: &MatrixSeries| {
                size_of::<MatrixSeries>()
                    + of_labels(&series.labels)
                    + size_of::<(i64, f64)>() * series.points.len()
            };
            series.iter().map(one).sum()
        }
        Data::Vector(samples) => {
            let one = |sample: &VectorSample| size_of::<VectorSample>() + of_labels(&sample.labels);
            samples.iter().map(one).sum()
        }
        Data::Scalar(..) => 0,
    }
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

/// An entry of a page with its labels by category, as one object.
pub(crate) fn write_page_entry(out: &mut Json, PageEntry { labels, entry }: &PageEntry) {
    out.raw("{\"timestamp\":\"");
    out.integer(entry.timestamp);
    out.raw("\",\"stream\":");
    write_pairs(out, labels);
    for (name, pairs) in [
        (",\"structuredMetadata\":", &entry.metadata),
        (",\"parsed\":", &entry.parsed),
    ] {
        if !pairs.is_empty() {
            out.raw(name);
            write_pairs(out, pairs);
        }
    }
    out.raw(",\"line\":");
    out.bytes(&entry.line);
    out.raw("}");
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
    use skald_model::Charge;

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    fn check(data: Data, labelling: Labelling, expected: &str) {
        let answer = || Answer {
            data: data.clone(),
            stats: Stats::default(),
            warnings: vec![],
            cursor: None,
            charge: Charge::default(),
        };
        let mut encoder = Encoder::new(answer(), labelling, Notes::default());
        let mut pieces = Vec::new();
        while !encoder.is_done() {
            pieces.extend(encoder.clone().next(1));
            drop(encoder.next(1));
        }
        let whole = encode(answer(), labelling, Notes::default());
        assert_eq!(pieces, whole);
        let text = String::from_utf8(whole).expect("JSON is UTF-8");
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
