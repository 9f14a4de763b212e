//! Decimal arithmetic is exact, so that `addf 0.1 0.2` is 0.3.
//!
//! A number is its digits and a power of ten. Only what the float functions need: sums, products,
//! and quotients to a fixed place.

/// Places after the point that a quotient is rounded to.
const QUOTIENT_PLACES: i32 = 16;

/// A decimal number.
#[derive(Clone, Debug)]
pub(crate) struct Decimal {
    negative: bool,
    /// Digits 0..=9, the most significant first, without leading zeros; empty for zero.
    digits: Vec<u8>,
    /// Power of ten of the last digit.
    exponent: i32,
}

impl Decimal {
    /// The shortest decimal that is `value`; `None` for infinities and NaN.
    pub(crate) fn from_f64(value: f64) -> Option<Decimal> {
        if !value.is_finite() {
            return None;
        }
        let text = format!("{:e}", value.abs());
        let (mantissa, power) = text.split_once('e')?;
        let fraction = mantissa
            .split_once('.')
            .map_or(0, |(_, fraction)| fraction.len() as i32);
        let digits = mantissa
            .bytes()
            .filter(u8::is_ascii_digit)
            .map(|b| b - b'0')
            .collect();
        let exponent = power.parse::<i32>().ok()? - fraction;
        Some(Decimal {
            negative: value < 0.0,
            digits: trim(digits),
            exponent,
        })
    }

    /// The nearest float.
    pub(crate) fn to_f64(&self) -> f64 {
        let digits: String = self.digits.iter().map(|d| (b'0' + d) as char).collect();
        let sign = if self.negative { "-" } else { "" };
        let zero = if digits.is_empty() { "0" } else { "" };
        let value = format!("{sign}{digits}{zero}e{}", self.exponent)
            .parse()
            .unwrap_or(f64::NAN);
        if value == 0.0 { 0.0 } else { value }
    }

    fn negated(&self) -> Decimal {
        Decimal {
            negative: !self.negative,
            ..self.clone()
        }
    }

    /// The digits at a lower power of ten.
    fn scaled(&self, exponent: i32) -> Vec<u8> {
        let mut digits = self.digits.clone();
        if !digits.is_empty() {
            digits.resize(digits.len() + (self.exponent - exponent).max(0) as usize, 0);
        }
        digits
    }

    pub(crate) fn add(&self, other: &Decimal) -> Decimal {
        let exponent = self.exponent.min(other.exponent);
        let (a, b) = (self.scaled(exponent), other.scaled(exponent));
        if self.negative == other.negative {
            return Decimal {
                negative: self.negative,
                digits: sum(&a, &b),
                exponent,
            };
        }
        match compare(&a, &b) {
            std::cmp::Ordering::Less => Decimal {
                negative: other.negative,
                digits: difference(&b, &a),
                exponent,
            },
            _ => Decimal {
                negative: self.negative,
                digits: difference(&a, &b),
                exponent,
            },
        }
    }

    pub(crate) fn subtract(&self, other: &Decimal) -> Decimal {
        self.add(&other.negated())
    }

    pub(crate) fn multiply(&self, other: &Decimal) -> Decimal {
        let mut product = vec![0u32; self.digits.len() + other.digits.len()];
        for (i, a) in self.digits.iter().rev().enumerate() {
            let mut carry = 0;
            for (j, b) in other.digits.iter().rev().enumerate() {
                let n = product[i + j] + u32::from(*a) * u32::from(*b) + carry;
                product[i + j] = n % 10;
                carry = n / 10;
            }
            product[i + other.digits.len()] = carry;
        }
        let digits = trim(product.into_iter().rev().map(|d| d as u8).collect());
        Decimal {
            negative: self.negative != other.negative,
            digits,
            exponent: self.exponent + other.exponent,
        }
    }

    /// The quotient, rounded half away from zero; `None` when `other` is zero.
    pub(crate) fn divide(&self, other: &Decimal) -> Option<Decimal> {
        if other.digits.is_empty() {
            return None;
        }
        let exponent = -QUOTIENT_PLACES;
        // self / other = q · 10^exponent, so q = self.digits · 10^shift / other.digits.
        let shift = self.exponent - other.exponent - exponent;
        let mut numerator = self.digits.clone();
        let mut denominator = other.digits.clone();
        if !numerator.is_empty() {
            numerator.resize(numerator.len() + shift.max(0) as usize, 0);
        }
        denominator.resize(denominator.len() + (-shift).max(0) as usize, 0);
        let (mut quotient, rest) = divide_digits(&numerator, &denominator);
        if compare(&sum(&rest, &rest), &denominator) != std::cmp::Ordering::Less {
            quotient = sum(&quotient, &[1]);
        }
        Some(Decimal {
            negative: self.negative != other.negative,
            digits: quotient,
            exponent,
        })
    }

    /// How many digits it holds: what further arithmetic costs.
    pub(crate) fn len(&self) -> usize {
        self.digits.len()
    }
}

fn trim(digits: Vec<u8>) -> Vec<u8> {
    let zeros = digits.iter().take_while(|d| **d == 0).count();
    if zeros == 0 {
        digits
    } else {
        digits[zeros..].to_vec()
    }
}

fn compare(a: &[u8], b: &[u8]) -> std::cmp::Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

fn sum(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(a.len().max(b.len()) + 1);
    let mut carry = 0;
    let (mut a, mut b) = (a.iter().rev(), b.iter().rev());
    loop {
        let (x, y) = (a.next(), b.next());
        if x.is_none() && y.is_none() {
            break;
        }
        let n = x.copied().unwrap_or(0) + y.copied().unwrap_or(0) + carry;
        out.push(n % 10);
        carry = n / 10;
    }
    out.push(carry);
    out.reverse();
    trim(out)
}

/// `a - b`, where `a` is not less.
fn difference(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(a.len());
    let mut borrow = 0;
    let mut b = b.iter().rev();
    for x in a.iter().rev() {
        let y = b.next().copied().unwrap_or(0) + borrow;
        borrow = u8::from(*x < y);
        out.push(x + 10 * borrow - y);
    }
    out.reverse();
    trim(out)
}

/// Quotient and remainder by long division.
fn divide_digits(numerator: &[u8], denominator: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut quotient = Vec::with_capacity(numerator.len());
    let mut rest: Vec<u8> = Vec::new();
    for digit in numerator {
        if !rest.is_empty() || *digit != 0 {
            rest.push(*digit);
        }
        let mut times = 0;
        while compare(&rest, denominator) != std::cmp::Ordering::Less {
            rest = difference(&rest, denominator);
            times += 1;
        }
        quotient.push(times);
    }
    (trim(quotient), rest)
}
