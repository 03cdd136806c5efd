//! A limit that no network group can use up: when it is exceeded, the oldest of the largest group goes, not the newest
//! of all. So a flood from one network replaces itself, and newcomers from elsewhere are let in.

use std::collections::BTreeMap;

use cairn_protocol::peers::network_group::NetworkGroup;

/// Items by network group, in the order of their arrival.
#[derive(Debug)]
pub struct GroupLimit<T> {
    items: BTreeMap<Ticket, (NetworkGroup, T)>,
    next: u64,
    limit: usize,
}

/// Names an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

impl<T> GroupLimit<T> {
    /// No items, and a limit for their number.
    pub const fn new(limit: usize) -> Self {
        Self { items: BTreeMap::new(), next: 0, limit }
    }

    /// Adds an item; returns its ticket, and the item that it replaces if the limit was reached.
    pub fn add(&mut self, group: NetworkGroup, item: T) -> (Ticket, Option<T>) {
        let ticket = Ticket(self.next);
        self.next += 1;
        self.items.insert(ticket, (group, item));
        if self.items.len() <= self.limit {
            return (ticket, None);
        }
        let mut sizes: BTreeMap<NetworkGroup, usize> = BTreeMap::new();
        self.items.values().for_each(|(group, _)| *sizes.entry(*group).or_default() += 1);
        let largest = sizes.values().max();
        let oldest = self.items.iter().find(|(_, (group, _))| sizes.get(group) == largest);
        let oldest = oldest.map(|(ticket, _)| *ticket);
        (ticket, oldest.and_then(|oldest| self.remove(oldest)))
    }

    /// Removes an item.
    pub fn remove(&mut self, ticket: Ticket) -> Option<T> {
        self.items.remove(&ticket).map(|(_, item)| item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_from_one_group_replaces_its_own_oldest_and_others_stay() {
        let mut limit = GroupLimit::new(10);
        let (alone, crowd) = (NetworkGroup::V4([1, 1]), NetworkGroup::V4([2, 2]));
        limit.add(alone, 1_000);
        let evicted: Vec<i32> = (0..100).filter_map(|number| limit.add(crowd, number).1).collect();
        assert_eq!(evicted, (0..91).collect::<Vec<_>>());
        let (ticket, evicted) = limit.add(alone, 1_001);
        assert_eq!((evicted, limit.remove(ticket)), (Some(91), Some(1_001)));
        assert_eq!(limit.items.len(), 9);
    }
}
