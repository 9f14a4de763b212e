//! Time bounds hold the start and end of the range that a request asks for.

/// A time range, in nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bounds {
    /// First instant.
    pub start: i64,
    /// Last instant or the first after it, as the endpoint has it.
    pub end: i64,
}

impl Bounds {
    /// One instant.
    pub fn at(time: i64) -> Bounds {
        Bounds {
            start: time,
            end: time,
        }
    }

    /// From start to end, in nanoseconds; saturates.
    pub fn length(self) -> i64 {
        self.end.saturating_sub(self.start)
    }

    /// Moves both ends forward to `oldest` where they lie before it.
    pub fn not_before(self, oldest: i64) -> Bounds {
        Bounds {
            start: self.start.max(oldest),
            end: self.end.max(oldest),
        }
    }

    /// Widens to multiples of `step` since 1970.
    pub fn aligned(self, step: i64) -> Bounds {
        let over = self.end.rem_euclid(step);
        let end = if over == 0 {
            self.end
        } else {
            self.end.saturating_add(step - over)
        };
        Bounds {
            start: self.start.saturating_sub(self.start.rem_euclid(step)),
            end,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_lie_at_multiples_of_the_step() {
        let check = |start, end, step, expected: (i64, i64)| {
            let aligned = Bounds { start, end }.aligned(step);
            assert_eq!((aligned.start, aligned.end), expected);
        };
        check(11, 29, 10, (10, 30));
        check(10, 30, 10, (10, 30));
        check(-5, 5, 10, (-10, 10));
    }
}
