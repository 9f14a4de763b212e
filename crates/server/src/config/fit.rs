//! Defaults are fitted to the memory budget, and memory that is too little is refused.
//!
//! No default lets one client take more than a quarter of the budget. A value that was set stays as
//! it is, and is said when it does not fit: the budget itself still holds.

use super::setting::ByteSize;
use super::{Config, ServerConfig, memory};

/// The least budget.
const MEMORY_MIN: u64 = memory::BUDGET_BYTES_MIN;

/// The container that gives it.
const CONTAINER_MIN: &str = "128MB";

/// What one client may take by default, as part of the budget.
const PART_OF_ONE: u64 = 4;

/// A push as it comes is smaller than the share that bodies have, and than what it is made into.
const PART_OF_BODY: u64 = 6;

/// Forms hold a query; many come at once.
const PART_OF_FORM: u64 = 16;

/// Heads that grow and that are being written take several times this.
const PART_OF_FLUSH: u64 = 8;

/// Results of earlier queries make room for others, but not at once.
const PART_OF_RESULTS: u64 = 10;

/// Many queries are compiled at once, and tails keep what was compiled.
const PART_OF_REGEXES: u64 = 32;

/// What idle connections take together, and the buffers of one, in bytes.
const PART_OF_CONNECTIONS: u64 = 8;
const CONNECTION_BYTES: u64 = 16 << 10;

/// Memory that a thread for queries needs for the block it reads, in bytes.
const THREAD_BYTES: u64 = 16 << 20;

impl Config {
    /// The memory budget; an error when it is less than the least.
    pub(crate) fn budget(&self) -> Result<u64, String> {
        match self.memory.0 {
            0 => at_least_the_least(memory::budget_of_machine(), of_machine),
            set => at_least_the_least(set, of_setting),
        }
    }

    /// What the compiled regexes of one query may have together, in bytes; no setting says it.
    pub(crate) fn regex_bytes(&self) -> usize {
        usize::try_from(self.memory_bytes() / PART_OF_REGEXES).unwrap_or(usize::MAX)
    }

    /// With defaults that fit the budget, and what does not fit of that which was set.
    pub(crate) fn fitted(mut self) -> Result<(Config, Vec<String>), String> {
        let budget = self.budget()?;
        let misfits = self.fit_sizes(budget);
        self.fit_counts(budget);
        Ok((self, misfits))
    }

    fn fit_sizes(&mut self, budget: u64) -> Vec<String> {
        let mut defaults = Config::default();
        let mut misfits = Vec::new();
        for (name, of, part) in SIZES {
            let default = *of(&mut defaults);
            let is_named = self.named.contains(name);
            let value = of(self);
            let most = budget / part;
            if *value == default && !is_named {
                value.0 = value.0.min(most);
            } else if value.0 > most {
                misfits.push(misfit(name, *value, budget));
            }
        }
        misfits
    }

    fn fit_counts(&mut self, budget: u64) {
        let defaults = Config::default();
        if !self.named.contains(RESULTS) {
            let results = u32::try_from((budget / PART_OF_RESULTS) >> 20).unwrap_or(u32::MAX);
            let default = defaults.query_range.max_size_mb;
            fit_count(&mut self.query_range.max_size_mb, default, results);
        }
        let most = to_count(budget / PART_OF_CONNECTIONS / CONNECTION_BYTES);
        for (name, of) in COUNTS {
            if !self.named.contains(name) {
                fit_count(
                    of(&mut self.server),
                    *of(&mut defaults.server.clone()),
                    most,
                );
            }
        }
        if self.querier.max_concurrent == 0 {
            let threads = to_count(budget / THREAD_BYTES).max(1);
            self.querier.max_concurrent = self.querier.threads().min(threads);
        }
    }
}

fn at_least_the_least(budget: u64, refused: fn(u64) -> String) -> Result<u64, String> {
    match budget < MEMORY_MIN {
        true => Err(refused(budget)),
        false => Ok(budget),
    }
}

fn of_setting(budget: u64) -> String {
    format!(
        "memory: {} is less than the least, {}: raise it, and give a container at least {CONTAINER_MIN}",
        rounded(budget),
        rounded(MEMORY_MIN)
    )
}

fn of_machine(budget: u64) -> String {
    format!(
        "this machine or container grants {} of memory, of which {} % ({}) are for data: less than the least, {}; give it at least {CONTAINER_MIN}",
        rounded(budget / memory::SHARE_PERCENT * 100),
        memory::SHARE_PERCENT,
        rounded(budget),
        rounded(MEMORY_MIN)
    )
}

/// Whole megabytes, or kilobytes where there is none.
fn rounded(bytes: u64) -> ByteSize {
    let unit = if bytes >= 1 << 20 { 1 << 20 } else { 1 << 10 };
    ByteSize((bytes + unit / 2) / unit * unit)
}

/// A setting of a size in a configuration.
type SizeOf = fn(&mut Config) -> &mut ByteSize;

