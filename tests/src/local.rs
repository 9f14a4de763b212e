//! A server inside the test's own process, on a free port, over a directory that goes with it.

use crate::http::Client;
use skald_server::{Config, Running, Server};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// A running server; stopped in order when dropped.
pub struct Local {
    /// Runs the server; tests with async clients run them here too.
    pub runtime: Runtime,
    running: Option<Running>,
    config: Config,
    _data: TempDir,
}

impl Local {
    /// Starts with default settings.
    pub fn start() -> Local {
        Local::start_with(|_| {})
    }

    /// Starts with settings changed by `change`.
    pub fn start_with(change: impl FnOnce(&mut Config)) -> Local {
        let data = TempDir::new().expect("a temporary directory can be made");
        let mut config = Config {
            data: data.path().to_owned(),
            ..Config::default()
        };
        config.server.http_listen_port = 0;
        change(&mut config);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("threads start");
        let running = runtime
            .block_on(Server::start(config.clone(), None))
            .expect("the server starts");
        Local {
            runtime,
            running: Some(running),
            config,
            _data: data,
        }
    }

    /// Why a server with settings changed by `change` does not start.
    ///
    /// # Panics
    /// When it starts.
    pub fn refuse_start(change: impl FnOnce(&mut Config)) -> String {
        let data = TempDir::new().expect("a temporary directory can be made");
        let mut config = Config {
            data: data.path().to_owned(),
            ..Config::default()
        };
        config.server.http_listen_port = 0;
        change(&mut config);
        let runtime = Runtime::new().expect("threads start");
        match runtime.block_on(Server::start(config, None)) {
            Ok(_) => panic!("the server starts"),
            Err(error) => error.to_string(),
        }
    }

    /// The server itself.
    pub fn running(&self) -> &Running {
        self.running
            .as_ref()
            .expect("the server runs until it is dropped")
    }

    /// `127.0.0.1:PORT`
    pub fn address(&self) -> String {
        self.running().address.to_string()
    }

    /// A client of it.
    pub fn client(&self) -> Client {
        Client::new(&self.address())
    }

    /// Turns what was pushed into parts.
    pub fn flush(&self) {
        Arc::clone(&self.running().app().store)
            .flush()
            .expect("the head can be flushed");
    }

    /// Merges parts.
    pub fn compact(&self) {
        Arc::clone(&self.running().app().store)
            .compact()
            .expect("parts can be merged");
    }

    /// Stops the server in order and starts one over the same data, at another address.
    pub fn restart(&mut self) {
        self.stop();
        let started = self
            .runtime
            .block_on(Server::start(self.config.clone(), None));
        self.running = Some(started.expect("the server starts"));
    }

    fn stop(&mut self) {
        let Some(running) = self.running.take() else {
            return;
        };
        let store = Arc::downgrade(&running.app().store);
        let stopped = self.runtime.block_on(running.stop());
        if std::thread::panicking() {
            return;
        }
        stopped.expect("the store closes");
        // Connections that are being closed may hold the store, and with it the lock of its
        // directory.
        let deadline = Instant::now() + Duration::from_secs(30);
        while store.strong_count() > 0 {
            assert!(Instant::now() < deadline, "the store is let go");
            std::thread::yield_now();
        }
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        self.stop();
    }
}
