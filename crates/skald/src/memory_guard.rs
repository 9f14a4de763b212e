//! The memory guard has what the process really holds counted, whatever the accounts say.
//!
//! A thread reads it some ten times a second, more often under pressure. What is more than the
//! budget's users hold and a process needs of its own becomes pressure: threads give back what they
//! freed, heads are flushed early, and pushes and queries are slowed, then refused. Only Linux says
//! what a process holds; elsewhere there is no guard.

use crate::allocator;
use skald_model::{Budget, Lasts, Pressure, give_back};
use std::fs::File;
use std::io::{Read, Seek};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often it looks while there is room, and how often while there is little.
const LOOK_EVERY: Duration = Duration::from_millis(50);
const LOOK_OFTEN: Duration = Duration::from_millis(10);
/// How often threads are asked to give memory back while there is pressure.
const ASK_EVERY: Duration = Duration::from_millis(100);
/// How long memory may be given back before what nobody holds is taken to stay.
const LASTS: Duration = Duration::from_secs(3);

/// Watches the process from now on.
pub(crate) fn watch(budget: Arc<Budget>) -> std::io::Result<()> {
    let Ok(status) = File::open("/proc/self/status") else {
        return Ok(());
    };
    let guard = Guard {
        budget,
        status,
        asked: Instant::now(),
        since: None,
    };
    std::thread::Builder::new()
        .name("memory-guard".to_owned())
        .spawn(move || guard.run())
        .map(drop)
}

struct Guard {
    budget: Arc<Budget>,
    /// `/proc/self/status`
    status: File,
    /// When threads were last asked to give memory back.
    asked: Instant,
    /// Since when nobody holds more than there is room for.
    since: Option<Instant>,
}

impl Guard {
    fn run(mut self) {
        let mut text = String::new();
        loop {
            text.clear();
            let read = self.status.rewind();
            let read = read.and_then(|()| self.status.read_to_string(&mut text));
            let pressed = match read.ok().and_then(|_| anonymous_bytes(&text)) {
                Some(resident) => self.note(resident),
                None => false,
            };
            std::thread::sleep(if pressed { LOOK_OFTEN } else { LOOK_EVERY });
        }
    }

    /// Counts it; gives whether there is pressure.
    fn note(&mut self, resident: usize) -> bool {
        let lasts = match self.since {
            Some(since) if since.elapsed() >= LASTS => Lasts::Long,
            _ => Lasts::Briefly,
        };
        let excess = self.budget.note_resident(resident, lasts);
        let pressure = self.budget.pressure();
        let is_short = excess > 0 && pressure >= Pressure::Slow;
        self.since = is_short.then(|| self.since.unwrap_or_else(Instant::now));
        let pressed = excess > 0 || pressure >= Pressure::Early;
        allocator::give_back_at_once(pressed);
        if pressed && self.asked.elapsed() >= ASK_EVERY {
            self.asked = Instant::now();
            give_back::ask();
            give_back::give_back();
            allocator::trim();
        }
        pressed
    }
}

/// Memory of its own that a process has, as `/proc/self/status` says it; what it has of files goes
/// when the system needs it.
fn anonymous_bytes(status: &str) -> Option<usize> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"))?;
    let kilobytes = line.split_whitespace().next()?.parse::<usize>().ok()?;
    kilobytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use skald_model::MemoryUser;

    #[test]
    fn the_system_says_what_a_process_holds() {
        let status = "VmRSS:\t   9000 kB\nRssAnon:\t    1234 kB\nRssFile:\t 5 kB\n";
        assert_eq!(anonymous_bytes(status), Some(1234 << 10));
        assert_eq!(anonymous_bytes("VmRSS:\t 9000 kB\n"), None);
        assert_eq!(anonymous_bytes("RssAnon:\t many kB\n"), None);
    }

    #[test]
    fn what_stays_for_long_leaves_the_least_service() {
        let budget = Arc::new(Budget::new(100 << 20));
        let mut guard = Guard {
            budget: Arc::clone(&budget),
            status: File::open(std::env::current_exe().expect("a test has a file"))
                .expect("it is there"),
            asked: Instant::now(),
            since: None,
        };
        let counted = || budget.held(MemoryUser::Unaccounted) >> 20;
        assert!(!guard.note(10 << 20));
        assert!(guard.note(500 << 20) && counted() == 95);
        assert_eq!(budget.pressure(), Pressure::Full);
        guard.since = Instant::now().checked_sub(LASTS);
        assert!(guard.note(500 << 20) && counted() == 85);
        assert!(guard.since.is_some());
        assert!(!guard.note(10 << 20) && counted() == 0);
        assert!(guard.since.is_none());
    }
}
