//! `| json a="b.c[0]"` finds the values at given paths in one scan over the line.
//!
//! The scan knows strings, keys and brackets and nothing else, as Loki's does: commas and the
//! values in between are not looked at, so that a value is found in lines that are broken
//! elsewhere. A wanted value that is itself broken or cut off marks the line with `JSONParserErr`
//! and is empty.

use super::StageError;
use super::json::{JSON_ERROR, scalar};
use super::labels::LabelSet;
use super::names::{NameId, StaticNames};
use super::span::{Input, Text};
use super::stage::ParserState;
use crate::ast::Extraction;
use crate::pipeline::current_line::Line;
use crate::pipeline::json_path_syntax::{Segment, parse_path};
use skald_fields::json::{
    JsonError, Kind, Value, block_end, skip_space, string_end, unescape, value_at,
};
use skald_model::steps;
use std::sync::Arc;

/// Paths followed in one scan: as many as a word has bits.
const PATHS_A_SCAN: usize = 64;

#[derive(Debug, Clone)]
struct Path {
    label: NameId,
    segments: Vec<Segment>,
}

/// The json parser with expressions.
#[derive(Debug, Clone)]
pub(super) struct JsonPathParser(Arc<[Path]>);

impl JsonPathParser {
    /// Compiles the expressions.
    pub(super) fn compile(
        list: &[Extraction],
        names: &mut StaticNames,
    ) -> Result<JsonPathParser, StageError> {
        let path = |extraction: &Extraction| {
            let segments = parse_path(&extraction.expression).map_err(|why| {
                StageError(format!(
                    "cannot parse expression [{}]: syntax error: {why}",
                    extraction.expression
                ))
            })?;
            Ok(Path {
                label: names.id(&extraction.label),
                segments,
            })
        };
        list.iter()
            .map(path)
            .collect::<Result<_, _>>()
            .map(JsonPathParser)
    }

    /// Sets a label for each path, to nothing where there is none; never drops the line.
    pub(super) fn apply(&self, line: &mut Line<'_>, state: &mut ParserState) -> bool {
        if line.bytes().is_empty() || line.labels.wants_none() {
            return true;
        }
        // White space before the object is passed over, as `json` without paths does.
        let first = skip_space(line.bytes(), 0).map(|at| line.bytes()[at]);
        if !matches!(first, Some(b'{' | b'[' | b'"')) {
            line.labels.set_error(JSON_ERROR, "");
            return true;
        }
        line.parse(|labels, input, text| {
            for paths in self.0.chunks(PATHS_A_SCAN) {
                let mut scan = Scan {
                    paths,
                    missing: u64::MAX >> (PATHS_A_SCAN - paths.len()),
                    same: &mut state.same,
                    key: &mut state.text,
                    labels,
                    input,
                    text,
                };
                // What the scan could not read without wanting it is no failure of the line.
                if let Err(Stop::Failed(error)) = scan.run(text.bytes) {
                    scan.labels.set_error(JSON_ERROR, &error.to_string());
                }
            }
        });
        for path in self.0.iter() {
            if line.labels.find(line.input, path.label).is_none() {
                let nothing = line.labels.store(b"");
                line.labels.set_parsed(path.label, nothing);
            }
        }
        true
    }
}

/// Why a scan ends before the line does.
enum Stop {
    /// All paths have their value, or the rest can't be read.
    Quiet,
    /// A key stands where none can.
    Failed(JsonError),
}

struct Scan<'w> {
    paths: &'w [Path],
    /// Paths without a value so far, as bits.
    missing: u64,
    /// For each level of braces the paths whose segment of that level is the key met last.
    same: &'w mut Vec<u64>,
    key: &'w mut Vec<u8>,
    labels: &'w mut LabelSet,
    input: Input<'w>,
    text: Text<'w>,
}

