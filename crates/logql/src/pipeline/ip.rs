//! IP matchers find addresses in lines and label values that `ip("…")` covers.

use skald_model::steps;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// One address, a network or a range, kept as the inclusive range it covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum IpMatcher {
    /// IPv4
    V4(u32, u32),
    /// IPv6
    V6(u128, u128),
}

impl IpMatcher {
    /// Reads `1.2.3.4`, `10.0.0.0/8` or `10.0.0.1-10.0.0.9`; `None` when it is none of them.
    pub(super) fn parse(text: &str) -> Option<IpMatcher> {
        if let Some((first, last)) = text.split_once('-') {
            return match (first.trim().parse().ok()?, last.trim().parse().ok()?) {
                (IpAddr::V4(first), IpAddr::V4(last)) if first <= last => {
                    Some(IpMatcher::V4(first.into(), last.into()))
                }
                (IpAddr::V6(first), IpAddr::V6(last)) if first <= last => {
                    Some(IpMatcher::V6(first.into(), last.into()))
                }
                _ => None,
            };
        }
        if let Some((address, bits)) = text.split_once('/') {
            let plain = !bits.is_empty() && bits.bytes().all(|b| b.is_ascii_digit());
            let bits: u32 = bits.parse().ok().filter(|_| plain)?;
            return match address.parse().ok()? {
                IpAddr::V4(address) if bits <= 32 => {
                    let host = u32::MAX.checked_shr(bits).unwrap_or(0);
                    Some(IpMatcher::V4(
                        u32::from(address) & !host,
                        u32::from(address) | host,
                    ))
                }
                IpAddr::V6(address) if bits <= 128 => {
                    let host = u128::MAX.checked_shr(bits).unwrap_or(0);
                    Some(IpMatcher::V6(
                        u128::from(address) & !host,
                        u128::from(address) | host,
                    ))
                }
                _ => None,
            };
        }
        match text.parse().ok()? {
            IpAddr::V4(address) => Some(IpMatcher::V4(address.into(), address.into())),
            IpAddr::V6(address) => Some(IpMatcher::V6(address.into(), address.into())),
        }
    }

    /// Whether any address written in `text` is covered.
    pub(super) fn found_in(&self, text: &[u8]) -> bool {
        let mut at = 0;
        while at < text.len() {
            let before = at;
            let rest = &text[at..];
            if starts_v4(rest) {
                let length = rest
                    .iter()
                    .take_while(|b| b.is_ascii_digit() || **b == b'.')
                    .count();
                if self.covers_v4(&rest[..length]) {
                    return true;
                }
                at += length;
            } else if starts_v6(rest) {
                let length = rest
                    .iter()
                    .take_while(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.'))
                    .count();
                if self.covers_v6(&rest[..length]) {
                    return true;
                }
                at += length;
            } else {
                at += 1;
            }
            steps::count(at - before);
        }
        false
    }

    fn covers_v4(&self, text: &[u8]) -> bool {
        let IpMatcher::V4(first, last) = self else {
            return false;
        };
        let address = std::str::from_utf8(text)
            .ok()
            .and_then(|t| t.parse::<Ipv4Addr>().ok());
        address.is_some_and(|a| (*first..=*last).contains(&a.into()))
    }

    fn covers_v6(&self, text: &[u8]) -> bool {
        let IpMatcher::V6(first, last) = self else {
            return false;
        };
        let address = std::str::from_utf8(text)
            .ok()
            .and_then(|t| t.parse::<Ipv6Addr>().ok());
        address.is_some_and(|a| (*first..=*last).contains(&a.into()))
    }
}

/// One to three digits and a dot.
fn starts_v4(text: &[u8]) -> bool {
    let digits = text
        .iter()
        .take(3)
        .take_while(|b| b.is_ascii_digit())
        .count();
    digits > 0 && text.get(digits) == Some(&b'.')
}

/// `::`, or one to four hexadecimal digits and a colon.
fn starts_v6(text: &[u8]) -> bool {
    let digits = text
        .iter()
        .take(4)
        .take_while(|b| b.is_ascii_hexdigit())
        .count();
    match digits {
        0 => text.starts_with(b"::"),
        digits => text.get(digits) == Some(&b':'),
    }
}

#[cfg(test)]
mod tests {
    use super::IpMatcher;

    fn check(pattern: &str, text: &str, expected: bool) {
        let matcher = IpMatcher::parse(pattern).expect("pattern is valid");
        assert_eq!(
            matcher.found_in(text.as_bytes()),
            expected,
            "{pattern} in {text:?}"
        );
    }

    #[test]
    fn single_addresses_networks_and_ranges_are_found_anywhere() {
        check("10.0.3.1", "10.0.3.1 - bob", true);
        check("10.0.3.1", "from=10.0.3.1:8080", true);
        check("10.0.3.1", "10.0.3.10 - bob", false);
        check("10.0.3.0/24", "a 10.0.3.255 b", true);
        check("10.0.3.0/24", "a 10.0.4.0 b", false);
        check("10.0.3.1-10.0.3.5", "x 10.0.3.5", true);
        check("10.0.3.1-10.0.3.5", "x 10.0.3.6", false);
        check("0.0.0.0/0", "1.2.3.4", true);
    }

    #[test]
    fn v6_is_found_in_its_forms() {
        check("::1", "127.0.0.1 localhost ::1", true);
        check("2001:db8::/64", "2001:db8::12 - -", true);
        check("2001:db8::/64", "2001:db9::12 - -", false);
        check("2001:db8::1-2001:db8::9", "[2001:db8::6]:80", true);
        check("2001:db8::1", "2001:0DB8:0:0:0:0:0:1", true);
    }

    #[test]
    fn what_is_no_address_is_not_found() {
        check("10.0.0.1", "", false);
        check("10.0.0.1", "10.0.0", false);
        check("10.0.0.1", "10.0.0.1.2", false);
        check("::1", "12:30:45", false);
    }

    #[test]
    fn patterns_that_name_no_address_are_refused() {
        for pattern in [
            "",
            "zz",
            "10.0.0",
            "10.0.0.0/33",
            "10.0.0.9-10.0.0.1",
            "10.0.0.1-::1",
            "1.2.3.4/",
            "1.2.3.4/+8",
        ] {
            assert_eq!(IpMatcher::parse(pattern), None, "{pattern}");
        }
    }
}
