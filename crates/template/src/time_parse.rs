//! Time parsing reads a text by Go's layout (`time.ParseInLocation`).

use crate::layout::{Element, MONTHS, Offset, WEEKDAYS, elements};
use crate::time::{Civil, Time, Zone, days_from_civil};

/// The time that `value` shows in `layout`, in `zone` unless it names another; `None` when it
/// doesn't fit.
pub(crate) fn parse(layout: &[u8], value: &[u8], zone: Zone) -> Option<Time> {
    let mut fields = Fields::default();
    let mut value = value;
    let all: Vec<Element<'_>> = elements(layout).collect();
    for (i, element) in all.iter().enumerate() {
        let fraction_follows = matches!(all.get(i + 1), Some(Element::Fraction { .. }));
        value = fields.read(*element, value, fraction_follows)?;
    }
    if value.is_empty() {
        fields.finish(zone)
    } else {
        None
    }
}

/// What has been read so far.
#[derive(Default)]
struct Fields {
    year: i64,
    month: Option<i64>,
    day: Option<i64>,
    year_day: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    nanos: u32,
    afternoon: Option<bool>,
    utc: bool,
    offset: Option<i64>,
    zone_name: Option<String>,
}

impl Fields {
    /// Reads one element; gives the rest of the value.
    fn read<'v>(
        &mut self,
        element: Element<'_>,
        value: &'v [u8],
        fraction_follows: bool,
    ) -> Option<&'v [u8]> {
        match element {
            Element::Literal(text) => skip(value, text),
            Element::Year => {
                let (year, rest) = digits(value, 2, 2)?;
                self.year = if year >= 69 { year + 1900 } else { year + 2000 };
                Some(rest)
            }
            Element::LongYear => store(digits(value, 4, 4)?, &mut self.year),
            Element::LongMonth | Element::Month => {
                let (month, rest) = lookup(&MONTHS, element == Element::LongMonth, value)?;
                self.month = Some(month + 1);
                Some(rest)
            }
            Element::LongWeekday | Element::Weekday => {
                Some(lookup(&WEEKDAYS, element == Element::LongWeekday, value)?.1)
            }
            Element::NumMonth | Element::ZeroMonth => {
                let (month, rest) = number(value, element == Element::ZeroMonth)?;
                self.month = Some(month);
                (1..=12).contains(&month).then_some(rest)
            }
            Element::Day | Element::UnderDay | Element::ZeroDay => self.read_day(element, value),
            Element::UnderYearDay | Element::ZeroYearDay => {
                self.read_year_day(value, element == Element::UnderYearDay)
            }
            Element::Hour => {
                store(number(value, false)?, &mut self.hour).filter(|_| self.hour < 24)
            }
            Element::Hour12 | Element::ZeroHour12 => store(
                number(value, element == Element::ZeroHour12)?,
                &mut self.hour,
            )
            .filter(|_| self.hour <= 12),
            Element::Minute | Element::ZeroMinute => store(
                number(value, element == Element::ZeroMinute)?,
                &mut self.minute,
            )
            .filter(|_| self.minute < 60),
            Element::Second | Element::ZeroSecond => {
                self.read_second(element, value, fraction_follows)
            }
            Element::HalfDay { lower } => self.read_half_day(
                value,
                if lower {
                    [b"am", b"pm"]
                } else {
                    [b"AM", b"PM"]
                },
            ),
            Element::Offset(form) => self.read_offset(form, value),
            Element::ZoneName => self.read_zone_name(value),
            Element::Fraction {
                digits,
                trims: false,
                ..
            } => self.read_fraction(value, digits),
            Element::Fraction { .. } => match value {
                [b'.' | b',', b'0'..=b'9', ..] => {
                    self.read_fraction(value, digit_count(&value[1..]))
                }
                _ => Some(value),
            },
        }
    }

    /// The day of the month, with a space before it, a zero, or neither.
    fn read_day<'v>(&mut self, element: Element<'_>, value: &'v [u8]) -> Option<&'v [u8]> {
        let value = match element {
            Element::UnderDay => value.strip_prefix(b" ").unwrap_or(value),
            _ => value,
        };
        let (day, rest) = number(value, element == Element::ZeroDay)?;
        self.day = Some(day);
        Some(rest)
    }

    /// The day of the year, padded with up to two spaces or with zeros.
    fn read_year_day<'v>(&mut self, value: &'v [u8], padded: bool) -> Option<&'v [u8]> {
        let spaces = if padded {
            value.iter().take(2).take_while(|b| **b == b' ').count()
        } else {
            0
        };
        let (day, rest) = digits(&value[spaces..], if padded { 1 } else { 3 }, 3)?;
        self.year_day = Some(day);
        Some(rest)
    }

    /// One of the two words for the halves of a day.
    fn read_half_day<'v>(&mut self, value: &'v [u8], [am, pm]: [&[u8; 2]; 2]) -> Option<&'v [u8]> {
        self.afternoon = Some(value.starts_with(pm));
        (value.starts_with(am) || value.starts_with(pm)).then(|| &value[2..])
    }

    /// Seconds, with a fraction if the value has one and the layout none.
    fn read_second<'v>(
        &mut self,
        element: Element<'_>,
        value: &'v [u8],
        fraction_follows: bool,
    ) -> Option<&'v [u8]> {
        let rest = store(
            number(value, element == Element::ZeroSecond)?,
            &mut self.second,
        )?;
        if self.second >= 60 {
            return None;
        }
        match rest {
            [b'.' | b',', b'0'..=b'9', ..] if !fraction_follows => {
                self.read_fraction(rest, digit_count(&rest[1..]))
            }
            _ => Some(rest),
        }
    }

    /// A separator and exactly `count` digits.
    fn read_fraction<'v>(&mut self, value: &'v [u8], count: usize) -> Option<&'v [u8]> {
        let digits = value.get(1..1 + count)?;
        if !matches!(value[0], b'.' | b',') || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        self.nanos = digits
            .iter()
            .chain(std::iter::repeat(&b'0'))
            .take(9)
            .fold(0, |n, d| n * 10 + u32::from(d - b'0'));
        Some(&value[1 + count..])
    }

    fn read_offset<'v>(&mut self, form: Offset, value: &'v [u8]) -> Option<&'v [u8]> {
        if form.zulu && value.first() == Some(&b'Z') {
            self.utc = true;
            return Some(&value[1..]);
        }
        let negative = match value.first()? {
            b'+' => false,
            b'-' => true,
            _ => return None,
        };
        let (hours, mut rest) = digits(&value[1..], 2, 2)?;
        let mut parts = [hours, 0, 0];
        for (i, wanted) in [form.minutes, form.seconds].into_iter().enumerate() {
            if !wanted {
                break;
            }
            if form.colons {
                rest = rest.strip_prefix(b":")?;
            }
            (parts[i + 1], rest) = digits(rest, 2, 2)?;
        }
        if parts[0] > 24 || parts[1] > 60 || parts[2] > 60 {
            return None;
        }
        let offset = (parts[0] * 60 + parts[1]) * 60 + parts[2];
        self.offset = Some(if negative { -offset } else { offset });
        Some(rest)
    }

    fn read_zone_name<'v>(&mut self, value: &'v [u8]) -> Option<&'v [u8]> {
        if value.starts_with(b"UTC") {
            self.utc = true;
            return Some(&value[3..]);
        }
        let len = zone_name_len(value)?;
        self.zone_name = Some(String::from_utf8_lossy(&value[..len]).into_owned());
        Some(&value[len..])
    }

    fn finish(mut self, zone: Zone) -> Option<Time> {
        match self.afternoon {
            Some(true) if self.hour < 12 => self.hour += 12,
            Some(false) if self.hour == 12 => self.hour = 0,
            _ => {}
        }
        let (month, day) = self.date()?;
        let Fields {
            year,
            hour,
            minute,
            second,
            nanos,
            ..
        } = self;
        let civil = Civil {
            year,
            month,
            day,
            hour,
            minute,
            second,
        };
        if self.utc {
            return Some(Time::from_civil(civil, nanos, Zone::Utc));
        }
        let utc = Time::from_civil(civil, nanos, Zone::Utc);
        let name = self.zone_name.unwrap_or_default();
        if let Some(offset) = self.offset {
            let seconds = utc.seconds - offset;
            let (local, local_name) = zone.lookup(seconds);
            if local == offset && (name.is_empty() || name == local_name) {
                return Some(Time {
                    seconds,
                    nanos,
                    zone,
                });
            }
            return Some(Time {
                seconds,
                nanos,
                zone: Zone::Fixed {
                    name,
                    offset: offset as i32,
                },
            });
        }
        if name.is_empty() {
            return Some(Time::from_civil(civil, nanos, zone));
        }
        if let Some(offset) = zone.offset_of(&name, utc.seconds) {
            return Some(Time {
                seconds: utc.seconds - offset,
                nanos,
                zone,
            });
        }
        let hours = name
            .strip_prefix("GMT")
            .and_then(|hours| hours.parse::<i32>().ok())
            .unwrap_or(0);
        Some(Time {
            zone: Zone::Fixed {
                name,
                offset: hours * 3600,
            },
            ..utc
        })
    }

    /// Month and day, checked against each other and the day of the year.
    fn date(&self) -> Option<(i64, i64)> {
        let Some(year_day) = self.year_day else {
            let (month, day) = (self.month.unwrap_or(1), self.day.unwrap_or(1));
            return (1..=days_in(self.year, month))
                .contains(&day)
                .then_some((month, day));
        };
        let mut left = year_day;
        let month = (1..=12).find(|month| {
            let days = days_in(self.year, *month);
            let found = left <= days;
            left -= if found { 0 } else { days };
            found
        })?;
        let agrees = self.month.is_none_or(|m| m == month) && self.day.is_none_or(|d| d == left);
        (year_day >= 1 && agrees).then_some((month, left))
    }
}

