//! `Instant` is a setting that holds a point in time, written as RFC 3339.

use super::setting::Setting;
use serde_yaml_ng::Value;

/// A moment as RFC 3339 text, in nanoseconds since 1970; 0 is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Instant(pub i64);

impl Setting for Instant {
    fn read(value: &Value) -> Result<Self, String> {
        let text = String::read(value)?;
        if text.is_empty() || text == "0" {
            return Ok(Instant(0));
        }
        let moment: Result<jiff::Timestamp, _> = text.parse();
        let nanoseconds = moment
            .ok()
            .and_then(|t| i64::try_from(t.as_nanosecond()).ok());
        nanoseconds
            .map(Instant)
            .ok_or_else(|| format!("expected a time such as 2026-01-31T00:00:00Z, found {text:?}"))
    }

    fn show(&self) -> Value {
        let text = jiff::Timestamp::from_nanosecond(i128::from(self.0))
            .map(|t| t.to_string())
            .unwrap_or_default();
        Value::from(if self.0 == 0 { String::new() } else { text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&str, &str>) {
        let shown = Instant::read(&Value::from(text)).map(|moment| moment.show());
        let expected = expected.map(Value::from).map_err(str::to_owned);
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn moments_are_rfc_3339() {
        check("2026-01-31T00:00:00Z", Ok("2026-01-31T00:00:00Z"));
        check("", Ok(""));
        check(
            "tomorrow",
            Err("expected a time such as 2026-01-31T00:00:00Z, found \"tomorrow\""),
        );
    }
}
