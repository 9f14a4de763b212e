//! Go's `time.Time` pairs an instant with the zone it is shown in.
//!
//! The calendar is computed here, so any second has a date; zone rules come from jiff's bundled
//! database. The local zone is UTC.

use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::layout::{Element, MONTHS, Offset, WEEKDAYS, elements};

const DAY_SECONDS: i64 = 86_400;

/// Seconds since 1970 of Go's zero time, the start of year 1.
const ZERO_SECONDS: i64 = -62_135_596_800;

/// An instant in a zone.
#[derive(Clone, Debug)]
pub(crate) struct Time {
    /// Seconds since 1970.
    pub(crate) seconds: i64,
    pub(crate) nanos: u32,
    pub(crate) zone: Zone,
}

/// The zone a time is shown in.
#[derive(Clone, Debug)]
pub(crate) enum Zone {
    Utc,
    /// An offset, in seconds, that came with the time; perhaps a name too.
    Fixed {
        name: String,
        offset: i32,
    },
    Named(TimeZone),
}

/// A date and a time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Civil {
    pub(crate) year: i64,
    /// 1 to 12.
    pub(crate) month: i64,
    pub(crate) day: i64,
    pub(crate) hour: i64,
    pub(crate) minute: i64,
    pub(crate) second: i64,
}

impl Zone {
    /// The zone of a name, as `time.LoadLocation`; unknown names give `None`.
    pub(crate) fn load(name: &str) -> Option<Zone> {
        match name {
            "" | "UTC" | "Local" => Some(Zone::Utc),
            name => TimeZone::get(name).ok().map(Zone::Named),
        }
    }

    /// Offset in seconds and abbreviation at `seconds` since 1970.
    pub(crate) fn lookup(&self, seconds: i64) -> (i64, String) {
        match self {
            Zone::Utc => (0, "UTC".to_owned()),
            Zone::Fixed { name, offset } => (i64::from(*offset), name.clone()),
            Zone::Named(zone) => {
                let seconds = seconds.clamp(Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
                let info = zone.to_offset_info(
                    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH),
                );
                // The database names zones without letters by their offset, with a sign.
                (
                    i64::from(info.offset().seconds()),
                    info.abbreviation().to_owned(),
                )
            }
        }
    }

    /// The offset that the abbreviation `name` stands for around `seconds`.
    pub(crate) fn offset_of(&self, name: &str, seconds: i64) -> Option<i64> {
        const HALF_YEAR: i64 = 183 * DAY_SECONDS;
        [seconds, seconds - HALF_YEAR, seconds + HALF_YEAR]
            .into_iter()
            .find_map(|at| {
                let (offset, found) = self.lookup(at);
                (found == name).then_some(offset)
            })
    }
}

impl Time {
    /// A time in UTC.
    pub(crate) fn utc(seconds: i64, nanos: u32) -> Time {
        Time {
            seconds,
            nanos,
            zone: Zone::Utc,
        }
    }

    /// A time in UTC from nanoseconds since 1970.
    pub(crate) fn from_nanos(nanos: i64) -> Time {
        Time::utc(
            nanos.div_euclid(1_000_000_000),
            nanos.rem_euclid(1_000_000_000) as u32,
        )
    }

    /// Go's zero time.
    pub(crate) fn zero() -> Time {
        Time::utc(ZERO_SECONDS, 0)
    }

    /// Nanoseconds since 1970, wrapping beyond the years 1678 to 2262.
    pub(crate) fn unix_nanos(&self) -> i64 {
        self.seconds
            .wrapping_mul(1_000_000_000)
            .wrapping_add(i64::from(self.nanos))
    }

    /// The instant of a civil time in `zone`.
    pub(crate) fn from_civil(civil: Civil, nanos: u32, zone: Zone) -> Time {
        let wall = civil.seconds();
        let (first, _) = zone.lookup(wall);
        let (second, _) = zone.lookup(wall - first);
        Time {
            seconds: wall - second,
            nanos,
            zone,
        }
    }

    /// Date and time of day in its zone.
    pub(crate) fn civil(&self) -> Civil {
        Civil::at(
            self.seconds
                .saturating_add(self.zone.lookup(self.seconds).0),
        )
    }

    /// 0 for Sunday.
    pub(crate) fn weekday(&self) -> i64 {
        let local = self
            .seconds
            .saturating_add(self.zone.lookup(self.seconds).0);
        (local.div_euclid(DAY_SECONDS) + 4).rem_euclid(7)
    }

    /// From 1.
    pub(crate) fn year_day(&self) -> i64 {
        let civil = self.civil();
        days_from_civil(civil.year, civil.month, civil.day) - days_from_civil(civil.year, 1, 1) + 1
    }