fn days_in(year: i64, month: i64) -> i64 {
    let (next_year, next_month) = if month == 12 {
        (year + 1, 1)
    } else {
        (year, month + 1)
    };
    days_from_civil(next_year, next_month, 1) - days_from_civil(year, month, 1)
}

fn store<'v>((number, rest): (i64, &'v [u8]), field: &mut i64) -> Option<&'v [u8]> {
    *field = number;
    Some(rest)
}

fn digit_count(value: &[u8]) -> usize {
    value.iter().take_while(|b| b.is_ascii_digit()).count()
}

/// A number of `least` to `most` digits.
fn digits(value: &[u8], least: usize, most: usize) -> Option<(i64, &[u8])> {
    let count = digit_count(value).min(most);
    let number = value[..count]
        .iter()
        .fold(0, |n, d| n * 10 + i64::from(d - b'0'));
    (count >= least).then_some((number, &value[count..]))
}

/// One or two digits; exactly two when `fixed`.
fn number(value: &[u8], fixed: bool) -> Option<(i64, &[u8])> {
    digits(value, if fixed { 2 } else { 1 }, 2)
}

/// The name in `names` that the value begins with, in any case.
fn lookup<'v>(names: &[&str], long: bool, value: &'v [u8]) -> Option<(i64, &'v [u8])> {
    names.iter().enumerate().find_map(|(i, name)| {
        let name = if long { name } else { &name[..3] };
        let found = value
            .get(..name.len())?
            .eq_ignore_ascii_case(name.as_bytes());
        found.then(|| (i as i64, &value[name.len()..]))
    })
}