impl Scan<'_> {
    fn run(&mut self, data: &[u8]) -> Result<(), Stop> {
        let depth_max = self.paths.iter().map(|path| path.segments.len()).max();
        let depth_max = depth_max.unwrap_or(0);
        self.same.clear();
        self.same.resize(depth_max, 0);
        let (mut level, mut at) = (0isize, 0);
        while let Some(byte) = data.get(at) {
            steps::count(1);
            match byte {
                b'"' => {
                    let (end, escaped) = string_end(data, at + 1).ok_or(Stop::Quiet)?;
                    let next = skip_space(data, end + 1).ok_or(Stop::Quiet)?;
                    if data[next] == b':' {
                        self.take_key(&data[at + 1..end], escaped)?;
                        if level <= depth_max as isize {
                            let level = usize::try_from(level - 1)
                                .map_err(|_| Stop::Failed(JsonError::Malformed))?;
                            self.value_of_key(data, next + 1, level)?;
                        }
                        at = next + 1;
                    } else {
                        at = next;
                    }
                    continue;
                }
                b'{' => level += 1,
                b'}' | b']' => level -= 1,
                b'[' => {
                    let inside =
                        usize::try_from(level).map_err(|_| Stop::Failed(JsonError::Malformed))?;
                    let wanted = self.indexed(inside);
                    if wanted == 0 {
                        at = block_end(data, at, b'[', b']').ok_or(Stop::Quiet)?;
                    } else {
                        level += 1;
                        at = self.elements(data, at + 1, wanted, inside)?;
                    }
                    continue;
                }
                _ => {}
            }
            at += 1;
        }
        Ok(())
    }

    /// Puts a key's text into `key`.
    fn take_key(&mut self, raw: &[u8], escaped: bool) -> Result<(), Stop> {
        self.key.clear();
        if escaped {
            return unescape(raw, self.key).ok_or(Stop::Quiet);
        }
        self.key.extend_from_slice(raw);
        Ok(())
    }

    /// Takes the value after a key for the paths that end with it; the key is in an object of level
    /// `level`, counted from 0.
    fn value_of_key(&mut self, data: &[u8], at: usize, level: usize) -> Result<(), Stop> {
        let Some(same) = self.same.get_mut(level) else {
            return Ok(());
        };
        *same = bits(self.paths.len(), |path| {
            matches!(
                self.paths[path].segments.get(level),
                Some(Segment::Key(key)) if key.as_bytes() == self.key.as_slice()
            )
        });
        let mut found = self.missing & self.on_the_way(level + 1);
        while found != 0 {
            let path = found.trailing_zeros() as usize;
            found &= found - 1;
            if self.paths[path].segments.len() == level + 1 {
                self.take(path, value_at(data, at));
            }
        }
        self.unless_done()
    }

    /// The paths whose first `levels` segments are the keys met last.
    fn on_the_way(&self, levels: usize) -> u64 {
        self.same[..levels].iter().fold(u64::MAX, |a, b| a & b)
    }

    /// The paths that want an element of an array which stands within `level` objects.
    fn indexed(&self, level: usize) -> u64 {
        if level >= self.same.len() {
            return 0;
        }
        let indexed = bits(self.paths.len(), |path| {
            matches!(
                self.paths[path].segments.get(level),
                Some(Segment::Index(_))
            )
        });
        indexed & self.missing & self.on_the_way(level)
    }

    /// Takes the elements that `wanted` ask for; gives the place of the closing bracket, or of what
    /// can't be read.
    fn elements(
        &mut self,
        data: &[u8],
        at: usize,
        wanted: u64,
        level: usize,
    ) -> Result<usize, Stop> {
        let mut elements = Elements { data, at, index: 0 };
        while let Some(element) = elements.read() {
            let mut rest = wanted & self.missing;
            while rest != 0 {
                let path = rest.trailing_zeros() as usize;
                rest &= rest - 1;
                let segments = &self.paths[path].segments[level..];
                if segments[0] != Segment::Index(elements.index - 1) {
                    continue;
                }
                self.missing &= !(1 << path);
                if let Some(value) = value_below(data, element, &segments[1..]) {
                    self.take(path, value);
                }
            }
        }
        self.unless_done()?;
        Ok(elements.at)
    }

    /// Ends the scan when nothing is missing.
    fn unless_done(&self) -> Result<(), Stop> {
        if self.missing == 0 {
            return Err(Stop::Quiet);
        }
        Ok(())
    }

    /// Sets a path's label, or marks the line when its value is broken.
    fn take(&mut self, path: usize, value: Result<Value, JsonError>) {
        self.missing &= !(1 << path);
        let value = match value {
            Ok(value) => value,
            Err(error) => {
                self.labels.set_error(JSON_ERROR, &error.to_string());
                return;
            }
        };
        let name = self.labels.unshadowed(self.input, self.paths[path].label);
        let span = match value.kind {
            Kind::Null => self.labels.store(b""),
            _ => scalar(self.labels, self.text, value),
        };
        self.labels.set_parsed(name, span);
    }
}

