//! Query parameters, read as Loki does: names, times, steps, limits, and Go's error texts.
//!
//! A POST form and the URL are merged, the form first. Unknown parameters are ignored.

use crate::duration;
use crate::error::ApiError;
use crate::time_bounds::Bounds;
use crate::wire::notes::read_cursor;
use axum::http::StatusCode;
use skald_model::Direction;
use skald_query::{Cursor, OnError};

const SECOND: i64 = 1_000_000_000;
const MILLISECOND: i64 = 1_000_000;
const HOUR: i64 = 3600 * SECOND;

/// Most points a series may have; asked of log queries too, as Loki does.
const POINTS_MAX: i64 = 11_000;

/// Texts of this many digits or fewer are seconds, longer ones nanoseconds.
const SECONDS_DIGITS_MAX: usize = 10;

/// The parameters of one request, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Params(Vec<(String, String)>);

/// What a `query_range` asks for, beside the query and the range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RangeShape {
    /// Distance of points.
    pub step: i64,
    /// Least distance of entries.
    pub interval: i64,
    /// Entries at most.
    pub limit: usize,
    /// Order of entries.
    pub direction: Direction,
}

impl Params {
    /// Reads `a=1&b=2`.
    pub(crate) fn parse(text: &str) -> Result<Params, ApiError> {
        Params::merged("", text)
    }

    /// Reads a form and the query of a URL; the form comes first.
    pub(crate) fn merged(form: &str, url: &str) -> Result<Params, ApiError> {
        let mut pairs = Vec::new();
        parse_pairs(form, &mut pairs)?;
        parse_pairs(url, &mut pairs)?;
        Ok(Params(pairs))
    }

    /// The first value of `name`; empty when it is missing.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.0
            .iter()
            .find(|(n, _)| n == name)
            .map_or("", |(_, v)| v)
    }

    /// All values of the names, in order.
    pub(crate) fn all<'a>(&'a self, names: &'a [&str]) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(|(n, _)| names.contains(&n.as_str()))
            .map(|(_, v)| v.as_str())
    }

    /// `query`
    pub(crate) fn query(&self) -> &str {
        self.get("query")
    }

    /// `skip_errors=true` (beyond Loki): metric queries leave out entries that a stage failed on.
    pub(crate) fn on_error(&self) -> OnError {
        match self.get("skip_errors") {
            "true" => OnError::Skip,
            _ => OnError::Fail,
        }
    }

    /// `cursor` (beyond Loki): the page after the one whose answer gave this text.
    pub(crate) fn cursor(&self) -> Result<Option<Cursor>, ApiError> {
        match self.get("cursor") {
            "" => Ok(None),
            text => read_cursor(text)
                .map(Some)
                .ok_or_else(|| ApiError::bad(format!("invalid cursor {text:?}"))),
        }
    }

    /// `start`, `end` and `since`.
    pub(crate) fn bounds(&self, now: i64) -> Result<Bounds, ApiError> {
        let since = match self.get("since") {
            "" => HOUR,
            text => duration::parse(text).ok_or_else(|| {
                ApiError::bad(format!(
                    "could not parse 'since' parameter: not a valid duration string: {text:?}"
                ))
            })?,
        };
        let end = self.time("end", now).map_err(|e| {
            ApiError::bad(format!("could not parse 'end' parameter: {}", e.message))
        })?;
        let default = end.min(now).saturating_sub(since);
        let start = self.time("start", default).map_err(|e| {
            ApiError::bad(format!("could not parse 'start' parameter: {}", e.message))
        })?;
        Ok(Bounds { start, end })
    }

    /// As [`Params::bounds`], refusing an end before the start.
    pub(crate) fn ordered_bounds(&self, now: i64) -> Result<Bounds, ApiError> {
        let bounds = self.bounds(now)?;
        if bounds.end < bounds.start {
            return Err(ApiError::bad(
                "end timestamp must not be before or equal to start time",
            ));
        }
        Ok(bounds)
    }

    /// Everything else of `query_range`, checked in Loki's order.
    pub(crate) fn range_shape(&self, bounds: Bounds) -> Result<RangeShape, ApiError> {
        let limit = self.limit("limit", 100)?;
        let direction = self.direction()?;
        let step = self.step(bounds)?;
        if bounds.length() / step > POINTS_MAX {
            let text = "exceeded maximum resolution of 11,000 points per time series. Try increasing the value of the step parameter";
            return Err(ApiError::bad(text));
        }
        let interval = self.seconds_or_duration("interval", 0)?;
        if interval < 0 {
            return Err(ApiError::bad("interval must be >= 0"));
        }
        Ok(RangeShape {
            step,
            interval,
            limit,
            direction,
        })
    }

    /// `step`: positive, whole milliseconds.
    pub(crate) fn step(&self, bounds: Bounds) -> Result<i64, ApiError> {
        let default = (bounds.length() / 250 / SECOND)
            .max(1)
            .saturating_mul(SECOND);
        let step = self.seconds_or_duration("step", default)?;
        if step <= 0 {
            let text = "zero or negative query resolution step widths are not accepted. Try a positive integer";
            return Err(ApiError::bad(text));
        }
        Ok((step / MILLISECOND).max(1) * MILLISECOND)
    }

    /// A time parameter.
    pub(crate) fn time(&self, name: &str, default: i64) -> Result<i64, ApiError> {
        match self.get(name) {
            "" => Ok(default),
            text => {
                parse_time(text).ok_or_else(|| ApiError::bad(go_number_error("ParseInt", text)))
            }
        }
    }

    /// A positive number of things.
    pub(crate) fn limit(&self, name: &str, default: usize) -> Result<usize, ApiError> {
        match self.integer(name, default as i64)? {
            limit if limit <= 0 => Err(ApiError::bad("limit must be a positive value")),
            limit => Ok(limit as usize),
        }
    }

    /// Any whole number.
    pub(crate) fn integer(&self, name: &str, default: i64) -> Result<i64, ApiError> {
        match self.get(name) {
            "" => Ok(default),
            text => parse_integer(text).ok_or_else(|| ApiError::bad(go_number_error("Atoi", text))),
        }
    }

    /// `direction`
    pub(crate) fn direction(&self) -> Result<Direction, ApiError> {
        match self.get("direction") {
            "" => Ok(Direction::Backward),
            text if text.eq_ignore_ascii_case("backward") => Ok(Direction::Backward),
            text if text.eq_ignore_ascii_case("forward") => Ok(Direction::Forward),
            text => Err(ApiError::bad(format!("invalid direction '{text}'"))),
        }
    }

    /// Float seconds or a Prometheus duration.
    fn seconds_or_duration(&self, name: &str, default: i64) -> Result<i64, ApiError> {
        let text = self.get(name);
        if text.is_empty() {
            return Ok(default);
        }
        if let Some(seconds) = text.parse::<f64>().ok().filter(|s| s.is_finite()) {
            let nanoseconds = seconds * SECOND as f64;
            if nanoseconds.abs() > i64::MAX as f64 {
                return Err(ApiError::bad(format!(
                    "cannot parse {text:?} to a valid duration. It overflows int64"
                )));
            }
            return Ok(nanoseconds as i64);
        }
        duration::parse(text)
            .ok_or_else(|| ApiError::bad(format!("cannot parse {text:?} to a valid duration")))
    }
}

