//! Deadlines: when a part of the node next needs attention, worked out again after any change of the part.

use core::cell::Cell;
use core::ops::{Deref, DerefMut};

use cairn_core::time::Timestamp;

/// A part of the node, with its next deadline once that has been asked for. Mutable access forgets the
/// deadline, so that no change can leave an old one behind.
#[derive(Clone, Debug, Default)]
pub struct Deadlines<T> {
    part: T,
    /// None while it is to be worked out.
    next: Cell<Option<Option<Timestamp>>>,
}

impl<T> Deadlines<T> {
    /// A part whose deadline is not known yet.
    pub const fn new(part: T) -> Self {
        Self { part, next: Cell::new(None) }
    }

    /// The next deadline, worked out by `find` if the part may have changed.
    pub fn next_deadline(&self, find: impl FnOnce(&T) -> Option<Timestamp>) -> Option<Timestamp> {
        self.next.get().unwrap_or_else(|| {
            let next = find(&self.part);
            self.next.set(Some(next));
            next
        })
    }

    /// Mutable access for a change that moves no deadline forward. At a deadline that has moved back, the
    /// part finds nothing to do, and it is worked out again.
    pub fn keep_deadline(&mut self) -> &mut T {
        &mut self.part
    }
}

impl<T> Deref for Deadlines<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.part
    }
}

impl<T> DerefMut for Deadlines<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.next.set(None);
        &mut self.part
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_worked_out_once_and_again_after_every_change() {
        let mut times = Deadlines::new(vec![Timestamp::from_millis(7)]);
        let asked = Cell::new(0);
        let next = |times: &Deadlines<Vec<Timestamp>>| {
            times.next_deadline(|times| {
                asked.set(asked.get() + 1);
                times.iter().min().copied()
            })
        };
        assert_eq!(
            (next(&times), next(&times), asked.get()),
            (times.first().copied(), times.first().copied(), 1)
        );
        times.push(Timestamp::from_millis(3));
        assert_eq!((next(&times), asked.get()), (Some(Timestamp::from_millis(3)), 2));
        times.keep_deadline().push(Timestamp::from_millis(9));
        assert_eq!((next(&times), asked.get()), (Some(Timestamp::from_millis(3)), 2));
        times.clear();
        assert_eq!((next(&times), next(&times), asked.get()), (None, None, 3));
    }
}
