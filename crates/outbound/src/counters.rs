//! Counters of what was sent, as plain numbers that a server exports in its own form.

/// Requests and how long they took.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Latency {
    /// Requests that were answered or failed.
    pub count: u64,
    /// Seconds of all of them.
    pub seconds: f64,
}

impl Latency {
    /// Counts a request.
    pub(crate) fn add(&mut self, took: std::time::Duration) {
        self.count += 1;
        self.seconds += took.as_secs_f64();
    }
}

/// Notifications of one tenant to one target.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AlertCounts {
    /// Whose alerts.
    pub tenant: String,
    /// An Alertmanager's address without secrets, or `webhook/` and a webhook's name.
    pub target: String,
    /// Alerts in requests that were taken.
    pub sent: u64,
    /// Alerts in requests that failed or were refused, each attempt counted.
    pub errors: u64,
    /// Alerts that were dropped: the queue was full, or the target refused them for good.
    pub dropped: u64,
    /// Alerts whose newer state took their place before they were sent.
    pub merged: u64,
    /// Requests after a failed one.
    pub retries: u64,
    /// Alerts (of webhooks: groups) that wait.
    pub queue_length: u64,
    /// Alerts that may wait.
    pub queue_capacity: u64,
    /// Requests.
    pub latency: Latency,
}

/// Samples of one tenant to one remote-write client.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SampleCounts {
    /// Whose samples.
    pub tenant: String,
    /// The client's id in the configuration.
    pub client: String,
    /// Samples handed in, after relabeling.
    pub appended: u64,
    /// Samples in requests that were taken.
    pub sent: u64,
    /// Samples in requests that were refused for good.
    pub failed: u64,
    /// Samples in requests that were tried again, each time counted.
    pub retried: u64,
    /// Samples dropped because the queue was full or they were too old.
    pub dropped: u64,
    /// Samples that wait.
    pub pending: u64,
    /// Bytes of the queue on disk.
    pub disk_bytes: u64,
    /// Highest timestamp handed in, in seconds; 0 before the first.
    pub highest_timestamp: f64,
    /// Highest timestamp that was sent, in seconds; 0 before the first.
    pub highest_sent_timestamp: f64,
    /// Requests.
    pub latency: Latency,
}
