//! Steps are carried out one at a time, first come, first served; the time in the queue is limited.

use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::devnet::error::DevnetError;
use cairn_genesis::programs::held::held;

/// The queue of steps.
#[derive(Debug, Default)]
pub struct Turns {
    queue: tokio::sync::Mutex<()>,
    at_work: Mutex<Option<(String, Instant)>>,
}

/// The turn of one step: the next one's begins when this is dropped.
#[derive(Debug)]
pub struct Turn<'t> {
    turns: &'t Turns,
    _held: tokio::sync::MutexGuard<'t, ()>,
}

impl Turns {
    /// Waits for the turn of a step for as long as it takes. Only for threads outside a runtime.
    pub fn wait(&self, step: &str) -> Turn<'_> {
        self.begin(step, self.queue.blocking_lock())
    }

    /// Waits for the turn of a step. Only for threads that a runtime keeps for what blocks.
    ///
    /// # Errors
    /// [`DevnetError::Busy`] when an earlier step takes longer than `patience`.
    pub fn wait_at_most(&self, patience: Duration, step: &str) -> Result<Turn<'_>, DevnetError> {
        match Handle::current().block_on(timeout(patience, self.queue.lock())) {
            Ok(held) => Ok(self.begin(step, held)),
            Err(_) => {
                let (at_work, since) =
                    self.at_work().clone().unwrap_or_else(|| (step.into(), Instant::now()));
                let seconds = since.elapsed().as_secs();
                Err(DevnetError::Busy { step: step.to_owned(), at_work, seconds })
            }
        }
    }

    /// The turn of a step that other steps need not wait for; none while another has its turn.
    pub fn take_if_free(&self, step: &str) -> Option<Turn<'_>> {
        self.queue.try_lock().ok().map(|held| self.begin(step, held))
    }

    fn begin<'t>(&'t self, step: &str, held: tokio::sync::MutexGuard<'t, ()>) -> Turn<'t> {
        *self.at_work() = Some((step.to_owned(), Instant::now()));
        Turn { turns: self, _held: held }
    }

    fn at_work(&self) -> MutexGuard<'_, Option<(String, Instant)>> {
        // What is guarded is whole after every statement, so a panic elsewhere spoils nothing.
        held(&self.at_work)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.turns.at_work() = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_behind_a_long_one_is_rejected_with_what_is_at_work_and_has_its_turn_afterwards() {
        let turns = Turns::default();
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let _inside = runtime.enter();
        let long = std::thread::scope(|scope| scope.spawn(|| turns.wait("mine")).join().expect("no panic"));
        let rejected = turns.wait_at_most(Duration::ZERO, "heal").expect_err("it must wait");
        let said =
            "heal was not done: the devnet is at work on mine (for 0 s already); try again when that is done";
        assert_eq!(rejected.to_string(), said);
        drop(long);
        assert!(turns.wait_at_most(Duration::ZERO, "heal").is_ok());
    }
}
