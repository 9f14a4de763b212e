//! A listener whose sink keeps what it takes, and takes nothing for now when asked.

use parking_lot::Mutex;
use skald_model::Budget;
use skald_syslog::batch::{Batch, Context};
use skald_syslog::listen::listener::Listener;
use skald_syslog::listen::settings::{ListenerSettings, Transport};
use skald_syslog::listen::sink::{Sink, Taken};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::sleep;

pub(crate) struct Receiver {
    pub(crate) listener: Listener,
    pub(crate) budget: Arc<Budget>,
    taken: Arc<Mutex<Vec<String>>>,
    busy: Arc<AtomicBool>,
}

pub(crate) fn settings(transport: Transport) -> ListenerSettings {
    ListenerSettings {
        address: "127.0.0.1:0".parse().expect("an address"),
        transport,
        context: Context::default(),
        message_bytes_max: 1000,
        connections_max: 2,
        idle_timeout: Duration::ZERO,
        receive_buffer_bytes: 1 << 20,
    }
}

impl Receiver {
    pub(crate) fn start(settings: ListenerSettings) -> Receiver {
        let taken: Arc<Mutex<Vec<String>>> = Arc::default();
        let busy: Arc<AtomicBool> = Arc::default();
        let budget = Arc::new(Budget::new(100 << 20));
        let (to, is_busy) = (taken.clone(), busy.clone());
        let sink: Sink = Arc::new(move |body| {
            let (to, is_busy) = (to.clone(), is_busy.load(Ordering::Relaxed));
            Box::pin(async move {
                if is_busy {
                    return Taken::Later;
                }
                let (context, mut batch) = Batch::open(&body).expect("a batch");
                assert_eq!(context.arrival, 7);
                while let Some(frame) = batch.next_frame().expect("a frame") {
                    assert_eq!(frame.address.map(|ip| ip.is_loopback()), Some(true));
                    let text = String::from_utf8_lossy(frame.bytes);
                    let end = if frame.truncated { "…" } else { "" };
                    let repeat = match frame.repeat {
                        0 => String::new(),
                        repeat => format!(" ({repeat})"),
                    };
                    to.lock().push(format!("{text}{end}{repeat}"));
                }
                Taken::Done
            })
        });
        let listener = Listener::start(settings, None, &budget, sink, || 7).expect("listens");
        Receiver {
            listener,
            budget,
            taken,
            busy,
        }
    }

    pub(crate) fn busy(&self, busy: bool) {
        self.busy.store(busy, Ordering::Relaxed);
    }

    pub(crate) fn taken(&self) -> Vec<String> {
        self.taken.lock().clone()
    }

    /// Waits until that many messages were taken.
    pub(crate) async fn wait_for(&self, count: usize) -> Vec<String> {
        until(|| self.taken.lock().len() >= count).await;
        self.taken()
    }

    /// Stops it; gives all it took, and checks that no memory is held any more.
    pub(crate) async fn stop(self) -> Vec<String> {
        let Receiver {
            listener,
            budget,
            taken,
            ..
        } = self;
        listener.stop().await;
        until(|| budget.held_by_all() == 0).await;
        std::mem::take(&mut *taken.lock())
    }
}

/// Waits for a condition, no longer than a test may hang.
pub(crate) async fn until(is_so: impl Fn() -> bool) {
    for _ in 0..3000 {
        if is_so() {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("it did not come to that");
}
