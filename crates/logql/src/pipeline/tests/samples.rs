//! Samples: values, series, and errors that end a query or do not.

use super::{Entry, batch_of, stages_of};
use crate::ast::{Conversion, Grouping};
use crate::pipeline::*;
use skald_model::Labels;

#[derive(Default)]
struct Taken(Vec<(u32, f64)>);

impl SampleSink for Taken {
    fn sample(&mut self, series: u32, _: i64, value: f64) {
        self.0.push((series, value));
    }
}

struct Case<'c> {
    stages: &'c str,
    value: Value,
    wanted: Option<&'c [&'c str]>,
    grouping: Option<Grouping>,
    skip_errors: bool,
}

impl Default for Case<'_> {
    fn default() -> Self {
        Case {
            stages: "",
            value: Value::Count,
            wanted: None,
            grouping: None,
            skip_errors: false,
        }
    }
}

fn by(labels: &[&str]) -> Option<Grouping> {
    Some(Grouping {
        without: false,
        labels: labels.iter().map(|l| l.to_string()).collect(),
    })
}

fn unwrap(label: &str, conversion: Conversion) -> Value {
    Value::Unwrap {
        label: label.to_owned(),
        conversion,
        filters: Vec::new(),
    }
}

impl Case<'_> {
    /// `{labels} value` of each sample; the error's first line; or both and how many were skipped.
    fn run(&self, entries: &[Entry<'_>]) -> String {
        let wanted = match self.wanted {
            None => RequiredLabels::All,
            Some(names) => RequiredLabels::Names(names.iter().map(|n| n.to_string()).collect()),
        };
        let options = SampleOptions {
            grouping: self.grouping.clone(),
            skip_errors: self.skip_errors,
            ..SampleOptions::default()
        };
        let extractor = Extractor::compile(&stages_of(self.stages), &self.value, &wanted, &options)
            .expect("stages are valid");
        let (batch, stream) = (batch_of(entries), Labels::from_pairs([("app", "x")]));
        let (mut scratch, mut table, mut taken) =
            (Scratch::default(), SeriesTable::default(), Taken::default());
        let selection = Selection::all(batch.len());
        let rows = StreamRows {
            batch: &batch,
            rows: 0..batch.len() as u32,
            stream: &stream,
            selection: &selection,
        };
        if let Err(error) = extractor.run(&rows, &mut scratch, &mut table, &mut taken) {
            return error.to_string().lines().next().unwrap_or("").to_owned();
        }
        let mut shown: Vec<String> = taken
            .0
            .iter()
            .map(|(s, v)| format!("{} {v}", table.labels(*s)))
            .collect();
        if extractor.skipped() > 0 {
            shown.push(format!("skipped {}", extractor.skipped()));
        }
        shown.join("; ")
    }
}

