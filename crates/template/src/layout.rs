//! Go's time layouts (`2006-01-02 15:04:05`) are split here into their elements.

/// Names of months; abbreviated they are cut to three letters.
pub(crate) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Names of weekdays; abbreviated they are cut to three letters.
pub(crate) const WEEKDAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

/// A part of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Element<'l> {
    Literal(&'l [u8]),
    LongMonth,
    Month,
    NumMonth,
    ZeroMonth,
    LongWeekday,
    Weekday,
    Day,
    UnderDay,
    ZeroDay,
    UnderYearDay,
    ZeroYearDay,
    /// Hour of 24.
    Hour,
    Hour12,
    ZeroHour12,
    Minute,
    ZeroMinute,
    Second,
    ZeroSecond,
    LongYear,
    Year,
    /// `PM` or, in lower case, `pm`.
    HalfDay {
        lower: bool,
    },
    /// `MST`
    ZoneName,
    Offset(Offset),
    /// `.000` or, trimming zeros, `.999`, with the point or comma as written.
    Fraction {
        digits: usize,
        trims: bool,
        separator: u8,
    },
}

/// A numeric offset from UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Offset {
    /// `Z` stands for UTC.
    pub(crate) zulu: bool,
    pub(crate) colons: bool,
    pub(crate) minutes: bool,
    pub(crate) seconds: bool,
}

/// The elements of a layout in order.
pub(crate) fn elements(layout: &[u8]) -> Elements<'_> {
    Elements {
        rest: layout,
        pending: None,
    }
}

/// Iterates over a layout.
pub(crate) struct Elements<'l> {
    rest: &'l [u8],
    /// The element after the literal just given.
    pending: Option<Element<'l>>,
}

impl<'l> Iterator for Elements<'l> {
    type Item = Element<'l>;

    fn next(&mut self) -> Option<Element<'l>> {
        if let Some(element) = self.pending.take() {
            return Some(element);
        }
        let layout = self.rest;
        if layout.is_empty() {
            return None;
        }
        for at in 0..layout.len() {
            let Some((element, len)) = element_at(layout, at) else {
                continue;
            };
            self.rest = &layout[at + len..];
            if at == 0 {
                return Some(element);
            }
            self.pending = Some(element);
            return Some(Element::Literal(&layout[..at]));
        }
        self.rest = &[];
        Some(Element::Literal(layout))
    }
}

/// The element that begins at `at`, and its length.
fn element_at(layout: &[u8], at: usize) -> Option<(Element<'static>, usize)> {
    let rest = &layout[at..];
    let found = match rest[0] {
        b'J' if rest.starts_with(b"January") => (Element::LongMonth, 7),
        b'J' if rest.starts_with(b"Jan") && !starts_lower(&rest[3..]) => (Element::Month, 3),
        b'M' if rest.starts_with(b"Monday") => (Element::LongWeekday, 6),
        b'M' if rest.starts_with(b"Mon") && !starts_lower(&rest[3..]) => (Element::Weekday, 3),
        b'M' if rest.starts_with(b"MST") => (Element::ZoneName, 3),
        b'0' if rest.starts_with(b"002") => (Element::ZeroYearDay, 3),
        b'0' => match rest.get(1)? {
            b'1' => (Element::ZeroMonth, 2),
            b'2' => (Element::ZeroDay, 2),
            b'3' => (Element::ZeroHour12, 2),
            b'4' => (Element::ZeroMinute, 2),
            b'5' => (Element::ZeroSecond, 2),
            b'6' => (Element::Year, 2),
            _ => return None,
        },
        b'1' if rest.starts_with(b"15") => (Element::Hour, 2),
        b'1' => (Element::NumMonth, 1),
        b'2' if rest.starts_with(b"2006") => (Element::LongYear, 4),
        b'2' => (Element::Day, 1),
        // An underscore before a long year is itself, not padding.
        b'_' if rest.starts_with(b"_2006") => return None,
        b'_' if rest.starts_with(b"_2") => (Element::UnderDay, 2),
        b'_' if rest.starts_with(b"__2") => (Element::UnderYearDay, 3),
        b'3' => (Element::Hour12, 1),
        b'4' => (Element::Minute, 1),
        b'5' => (Element::Second, 1),
        b'P' if rest.starts_with(b"PM") => (Element::HalfDay { lower: false }, 2),
        b'p' if rest.starts_with(b"pm") => (Element::HalfDay { lower: true }, 2),
        b'-' | b'Z' => return offset_at(rest),
        b'.' | b',' => return fraction_at(rest),
        _ => return None,
    };
    Some(found)
}

fn starts_lower(text: &[u8]) -> bool {
    text.first().is_some_and(u8::is_ascii_lowercase)
}

fn offset_at(rest: &[u8]) -> Option<(Element<'static>, usize)> {
    let zulu = rest[0] == b'Z';
    let forms: [(&[u8], bool, bool, bool); 5] = [
        (b"070000", false, true, true),
        (b"07:00:00", true, true, true),
        (b"0700", false, true, false),
        (b"07:00", true, true, false),
        (b"07", false, false, false),
    ];
    let (form, colons, minutes, seconds) = forms
        .into_iter()
        .find(|(form, ..)| rest[1..].starts_with(form))?;
    Some((
        Element::Offset(Offset {
            zulu,
            colons,
            minutes,
            seconds,
        }),
        form.len() + 1,
    ))
}

fn fraction_at(rest: &[u8]) -> Option<(Element<'static>, usize)> {
    let digit = *rest.get(1).filter(|b| matches!(b, b'0' | b'9'))?;
    let digits = rest[1..].iter().take_while(|b| **b == digit).count();
    if rest.get(1 + digits).is_some_and(u8::is_ascii_digit) {
        return None;
    }
    Some((
        Element::Fraction {
            digits,
            trims: digit == b'9',
            separator: rest[0],
        },
        digits + 1,
    ))
}
