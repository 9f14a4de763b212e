//! Lines through stages: filtering ahead changes no answer, and pruning by content loses no line.
//!
//! The first line of the input may be a query of its own; the lines go through it and through a
//! query for every parser and filter.

use skald_index::{ContentIndex, ContentIndexBuilder};
use skald_logql::ast::Expr;
use skald_logql::pipeline::{
    Pipeline, RequiredLabels, Row, RowSink, Scratch, Selection, StreamRows,
};
use skald_model::{Batch, BatchBuilder, Direction, Labels};
use std::ops::ControlFlow;
use std::sync::OnceLock;

const QUERIES: [&str; 16] = [
    "{a=\"b\"} | json",
    "{a=\"b\"} | json x=\"a.b[0]\", y=\"[\\\"k\\\"]\"",
    "{a=\"b\"} | logfmt",
    "{a=\"b\"} | logfmt --strict --keep-empty",
    "{a=\"b\"} | logfmt x=\"a\", y",
    "{a=\"b\"} | unpack",
    "{a=\"b\"} | pattern \"<ip> - <_> [<ts>] <rest>\"",
    "{a=\"b\"} | regexp \"(?P<k>\\\\w+)=(?P<v>.*)\"",
    "{a=\"b\"} |= ip(\"10.0.0.0/8\") | decolorize",
    "{a=\"b\"} |> \"a<_>b<_>\" !> \"<_>zz\"",
    "{a=\"b\"} |~ \"(?i)err|warn\" or \"x.y\" != \"q\"",
    "{a=\"b\"} | json | logfmt | a > 5 or b >= 3s or c < 2KB",
    "{a=\"b\"} | json | line_format \"{{.a}} {{ __line__ | ToUpper }}\" |= \"A\"",
    "{a=\"b\"} | logfmt | label_format z=a, y=\"{{.b}}\" | drop a, b=~\".+\" | keep z, y",
    "{a=\"b\"} | json | c = ip(\"::1\") | __error__ = \"\"",
    "{a=\"b\"} |= \"a\" or \"b\" or \"c\" |~ \"[a-z]+[0-9]\" | detected_level=\"error\"",
];

/// Longest query taken from an input, in bytes: what is asked here are stages, not the parser.
const QUERY_BYTES_MAX: usize = 512;

fn compile(text: &str) -> Option<Pipeline> {
    let Ok(Expr::Log(log)) = skald_logql::parse(text) else {
        return None;
    };
    let pipeline = Pipeline::compile(&log.stages, &RequiredLabels::All).ok()?;
    // Without the answers of its inner queries a semi-join can't run.
    pipeline.subqueries().is_empty().then_some(pipeline)
}

fn pipelines() -> &'static [Pipeline] {
    static PIPELINES: OnceLock<Vec<Pipeline>> = OnceLock::new();
    PIPELINES.get_or_init(|| {
        QUERIES
            .iter()
            .map(|text| compile(text).expect("the query compiles"))
            .collect()
    })
}

/// Time, line and labels.
type Entry = (i64, Vec<u8>, Vec<(String, String)>);

/// What came through.
#[derive(Default, PartialEq, Debug)]
struct Found(Vec<Entry>);

impl RowSink for Found {
    fn row(&mut self, row: &Row<'_>) -> ControlFlow<()> {
        let mut labels = Vec::new();
        row.labels
            .for_each(&mut |name, value, _| labels.push((name.to_owned(), value.to_owned())));
        self.0.push((row.timestamp, row.line.to_vec(), labels));
        ControlFlow::Continue(())
    }
}

/// Runs the lines through all queries.
pub fn check(input: &[u8]) {
    let lines: Vec<&[u8]> = input.split(|byte| *byte == b'\n').collect();
    let mut builder = BatchBuilder::default();
    for (time, line) in lines.iter().enumerate() {
        let metadata = [("detected_level", "error"), ("trace_id", "t")];
        builder.push(0, time as i64, line, metadata.into_iter().skip(time % 2));
    }
    let batch = builder.finish();
    let mut index = ContentIndexBuilder::default();
    index.add_block(&batch);
    let index = ContentIndex::open(index.finish()).expect("was just written");
    let own = std::str::from_utf8(&lines[0][..QUERY_BYTES_MAX.min(lines[0].len())])
        .ok()
        .and_then(compile);
    for pipeline in pipelines() {
        let forward = check_pipeline(pipeline, &batch, &index);
        let mut backward = run(
            pipeline,
            &batch,
            &Selection::all(batch.len()),
            Direction::Backward,
        );
        backward.0.reverse();
        assert_eq!(forward, backward);
    }
    // What the input's own query keeps may depend on the direction: limit, distinct.
    if let Some(own) = own {
        check_pipeline(&own, &batch, &index);
    }
}

/// What comes through, the same with filtering ahead and without.
fn check_pipeline(pipeline: &Pipeline, batch: &Batch, index: &ContentIndex) -> Found {
    let all = Selection::all(batch.len());
    let whole = run(pipeline, batch, &all, Direction::Forward);
    let mut narrowed = all;
    pipeline.filter_lines(batch, &mut narrowed, &mut Scratch::default());
    assert_eq!(whole, run(pipeline, batch, &narrowed, Direction::Forward));
    let query = pipeline.content_query_for(|name| name == "a");
    assert!(
        whole.0.is_empty() || index.candidates(&query)[0],
        "{query:?}"
    );
    whole
}

fn run(pipeline: &Pipeline, batch: &Batch, selection: &Selection, direction: Direction) -> Found {
    let labels = Labels::from_pairs([("a", "b")]);
    let mut found = Found::default();
    let rows = StreamRows {
        batch,
        rows: 0..batch.len() as u32,
        stream: &labels,
        selection,
    };
    let _ = pipeline.run(&rows, direction, &mut Scratch::default(), &mut found);
    found
}
