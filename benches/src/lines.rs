//! Made-up log lines with the entropy of real ones: JSON with trace ids and addresses, logfmt,
//! plain text.

use skald_model::{Batch, BatchBuilder};
use std::fmt::Write;

/// Lines of a kind of application.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// JSON objects of about 270 bytes.
    Json,
    /// logfmt of about 130 bytes.
    Logfmt,
    /// Text of about 90 bytes, without numbers that repeat seldom.
    Text,
}

/// A generator of numbers that gives the same ones each time (xorshift64*).
#[derive(Debug)]
pub struct Numbers(u64);

impl Numbers {
    /// A generator; the seed must not be zero.
    pub fn new(seed: u64) -> Numbers {
        Numbers(seed)
    }

    /// The next number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16) % end
    }
}

/// A batch of one stream with `bytes` of lines, a trace id and a level in metadata.
pub fn block(kind: Kind, bytes: usize, seed: u64) -> Batch {
    let (mut numbers, mut builder, mut line) =
        (Numbers::new(seed), BatchBuilder::default(), String::new());
    let mut time = 1_700_000_000_000_000_000;
    while builder.line_bytes() < bytes {
        time += numbers.below(2_000_000) as i64;
        let level =
            ["info", "info", "info", "info", "debug", "warn", "error"][numbers.below(7) as usize];
        let trace = format!(
            "{:016x}{:016x}",
            numbers.below(u64::MAX),
            numbers.below(u64::MAX)
        );
        line.clear();
        write_line(&mut line, kind, level, &trace, &mut numbers);
        builder.push(
            0,
            time,
            line.as_bytes(),
            [("detected_level", level), ("trace_id", trace.as_str())].into_iter(),
        );
    }
    builder.finish()
}

fn write_line(line: &mut String, kind: Kind, level: &str, trace: &str, numbers: &mut Numbers) {
    let done = [
        "request served",
        "cache miss",
        "user logged in",
        "payment accepted",
    ][numbers.below(4) as usize];
    let (a, b, c) = (numbers.below(10), numbers.below(256), numbers.below(255));
    let (user, status, path) = (
        numbers.below(50_000),
        [200, 201, 404, 503][numbers.below(4) as usize],
        numbers.below(10_000),
    );
    let written = match kind {
        Kind::Json => write!(
            line,
            r#"{{"level":"{level}","ts":{},"msg":"{done}","status":{status},"path":"/api/v1/orders/{path}","trace_id":"{trace}","client":"10.{a}.{b}.{c}","user":{user}}}"#,
            numbers.below(1_000_000_000_000)
        ),
        Kind::Logfmt => {
            write!(
                line,
                "level={level} caller=api.go:{b} msg=\"{done}\" dur={path}ms user={user} trace={}",
                &trace[..16]
            )
        }
        Kind::Text => write!(
            line,
            "{level}: worker {a} finished {done}, {b} items left in the queue of the shop"
        ),
    };
    written.expect("memory takes what is written");
}
