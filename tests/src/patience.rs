//! Waiting for something to become true, with a deadline; so that no test sleeps and hopes.

use std::time::{Duration, Instant};

/// Long enough for a busy machine; nobody waits for it when all is well.
pub const LONG: Duration = Duration::from_secs(60);
/// Between two looks.
const INTERVAL: Duration = Duration::from_millis(5);

/// Looks again and again until `look` finds something.
///
/// # Panics
/// When the deadline passes: the test fails, and says what it waited for.
#[track_caller]
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < LONG, "waited {} s in vain for: {what}", LONG.as_secs());
        std::thread::sleep(INTERVAL);
    }
}

/// Looks again and again until `holds` says yes.
///
/// # Panics
/// When the deadline passes: the test fails, and says what it waited for.
#[track_caller]
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    wait_for(what, || holds().then_some(()));
}
