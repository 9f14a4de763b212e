//! The throttle makes background work rest, so that pushes and queries keep most of the machine.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Called between steps of long work, a block or a few thousand streams: may sleep, and `false`
/// abandons the work.
pub(crate) type Throttle<'a> = &'a mut dyn FnMut() -> bool;

/// How long work rests for the time it took: leaves most of a core to pushes and queries.
const REST_FOR_WORK: f64 = 1.0;

/// A throttle that rests as long as it worked, until `stop` is set.
pub(crate) fn resting(stop: &AtomicBool) -> impl FnMut() -> bool {
    let mut worked_since = Instant::now();
    move || {
        std::thread::sleep(worked_since.elapsed().mul_f64(REST_FOR_WORK));
        worked_since = Instant::now();
        !stop.load(Ordering::Acquire)
    }
}
