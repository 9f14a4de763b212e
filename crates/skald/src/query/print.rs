//! The printer writes answers: lines with or without time and labels, numbers as JSON.

use serde_json::{Map, Value, json};
use std::io;
use std::io::Write;

/// How lines are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Output {
    /// Time, labels, line.
    Default,
    /// The line.
    Raw,
    /// An object a line.
    Jsonl,
}

impl Output {
    pub(super) fn named(name: &str) -> Output {
        match name {
            "raw" => Output::Raw,
            "jsonl" => Output::Jsonl,
            _ => Output::Default,
        }
    }
}

/// Writes answers.
pub(super) struct Printer<W> {
    out: W,
    output: Output,
    forward: bool,
}

/// Time, labels and text of a line.
type Line<'a> = (i64, &'a Value, &'a str);

impl<W: Write> Printer<W> {
    pub(super) fn new(out: W, output: Output, forward: bool) -> Printer<W> {
        Printer {
            out,
            output,
            forward,
        }
    }

    /// Prints an answer; gives how many lines it had.
    pub(super) fn answer(&mut self, answer: &Value) -> io::Result<u64> {
        let data = &answer["data"];
        if data["resultType"] != "streams" {
            self.numbers(data)?;
            return Ok(0);
        }
        let mut lines = lines(&data["result"]);
        // Streams come one after the other: within one time the answer's order stays.
        lines.sort_by_key(|(time, _, _)| {
            if self.forward {
                *time
            } else {
                time.saturating_neg()
            }
        });
        for line in &lines {
            self.line(line)?;
        }
        self.out.flush()?;
        Ok(lines.len() as u64)
    }

    /// Prints a frame of a tail.
    pub(super) fn frame(&mut self, frame: &Value) -> io::Result<()> {
        for line in lines(&frame["streams"]) {
            self.line(&line)?;
        }
        self.out.flush()
    }

    fn line(&mut self, (time, labels, text): &Line<'_>) -> io::Result<()> {
        let time = || skald_server::clock::rfc3339(*time);
        match self.output {
            Output::Raw => writeln!(self.out, "{text}"),
            Output::Default => writeln!(self.out, "{} {} {text}", time(), shown(labels)),
            Output::Jsonl => writeln!(
                self.out,
                "{}",
                json!({"timestamp": time(), "labels": labels, "line": text})
            ),
        }
    }

    fn numbers(&mut self, data: &Value) -> io::Result<()> {
        match (self.output, data["result"].as_array()) {
            (Output::Jsonl, Some(series)) if data["resultType"] != "scalar" => series
                .iter()
                .try_for_each(|series| writeln!(self.out, "{series}")),
            _ => writeln!(self.out, "{:#}", data["result"]),
        }?;
        self.out.flush()
    }
}

fn lines(streams: &Value) -> Vec<Line<'_>> {
    let mut lines = Vec::new();
    for stream in streams.as_array().into_iter().flatten() {
        for value in stream["values"].as_array().into_iter().flatten() {
            let time = value[0]
                .as_str()
                .and_then(|time| time.parse().ok())
                .unwrap_or_default();
            lines.push((
                time,
                &stream["stream"],
                value[1].as_str().unwrap_or_default(),
            ));
        }
    }
    lines
}

/// `{app="web", env="prod"}`
fn shown(labels: &Value) -> String {
    let empty = Map::new();
    let pairs = labels.as_object().unwrap_or(&empty).iter();
    let pairs: Vec<String> = pairs
        .map(|(name, value)| format!("{name}={:?}", value.as_str().unwrap_or_default()))
        .collect();
    format!("{{{}}}", pairs.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(output: Output, forward: bool, answer: &Value, expected: &str) {
        let mut out = Vec::new();
        Printer::new(&mut out, output, forward)
            .answer(answer)
            .expect("memory takes it");
        assert_eq!(String::from_utf8(out).expect("text"), expected);
    }

    #[test]
    fn lines_of_all_streams_are_in_order_of_time() {
        let answer = json!({"data": {"resultType": "streams", "result": [
            {"stream": {"app": "a"}, "values": [["3000000000", "third"], ["1000000000", "first"]]},
            {"stream": {"app": "b"}, "values": [["2000000000", "second"]]},
        ]}});
        check(Output::Raw, true, &answer, "first\nsecond\nthird\n");
        check(
            Output::Default,
            false,
            &answer,
            concat!(
                "1970-01-01T00:00:03Z {app=\"a\"} third\n",
                "1970-01-01T00:00:02Z {app=\"b\"} second\n",
                "1970-01-01T00:00:01Z {app=\"a\"} first\n",
            ),
        );
        let jsonl = "{\"labels\":{\"app\":\"b\"},\"line\":\"second\",\"timestamp\":\"1970-01-01T00:00:02Z\"}\n";
        let one =
            json!({"data": {"resultType": "streams", "result": [answer["data"]["result"][1]]}});
        check(Output::Jsonl, false, &one, jsonl);
    }

    #[test]
    fn numbers_are_json_and_with_jsonl_a_series_a_line() {
        let series = json!({"metric": {"app": "a"}, "value": [1, "2"]});
        let answer = json!({"data": {"resultType": "vector", "result": [series]}});
        check(
            Output::Jsonl,
            false,
            &answer,
            "{\"metric\":{\"app\":\"a\"},\"value\":[1,\"2\"]}\n",
        );
        check(
            Output::Default,
            false,
            &answer,
            &format!("{:#}\n", answer["data"]["result"]),
        );
    }
}
