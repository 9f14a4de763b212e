//! Number printing writes integers and floats plainly and under each verb.

use super::*;

impl<'a> Printer<'_, 'a> {
    pub(super) fn int(
        &mut self,
        value: &Value<'a>,
        n: i64,
        kind: IntKind,
        verb: char,
        spec: Spec,
    ) -> Printed {
        if let (Some(name), 'v' | 's' | 'x' | 'X' | 'q', false) =
            (kind.named(n), verb, spec.sharp_v)
        {
            return self.string(value, name.as_bytes(), verb, spec);
        }
        let base = match verb {
            'v' if spec.sharp_v && kind == IntKind::Uint8 => {
                return self.integer(
                    n,
                    16,
                    'x',
                    Spec {
                        sharp: true,
                        ..spec
                    },
                );
            }
            'v' | 'd' => 10,
            'b' => 2,
            'o' | 'O' => 8,
            'x' | 'X' => 16,
            'c' => return self.pad(character(n).to_string().as_bytes(), spec),
            'q' => {
                let mut out = String::new();
                quote_into(
                    &mut out,
                    character(n).to_string().as_bytes(),
                    '\'',
                    spec.plus,
                );
                return self.pad(out.as_bytes(), spec);
            }
            'U' => {
                let mut out = format!("U+{:04X}", n as u64);
                if spec.sharp
                    && u32::try_from(n)
                        .ok()
                        .and_then(char::from_u32)
                        .is_some_and(is_print)
                {
                    out.push_str(&format!(" '{}'", character(n)));
                }
                return self.pad(
                    out.as_bytes(),
                    Spec {
                        zero: false,
                        ..spec
                    },
                );
            }
            _ => return self.bad_verb(value, verb, spec),
        };
        self.integer(n, base, verb, spec)
    }

    pub(super) fn integer(&mut self, n: i64, base: u32, verb: char, spec: Spec) -> Printed {
        let magnitude = n.unsigned_abs();
        let mut digits = match base {
            2 => format!("{magnitude:b}"),
            8 => format!("{magnitude:o}"),
            16 if verb == 'X' => format!("{magnitude:X}"),
            16 => format!("{magnitude:x}"),
            _ => magnitude.to_string(),
        };
        let signed = n < 0 || spec.plus || spec.space;
        let least = match (spec.precision, spec.width) {
            (Some(0), _) if n == 0 => {
                return self.pad(
                    b"",
                    Spec {
                        zero: false,
                        ..spec
                    },
                );
            }
            (Some(precision), _) => precision,
            (None, Some(width)) if spec.zero && !spec.minus => {
                width - usize::from(signed).min(width)
            }
            _ => 0,
        };
        if least > self.limit {
            return Err(TooLong);
        }
        if digits.len() < least {
            digits = format!("{}{digits}", "0".repeat(least - digits.len()));
        }
        let prefix = match (base, verb) {
            (2, _) if spec.sharp => "0b",
            (8, 'O') if spec.sharp && !digits.starts_with('0') => "0o0",
            (8, 'O') => "0o",
            (8, _) if spec.sharp && !digits.starts_with('0') => "0",
            (16, 'X') if spec.sharp => "0X",
            (16, _) if spec.sharp => "0x",
            _ => "",
        };
        let sign = if n < 0 {
            "-"
        } else if spec.plus {
            "+"
        } else if spec.space {
            " "
        } else {
            ""
        };
        self.pad(
            format!("{sign}{prefix}{digits}").as_bytes(),
            Spec {
                zero: false,
                ..spec
            },
        )
    }

    pub(super) fn float(&mut self, value: &Value<'a>, f: f64, verb: char, spec: Spec) -> Printed {
        let (style, default) = match verb {
            'v' | 'g' => (Style::General, None),
            'G' => (Style::GeneralUpper, None),
            'e' => (Style::Exponent, Some(6)),
            'E' => (Style::ExponentUpper, Some(6)),
            'f' | 'F' => (Style::Fixed, Some(6)),
            'x' => (Style::Hex, None),
            'X' => (Style::HexUpper, None),
            'b' => (Style::Binary, None),
            _ => return self.bad_verb(value, verb, spec),
        };
        let precision = spec.precision.or(default);
        if precision.is_some_and(|p| p > self.limit) {
            return Err(TooLong);
        }
        let mut number = float_text::format(f.abs(), style, precision);
        let negative = f.is_sign_negative() && !f.is_nan();
        let sign = match (negative, spec.plus, spec.space) {
            (true, ..) => "-",
            (_, true, _) => "+",
            (_, _, true) => " ",
            _ => "",
        };
        if !f.is_finite() {
            let sign = if f.is_infinite() && sign.is_empty() {
                "+"
            } else {
                sign
            };
            return self.pad(
                format!("{sign}{number}").as_bytes(),
                Spec {
                    zero: false,
                    ..spec
                },
            );
        }
        if spec.sharp {
            number = float_text::with_point(&number, style, precision);
        }
        let width = spec.width.unwrap_or(0);
        if spec.zero && !spec.minus && width > sign.len() + number.len() {
            self.write(sign.as_bytes())?;
            self.fill(b'0', width - sign.len() - number.len())?;
            return self.write(number.as_bytes());
        }
        self.pad(format!("{sign}{number}").as_bytes(), spec)
    }
}
