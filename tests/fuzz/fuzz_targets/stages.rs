//! Any line through every parser and filter: no panic, and pruning never loses a line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use skald_logql::ast::Expr;
use skald_logql::pipeline::{Pipeline, Row, RowSink, Scratch, Selection, Wanted};
use skald_model::{BatchBuilder, Labels};
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

fn pipelines() -> &'static [Pipeline] {
    static PIPELINES: OnceLock<Vec<Pipeline>> = OnceLock::new();
    PIPELINES.get_or_init(|| {
        let compile = |text: &&str| match skald_logql::parse(text) {
            Ok(Expr::Log(log)) => Pipeline::compile(&log.stages, &Wanted::All).expect("the query compiles"),
            other => panic!("{text}: {other:?}"),
        };
        QUERIES.iter().map(compile).collect()
    })
}

#[derive(Default)]
struct Count(usize, usize);

impl RowSink for Count {
    fn row(&mut self, row: &Row<'_>) -> ControlFlow<()> {
        self.0 += 1;
        self.1 += row.line.len();
        row.labels.for_each(&mut |name, value, _| self.1 += name.len() + value.len());
        ControlFlow::Continue(())
    }
}

fuzz_target!(|lines: Vec<Vec<u8>>| {
    let mut builder = BatchBuilder::default();
    for (time, line) in lines.iter().enumerate() {
        builder.push(0, time as i64, line, [("detected_level", "error"), ("trace_id", "t")].into_iter());
    }
    let batch = builder.finish();
    let labels = Labels::from_pairs([("a", "b")]);
    let mut scratch = Scratch::default();
    for pipeline in pipelines() {
        let rows = 0..batch.len() as u32;
        let mut whole = Count::default();
        let all = Selection::all(batch.len());
        let _ = pipeline.run(&batch, rows.clone(), &labels, &all, false, &mut scratch, &mut whole);
        let mut narrowed = all.clone();
        pipeline.prefilter(&batch, &mut narrowed, &mut scratch);
        let mut filtered = Count::default();
        let _ = pipeline.run(&batch, rows, &labels, &narrowed, false, &mut scratch, &mut filtered);
        assert_eq!((whole.0, whole.1), (filtered.0, filtered.1));
    }
});
