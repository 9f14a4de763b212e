//! How many lines a second does each stage take through on one core?
//!
//! Baseline for json: `serde_json::Value` built from each line. `cargo bench -p skald-benches
//! --bench stages`. Lines are made from a fixed formula, 20,000 in one batch; each run's count of
//! results is checked.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use skald_logql::ast::{Expr, Grouping};
use skald_logql::pipeline::{
    Extractor, Pipeline, RequiredLabels, Row, RowSink, SampleOptions, SampleSink, Scratch,
    Selection, SeriesTable, StreamRows, Value,
};
use skald_model::{Batch, BatchBuilder, Direction, Labels};
use std::hint::black_box;
use std::ops::ControlFlow;

const LINES: u32 = 20_000;

const JSON: &str = r#"{"level":"info","ts":"2026-03-01T00:00:00Z","msg":"request done","status":200,"duration":"461ms","bytes":166,"user":{"id":3,"name":"omar"},"path":"/api/v1/users","trace":"4bf92f3577b34da6"}"#;
const LOGFMT: &str = r#"level=info caller=job.go:18 msg="job sync done" job=index dur=757µs size=51kB retries=1 trace=4bf92f3577b34da6"#;
const ACCESS: &str = r#"10.0.3.29 - bob [01/Mar/2026:00:00:02 +0000] "GET /healthz HTTP/1.1" 404 9071 "-" "kube-probe/1.29" 1.532"#;

/// `text` in every line, one digit changed, and `error 17` at the end of one line in a hundred.
fn batch(text: &str) -> Batch {
    let mut builder = BatchBuilder::default();
    for row in 0..LINES {
        let mut line = text.replacen("3", &(row % 10).to_string(), 1);
        if row % 100 == 17 {
            line.push_str(" error 17");
        }
        builder.push(0, i64::from(row), line.as_bytes(), std::iter::empty());
    }
    builder.finish()
}

#[derive(Default)]
struct Count(u32);

impl RowSink for Count {
    fn row(&mut self, row: &Row<'_>) -> ControlFlow<()> {
        black_box(row.line);
        self.0 += 1;
        ControlFlow::Continue(())
    }
}

impl SampleSink for Count {
    fn sample(&mut self, series: u32, _: i64, value: f64) {
        black_box((series, value));
        self.0 += 1;
    }
}

fn stages(text: &str) -> Vec<skald_logql::ast::StageExpr> {
    match skald_logql::parse(&format!("{{a=\"b\"}} {text}")) {
        Ok(Expr::Log(log)) => log.stages,
        other => panic!("{text} is no log query: {other:?}"),
    }
}

