//! Printing follows Go's fmt: `print` and `println`, and `printf` with its verbs.

mod number;

use crate::go::float_text;
use crate::go::float_text::Style;
use crate::go::quote::{is_print, quote_into, quoted};
use crate::printf_format::{Spec, Verbs};
use crate::value::{IntKind, Record, RecordKind, Value};

/// A result grew beyond what the template may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TooLong;

/// Where values are printed to, and what bounds it.
pub(crate) struct Printer<'p, 'a> {
    pub(crate) out: Vec<u8>,
    /// Most bytes that `out` may grow to.
    pub(crate) limit: usize,
    /// The labels, should they be printed whole.
    pub(crate) labels: &'p dyn Fn() -> Vec<(&'a str, &'a str)>,
}

type Printed = Result<(), TooLong>;

impl<'a> Printer<'_, 'a> {
    fn write(&mut self, bytes: &[u8]) -> Printed {
        if self.out.len() + bytes.len() > self.limit {
            return Err(TooLong);
        }
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    fn fill(&mut self, byte: u8, count: usize) -> Printed {
        if self.out.len() + count > self.limit {
            return Err(TooLong);
        }
        self.out.resize(self.out.len() + count, byte);
        Ok(())
    }

    /// As `fmt.Sprint`: spaces between operands when neither is a string.
    pub(crate) fn print(&mut self, args: &[Value<'a>]) -> Printed {
        let mut after_string = false;
        for (i, arg) in args.iter().enumerate() {
            let is_string = matches!(arg, Value::Str(_));
            if i > 0 && !is_string && !after_string {
                self.write(b" ")?;
            }
            self.argument(arg, 'v', Spec::default())?;
            after_string = is_string;
        }
        Ok(())
    }

    /// As `fmt.Sprintln`: spaces between operands, and a newline at the end.
    pub(crate) fn println(&mut self, args: &[Value<'a>]) -> Printed {
        for (i, arg) in args.iter().enumerate() {
            if i > 0 {
                self.write(b" ")?;
            }
            self.argument(arg, 'v', Spec::default())?;
        }
        self.write(b"\n")
    }

    /// As `fmt.Sprintf`.
    pub(crate) fn printf(&mut self, format: &[u8], args: &[Value<'a>]) -> Printed {
        let mut state = Verbs::new(format, args);
        while state.at < format.len() {
            let text = memchr::memchr(b'%', &format[state.at..]).unwrap_or(format.len() - state.at);
            self.write(&format[state.at..state.at + text])?;
            state.at += text;
            if state.at < format.len() {
                state.at += 1;
                self.verb(&mut state)?;
            }
        }
        if state.reordered || state.next >= args.len() {
            return Ok(());
        }
        self.write(b"%!(EXTRA ")?;
        for (i, arg) in args[state.next..].iter().enumerate() {
            if i > 0 {
                self.write(b", ")?;
            }
            if !matches!(arg, Value::Nil) {
                self.write(arg.type_name().as_bytes())?;
                self.write(b"=")?;
            }
            self.argument(arg, 'v', Spec::default())?;
        }
        self.write(b")")
    }

    /// One verb, whose `%` is read.
    fn verb(&mut self, state: &mut Verbs<'_, 'a>) -> Printed {
        state.good = true;
        state.after_index = false;
        let mut spec = state.flags();
        state.index();
        self.width(state, &mut spec)?;
        if state.peek() == Some(b'.') && state.at + 1 < state.format.len() {
            self.precision(state, &mut spec)?;
        }
        if !state.after_index {
            state.index();
        }
        let Some(verb) = state.verb() else {
            return self.write(b"%!(NOVERB)");
        };
        if verb == '%' {
            return self.write(b"%");
        }
        if !state.good {
            return self.write(format!("%!{verb}(BADINDEX)").as_bytes());
        }
        let Some(arg) = state.args.get(state.next) else {
            return self.write(format!("%!{verb}(MISSING)").as_bytes());
        };
        if verb == 'v' {
            spec.sharp_v = std::mem::take(&mut spec.sharp);
            // Meant for the fields of structs, of which there are none here.
            spec.plus = false;
        }
        state.next += 1;
        self.argument(arg, verb, spec)
    }

    fn width(&mut self, state: &mut Verbs<'_, 'a>, spec: &mut Spec) -> Printed {
        if state.peek() != Some(b'*') {
            spec.width = state.number();
            if state.after_index && spec.width.is_some() {
                state.good = false;
            }
            return Ok(());
        }
        state.at += 1;
        state.after_index = false;
        let Some(width) = state.int_argument() else {
            return self.write(b"%!(BADWIDTH)");
        };
        if width < 0 {
            spec.minus = true;
            spec.zero = false;
        }
        spec.width = Some(width.unsigned_abs() as usize);
        Ok(())
    }

    fn precision(&mut self, state: &mut Verbs<'_, 'a>, spec: &mut Spec) -> Printed {
        state.at += 1;
        if state.after_index {
            state.good = false;
        }
        state.index();
        if state.peek() != Some(b'*') {
            spec.precision = Some(state.number().unwrap_or(0));
            return Ok(());
        }
        state.at += 1;
        state.after_index = false;
        spec.precision = state.int_argument().and_then(|n| usize::try_from(n).ok());
        if spec.precision.is_none() {
            self.write(b"%!(BADPREC)")
        } else {
            Ok(())
        }
    }

    fn argument(&mut self, arg: &Value<'a>, verb: char, spec: Spec) -> Printed {
        match (arg, verb) {
            (Value::Nil, 'T' | 'v') => self.pad(b"<nil>", spec),
            (_, 'T') => self.pad(truncated(arg.type_name().as_bytes(), spec), spec),
            _ => self.value(arg, verb, spec, 0),
        }
    }

    fn value(&mut self, value: &Value<'a>, verb: char, spec: Spec, depth: usize) -> Printed {
        match value {
            Value::Nil if verb == 'v' && spec.sharp_v && depth > 0 => {
                self.write(b"interface {}(nil)")
            }
            Value::Nil if verb == 'v' || depth > 0 => self.write(b"<nil>"),
            Value::Bool(b) if matches!(verb, 't' | 'v') => self.pad(b.to_string().as_bytes(), spec),
            Value::Int(n, kind) => self.int(value, *n, *kind, verb, spec),
            Value::Float(f) => self.float(value, *f, verb, spec),
            Value::Str(text) => self.string(value, text, verb, spec),
            Value::Time(time) if matches!(verb, 'v' | 's' | 'x' | 'X' | 'q') => self.string(
                value,
                time.to_string().as_bytes(),
                verb,
                Spec {
                    sharp_v: false,
                    ..spec
                },
            ),
            Value::List(list, kind) => {
                if spec.sharp_v {
                    self.write(kind.type_name().as_bytes())?;
                }
                self.write(if spec.sharp_v { b"{" } else { b"[" })?;
                for (i, item) in list.iter().enumerate() {
                    self.separate(i, spec)?;
                    self.value(item, verb, spec, depth + 1)?;
                }
                self.write(if spec.sharp_v { b"}" } else { b"]" })
            }
            Value::Map(map, kind) => {
                let entries = map.iter().map(|(k, v)| (Value::owned(k.as_slice()), v));
                self.map(kind.type_name(), entries.collect(), verb, spec, depth)
            }
            Value::Record(record) => self.record(record, verb, spec, depth),
            Value::Labels => {
                let labels: Vec<_> = (self.labels)()
                    .into_iter()
                    .map(|(k, v)| (Value::text(k), Value::text(v)))
                    .collect();
                let entries = labels.iter().map(|(k, v)| (k.clone(), v)).collect();
                self.map("map[string]string", entries, verb, spec, depth)
            }
            Value::Nil | Value::Bool(_) | Value::Time(_) => self.bad_verb(value, verb, spec),
        }
    }

    fn map(
        &mut self,
        name: &str,
        entries: Vec<(Value<'a>, &Value<'a>)>,
        verb: char,
        spec: Spec,
        depth: usize,
    ) -> Printed {
        if spec.sharp_v {
            self.write(name.as_bytes())?;
            self.write(b"{")?;
        } else {
            self.write(b"map[")?;
        }
        for (i, (key, value)) in entries.iter().enumerate() {
            self.separate(i, spec)?;
            if let Value::Str(text) = key {
                self.string(key, text, verb, spec)?;
            }
            self.write(b":")?;
            self.value(value, verb, spec, depth + 1)?;
        }
        self.write(if spec.sharp_v { b"}" } else { b"]" })
    }

    /// A struct, without the names of its fields; a line as its text.
    fn record(&mut self, record: &Record<'a>, verb: char, spec: Spec, depth: usize) -> Printed {
        if let (RecordKind::Line, Some(line)) = (record.kind, record.field("Line")) {
            return self.value(line, verb, spec, depth);
        }
        if record.kind == RecordKind::Sample && depth == 0 {
            self.write(b"&")?;
        }
        self.write(b"{")?;
        for (i, (_, value)) in record.fields.iter().enumerate() {
            self.separate(i, spec)?;
            self.value(value, verb, spec, depth + 1)?;
        }
        self.write(b"}")
    }

    fn separate(&mut self, i: usize, spec: Spec) -> Printed {
        match i {
            0 => Ok(()),
            _ => self.write(if spec.sharp_v { b", " } else { b" " }),
        }
    }

    /// What a verb prints that doesn't suit the value: `%!d(string=x)`.
    fn bad_verb(&mut self, value: &Value<'a>, verb: char, spec: Spec) -> Printed {
        self.write(format!("%!{verb}(").as_bytes())?;
        if !matches!(value, Value::Nil) {
            self.write(value.type_name().as_bytes())?;
            self.write(b"=")?;
        }
        self.value(value, 'v', spec, 0)?;
        self.write(b")")
    }

    fn string(&mut self, value: &Value<'a>, text: &[u8], verb: char, spec: Spec) -> Printed {
        match verb {
            'v' if spec.sharp_v => self.quote(text, spec),
            'v' | 's' => self.pad(truncated(text, spec), spec),
            'x' | 'X' => self.hex(text, verb == 'X', spec),
            'q' => self.quote(text, spec),
            _ => self.bad_verb(value, verb, spec),
        }
    }

    fn quote(&mut self, text: &[u8], spec: Spec) -> Printed {
        let text = truncated(text, spec);
        if text.len() > self.limit {
            return Err(TooLong);
        }
        let raw = |b: &u8| !matches!(*b, b'`' | 0x7f) && (*b >= b' ' || *b == b'\t');
        if spec.sharp
            && text.iter().all(raw)
            && let Ok(text) = std::str::from_utf8(text)
        {
            return self.pad(format!("`{text}`").as_bytes(), spec);
        }
        let mut out = String::new();
        quote_into(&mut out, text, '"', spec.plus);
        self.pad(out.as_bytes(), spec)
    }

    fn hex(&mut self, text: &[u8], upper: bool, spec: Spec) -> Printed {
        let text = &text[..spec.precision.map_or(text.len(), |p| p.min(text.len()))];
        if text.len() > self.limit {
            return Err(TooLong);
        }
        let prefix = if upper { "0X" } else { "0x" };
        let mut out = String::new();
        for (i, byte) in text.iter().enumerate() {
            if spec.space && i > 0 {
                out.push(' ');
            }
            if spec.sharp && (i == 0 || spec.space) {
                out.push_str(prefix);
            }
            out.push_str(&if upper {
                format!("{byte:02X}")
            } else {
                format!("{byte:02x}")
            });
        }
        self.pad(out.as_bytes(), spec)
    }

    /// Writes `text`, padded to the width in characters.
    fn pad(&mut self, text: &[u8], spec: Spec) -> Printed {
        let missing = spec
            .width
            .map_or(0, |width| width.saturating_sub(rune_count(text)));
        if missing == 0 {
            return self.write(text);
        }
        if spec.minus {
            self.write(text)?;
            return self.fill(b' ', missing);
        }
        self.fill(if spec.zero { b'0' } else { b' ' }, missing)?;
        self.write(text)
    }
}

fn character(n: i64) -> char {
    u32::try_from(n)
        .ok()
        .and_then(char::from_u32)
        .unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// The text up to as many characters as the precision allows.
fn truncated(text: &[u8], spec: Spec) -> &[u8] {
    match spec.precision {
        Some(precision) if precision < text.len() => &text[..rune_offset(text, precision)],
        _ => text,
    }
}

/// How many characters `text` has; each invalid byte counts as one.
pub(crate) fn rune_count(text: &[u8]) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    text.utf8_chunks()
        .map(|chunk| chunk.valid().chars().count() + chunk.invalid().len())
        .sum()
}

/// Byte offset of character `n`, or the length if there are fewer.
pub(crate) fn rune_offset(text: &[u8], n: usize) -> usize {
    let mut left = n;
    let mut offset = 0;
    for chunk in text.utf8_chunks() {
        for c in chunk.valid().chars() {
            if left == 0 {
                return offset;
            }
            left -= 1;
            offset += c.len_utf8();
        }
        let invalid = chunk.invalid().len();
        if left < invalid {
            return offset + left;
        }
        left -= invalid;
        offset += invalid;
    }
    offset
}

/// `value` as `%v` prints it, for messages.
pub(crate) fn show(value: &Value<'_>) -> String {
    match value {
        Value::Str(text) => String::from_utf8_lossy(text).into_owned(),
        Value::Labels => "map[]".to_owned(),
        Value::Nil => "<nil>".to_owned(),
        other => {
            let mut printer = Printer {
                out: Vec::new(),
                limit: 4096,
                labels: &Vec::new,
            };
            match printer.print(std::slice::from_ref(other)) {
                Ok(()) => String::from_utf8_lossy(&printer.out).into_owned(),
                Err(TooLong) => quoted(&printer.out),
            }
        }
    }
}
