//! The priority of a message: its facility and severity, with their names.

/// Names of the facilities, by number.
const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv",
    "ftp", "ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4",
    "local5", "local6", "local7",
];

/// Names of the severities, by number, and the level that each is.
const SEVERITIES: [(&str, &str); 8] = [
    ("emerg", "critical"),
    ("alert", "critical"),
    ("crit", "critical"),
    ("err", "error"),
    ("warning", "warn"),
    ("notice", "info"),
    ("info", "info"),
    ("debug", "debug"),
];

/// Most digits of a priority.
const DIGITS_MAX: usize = 3;

/// Facility times eight plus severity, 0 to 191.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Priority(u8);

impl Priority {
    /// Reads `<34>` at the start of a message; gives what follows it.
    pub fn parse(message: &[u8]) -> Option<(Priority, &[u8])> {
        let inside = message.strip_prefix(b"<")?;
        let digits = inside
            .iter()
            .take(DIGITS_MAX + 1)
            .position(|byte| *byte == b'>')?;
        let number = std::str::from_utf8(&inside[..digits]).ok()?;
        let is_number = digits > 0 && number.bytes().all(|byte| byte.is_ascii_digit());
        let number: u8 = is_number.then(|| number.parse().ok())??;
        let priority = Priority(number);
        (usize::from(number >> 3) < FACILITIES.len()).then_some((priority, &inside[digits + 1..]))
    }

    /// What part of a system it comes from.
    pub fn facility(self) -> &'static str {
        FACILITIES[usize::from(self.0 >> 3)]
    }

    /// How bad it is, in syslog's word.
    pub fn severity(self) -> &'static str {
        SEVERITIES[usize::from(self.0 & 7)].0
    }

    /// How bad it is, in the words of levels.
    pub fn level(self) -> &'static str {
        SEVERITIES[usize::from(self.0 & 7)].1
    }
}

/// The severity with this number, in the words of levels; the journal has the same numbers.
pub fn level_of(severity: u8) -> Option<&'static str> {
    SEVERITIES
        .get(usize::from(severity))
        .map(|(_, level)| *level)
}

/// The severity with this number, in syslog's word.
pub fn severity_of(severity: u8) -> Option<&'static str> {
    SEVERITIES.get(usize::from(severity)).map(|(word, _)| *word)
}

/// The facility with this number.
pub fn facility_of(facility: u8) -> Option<&'static str> {
    FACILITIES.get(usize::from(facility)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_priority_is_a_facility_and_a_severity() {
        let words = |text: &str| {
            Priority::parse(text.as_bytes())
                .map(|(p, rest)| (p.facility(), p.severity(), p.level(), rest.len()))
        };
        assert_eq!(words("<0>"), Some(("kern", "emerg", "critical", 0)));
        assert_eq!(words("<34>x"), Some(("auth", "crit", "critical", 1)));
        assert_eq!(words("<013>"), Some(("user", "notice", "info", 0)));
        assert_eq!(words("<191>"), Some(("local7", "debug", "debug", 0)));
        for wrong in [
            "", "<", "<>", "<192>", "<1000>", "<-1>", "<+1>", "<1", "34>", " <34>", "<a>",
        ] {
            assert_eq!(words(wrong), None, "{wrong}");
        }
    }
}