#[test]
fn lines_and_bytes_are_counted_by_series() {
    let entries: [Entry<'_>; 3] = [
        (&[("id", "7")], b"ab"),
        (&[], b""),
        (&[("id", "7")], b"xyz"),
    ];
    let all = Case::default();
    assert_eq!(
        all.run(&entries),
        r#"{app="x", id="7"} 1; {app="x"} 1; {app="x", id="7"} 1"#
    );
    let bytes = Case {
        value: Value::Bytes,
        grouping: by(&["id"]),
        ..Case::default()
    };
    assert_eq!(bytes.run(&entries), r#"{id="7"} 2; {} 0; {id="7"} 3"#);
    let rewritten = Case {
        stages: r#"| line_format "1""#,
        value: Value::Bytes,
        grouping: by(&["app"]),
        ..Case::default()
    };
    assert_eq!(
        rewritten.run(&entries),
        r#"{app="x"} 1; {app="x"} 1; {app="x"} 1"#
    );
    let without = Case {
        grouping: Some(Grouping {
            without: true,
            labels: vec!["app".to_owned()],
        }),
        ..Case::default()
    };
    assert_eq!(without.run(&entries), r#"{id="7"} 1; {} 1; {id="7"} 1"#);
}

#[test]
fn unwrapped_labels_give_values_and_leave_the_series() {
    let entries: [Entry<'_>; 3] = [
        (&[], b"d=1.5s s=2KiB n=3 k=a"),
        (&[], b"k=b"),
        (&[], b"n= d=2m s=1 k=a"),
    ];
    let case = |value| Case {
        stages: "| logfmt",
        value,
        grouping: by(&["k"]),
        ..Case::default()
    };
    assert_eq!(
        case(unwrap("n", Conversion::None)).run(&entries),
        r#"{k="a"} 3"#
    );
    assert_eq!(
        case(unwrap("d", Conversion::Duration)).run(&entries),
        r#"{k="a"} 1.5; {k="a"} 120"#
    );
    assert_eq!(
        case(unwrap("s", Conversion::Bytes)).run(&entries),
        r#"{k="a"} 2048; {k="a"} 1"#
    );
    let all = Case {
        stages: "| logfmt n, k",
        value: unwrap("n", Conversion::None),
        ..Case::default()
    };
    assert_eq!(all.run(&entries[..1]), r#"{app="x", k="a"} 3"#);
}

#[test]
fn an_error_ends_the_query_unless_it_is_wanted_filtered_or_skipped() {
    let entries: [Entry<'_>; 2] = [(&[], br#"{"a":"1"}"#), (&[], b"plain")];
    let plain = Case {
        stages: "| json",
        ..Case::default()
    };
    assert_eq!(
        plain.run(&entries),
        "pipeline error: 'JSONParserErr' for series: '{__error__=\"JSONParserErr\", __error_details__=\"Value looks like \
         object, but can't find closing '}' symbol\", app=\"x\"}'."
    );
    let skipping = Case {
        stages: "| json",
        skip_errors: true,
        ..Case::default()
    };
    assert_eq!(skipping.run(&entries), r#"{a="1", app="x"} 1; skipped 1"#);
    let wanted = Case {
        stages: "| json",
        wanted: Some(&["__error__"]),
        grouping: by(&["__error__"]),
        ..Case::default()
    };
    assert_eq!(
        wanted.run(&entries),
        r#"{} 1; {__error__="JSONParserErr"} 1"#
    );
    let filtered = Case {
        stages: r#"| json | __error__="""#,
        ..Case::default()
    };
    assert_eq!(filtered.run(&entries), r#"{a="1", app="x"} 1"#);
    let value = Case {
        stages: "| logfmt",
        value: unwrap("a", Conversion::None),
        ..Case::default()
    };
    assert!(
        value
            .run(&[(&[], b"a=x")])
            .starts_with("pipeline error: 'SampleExtractionErr'")
    );
}

#[test]
fn parsers_stop_once_they_have_what_is_wanted() {
    let cut: [Entry<'_>; 1] = [(&[], br#"{"a":"1","b":"2","c":"#)];
    let case = |wanted| Case {
        stages: "| json",
        wanted: Some(wanted),
        grouping: by(wanted),
        ..Case::default()
    };
    assert_eq!(case(&[]).run(&cut), "{} 1");
    assert_eq!(case(&["a"]).run(&cut), r#"{a="1"} 1"#);
    assert!(case(&["a", "c"]).run(&cut).starts_with("pipeline error"));
    let filter = Case {
        stages: r#"| json | b="2""#,
        wanted: Some(&["a"]),
        grouping: by(&["a"]),
        ..Case::default()
    };
    assert_eq!(filter.run(&cut), r#"{a="1"} 1"#);
}

#[test]
fn distinct_values_are_hashed() {
    let case = Case {
        stages: "| logfmt",
        value: Value::Hash("u".to_owned()),
        grouping: by(&[]),
        ..Case::default()
    };
    assert_eq!(
        case.run(&[(&[], b"u=a"), (&[], b"v=a")]),
        format!("{{}} {}", value_hash("a"))
    );
}

#[test]
fn columns_are_read_only_where_something_looks_at_them() {
    let columns = |stages: &str, value: Value, wanted: &[&str]| {
        let wanted = RequiredLabels::Names(wanted.iter().map(|n| n.to_string()).collect());
        Extractor::compile(
            &stages_of(stages),
            &value,
            &wanted,
            &SampleOptions::default(),
        )
        .expect("valid")
        .columns()
    };
    assert_eq!(columns("", Value::Count, &[]), Columns::TIMES);
    assert!(!columns("", Value::Bytes, &[]).lines && columns("", Value::Bytes, &[]).line_lengths);
    assert!(!columns("| json", Value::Count, &[]).lines);
    assert!(columns("| json", Value::Count, &["a"]).lines);
    assert!(columns(r#"|= "x""#, Value::Count, &[]).lines);
    assert_eq!(
        columns(r#"| a="x""#, Value::Count, &["b"]).metadata,
        MetadataWanted::Names(vec!["b".into(), "a".into()])
    );
}

#[test]
fn what_must_be_in_a_line_is_asked_of_the_index() {
    let pipeline = Pipeline::compile(
        &stages_of(r#"|= "a" |~ "b.*(?i)err" | id="7" | zone="a" or zone="b" | json | x="1" |= "c" | line_format "y" |= "d""#),
        &RequiredLabels::All,
    )
    .expect("stages are valid");
    let query = pipeline.content_query_for(|name| name == "zone");
    let lines: Vec<String> = query
        .lines
        .iter()
        .map(|l| String::from_utf8_lossy(&l[0].bytes).into_owned())
        .collect();
    assert_eq!(lines, ["a", "b", "err", "c"]);
    assert_eq!(query.metadata, [("id".to_owned(), vec!["7".to_owned()])]);
    assert!(pipeline.content_query().metadata.is_empty());
    assert_eq!(pipeline.content_query_for(|_| false).metadata.len(), 2);
}
