//! Times as Go writes them in the texts of Loki.

use crate::decode::decoded::TIME_MISSING;
use jiff::Timestamp;

/// `2006-01-02T15:04:05Z`; without fractions of a second.
pub(crate) fn rfc3339(nanoseconds: i64) -> String {
    match nanoseconds {
        TIME_MISSING => "0001-01-01T00:00:00Z".to_owned(),
        _ => timestamp(nanoseconds)
            .strftime("%Y-%m-%dT%H:%M:%SZ")
            .to_string(),
    }
}

/// `2006-01-02 15:04:05.5 +0000 UTC`, as `time.Time` prints itself.
pub(crate) fn go_time(nanoseconds: i64) -> String {
    match nanoseconds {
        TIME_MISSING => "0001-01-01 00:00:00 +0000 UTC".to_owned(),
        _ => timestamp(nanoseconds)
            .strftime("%Y-%m-%d %H:%M:%S%.f +0000 UTC")
            .to_string(),
    }
}

fn timestamp(nanoseconds: i64) -> Timestamp {
    let second = nanoseconds.div_euclid(1_000_000_000);
    let rest = nanoseconds.rem_euclid(1_000_000_000) as i32;
    Timestamp::new(second, rest).expect("every 64-bit count of nanoseconds is within jiff's years")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_go_prints_them() {
        assert_eq!(rfc3339(1_772_323_200_000_000_000), "2026-03-01T00:00:00Z");
        assert_eq!(
            go_time(1_772_323_200),
            "1970-01-01 00:00:01.7723232 +0000 UTC"
        );
        assert_eq!(go_time(0), "1970-01-01 00:00:00 +0000 UTC");
        assert_eq!(rfc3339(i64::MAX), "2262-04-11T23:47:16Z");
        assert_eq!(
            go_time(i64::MIN + 1),
            "1677-09-21 00:12:43.145224193 +0000 UTC"
        );
        assert_eq!(rfc3339(TIME_MISSING), "0001-01-01T00:00:00Z");
    }
}
