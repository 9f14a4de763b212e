//! A sample, as those who evaluate recording rules hand it in.

use crate::alert::LabelSet;

/// The bits of the value that says that a series ended; they are carried as they are.
pub const STALE_NAN_BITS: u64 = 0x7ff0_0000_0000_0002;

/// One value of one series.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Labels of the series, `__name__` among them.
    pub labels: LabelSet,
    /// The value, bit by bit: a NaN may have a meaning.
    pub value: f64,
    /// Milliseconds of Unix time.
    pub timestamp: i64,
}

impl Sample {
    /// A sample with a value.
    pub fn new<const N: usize>(labels: [(&str, &str); N], value: f64, timestamp: i64) -> Sample {
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Sample {
            labels: labels.into_iter().map(own).collect(),
            value,
            timestamp,
        }
    }

    /// Says that a series ended at a time.
    pub fn stale(labels: LabelSet, timestamp: i64) -> Sample {
        Sample {
            labels,
            value: f64::from_bits(STALE_NAN_BITS),
            timestamp,
        }
    }
}