/// Skips a literal; a run of spaces in it stands for any run of spaces.
fn skip<'v>(mut value: &'v [u8], mut text: &[u8]) -> Option<&'v [u8]> {
    while let Some(byte) = text.first() {
        if *byte == b' ' {
            if value.first().is_some_and(|b| *b != b' ') {
                return None;
            }
            text = without_spaces(text);
            value = without_spaces(value);
            continue;
        }
        value = value.strip_prefix(&[*byte])?;
        text = &text[1..];
    }
    Some(value)
}

fn without_spaces(text: &[u8]) -> &[u8] {
    &text[text.iter().take_while(|b| **b == b' ').count()..]
}

/// Length of the zone abbreviation that the value begins with.
fn zone_name_len(value: &[u8]) -> Option<usize> {
    if value.starts_with(b"ChST") || value.starts_with(b"MeST") {
        return Some(4);
    }
    if let Some(rest) = value.strip_prefix(b"GMT") {
        return Some(3 + signed_offset_len(rest));
    }
    if value.len() >= 3 && matches!(value[0], b'+' | b'-') {
        return Some(signed_offset_len(value)).filter(|len| *len > 0);
    }
    match value
        .iter()
        .take(6)
        .take_while(|b| b.is_ascii_uppercase())
        .count()
    {
        5 if value[4] == b'T' => Some(5),
        4 if value[3] == b'T' || value.starts_with(b"WITA") => Some(4),
        3 => Some(3),
        _ => None,
    }
}

fn signed_offset_len(value: &[u8]) -> usize {
    if !matches!(value.first(), Some(b'+' | b'-')) {
        return 0;
    }
    let count = digit_count(&value[1..]);
    let hours = value[1..1 + count].iter().fold(0u64, |n, d| {
        n.saturating_mul(10).saturating_add(u64::from(d - b'0'))
    });
    if count == 0 || hours > 23 {
        0
    } else {
        1 + count
    }
}
