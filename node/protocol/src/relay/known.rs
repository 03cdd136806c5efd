//! What a peer is known to have: a set that forgets its oldest entry when it is full.

use std::collections::{BTreeSet, VecDeque};

/// A bounded set.
#[derive(Clone, Debug)]
pub struct Known<T> {
    entries: BTreeSet<T>,
    order: VecDeque<T>,
    bound: usize,
}

impl<T: Ord + Copy> Known<T> {
    /// An empty set of at most `bound` entries.
    pub fn new(bound: usize) -> Self {
        Self { entries: BTreeSet::new(), order: VecDeque::new(), bound }
    }

    /// Notes an entry; says whether it was new.
    pub fn insert(&mut self, entry: T) -> bool {
        if !self.entries.insert(entry) {
            return false;
        }
        self.order.push_back(entry);
        if self.order.len() > self.bound
            && let Some(oldest) = self.order.pop_front()
        {
            self.entries.remove(&oldest);
        }
        true
    }

    /// Whether an entry is remembered.
    pub fn contains(&self, entry: &T) -> bool {
        self.entries.contains(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_set_forgets_its_oldest_entry_and_no_other() {
        let mut known = Known::new(3);
        (1..=4).for_each(|entry| assert!(known.insert(entry)));
        assert_eq!([1, 2, 3, 4].map(|entry| known.contains(&entry)), [false, true, true, true]);
    }

    #[test]
    fn an_entry_noted_twice_takes_one_place() {
        let mut known = Known::new(2);
        assert!(known.insert(1));
        assert!(!known.insert(1));
        assert!(known.insert(2));
        assert!(known.contains(&1));
    }
}
