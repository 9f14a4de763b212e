//! Descriptors: shares what RLIMIT_NOFILE grants among the log, files of parts and connections.
//!
//! Something is kept back for the log, manifests, flushes, merges and the bucket, so that no number
//! of clients or parts stops what was accepted from being written.

use super::Config;
use rustix::process::{Resource, getrlimit};

/// Kept back: the log and its folder, the lock, listeners, the runtime, what flushes, merges, queries
/// and the stream index have open for one step.
const RESERVE: usize = 96;
/// Kept back besides for requests to object storage.
const BUCKET_RESERVE: usize = 64;
/// The reserve takes at most this part of a small limit.
const RESERVE_SHARE: usize = 2;
/// Files of parts get this part of the rest, and no more than the second figure: more do not make
/// reading faster.
const FILES_SHARE: usize = 4;
const FILES_MOST: usize = 4096;

/// How many descriptors each gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptors {
    /// What the process may have.
    pub limit: usize,
    /// Files of parts kept open.
    pub files: usize,
    /// Connections at once, of HTTP and of gRPC each.
    pub connections: usize,
}

impl Config {
    /// The share of each, by what the process may have now.
    pub fn descriptors(&self) -> Descriptors {
        let limit = getrlimit(Resource::Nofile).current;
        let limit = limit.and_then(|limit| usize::try_from(limit).ok());
        self.share(limit.unwrap_or(usize::MAX))
    }

    fn share(&self, limit: usize) -> Descriptors {
        let reserve = match self.object_store.url.is_empty() {
            true => RESERVE,
            false => RESERVE + BUCKET_RESERVE,
        };
        let rest = limit - reserve.min(limit / RESERVE_SHARE);
        let files = (rest / FILES_SHARE).clamp(1, FILES_MOST);
        let listeners = 1 + usize::from(self.server.grpc_enabled);
        let fit = (rest.saturating_sub(files) / listeners).max(1);
        Descriptors {
            limit,
            files,
            connections: fit.min(self.server.http_listen_conn_limit),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_shrink_to_what_is_left() {
        let mut config = Config::default();
        let wanted = config.server.http_listen_conn_limit;
        for (limit, files, connections) in [
            (64, 8, 24),
            (256, 40, 120),
            (1024, 232, 696),
            (20_000, 4096, wanted),
            (usize::MAX, 4096, wanted),
        ] {
            let shared = config.share(limit);
            assert_eq!((shared.files, shared.connections), (files, connections));
        }
        config.server.grpc_enabled = true;
        assert_eq!(config.share(1024).connections, 348);
        config.object_store.url = "s3://logs".to_owned();
        assert_eq!(config.share(1024).files, 216);
        config.server.http_listen_conn_limit = 10;
        assert_eq!(config.share(1024).connections, 10);
    }
}