/// Lines through a log query's stages.
fn rows(c: &mut Criterion, name: &str, text: &str, line: &str, expected: u32) {
    let (batch, stream) = (batch(line), Labels::from_pairs([("a", "b")]));
    let pipeline =
        Pipeline::compile(&stages(text), &RequiredLabels::All).expect("stages are valid");
    let mut group = c.benchmark_group("rows");
    group.throughput(Throughput::Elements(u64::from(LINES)));
    let mut scratch = Scratch::default();
    group.bench_function(name, |b| {
        b.iter_batched_ref(
            || Selection::all(batch.len()),
            |selection| {
                let mut count = Count::default();
                pipeline.filter_lines(&batch, selection, &mut scratch);
                let rows = StreamRows {
                    batch: &batch,
                    rows: 0..LINES,
                    stream: &stream,
                    selection,
                };
                let ran = pipeline.run(&rows, Direction::Backward, &mut scratch, &mut count);
                assert!(ran.is_ok());
                assert_eq!(count.0, expected);
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

/// Samples of `sum by (label)` over the stages.
fn samples(c: &mut Criterion, name: &str, text: &str, label: &str, line: &str, expected: u32) {
    let (batch, stream) = (batch(line), Labels::from_pairs([("a", "b")]));
    let wanted = RequiredLabels::Names(vec![label.to_owned()]);
    let grouping = Some(Grouping {
        without: false,
        labels: vec![label.to_owned()],
    });
    let options = SampleOptions {
        grouping,
        skip_errors: true,
        ..SampleOptions::default()
    };
    let extractor = Extractor::compile(&stages(text), &Value::Count, &wanted, &options)
        .expect("stages are valid");
    let mut group = c.benchmark_group("samples");
    group.throughput(Throughput::Elements(u64::from(LINES)));
    let (mut scratch, mut table) = (Scratch::default(), SeriesTable::default());
    group.bench_function(name, |b| {
        b.iter_batched_ref(
            || Selection::all(batch.len()),
            |selection| {
                let mut count = Count::default();
                extractor
                    .pipeline()
                    .filter_lines(&batch, selection, &mut scratch);
                let rows = StreamRows {
                    batch: &batch,
                    rows: 0..LINES,
                    stream: &stream,
                    selection,
                };
                let done = extractor.run(&rows, &mut scratch, &mut table, &mut count);
                assert_eq!((done, count.0), (Ok(()), expected));
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn line_filters(c: &mut Criterion) {
    rows(c, "literal rare", r#"|= "error 17""#, ACCESS, LINES / 100);
    rows(c, "literal absent", r#"|= "no such text""#, ACCESS, 0);
    rows(c, "literal common", r#"|= "GET""#, ACCESS, LINES);
    rows(
        c,
        "one of two",
        r#"|= "error 17" or "panic""#,
        ACCESS,
        LINES / 100,
    );
    rows(c, "any case", r#"|~ "(?i)ERROR""#, ACCESS, LINES / 100);
    rows(
        c,
        "regex with literal",
        r#"|~ "err[a-z]+ \\d+""#,
        ACCESS,
        LINES / 100,
    );
    rows(
        c,
        "regex without",
        r#"|~ "[0-9]{3} [0-9]{4} ""#,
        ACCESS,
        LINES,
    );
    rows(c, "ip", r#"|= ip("10.0.0.0/16")"#, ACCESS, LINES);
    rows(c, "line pattern", r#"|> "<_> HTTP/1.1<_>""#, ACCESS, LINES);
}

fn parsers(c: &mut Criterion) {
    rows(c, "json all", "| json", JSON, LINES);
    rows(c, "json path", r#"| json s="user.id""#, JSON, LINES);
    rows(c, "logfmt all", "| logfmt", LOGFMT, LINES);
    rows(
        c,
        "pattern",
        r#"| pattern "<ip> - <user> [<_>] \"<method> <path> <_>\" <status> <size> <_>""#,
        ACCESS,
        LINES,
    );
    rows(
        c,
        "regexp",
        r#"| regexp "^(?P<ip>\\S+) - (?P<user>\\S+) .* (?P<secs>[0-9.]+)$""#,
        ACCESS,
        LINES,
    );
    samples(c, "json status", "| json", "status", JSON, LINES);
    samples(
        c,
        "json status filtered",
        "| json | status>=500",
        "status",
        JSON,
        0,
    );
    samples(c, "logfmt level", "| logfmt", "level", LOGFMT, LINES);
    samples(
        c,
        "pattern user",
        r#"| pattern "<ip> - <user> <_>""#,
        "user",
        ACCESS,
        LINES,
    );
    samples(c, "no stage", "", "a", ACCESS, LINES);
}

fn formatters(c: &mut Criterion) {
    rows(
        c,
        "line_format",
        r#"| logfmt | line_format "{{.level}} {{.msg}}""#,
        LOGFMT,
        LINES,
    );
    rows(
        c,
        "label_format",
        r#"| logfmt | label_format l=level, x="{{.job}}""#,
        LOGFMT,
        LINES,
    );
    rows(
        c,
        "decolorize",
        "| decolorize",
        "\u{1b}[31mWARN\u{1b}[0m step 3",
        LINES,
    );
    rows(c, "drop", "| logfmt | drop level, job", LOGFMT, LINES);
    rows(c, "label filter", r#"| logfmt | level="warn""#, LOGFMT, 0);
}

/// What the json parser is measured against.
fn serde_value(c: &mut Criterion) {
    let batch = batch(JSON);
    let mut group = c.benchmark_group("baseline");
    group.throughput(Throughput::Elements(u64::from(LINES)));
    group.bench_function("serde_json::Value", |b| {
        b.iter(|| {
            let parsed =
                |row: &u32| serde_json::from_slice::<serde_json::Value>(batch.line(*row)).is_ok();
            assert_eq!(
                (0..LINES).filter(parsed).count() as u32,
                LINES - LINES / 100
            );
        });
    });
    group.finish();
}

criterion_group!(benches, line_filters, parsers, formatters, serde_value);
criterion_main!(benches);
