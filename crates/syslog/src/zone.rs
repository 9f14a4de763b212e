//! A clock that turns times without year or zone into instants, and says what it guessed.

use crate::timestamp::{LocalTime, Precision, SentTime, is_date, seconds_since_1970};
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

/// Years looked at around now; a 29th of February is no further away.
const YEARS_AROUND: i64 = 8;

/// How far ahead of now a guessed year may put a time, in seconds: 30 days.
const AHEAD_SECONDS_MAX: i64 = 30 * 86_400;

/// An instant, and what of it was not in the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// Nanoseconds since 1970.
    pub time: i64,
    /// How exactly it was given.
    pub precision: Precision,
    /// Whether the year is the one nearest to now.
    pub guessed_year: bool,
    /// Whether the zone is the one of the setting.
    pub guessed_zone: bool,
}

/// Year, month, day, hour and minute.
type Minute = (i64, i8, i8, i8, i8);

/// The zone of senders that do not say theirs.
pub struct ZoneClock {
    zone: TimeZone,
    /// The last minute asked for, with its offset in seconds.
    last: Option<(Minute, i32)>,
}

/// A zone by its name in the tz database (`Europe/Berlin`), as an offset (`+01:00`), `UTC`, or
/// `local`, the machine's own.
pub fn zone_named(name: &str) -> Option<TimeZone> {
    match name {
        "local" => return Some(TimeZone::system()),
        "UTC" | "Z" | "utc" => return Some(TimeZone::UTC),
        _ => {}
    }
    if let Some((sign, digits)) = name
        .split_at_checked(1)
        .filter(|(sign, _)| "+-".contains(sign))
    {
        let (hours, minutes) = digits.split_once(':')?;
        let number = |text: &str| (text.len() == 2).then(|| text.parse::<i32>().ok())?;
        let (hours, minutes) = (number(hours)?, number(minutes)?);
        let seconds = (hours * 60 + minutes) * 60;
        let seconds = if sign == "-" { -seconds } else { seconds };
        let is_zone = minutes < 60 && hours < 24;
        return Some(TimeZone::fixed(
            is_zone.then(|| Offset::from_seconds(seconds).ok())??,
        ));
    }
    TimeZone::get(name).ok()
}

impl ZoneClock {
    /// For senders in this zone.
    pub fn new(zone: TimeZone) -> ZoneClock {
        ZoneClock { zone, last: None }
    }

    /// The instant of a time near `now` (nanoseconds since 1970); `None` when there is none.
    pub fn resolve(&mut self, time: SentTime, now: i64) -> Option<Resolved> {
        let (local, precision) = match time {
            SentTime::Missing => return None,
            SentTime::Instant(time, precision) => {
                return Some(Resolved {
                    time,
                    precision,
                    guessed_year: false,
                    guessed_zone: false,
                });
            }
            SentTime::Local(local, precision) => (local, precision),
        };
        let year = match local.year {
            Some(year) => i64::from(year),
            None => nearest_year(&local, now.div_euclid(1_000_000_000))?,
        };
        let east = self.offset(year, &local)?;
        let seconds = seconds_since_1970(year, &local, east);
        let time = seconds
            .checked_mul(1_000_000_000)?
            .checked_add(i64::from(local.nanosecond))?;
        Some(Resolved {
            time,
            precision,
            guessed_year: local.year.is_none(),
            guessed_zone: true,
        })
    }

    /// Seconds east of Greenwich at a local time.
    fn offset(&mut self, year: i64, local: &LocalTime) -> Option<i32> {
        let minute = (year, local.month, local.day, local.hour, local.minute);
        if let Some((last, east)) = self.last
            && last == minute
        {
            return Some(east);
        }
        let year = i16::try_from(year).ok()?;
        let date =
            DateTime::new(year, local.month, local.day, local.hour, local.minute, 0, 0).ok()?;
        let zoned = date.to_zoned(self.zone.clone()).ok()?;
        // In an hour that clocks skip this is not the offset that is in force afterwards.
        let as_utc = seconds_since_1970(
            i64::from(year),
            &LocalTime {
                second: 0,
                ..*local
            },
            0,
        );
        let east = i32::try_from(as_utc - zoned.timestamp().as_second()).ok()?;
        self.last = Some((minute, east));
        Some(east)
    }
}

