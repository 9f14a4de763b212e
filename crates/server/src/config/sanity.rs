//! Sanity bounds refuse settings that would harm this machine: absurd threads, timeouts, counts.

use crate::config::{Config, QuerierConfig};
use std::time::Duration;

/// A timeout that is none.
pub(super) const NEVER: Duration = Duration::from_secs(100 * 365 * 86_400);

/// How often the files of tenants are looked at when the setting is 0.
const PERIOD: Duration = Duration::from_secs(10);

impl QuerierConfig {
    /// Cores that queries run on: all, or fewer when fewer are wanted. More threads than cores make
    /// no query faster.
    pub fn threads(&self) -> usize {
        let cores = skald_model::cores();
        match self.max_concurrent {
            0 => cores,
            wanted => wanted.min(cores),
        }
    }
}

impl Config {
    /// With bounds in the place of what can't be had as it is set: 0 is no timeout and no limit, as
    /// in Loki.
    pub fn bounded(mut self) -> Config {
        let server = &mut self.server;
        for timeout in [
            &mut server.http_server_read_timeout,
            &mut server.http_server_write_timeout,
            &mut server.http_server_idle_timeout,
            &mut self.querier.tail_max_duration,
        ] {
            if timeout.is_zero() || *timeout > NEVER {
                *timeout = NEVER;
            }
        }
        for limit in [
            &mut server.http_listen_conn_limit,
            &mut server.max_concurrent_requests,
            &mut self.ingester.max_tenants,
            &mut self.frontend.max_outstanding_per_tenant,
        ] {
            if *limit == 0 {
                *limit = usize::MAX;
            }
        }
        if self.runtime.period.is_zero() {
            self.runtime.period = PERIOD;
        }
        self.querier.max_concurrent = self.querier.threads();
        self
    }

    /// What there is to say of a setting that was taken but does not do what it says.
    pub(super) fn note_on(&self, name: &str) -> Option<String> {
        match name {
            "querier.max_concurrent" if self.querier.max_concurrent > self.querier.threads() => {
                let (wanted, threads) = (self.querier.max_concurrent, self.querier.threads());
                Some(format!(
                    "{wanted} is more than the {threads} cores there are, which are used"
                ))
            }
            "server.grpc_listen_port"
            | "server.grpc_listen_address"
            | "server.grpc_server_max_recv_msg_size"
                if !(self.server.grpc_enabled
                    || self.server.otlp_grpc_enabled && name != "server.grpc_listen_port") =>
            {
                Some("kept, but server.grpc_enabled is off and nothing listens for gRPC".to_owned())
            }
            "server.otlp_grpc_listen_port" if !self.server.otlp_grpc_enabled => Some(
                "kept, but server.otlp_grpc_enabled is off and nothing listens there".to_owned(),
            ),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::check;

    #[test]
    fn no_number_of_threads_is_more_than_the_cores() {
        let cores = skald_model::cores();
        let mut querier = Config::default().querier;
        for wanted in [0, 1, cores, 2048, 1 << 63, usize::MAX] {
            querier.max_concurrent = wanted;
            let threads = querier.threads();
            assert!((1..=cores).contains(&threads), "{wanted}: {threads}");
        }
    }

    #[test]
    fn zero_is_no_timeout_and_no_limit() {
        let mut config = Config::default();
        config.server.http_server_write_timeout = Duration::ZERO;
        config.server.http_listen_conn_limit = 0;
        config.runtime.period = Duration::ZERO;
        let bounded = config.bounded();
        assert_eq!(bounded.server.http_server_write_timeout, NEVER);
        assert_eq!(bounded.server.http_listen_conn_limit, usize::MAX);
        assert_eq!(bounded.runtime.period, PERIOD);
    }

    #[test]
    fn the_check_says_what_is_bounded_or_off() {
        let text = "server: {grpc_listen_port: 9096}\nquerier: {max_concurrent: 1_000_000}\n";
        let (report, _) = check::report(text, |_| None);
        assert!(
            report.contains("grpc_listen_port: kept, but server.grpc_enabled is off"),
            "{report}"
        );
        assert!(
            report.contains("max_concurrent: 1000000 is more than the "),
            "{report}"
        );
        let on =
            "server: {grpc_enabled: on, grpc_listen_port: 9096}\nquerier: {max_concurrent: -1}\n";
        let (report, _) = check::report(on, |_| None);
        assert_eq!(
            report.lines().filter(|line| line.contains(": ")).count(),
            0,
            "{report}"
        );
    }
}
