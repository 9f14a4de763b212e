//! Time ranges span entry times, in nanoseconds since 1970.

/// A half-open range of entry times, `start <= t < end`, in nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimeRange {
    /// First nanosecond inside.
    pub start: i64,
    /// First nanosecond after.
    pub end: i64,
}

impl TimeRange {
    /// Every time there is.
    pub const ALL: TimeRange = TimeRange {
        start: i64::MIN,
        end: i64::MAX,
    };

    /// Whether `t` is inside.
    pub fn contains(&self, t: i64) -> bool {
        self.start <= t && t < self.end
    }

    /// Whether any entry of times `min..=max` may be inside.
    pub fn overlaps(&self, min: i64, max: i64) -> bool {
        min < self.end && max >= self.start
    }

    /// Whether every entry of times `min..=max` is inside.
    pub fn covers(&self, min: i64, max: i64) -> bool {
        self.start <= min && max < self.end
    }

    /// Whether nothing can be inside.
    pub fn is_empty(&self) -> bool {
        self.start >= self.end
    }
}

/// Nanoseconds in a UTC day: the width of a partition.
pub const DAY_NS: i64 = 86_400 * 1_000_000_000;

/// The partition of a time: whole UTC days since 1970.
pub fn day_of(t: i64) -> i32 {
    t.div_euclid(DAY_NS) as i32
}
