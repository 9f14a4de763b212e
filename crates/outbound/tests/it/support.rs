//! What the tests share: a runtime, folders, configurations.

use skald_outbound::{
    Alert, AlertCounts, AlertmanagerConfig, Environment, Notifier, NotifierConfig, TargetUrl,
    TenantNotifications,
};
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

pub(crate) const NOW: i64 = 1_700_000_000_000;

/// A runtime and a folder of a test's own.
pub(crate) struct Place {
    pub(crate) runtime: Runtime,
    pub(crate) folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Place {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build();
        Place {
            runtime: runtime.expect("threads can be started"),
            folder: tempfile::tempdir().expect("a folder can be made"),
        }
    }

    pub(crate) fn environment(&self) -> Environment {
        Environment::new(self.folder.path(), self.runtime.handle().clone())
    }

    pub(crate) fn notifier(&self, to: TenantNotifications) -> Notifier {
        Notifier::start(NotifierConfig::for_all(to), &self.environment())
            .expect("the disk takes it")
    }
}

pub(crate) fn url(text: &str) -> TargetUrl {
    text.parse().expect("a URL")
}

pub(crate) fn alertmanagers(urls: &[String]) -> AlertmanagerConfig {
    let mut config = AlertmanagerConfig::at(urls.iter().map(|text| url(text)).collect());
    config.timeout = Duration::from_secs(20);
    config
}

pub(crate) fn to_alertmanagers(urls: &[String]) -> TenantNotifications {
    to(alertmanagers(urls))
}

pub(crate) fn to(config: AlertmanagerConfig) -> TenantNotifications {
    TenantNotifications {
        alertmanagers: Some(config),
        ..TenantNotifications::default()
    }
}

/// An alert that fires for long.
pub(crate) fn firing(name: &str) -> Alert {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("it is later")
        .as_millis();
    Alert::firing([("alertname", name)], NOW, now as i64 + 3_600_000)
}

/// Waits until a count is there.
pub(crate) fn until(mut holds: impl FnMut() -> bool) {
    let end = std::time::Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(std::time::Instant::now() < end, "it never holds");
        std::thread::yield_now();
    }
}

/// The counters of one target.
pub(crate) fn counts(notifier: &Notifier) -> AlertCounts {
    notifier
        .counts()
        .into_iter()
        .next()
        .expect("there is a target")
}