/// Sizes by name, with the part of the budget that each is at most.
const SIZES: [(&str, SizeOf, u64); 7] = [
    (
        "distributor.max_recv_msg_size",
        |config| &mut config.distributor.max_recv_msg_size,
        PART_OF_BODY,
    ),
    (
        "distributor.max_decompressed_size",
        |config| &mut config.distributor.max_decompressed_size,
        PART_OF_ONE,
    ),
    (
        "server.grpc_server_max_recv_msg_size",
        |config| &mut config.server.grpc_server_max_recv_msg_size,
        PART_OF_BODY,
    ),
    (
        "frontend.max_body_size",
        |config| &mut config.frontend.max_body_size,
        PART_OF_FORM,
    ),
    (
        "frontend.max_answer_size",
        |config| &mut config.frontend.max_answer_size,
        PART_OF_ONE,
    ),
    (
        "limits_config.query_memory",
        |config| &mut config.limits.query_memory,
        PART_OF_ONE,
    ),
    (
        "ingester.flush_size",
        |config| &mut config.ingester.flush_size,
        PART_OF_FLUSH,
    ),
];

/// The cache of results, a count of megabytes.
const RESULTS: &str = "query_range.results_cache.cache.embedded_cache.max_size_mb";

/// A setting of a count of connections.
type CountOf = fn(&mut ServerConfig) -> &mut usize;

/// Counts by name, each of which is at most what idle connections may be.
const COUNTS: [(&str, CountOf); 2] = [
    ("server.http_listen_conn_limit", |server| {
        &mut server.http_listen_conn_limit
    }),
    ("server.max_concurrent_requests", |server| {
        &mut server.max_concurrent_requests
    }),
];

fn misfit(name: &str, value: ByteSize, budget: u64) -> String {
    let budget = rounded(budget);
    format!(
        "{name}: {value} is more than its part of the {budget} that memory allows: what does not fit is refused"
    )
}

/// A default is lowered, what was set is kept.
fn fit_count<T: Ord + Copy>(value: &mut T, default: T, most: T) {
    if *value == default {
        *value = default.min(most);
    }
}

fn to_count(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_memory(mb: u64) -> Config {
        Config {
            memory: ByteSize(mb << 20),
            ..Config::default()
        }
    }

    #[test]
    fn no_default_is_larger_than_a_quarter_of_the_budget() {
        for mb in [64, 77, 154, 614, 4096] {
            let (config, misfits) = with_memory(mb).fitted().expect("enough");
            assert_eq!(misfits, Vec::<String>::new());
            let sizes = [
                config.distributor.max_recv_msg_size,
                config.distributor.max_decompressed_size,
                config.server.grpc_server_max_recv_msg_size,
                config.frontend.max_body_size,
                config.frontend.max_answer_size,
                config.limits.query_memory,
                config.ingester.flush_size,
                ByteSize(u64::from(config.query_range.max_size_mb) << 20),
                ByteSize(config.server.http_listen_conn_limit as u64 * CONNECTION_BYTES),
            ];
            for size in sizes {
                assert!(size.0 > 0 && size.0 <= (mb << 20) / 4, "{mb} MB: {size}");
            }
        }
    }

    #[test]
    fn large_budgets_leave_the_defaults_alone() {
        let (config, _) = with_memory(4096).fitted().expect("enough");
        let shown = |config: &Config| crate::config::keys::to_yaml(config, None);
        let mut expected = with_memory(4096);
        expected.querier.max_concurrent = expected.querier.threads();
        assert_eq!(shown(&config), shown(&expected));
    }

    #[test]
    fn what_was_set_stays_and_is_said_when_it_does_not_fit() {
        let mut config = with_memory(80);
        config.limits.query_memory = ByteSize(60 << 20);
        config.distributor.max_recv_msg_size = ByteSize(5 << 20);
        let (config, misfits) = config.fitted().expect("enough");
        assert_eq!(config.limits.query_memory, ByteSize(60 << 20));
        assert_eq!(config.distributor.max_recv_msg_size, ByteSize(5 << 20));
        let [misfit] = misfits.as_slice() else {
            panic!("{misfits:?}")
        };
        assert!(
            misfit.starts_with("limits_config.query_memory: 60MB "),
            "{misfit}"
        );
    }

    #[test]
    fn what_was_set_to_the_default_was_set() {
        let mut config = with_memory(64);
        for name in [
            "limits_config.query_memory",
            "server.http_listen_conn_limit",
            RESULTS,
        ] {
            let key = crate::config::keys::find(name).expect("a setting");
            let default = key.show(&Config::default());
            key.set(&mut config, &default)
                .expect("the default is taken");
        }
        let (config, misfits) = config.fitted().expect("enough");
        let defaults = Config::default();
        assert_eq!(config.limits.query_memory, defaults.limits.query_memory);
        let (own, default) = (&config.server, &defaults.server);
        assert_eq!(own.http_listen_conn_limit, default.http_listen_conn_limit);
        assert!(own.max_concurrent_requests < default.max_concurrent_requests);
        assert_eq!(
            config.query_range.max_size_mb,
            defaults.query_range.max_size_mb
        );
        let [misfit] = misfits.as_slice() else {
            panic!("{misfits:?}")
        };
        assert!(
            misfit.starts_with("limits_config.query_memory: "),
            "{misfit}"
        );
    }

    #[test]
    fn too_little_memory_of_a_container_is_told_with_what_to_do() {
        let error = at_least_the_least(20_132_640, of_machine).expect_err("too little");
        assert_eq!(
            error,
            "this machine or container grants 32MB of memory, of which 60 % (19MB) are for data: less than the least, 64MB; give it at least 128MB"
        );
    }

    #[test]
    fn too_little_memory_is_refused_in_words() {
        let config = Config {
            memory: ByteSize(1 << 10),
            ..Config::default()
        };
        let error = config.fitted().expect_err("too little");
        assert!(
            error.starts_with("memory: 1KB is less than the least, 64MB"),
            "{error}"
        );
    }
}