    /// The time in Go's layout.
    pub(crate) fn format(&self, layout: &[u8]) -> Vec<u8> {
        let (offset, name) = self.zone.lookup(self.seconds);
        let civil = self.civil();
        let mut out = Vec::new();
        for element in elements(layout) {
            match element {
                Element::Literal(text) => out.extend_from_slice(text),
                Element::Offset(form) => {
                    out.extend_from_slice(format_offset(offset, form).as_bytes())
                }
                Element::ZoneName if name.is_empty() => {
                    out.extend_from_slice(format_offset(offset, PLAIN_OFFSET).as_bytes())
                }
                Element::ZoneName => out.extend_from_slice(name.as_bytes()),
                Element::Fraction {
                    digits,
                    trims,
                    separator,
                } => {
                    out.extend_from_slice(
                        format_fraction(self.nanos, digits, trims, separator).as_bytes(),
                    );
                }
                element => out.extend_from_slice(self.format_part(element, civil).as_bytes()),
            }
        }
        out
    }

    fn format_part(&self, element: Element<'_>, civil: Civil) -> String {
        let hour12 = if civil.hour % 12 == 0 {
            12
        } else {
            civil.hour % 12
        };
        let month = MONTHS[(civil.month - 1) as usize];
        match element {
            Element::LongMonth => month.to_owned(),
            Element::Month => month[..3].to_owned(),
            Element::NumMonth => civil.month.to_string(),
            Element::ZeroMonth => format!("{:02}", civil.month),
            Element::LongWeekday => WEEKDAYS[self.weekday() as usize].to_owned(),
            Element::Weekday => WEEKDAYS[self.weekday() as usize][..3].to_owned(),
            Element::Day => civil.day.to_string(),
            Element::UnderDay => format!("{:2}", civil.day),
            Element::ZeroDay => format!("{:02}", civil.day),
            Element::UnderYearDay => format!("{:3}", self.year_day()),
            Element::ZeroYearDay => format!("{:03}", self.year_day()),
            Element::Hour => format!("{:02}", civil.hour),
            Element::Hour12 => hour12.to_string(),
            Element::ZeroHour12 => format!("{hour12:02}"),
            Element::Minute => civil.minute.to_string(),
            Element::ZeroMinute => format!("{:02}", civil.minute),
            Element::Second => civil.second.to_string(),
            Element::ZeroSecond => format!("{:02}", civil.second),
            Element::LongYear if civil.year < 0 => format!("-{:04}", -civil.year),
            Element::LongYear => format!("{:04}", civil.year),
            Element::Year => format!("{:02}", civil.year.abs() % 100),
            Element::HalfDay { lower } => {
                let text = if civil.hour >= 12 { "PM" } else { "AM" };
                if lower {
                    text.to_lowercase()
                } else {
                    text.to_owned()
                }
            }
            Element::Literal(_)
            | Element::ZoneName
            | Element::Offset(_)
            | Element::Fraction { .. } => String::new(),
        }
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(
            &self.format(b"2006-01-02 15:04:05.999999999 -0700 MST"),
        ))
    }
}

const PLAIN_OFFSET: Offset = Offset {
    zulu: false,
    colons: false,
    minutes: true,
    seconds: false,
};

fn format_offset(offset: i64, form: Offset) -> String {
    if form.zulu && offset == 0 {
        return "Z".to_owned();
    }
    let minutes = offset / 60;
    let colon = if form.colons { ":" } else { "" };
    let mut out = format!(
        "{}{:02}",
        if minutes < 0 { '-' } else { '+' },
        minutes.abs() / 60
    );
    if form.minutes {
        out.push_str(&format!("{colon}{:02}", minutes.abs() % 60));
    }
    if form.seconds {
        out.push_str(&format!("{colon}{:02}", offset.abs() % 60));
    }
    out
}

fn format_fraction(nanos: u32, digits: usize, trims: bool, separator: u8) -> String {
    let all = format!("{nanos:09}");
    let mut fraction = format!("{:0<digits$}", &all[..digits.min(9)]);
    if trims {
        fraction.truncate(fraction.trim_end_matches('0').len());
        if fraction.is_empty() {
            return fraction;
        }
    }
    format!("{}{fraction}", separator as char)
}

impl Civil {
    /// The civil time of `seconds` since 1970, told where there is no offset.
    fn at(seconds: i64) -> Civil {
        let days = seconds.div_euclid(DAY_SECONDS);
        let rest = seconds.rem_euclid(DAY_SECONDS);
        // Years begin in March here, so that the leap day is the last of its year.
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let month = if shifted_month < 10 {
            shifted_month + 3
        } else {
            shifted_month - 9
        };
        Civil {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month,
            day: day_of_year - (153 * shifted_month + 2) / 5 + 1,
            hour: rest / 3_600,
            minute: rest / 60 % 60,
            second: rest % 60,
        }
    }

    fn seconds(self) -> i64 {
        days_from_civil(self.year, self.month, self.day) * DAY_SECONDS
            + self.hour * 3_600
            + self.minute * 60
            + self.second
    }
}

/// Days from 1970-01-01 to a date.
pub(crate) fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}