/// Seconds, nanoseconds or RFC 3339, distinguished as Loki does.
fn parse_time(text: &str) -> Option<i64> {
    if text.contains('.')
        && let Some(seconds) = text.parse::<f64>().ok().filter(|s| s.is_finite())
    {
        let milliseconds = (seconds.fract() * 1000.0).round() as i64;
        return Some(
            (seconds.trunc() as i64)
                .saturating_mul(SECOND)
                .saturating_add(milliseconds * MILLISECOND),
        );
    }
    if let Some(number) = parse_integer(text) {
        return Some(if text.len() <= SECONDS_DIGITS_MAX {
            number.saturating_mul(SECOND)
        } else {
            number
        });
    }
    // A plus sign that was not escaped in a URL arrives as a space.
    let timestamp: jiff::Timestamp = text.replace(' ', "+").parse().ok()?;
    let nanoseconds = timestamp.as_nanosecond();
    Some(nanoseconds.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64)
}

fn parse_integer(text: &str) -> Option<i64> {
    text.parse().ok()
}

/// The text of Go's `strconv` for a number that can't be read.
fn go_number_error(function: &str, text: &str) -> String {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let why = if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        "value out of range"
    } else {
        "invalid syntax"
    };
    format!("strconv.{function}: parsing {text:?}: {why}")
}

fn parse_pairs(text: &str, out: &mut Vec<(String, String)>) -> Result<(), ApiError> {
    for pair in text.split('&').filter(|p| !p.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        out.push((decode(name)?, decode(value)?));
    }
    Ok(())
}

