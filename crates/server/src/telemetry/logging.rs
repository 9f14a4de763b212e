//! The server log writes lines to stderr and hands them to the store.
//!
//! One tracing layer formats an event once, as logfmt or JSON. Lines for the store go through a
//! bounded queue that drops when it is full: logging never waits, and what is logged while the
//! server stores its own lines is not stored again.

use crate::clock;
use crate::config::{LogFormat, LogLevel};
use std::cell::Cell;
use std::fmt::{Debug, Write as _};
use std::io::Write as _;
use std::sync::atomic::{AtomicU8, Ordering};
use tokio::sync::mpsc;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// Lines that may wait to be stored. At a line a query this is seconds of heavy use.
const QUEUE_LINES_MAX: usize = 4096;

static LEVEL: AtomicU8 = AtomicU8::new(LogLevel::Info as u8);

thread_local! {
    /// Set while this thread stores the server's own lines, so that they cause no more.
    static MUTED: Cell<bool> = const { Cell::new(false) };
}

/// One line of the server's own log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelfLogLine {
    /// Nanoseconds since 1970.
    pub timestamp: i64,
    /// `debug`, `info`, `warn` or `error`.
    pub level: &'static str,
    /// The line as on stderr.
    pub text: String,
}

/// Receives the lines to store.
pub type SelfLogReceiver = mpsc::Receiver<SelfLogLine>;

/// Starts logging for the process; gives the lines to store. Does nothing when logging was started.
pub fn start(level: LogLevel, format: LogFormat) -> Option<SelfLogReceiver> {
    set_level(level);
    let (queue, lines) = mpsc::channel(QUEUE_LINES_MAX);
    tracing_subscriber::registry()
        .with(LogLayer { format, queue })
        .try_init()
        .ok()
        .map(|()| lines)
}

/// The level in force.
pub fn level() -> LogLevel {
    let stored = LEVEL.load(Ordering::Relaxed);
    [LogLevel::Debug, LogLevel::Info, LogLevel::Warn]
        .into_iter()
        .find(|l| *l as u8 == stored)
        .unwrap_or(LogLevel::Error)
}

/// Changes the level while the server runs.
pub fn set_level(level: LogLevel) {
    LEVEL.store(level as u8, Ordering::Relaxed);
    tracing::callsite::rebuild_interest_cache();
}

/// Runs `poll`; lines that this thread logs meanwhile are not stored.
pub fn muted<T>(poll: impl FnOnce() -> T) -> T {
    let before = MUTED.replace(true);
    let result = poll();
    MUTED.set(before);
    result
}

struct LogLayer {
    format: LogFormat,
    queue: mpsc::Sender<SelfLogLine>,
}

impl<S: Subscriber> Layer<S> for LogLayer {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        let least = match level() {
            // Below warnings, libraries log too much.
            _ if !metadata.target().starts_with("skald") => Level::WARN,
            LogLevel::Debug => Level::DEBUG,
            LogLevel::Info => Level::INFO,
            LogLevel::Warn => Level::WARN,
            LogLevel::Error => Level::ERROR,
        };
        *metadata.level() <= least
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let timestamp = clock::now();
        let level = match *event.metadata().level() {
            Level::ERROR => "error",
            Level::WARN => "warn",
            Level::INFO => "info",
            Level::DEBUG | Level::TRACE => "debug",
        };
        let mut fields = Fields::default();
        event.record(&mut fields);
        let caller = event.metadata().target();
        let text = match self.format {
            LogFormat::Logfmt => logfmt(timestamp, level, caller, &fields),
            LogFormat::Json => json(timestamp, level, caller, &fields),
        };
        let text = escape_hidden(text);
        // There is no way to report that stderr is closed.
        let _ = writeln!(std::io::stderr().lock(), "{text}");
        if level != "debug" && !MUTED.get() {
            // A full queue drops the line: logging never waits.
            let _ = self.queue.try_send(SelfLogLine {
                timestamp,
                level,
                text,
            });
        }
    }
}

