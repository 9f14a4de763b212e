//! Durations of settings and parameters in nanoseconds, in the forms that queries have too.

pub(crate) use skald_logql::syntax::duration::{format_go as show_go, format_prometheus as show};

use skald_logql::syntax::duration;

/// Reads Prometheus' form; `None` when it is no duration or too long for 64 bits. `0` needs no unit.
pub(crate) fn parse(text: &str) -> Option<i64> {
    duration::parse_prometheus(text).ok()
}

/// Reads Prometheus' form or Go's (`1.5h`, `100us`), which Loki takes in most sections; `None` when
/// it is none, is negative, or does not fit in 64 bits.
pub(crate) fn parse_setting(text: &str) -> Option<i64> {
    duration::parse(text).filter(|nanoseconds| *nanoseconds >= 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_as_prometheus_does() {
        assert_eq!(parse("1h30m"), Some(5_400_000_000_000));
        assert_eq!(parse("15000ms"), Some(15_000_000_000));
        assert_eq!(parse("0"), Some(0));
        for bad in [
            "",
            "1.5h",
            "10us",
            "5",
            "m",
            "30m1h",
            "1h1h",
            "-1s",
            "99999999999y",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn durations_are_written_as_prometheus_does() {
        for text in ["30d1h", "1w", "1m", "10m", "400d", "1y", "1s500ms", "2h"] {
            assert_eq!(show(parse(text).expect("valid")), text);
        }
        assert_eq!(show(0), "0s");
    }

    #[test]
    fn durations_are_written_as_go_does() {
        let check = |nanoseconds, expected| assert_eq!(show_go(nanoseconds), expected);
        check(0, "0s");
        check(1, "1ns");
        check(1_500, "1.5µs");
        check(250_000_000, "250ms");
        check(1_000_000_000, "1s");
        check(90_500_000_000, "1m30.5s");
        check(60_000_000_000, "1m0s");
        check(3_660_000_000_000, "1h1m0s");
        check(744 * 3_600_000_000_000 - 1_000_000, "743h59m59.999s");
    }

    #[test]
    fn settings_are_read_as_go_does_too() {
        for (text, expected) in [
            ("1.5h", 5_400_000_000_000),
            ("1h30m0.5s", 5_400_500_000_000),
            ("30m1h", 5_400_000_000_000),
            ("100us", 100_000),
            ("1µs2ns", 1_002),
            (".5s", 500_000_000),
            ("+2s", 2_000_000_000),
        ] {
            assert_eq!(parse_setting(text), Some(expected), "{text}");
        }
        for bad in ["", "1", "-1s", "s", ".s", "1.2.3s", "1h ", "99999999999h"] {
            assert_eq!(parse_setting(bad), None, "{bad}");
        }
    }
}
