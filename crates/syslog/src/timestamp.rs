//! The time in a message, as its sender wrote it: RFC 3339, or RFC 3164 without year and zone.

/// The time of a message as it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SentTime {
    /// There is none.
    Missing,
    /// Nanoseconds since 1970.
    Instant(i64, Precision),
    /// A time of the sender's day, of a zone that is not said.
    Local(LocalTime, Precision),
}

/// How exactly a time was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// Whole seconds.
    Second,
    /// A fraction of a second.
    Fraction,
}

/// Date and time without a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalTime {
    /// `None` when the sender left it out.
    pub year: Option<i16>,
    /// 1 to 12.
    pub month: i8,
    /// 1 to 31.
    pub day: i8,
    /// 0 to 23.
    pub hour: i8,
    /// 0 to 59.
    pub minute: i8,
    /// 0 to 59; a leap second is the last of the minute.
    pub second: i8,
    /// Below a second.
    pub nanosecond: i32,
}

const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

/// Digits of a fraction that count.
const FRACTION_DIGITS: usize = 9;

/// Reads digits and marks of a time one after the other.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    /// A number of exactly this many digits.
    fn digits(&mut self, count: usize) -> Option<i32> {
        let (digits, rest) = self.0.split_at_checked(count)?;
        let mut number = 0;
        for digit in digits {
            number = number * 10 + i32::from(digit.is_ascii_digit().then(|| digit - b'0')?);
        }
        self.0 = rest;
        Some(number)
    }

    /// A number of two digits within bounds.
    fn two(&mut self, least: i32, most: i32) -> Option<i8> {
        let number = self.digits(2)?;
        (least..=most).contains(&number).then_some(number as i8)
    }

    fn mark(&mut self, mark: u8) -> Option<()> {
        self.0 = self.0.strip_prefix(&[mark])?;
        Some(())
    }

    /// `hh:mm:ss`, with a fraction where there is one.
    fn clock(&mut self) -> Option<(i8, i8, i8, i32, Precision)> {
        let hour = self.two(0, 23)?;
        self.mark(b':')?;
        let minute = self.two(0, 59)?;
        self.mark(b':')?;
        let second = self.two(0, 60)?.min(59);
        let (nanosecond, precision) = self.fraction()?;
        Some((hour, minute, second, nanosecond, precision))
    }

    fn fraction(&mut self) -> Option<(i32, Precision)> {
        let Some(rest) = self.0.strip_prefix(b".") else {
            return Some((0, Precision::Second));
        };
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if count == 0 {
            return None;
        }
        let mut nanosecond = 0;
        for at in 0..FRACTION_DIGITS {
            let digit = rest[..count].get(at).map_or(0, |digit| digit - b'0');
            nanosecond = nanosecond * 10 + i32::from(digit);
        }
        self.0 = &rest[count..];
        Some((nanosecond, Precision::Fraction))
    }

    /// Seconds east of Greenwich: `Z`, `+01:00` or `+0100`; `None` when there is no zone.
    fn zone(&mut self) -> Option<i32> {
        let (sign, rest) = match self.0.split_first()? {
            (b'Z' | b'z', rest) => {
                self.0 = rest;
                return Some(0);
            }
            (b'+', rest) => (1, rest),
            (b'-', rest) => (-1, rest),
            _ => return None,
        };
        let mut reader = Reader(rest);
        let hours = reader.two(0, 23)?;
        reader.0 = reader.0.strip_prefix(b":").unwrap_or(reader.0);
        let minutes = reader.two(0, 59)?;
        self.0 = reader.0;
        Some(sign * (i32::from(hours) * 60 + i32::from(minutes)) * 60)
    }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Whether a date is one of the calendar.
pub(crate) fn is_date(year: i64, month: i8, day: i8) -> bool {
    let days = match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    (1..=days).contains(&day)
}

/// Seconds since 1970 of a time of day in a zone this far east of Greenwich.
pub(crate) fn seconds_since_1970(year: i64, time: &LocalTime, east: i32) -> i64 {
    let days = days_since_1970(year, i64::from(time.month), i64::from(time.day));
    let of_day = i64::from(time.hour) * 3600 + i64::from(time.minute) * 60 + i64::from(time.second);
    days * 86_400 + of_day - i64::from(east)
}

/// `2026-11-30T21:56:16.146179+00:00`, also with a space for the T or without its zone; gives what
/// follows it.
pub fn rfc3339(text: &[u8]) -> Option<(SentTime, &[u8])> {
    let mut reader = Reader(text);
    let year = reader.digits(4)?;
    reader.mark(b'-')?;
    let month = reader.two(1, 12)?;
    reader.mark(b'-')?;
    let day = reader.two(1, 31)?;
    reader
        .mark(b'T')
        .or_else(|| reader.mark(b't'))
        .or_else(|| reader.mark(b' '))?;
    let (hour, minute, second, nanosecond, precision) = reader.clock()?;
    if !is_date(i64::from(year), month, day) {
        return None;
    }
    let local = LocalTime {
        year: Some(year as i16),
        month,
        day,
        hour,
        minute,
        second,
        nanosecond,
    };
    let zone = reader.zone();
    if !ends_here(reader.0) {
        return None;
    }
    let time = match zone {
        Some(east) => {
            let seconds = seconds_since_1970(i64::from(year), &local, east);
            let nanoseconds = seconds
                .saturating_mul(1_000_000_000)
                .saturating_add(i64::from(nanosecond));
            SentTime::Instant(nanoseconds, precision)
        }
        None => SentTime::Local(local, precision),
    };
    Some((time, reader.0))
}

