//! Signals that ask the program to stop.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

/// Calls `notify` at every signal that asks to stop, until the runtime ends: interrupt, terminate, quit, and a
/// hangup unless it was ignored when the program was started, as `nohup` does it. An ignored interrupt is
/// received all the same: shells ignore it in what a script runs in the background, and scripts end that with it.
///
/// # Errors
/// When the system does not permit it.
///
/// # Panics
/// Outside of a runtime.
pub fn on_stop(notify: impl Fn(SignalKind) + Clone + Send + 'static) -> io::Result<()> {
    let hangup = Some(SignalKind::hangup()).filter(|kind| !is_ignored(*kind));
    let others = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::quit()];
    for kind in others.into_iter().chain(hangup) {
        let mut signals = signal(kind)?;
        let notify = notify.clone();
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                notify(kind);
            }
        });
    }
    Ok(())
}

/// Whether the process ignores a signal that it does not listen to yet. sigaction(2) would take unsafe code;
/// proc(5) shows the same. A system without it is taken to ignore nothing.
fn is_ignored(kind: SignalKind) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap_or_default();
    let bit = u32::try_from(kind.as_raw_value() - 1).unwrap_or(u32::MAX);
    u64::from_str_radix(mask.trim(), 16).is_ok_and(|mask| mask.checked_shr(bit).unwrap_or_default() & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The Rust runtime ignores SIGPIPE in every program.
    #[test]
    fn an_ignored_signal_is_told_apart_from_one_that_is_not() {
        assert!(is_ignored(SignalKind::pipe()));
        assert!(!is_ignored(SignalKind::user_defined1()));
    }
}
