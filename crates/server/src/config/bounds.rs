//! Bounds refuse values that would leave a server which refuses everything, by the setting's name.
//!
//! Only what makes no sense for anybody stands here: most settings take any value, and 0 is none
//! where Loki says so.

use super::setting::{ByteSize, Setting};
use crate::duration;
use std::fmt;
use std::time::Duration;

/// What a setting of a number, a size or a time amounts to.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub enum Amount {
    /// A number.
    Count(u64),
    /// Bytes.
    Bytes(u64),
    /// A time.
    Time(Duration),
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Amount::Count(count) => write!(f, "{count}"),
            Amount::Bytes(bytes) => ByteSize(bytes).fmt(f),
            Amount::Time(time) => {
                let nanoseconds = i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
                f.write_str(&duration::show_go(nanoseconds))
            }
        }
    }
}

/// What one setting may be.
struct Bound {
    name: &'static str,
    least: Amount,
    most: Option<Amount>,
    zero: Zero,
}

/// What 0 of a setting is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Zero {
    /// No limit.
    NoLimit,
    /// Too little, as any other value below the least.
    TooLittle,
}

const fn bound(name: &'static str, least: Amount, zero: Zero) -> Bound {
    Bound {
        name,
        least,
        most: None,
        zero,
    }
}

const fn up_to(mut bound: Bound, most: u64) -> Bound {
    bound.most = Some(Amount::Count(most));
    bound
}

const SHORTEST: Amount = Amount::Time(Duration::from_millis(10));
const SECOND: Amount = Amount::Time(Duration::from_secs(1));
const SMALLEST: Amount = Amount::Bytes(1 << 10);
const ONE: Amount = Amount::Count(1);

static BOUNDS: &[Bound] = &[
    bound("server.http_server_read_timeout", SHORTEST, Zero::NoLimit),
    bound("server.http_server_write_timeout", SHORTEST, Zero::NoLimit),
    bound("server.http_server_idle_timeout", SHORTEST, Zero::NoLimit),
    bound(
        "server.grpc_server_max_recv_msg_size",
        SMALLEST,
        Zero::TooLittle,
    ),
    up_to(
        bound("server.max_sources", Amount::Count(0), Zero::NoLimit),
        100_000,
    ),
    bound("distributor.max_recv_msg_size", SMALLEST, Zero::TooLittle),
    bound(
        "distributor.max_decompressed_size",
        SMALLEST,
        Zero::TooLittle,
    ),
    bound("frontend.max_body_size", SMALLEST, Zero::TooLittle),
    bound("frontend.max_answer_size", SMALLEST, Zero::TooLittle),
    up_to(bound("ruler.max_concurrent", ONE, Zero::TooLittle), 64),
    bound("ruler.evaluation_interval", SECOND, Zero::TooLittle),
    bound("ruler.poll_interval", SHORTEST, Zero::TooLittle),
    bound("limits_config.max_label_name_length", ONE, Zero::TooLittle),
    bound("limits_config.max_label_value_length", ONE, Zero::TooLittle),
    bound(
        "limits_config.max_label_names_per_series",
        ONE,
        Zero::TooLittle,
    ),
    up_to(
        bound(
            "limits_config.minimum_labels_number",
            Amount::Count(0),
            Zero::NoLimit,
        ),
        1000,
    ),
    up_to(
        bound(
            "limits_config.block_ingestion_status_code",
            Amount::Count(200),
            Zero::TooLittle,
        ),
        599,
    ),
    bound("limits_config.max_query_series", ONE, Zero::TooLittle),
    bound("limits_config.volume_max_series", ONE, Zero::TooLittle),
    bound("limits_config.query_timeout", SHORTEST, Zero::NoLimit),
    bound("limits_config.query_memory", SMALLEST, Zero::NoLimit),
];

/// Gives a value of a setting back when it may have it; the error says what it may have.
pub(super) fn checked<T: Setting>(name: &str, value: T) -> Result<T, String> {
    let bound = BOUNDS.iter().find(|bound| bound.name == name);
    let (Some(bound), Some(amount)) = (bound, value.amount()) else {
        return Ok(value);
    };
    let is_none = match amount {
        Amount::Count(number) | Amount::Bytes(number) => number == 0,
        Amount::Time(time) => time.is_zero(),
    };
    let zero_is_none = bound.zero == Zero::NoLimit;
    let is_within = amount >= bound.least && bound.most.is_none_or(|most| amount <= most);
    if is_within || is_none && zero_is_none {
        return Ok(value);
    }
    let or_none = match zero_is_none && bound.most.is_none() {
        true => ", or 0 for no limit",
        false => "",
    };
    let range = match bound.most {
        Some(most) => format!("{} to {most}", bound.least),
        None => format!("{} or more", bound.least),
    };
    Err(format!("expected {range}{or_none}, found {amount}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, keys};

    #[test]
    fn every_bound_is_of_a_setting_and_holds_for_its_default() {
        for bound in BOUNDS {
            let key = keys::find(bound.name).expect(bound.name);
            let mut config = Config::default();
            let default = key.show(&config);
            assert_eq!(key.set(&mut config, &default), Ok(()), "{}", bound.name);
        }
    }

    #[test]
    fn what_is_out_of_bounds_is_refused_with_the_name_and_the_bounds() {
        let check = |name: &str, value: &str, expected: Result<(), &str>| {
            let key = keys::find(name).expect(name);
            let found = key.set(&mut Config::default(), &value.into());
            let expected = expected.map_err(|words| format!("{name}: {words}"));
            assert_eq!(found, expected, "{value}");
        };
        let timeout = "server.http_server_read_timeout";
        check(timeout, "0s", Ok(()));
        check(timeout, "10ms", Ok(()));
        check(
            timeout,
            "1ns",
            Err("expected 10ms or more, or 0 for no limit, found 1ns"),
        );
        check(
            "distributor.max_recv_msg_size",
            "0",
            Err("expected 1KB or more, found 0B"),
        );
        let labels = "limits_config.minimum_labels_number";
        check(labels, "0", Ok(()));
        check(
            labels,
            "1e18",
            Err("expected 0 to 1000, found 1000000000000000000"),
        );
        check(
            "limits_config.block_ingestion_status_code",
            "0",
            Err("expected 200 to 599, found 0"),
        );
    }
}