/// The numbers up to `count` of which something is true, as bits.
fn bits(count: usize, holds: impl Fn(usize) -> bool) -> u64 {
    steps::count(count);
    (0..count).fold(0, |bits, at| bits | u64::from(holds(at)) << at)
}

/// The elements of an array, up to the first that can't be read.
struct Elements<'d> {
    data: &'d [u8],
    /// First byte after the opening bracket or the last comma; in the end that of the closing
    /// bracket, or where reading failed.
    at: usize,
    /// How many elements were given.
    index: usize,
}

impl Elements<'_> {
    /// The next element.
    fn read(&mut self) -> Option<Value> {
        if self.index > 0 {
            let next = skip_space(self.data, self.at)?;
            self.at = next;
            if self.data[next] != b',' {
                return None;
            }
            self.at += 1;
        } else {
            self.at = skip_space(self.data, self.at).unwrap_or(self.at);
            if self.data.get(self.at) == Some(&b']') {
                return None;
            }
        }
        let value = value_at(self.data, self.at).ok()?;
        self.at = value.next;
        self.index += 1;
        Some(value)
    }
}

/// The value at the rest of a path within an element; `None` where there is none. An error is that
/// of the value itself.
fn value_below(
    data: &[u8],
    element: Value,
    segments: &[Segment],
) -> Option<Result<Value, JsonError>> {
    if segments.is_empty() {
        return Some(Ok(element));
    }
    if !matches!(element.kind, Kind::Object | Kind::Array) {
        return None;
    }
    // Nothing beyond the element belongs to it.
    let data = &data[..element.end];
    search(data, element.start, segments).map(|at| value_at(data, at))
}

/// Where the value at a path starts in the element at `at`, which reaches to the end of `data`.
fn search(data: &[u8], mut at: usize, segments: &[Segment]) -> Option<usize> {
    // Levels of braces, and how many segments are found.
    let (mut level, mut found) = (0usize, 0usize);
    let mut enter = true;
    while let Some(byte) = data.get(at) {
        steps::count(1);
        match byte {
            b'"' => {
                let (end, escaped) = string_end(data, at + 1)?;
                let next = skip_space(data, end + 1)?;
                if data[next] != b':' {
                    at = next;
                    continue;
                }
                let wanted = segments.get(level.checked_sub(1)?)?;
                enter = is_key(wanted, &data[at + 1..end], escaped)?;
                at = next;
                if enter && found + 1 == level {
                    found += 1;
                    if found == segments.len() {
                        return Some(next + 1);
                    }
                }
            }
            b'{' if enter => level += 1,
            b'{' => {
                at = block_end(data, at, b'{', b'}')?;
                continue;
            }
            b'}' => {
                level = level.checked_sub(1)?;
                if level == found {
                    found = found.checked_sub(1)?;
                }
            }
            b'[' => match segments.get(level) {
                Some(Segment::Index(index)) if found == level => {
                    return element_at(data, at + 1, *index, &segments[level + 1..]);
                }
                _ => {
                    at = block_end(data, at, b'[', b']')?;
                    continue;
                }
            },
            b':' => return None,
            _ => {}
        }
        at += 1;
    }
    None
}

/// Whether a key is the one of a segment; `None` when it can't be read.
fn is_key(segment: &Segment, raw: &[u8], escaped: bool) -> Option<bool> {
    let Segment::Key(wanted) = segment else {
        return Some(false);
    };
    if !escaped {
        return Some(raw == wanted.as_bytes());
    }
    let mut key = Vec::with_capacity(raw.len());
    unescape(raw, &mut key)?;
    Some(key == wanted.as_bytes())
}

/// Where the value at `segments` below the element of number `index` starts; `at` is after the
/// opening bracket.
fn element_at(data: &[u8], at: usize, index: usize, segments: &[Segment]) -> Option<usize> {
    let mut elements = Elements { data, at, index: 0 };
    while let Some(element) = elements.read() {
        if elements.index - 1 < index {
            continue;
        }
        return match (element.kind, segments) {
            (Kind::String, []) => Some(element.start - 1),
            (_, []) => Some(element.start),
            (Kind::Object | Kind::Array, _) => {
                search(&data[..element.end], element.start, segments)
            }
            _ => None,
        };
    }
    None
}