/// The year in which this time is nearest to now, in seconds since 1970, and not far ahead of it:
/// logs are of the past.
fn nearest_year(local: &LocalTime, now: i64) -> Option<i64> {
    let this_year = 1970 + now.div_euclid(31_556_952);
    (this_year - YEARS_AROUND..=this_year + YEARS_AROUND)
        .filter(|year| is_date(*year, local.month, local.day))
        .map(|year| (seconds_since_1970(year, local, 0) - now, year))
        .filter(|(ahead, _)| *ahead <= AHEAD_SECONDS_MAX)
        .min_by_key(|(ahead, _)| ahead.abs())
        .map(|(_, year)| year)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timestamp::{rfc3164, rfc3339};

    const SECOND: i64 = 1_000_000_000;

    fn at(text: &str) -> i64 {
        match rfc3339(text.as_bytes()) {
            Some((SentTime::Instant(time, _), b"")) => time,
            other => panic!("{text}: {other:?}"),
        }
    }

    fn check(zone: &str, sent: &str, now: &str, expected: &str) {
        let (time, _) = rfc3164(sent.as_bytes()).expect("a time");
        let mut clock = ZoneClock::new(zone_named(zone).expect("a zone"));
        let resolved = clock.resolve(time, at(now)).expect("an instant");
        assert_eq!(resolved.time, at(expected), "{sent} in {zone} at {now}");
        assert!(resolved.guessed_zone);
        assert_eq!(clock.resolve(time, at(now)), Some(resolved), "from memory");
    }

    #[test]
    fn the_year_is_the_one_nearest_to_now() {
        let now = "2026-12-31T23:59:58Z";
        check("UTC", "Dec 31 23:59:59", now, "2026-12-31T23:59:59Z");
        check("UTC", "Jan  1 00:00:01", now, "2027-01-01T00:00:01Z");
        check(
            "UTC",
            "Dec 31 23:59:59",
            "2027-01-01T00:00:10Z",
            "2026-12-31T23:59:59Z",
        );
        check("UTC", "Jul  1 12:00:00", now, "2026-07-01T12:00:00Z");
        check(
            "UTC",
            "Feb 29 12:00:00",
            "2026-12-01T00:00:00Z",
            "2024-02-29T12:00:00Z",
        );
        check("UTC", "Nov 30 2019 12:00:00", now, "2019-11-30T12:00:00Z");
    }

    #[test]
    fn the_zone_is_the_one_of_the_setting() {
        let now = "2026-07-01T12:00:00Z";
        check(
            "Europe/Berlin",
            "Jul  1 14:00:00",
            now,
            "2026-07-01T12:00:00Z",
        );
        check(
            "Europe/Berlin",
            "Jan  1 13:00:00",
            now,
            "2026-01-01T12:00:00Z",
        );
        check("-05:30", "Jul  1 06:30:00.5", now, "2026-07-01T12:00:00.5Z");
        // An hour that clocks skip, and one that comes twice.
        check(
            "Europe/Berlin",
            "Mar 29 02:30:00",
            now,
            "2026-03-29T01:30:00Z",
        );
        check(
            "Europe/Berlin",
            "Oct 25 02:30:00",
            "2026-11-01T00:00:00Z",
            "2026-10-25T00:30:00Z",
        );
        for name in ["", "+1", "+25:00", "Mars/Olympus", "+aa:bb"] {
            assert!(zone_named(name).is_none(), "{name}");
        }
        assert!(zone_named("local").is_some());
    }

    #[test]
    fn a_time_with_its_zone_is_taken_as_it_is() {
        let mut clock = ZoneClock::new(TimeZone::UTC);
        let time = SentTime::Instant(5 * SECOND, Precision::Second);
        let resolved = clock.resolve(time, 0).expect("an instant");
        assert_eq!((resolved.time, resolved.guessed_zone), (5 * SECOND, false));
        assert_eq!(clock.resolve(SentTime::Missing, 0), None);
    }
}
