//! Worker threads evaluate groups when they are due; they wait for the engine, which does the work.

use super::tenants::Ruler;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// Threads of a ruler; they end with the value.
#[derive(Debug)]
pub struct Workers {
    ruler: Arc<Ruler>,
    stopped: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Ruler {
    /// Evaluates groups when they are due, on as many threads as may be evaluated at once.
    pub fn start(self: &Arc<Self>) -> io::Result<Workers> {
        let mut workers = Workers {
            ruler: self.clone(),
            stopped: Arc::default(),
            threads: Vec::new(),
        };
        for _ in 0..self.settings().groups_at_once.max(1) {
            let (ruler, stopped) = (self.clone(), workers.stopped.clone());
            let thread = std::thread::Builder::new()
                .name("rules".to_owned())
                .spawn(move || ruler.work(|| stopped.load(Ordering::Acquire)))?;
            workers.threads.push(thread);
        }
        Ok(workers)
    }
}

impl Workers {
    /// Ends after the evaluations under way, and makes the state of alerts durable.
    pub fn stop(&mut self) {
        self.stopped.store(true, Ordering::Release);
        self.ruler.wake();
        for thread in self.threads.drain(..) {
            // A thread that panicked has nothing left to do.
            let _ = thread.join();
        }
        let parts = &self.ruler.parts;
        if let Some(states) = &parts.states
            && let Err(error) = states.sync(parts.clock.now())
        {
            tracing::warn!(%error, "the state of alerts may be older after a power loss");
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.stop();
    }
}