/// Undoes percent and plus encoding; bytes that are no UTF-8 become U+FFFD.
fn decode(text: &str) -> Result<String, ApiError> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'+' => out.push(b' '),
            b'%' => {
                let digits = bytes
                    .get(at + 1..at + 3)
                    .and_then(|d| std::str::from_utf8(d).ok());
                let byte = digits
                    .filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))
                    .and_then(|d| u8::from_str_radix(d, 16).ok());
                let shown =
                    || String::from_utf8_lossy(&bytes[at..bytes.len().min(at + 3)]).into_owned();
                out.push(byte.ok_or_else(|| {
                    ApiError::new(
                        StatusCode::BAD_REQUEST,
                        format!("invalid URL escape {:?}", shown()),
                    )
                })?);
                at += 2;
            }
            byte => out.push(byte),
        }
        at += 1;
    }
    Ok(String::from_utf8(out)
        .unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_772_326_800 * SECOND;

    fn params(text: &str) -> Params {
        Params::parse(text).expect("valid parameters")
    }

    fn check_time(text: &str, expected: i64) {
        assert_eq!(
            params(&format!("time={text}")).time("time", NOW),
            Ok(expected),
            "{text}"
        );
    }

    #[test]
    fn times_are_seconds_nanoseconds_or_rfc3339() {
        check_time("", NOW);
        check_time("1772323200", 1_772_323_200 * SECOND);
        check_time("1772323200123456789", 1_772_323_200_123_456_789);
        check_time("1772323200.25", 1_772_323_200_250_000_000);
        check_time("4000000000", 4_000_000_000 * SECOND);
        check_time("1772323200000", 1_772_323_200_000);
        check_time("2026-03-01T00:00:00Z", 1_772_323_200 * SECOND);
        check_time("2026-03-01T01:00:00.5+01:00", 1_772_323_200_500_000_000);
    }

    fn check_error(text: &str, expected: &str) {
        let params = params(text);
        let result = params
            .ordered_bounds(NOW)
            .and_then(|bounds| params.range_shape(bounds));
        assert_eq!(
            result.map_err(|e| e.message),
            Err(expected.to_owned()),
            "{text}"
        );
    }

    #[test]
    fn mistakes_get_the_texts_of_loki() {
        check_error(
            "start=x",
            "could not parse 'start' parameter: strconv.ParseInt: parsing \"x\": invalid syntax",
        );
        check_error(
            "end=99999999999999999999",
            "could not parse 'end' parameter: strconv.ParseInt: parsing \"99999999999999999999\": value out of range",
        );
        check_error(
            "since=x",
            "could not parse 'since' parameter: not a valid duration string: \"x\"",
        );
        check_error(
            "start=20&end=10",
            "end timestamp must not be before or equal to start time",
        );
        check_error("limit=x", "strconv.Atoi: parsing \"x\": invalid syntax");
        check_error("limit=-1", "limit must be a positive value");
        check_error("direction=up", "invalid direction 'up'");
        check_error("step=x", "cannot parse \"x\" to a valid duration");
        check_error(
            "step=-1",
            "zero or negative query resolution step widths are not accepted. Try a positive integer",
        );
        check_error("interval=1.5h", "cannot parse \"1.5h\" to a valid duration");
        check_error("interval=-1", "interval must be >= 0");
        check_error(
            "start=0&end=11001&step=1s",
            "exceeded maximum resolution of 11,000 points per time series. Try increasing the value of the step parameter",
        );
    }

    #[test]
    fn defaults_are_an_hour_a_250th_of_it_and_100_entries() {
        let params = params("");
        let bounds = params.bounds(NOW).expect("defaults");
        assert_eq!(
            bounds,
            Bounds {
                start: NOW - HOUR,
                end: NOW
            }
        );
        let expected = RangeShape {
            step: 14 * SECOND,
            interval: 0,
            limit: 100,
            direction: Direction::Backward,
        };
        assert_eq!(params.range_shape(bounds), Ok(expected));
    }

    #[test]
    fn a_start_defaults_to_before_now_even_when_the_end_is_later() {
        let bounds = params("end=4000000000&since=5m")
            .bounds(NOW)
            .expect("valid");
        assert_eq!(bounds.start, NOW - 300 * SECOND);
    }

    #[test]
    fn encoded_text_is_decoded_and_repeated_names_are_kept() {
        let params = params("match[]=%7Ba%3D%22b%22%7D&match=x+y&match%5B%5D=z");
        assert_eq!(
            params.all(&["match", "match[]"]).collect::<Vec<_>>(),
            ["{a=\"b\"}", "x y", "z"]
        );
        assert_eq!(
            Params::parse("a=%zz").map_err(|e| e.message),
            Err("invalid URL escape \"%zz\"".to_owned())
        );
    }
}