/// `Nov 30 21:56:16`, also with a year before or behind the day and with a fraction; gives what
/// follows it.
pub fn rfc3164(text: &[u8]) -> Option<(SentTime, &[u8])> {
    let mut reader = Reader(text);
    let mut year = None;
    if let Some(digits) = reader.digits(4) {
        reader.mark(b' ')?;
        year = Some(digits);
    }
    let (name, rest) = reader.0.split_at_checked(3)?;
    let month = MONTHS
        .iter()
        .position(|month| name.eq_ignore_ascii_case(*month))?;
    reader.0 = rest;
    reader.mark(b' ')?;
    let day = day(&mut reader)?;
    reader.mark(b' ')?;
    // A year is four digits and a space, an hour two and a colon.
    if year.is_none() && reader.0.get(4) == Some(&b' ') {
        year = Some(reader.digits(4)?);
        reader.mark(b' ')?;
    }
    let (hour, minute, second, nanosecond, precision) = reader.clock()?;
    let local = LocalTime {
        year: year.map(|year| year as i16),
        month: month as i8 + 1,
        day,
        hour,
        minute,
        second,
        nanosecond,
    };
    // Any year may be a leap year.
    let is_date = is_date(year.map_or(2000, i64::from), local.month, day);
    (is_date && ends_here(reader.0)).then_some((SentTime::Local(local, precision), reader.0))
}

/// `30`, ` 3`, `3` or `03`.
fn day(reader: &mut Reader<'_>) -> Option<i8> {
    reader.0 = reader.0.strip_prefix(b" ").unwrap_or(reader.0);
    let is_short = reader.0.get(1) == Some(&b' ');
    let day = reader.digits(if is_short { 1 } else { 2 })?;
    (1..=31).contains(&day).then_some(day as i8)
}

/// Whether a time may end before this.
fn ends_here(rest: &[u8]) -> bool {
    rest.first()
        .is_none_or(|byte| matches!(byte, b' ' | b':' | b'\n' | 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instant(text: &str) -> Option<(i64, usize)> {
        match rfc3339(text.as_bytes())? {
            (SentTime::Instant(time, _), rest) => Some((time, rest.len())),
            _ => None,
        }
    }

    #[test]
    fn times_of_rfc_3339_are_instants() {
        assert_eq!(instant("1970-01-01T00:00:00Z"), Some((0, 0)));
        assert_eq!(
            instant("2026-11-30T21:56:16.146179+00:00 x"),
            Some((1_796_075_776_146_179_000, 2))
        );
        assert_eq!(
            instant("2003-08-24T05:14:15.000003-07:00").map(|(t, _)| t),
            Some(1_061_727_255_000_003_000)
        );
        assert_eq!(
            instant("2003-08-24t12:14:15z").map(|(t, _)| t),
            Some(1_061_727_255_000_000_000)
        );
        assert_eq!(
            instant("1970-01-01T00:00:00.1234567899Z").map(|(t, _)| t),
            Some(123_456_789)
        );
        assert_eq!(
            instant("2024-02-29T00:00:00+0100").map(|(t, _)| t),
            Some(1_709_161_200_000_000_000)
        );
        for wrong in [
            "",
            "2026-13-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00Zx",
            "2026-1-1T00:00:00Z",
        ] {
            assert_eq!(instant(wrong), None, "{wrong}");
        }
    }

    fn local(text: &str) -> Option<(Option<i16>, i8, i8, i8, i32, usize)> {
        match rfc3164(text.as_bytes())? {
            (SentTime::Local(t, _), rest) => {
                Some((t.year, t.month, t.day, t.second, t.nanosecond, rest.len()))
            }
            _ => None,
        }
    }

    #[test]
    fn times_of_rfc_3164_are_local_and_may_have_a_year() {
        assert_eq!(local("Nov 30 21:56:16 h"), Some((None, 11, 30, 16, 0, 2)));
        assert_eq!(local("Feb  5 17:32:18"), Some((None, 2, 5, 18, 0, 0)));
        assert_eq!(local("feb 29 17:32:60:"), Some((None, 2, 29, 59, 0, 1)));
        assert_eq!(
            local("Nov 30 22:12:53.000012 h"),
            Some((None, 11, 30, 53, 12_000, 2))
        );
        assert_eq!(
            local("Nov 30 2026 22:12:53 h"),
            Some((Some(2026), 11, 30, 53, 0, 2))
        );
        assert_eq!(
            local("2026 Nov 30 22:12:53 h"),
            Some((Some(2026), 11, 30, 53, 0, 2))
        );
        for wrong in [
            "",
            "Nov",
            "Nov 31 21:56:16",
            "Nov 0 21:56:16",
            "Nox 30 21:56:16",
            "Nov 30 21:56",
            "Nov 30 21:56:16x",
        ] {
            assert_eq!(local(wrong), None, "{wrong}");
        }
    }
}