#[derive(Default)]
struct Fields {
    message: String,
    rest: Vec<(&'static str, String)>,
}

impl Fields {
    fn put(&mut self, field: &Field, text: String) {
        match field.name() {
            "message" => self.message = text,
            name => self.rest.push((name, text)),
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field, format!("{value:?}"));
    }
}

fn logfmt(timestamp: i64, level: &str, caller: &str, fields: &Fields) -> String {
    let mut out = format!(
        "ts={} level={level} caller={caller}",
        clock::rfc3339(timestamp)
    );
    if !fields.message.is_empty() {
        pair(&mut out, "msg", &fields.message);
    }
    for (name, value) in fields.rest.iter().filter(|(_, value)| !value.is_empty()) {
        pair(&mut out, name, value);
    }
    out
}

/// Whether a character would break a line or change how the rest of it is shown: controls, line
/// separators, marks of direction and what has no width.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Escapes hidden characters as JSON does, which logfmt's quoted values take too.
fn escape_hidden(line: String) -> String {
    if !line.contains(is_hidden) {
        return line;
    }
    let mut out = String::with_capacity(line.len());
    for c in line.chars() {
        if is_hidden(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}").expect("writing to memory does not fail");
            }
        } else {
            out.push(c);
        }
    }
    out
}

fn pair(out: &mut String, name: &str, value: &str) {
    let plain =
        !value.contains(|c: char| c <= ' ' || c == '"' || c == '=' || c == '\\' || is_hidden(c));
    if plain {
        write!(out, " {name}={value}").expect("writing to memory does not fail");
    } else {
        write!(out, " {name}=").expect("writing to memory does not fail");
        skald_model::labels::write_quoted(out, value).expect("writing to memory does not fail");
    }
}

fn json(timestamp: i64, level: &str, caller: &str, fields: &Fields) -> String {
    let mut object = serde_json::Map::new();
    let mut put =
        |name: &str, value: &str| object.insert(name.to_owned(), serde_json::Value::from(value));
    put("ts", &clock::rfc3339(timestamp));
    put("level", level);
    put("caller", caller);
    put("msg", &fields.message);
    for (name, value) in &fields.rest {
        put(name, value);
    }
    serde_json::Value::Object(object).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one_line_as_it_is_read_and_as_it_is_shown() {
        let text = "a\u{2028}b\u{85}c\u{202e}d\u{e0041}\n\u{1b}\u{7f}\u{200b}é";
        let fields = Fields {
            message: text.to_owned(),
            rest: Vec::new(),
        };
        let shown = escape_hidden(logfmt(0, "info", "skald", &fields));
        let expected = r#"msg="a\u2028b\u0085c\u202ed\udb40\udc41\n\x1b\x7f\u200bé""#;
        assert!(shown.ends_with(expected), "{shown}");
        let shown = escape_hidden(json(0, "info", "skald", &fields));
        assert!(!shown.contains(is_hidden), "{shown}");
        let read: serde_json::Value = serde_json::from_str(&shown).expect("valid JSON");
        assert_eq!(read["msg"], text);
    }

    #[test]
    fn a_line_is_logfmt_or_json() {
        let fields = Fields {
            message: "a b".to_owned(),
            rest: vec![("query", "{a=\"b\"}".to_owned()), ("n", "1".to_owned())],
        };
        let expected =
            r#"ts=1970-01-01T00:00:01Z level=info caller=skald msg="a b" query="{a=\"b\"}" n=1"#;
        assert_eq!(logfmt(1_000_000_000, "info", "skald", &fields), expected);
        let value: serde_json::Value =
            serde_json::from_str(&json(0, "warn", "skald", &fields)).expect("valid JSON");
        assert_eq!(
            (&value["msg"], &value["query"]),
            (&"a b".into(), &"{a=\"b\"}".into())
        );
    }
}
