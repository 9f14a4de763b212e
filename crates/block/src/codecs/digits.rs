//! Decimal digits are read and written without `format!`, because blocks hold millions of numbers.

/// All pairs of digits.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut n = 0;
    while n < 100 {
        pairs[n] = [b'0' + (n / 10) as u8, b'0' + (n % 10) as u8];
        n += 1;
    }
    pairs
};
/// Digits of the largest u64.
const DIGITS_MAX: usize = 20;

/// Appends a number.
pub(crate) fn put_u64(out: &mut Vec<u8>, number: u64) {
    put_padded(out, number, 1);
}

/// Appends a number with its sign.
pub(crate) fn put_i64(out: &mut Vec<u8>, number: i64) {
    if number < 0 {
        out.push(b'-');
    }
    put_u64(out, number.unsigned_abs());
}

/// Appends a number with zeros before it up to `width` digits, at most 20.
pub(crate) fn put_padded(out: &mut Vec<u8>, mut number: u64, width: usize) {
    let mut digits = [b'0'; DIGITS_MAX];
    let mut at = DIGITS_MAX;
    while number >= 100 {
        at -= 2;
        digits[at..at + 2].copy_from_slice(&PAIRS[(number % 100) as usize]);
        number /= 100;
    }
    if number >= 10 {
        at -= 2;
        digits[at..at + 2].copy_from_slice(&PAIRS[number as usize]);
    } else if number > 0 {
        at -= 1;
        digits[at] = b'0' + number as u8;
    }
    out.extend_from_slice(&digits[at.min(DIGITS_MAX - width.clamp(1, DIGITS_MAX))..]);
}

/// Appends four octets as an IPv4 address.
pub(crate) fn put_ipv4(out: &mut Vec<u8>, address: u32) {
    for (at, octet) in address.to_be_bytes().into_iter().enumerate() {
        if at > 0 {
            out.push(b'.');
        }
        put_u64(out, u64::from(octet));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_print_as_they_do_elsewhere() {
        let printed = |put: &dyn Fn(&mut Vec<u8>)| {
            let mut out = b"x".to_vec();
            put(&mut out);
            String::from_utf8(out).expect("digits are text")
        };
        for number in [
            0,
            1,
            9,
            10,
            42,
            99,
            100,
            101,
            999,
            1000,
            12_345,
            u64::MAX / 3,
            u64::MAX,
        ] {
            assert_eq!(printed(&|out| put_u64(out, number)), format!("x{number}"));
            assert_eq!(
                printed(&|out| put_padded(out, number, 7)),
                format!("x{number:07}")
            );
            assert_eq!(
                printed(&|out| put_i64(out, number as i64)),
                format!("x{}", number as i64)
            );
            assert_eq!(
                printed(&|out| put_ipv4(out, number as u32)),
                format!("x{}", std::net::Ipv4Addr::from(number as u32))
            );
        }
    }
}
