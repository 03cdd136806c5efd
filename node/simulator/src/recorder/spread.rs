//! How a block spread: when each node had it, and what that comes to.
//!
//! Times tell of the network, so only nodes count that could hear of the block all the time: that
//! lived when it was first shown to others, and were neither gone nor cut off before they had it.

use crate::place::Place;
use crate::recorder::contact::Contact;

/// Times from finding a block to nodes having it.
#[derive(Clone, Debug)]
pub struct Spread {
    finder: Place,
    /// From whom the others have it, and since when: the finder, or the first who has it when the
    /// finder is no part of the network.
    source: Option<(Place, u32)>,
    /// When another than the finder had it first.
    shown: Option<u32>,
    /// A bit for each node that had it.
    has: Vec<u64>,
    reached: u32,
    /// When the finder itself had it, in milliseconds,
    finder_ms: Option<u64>,
    /// and every other node that counts, in the order of arrival, which is the order of size.
    times: Vec<u32>,
}

impl Spread {
    /// Nobody has it yet.
    pub fn new(nodes: usize, finder: Place, contact: &Contact) -> Self {
        let source = contact.is_up(finder).then(|| (finder, contact.now()));
        let has = vec![0; nodes.div_ceil(64)];
        Self { finder, source, shown: None, has, reached: 0, finder_ms: None, times: Vec::new() }
    }

    /// A node has it, so long after it was found; only the first time counts.
    pub fn reached(&mut self, at: Place, after_ms: u64, contact: &Contact) {
        let (word, bit) = (at.index() / 64, 1_u64 << (at.index() % 64));
        let Some(word) = self.has.get_mut(word).filter(|word| **word & bit == 0) else { return };
        *word |= bit;
        self.reached += 1;
        if at == self.finder {
            self.finder_ms = Some(after_ms);
            return;
        }
        self.shown.get_or_insert(contact.now());
        self.source.get_or_insert((at, contact.now()));
        if self.counts(at, contact) {
            self.times.push(u32::try_from(after_ms).unwrap_or(u32::MAX));
        }
    }

    /// How many nodes had it, whether or not they count.
    pub const fn reached_count(&self) -> u32 {
        self.reached
    }

    /// When so many of a hundred of all nodes that count had it, for each number; none if so many
    /// never did.
    pub fn percentiles<const N: usize>(&self, percents: [usize; N], contact: &Contact) -> [Option<u64>; N] {
        let has = |place: Place| {
            self.has.get(place.index() / 64).is_some_and(|word| word >> (place.index() % 64) & 1 == 1)
        };
        let never = contact.places().filter(|place| !has(*place) && self.counts(*place, contact)).count();
        let times = || self.finder_ms.into_iter().chain(self.others());
        let nodes = times().count() + never;
        percents.map(|percent| times().nth((nodes * percent).div_ceil(100).max(1) - 1))
    }

    /// Every time but the finder's own.
    pub fn others(&self) -> impl Iterator<Item = u64> {
        self.times.iter().map(|time| u64::from(*time))
    }

    fn counts(&self, at: Place, contact: &Contact) -> bool {
        let was_cut = |(source, since)| contact.was_cut_since(at, source, since);
        contact.is_up_since(at, self.shown.unwrap_or(contact.now())) && !self.source.is_some_and(was_cut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERCENTS: [usize; 3] = [50, 90, 99];

    fn contact(nodes: u16) -> Contact {
        let mut contact = Contact::new(usize::from(nodes));
        Place::first(nodes).for_each(|place| contact.came_up(place));
        contact
    }

    #[test]
    fn a_percentile_is_of_all_nodes_and_not_of_those_reached() {
        let contact = contact(10);
        let mut spread = Spread::new(10, Place::new(0), &contact);
        for place in Place::first(9) {
            spread.reached(place, 100 * place.index() as u64, &contact);
        }
        spread.reached(Place::new(1), 5_000, &contact);
        assert_eq!(spread.reached_count(), 9);
        assert_eq!(spread.percentiles(PERCENTS, &contact), [Some(400), Some(800), None]);
        assert_eq!(spread.others().count(), 8, "the finder has not got it from anybody");
    }

    #[test]
    fn who_was_away_or_cut_off_does_not_count() {
        let (mut contact, place) = (contact(6), Place::new);
        contact.went_down(place(3));
        contact.cut(&[(0..4).map(place).collect(), vec![place(4), place(5)]]);
        let mut spread = Spread::new(6, place(0), &contact);
        spread.reached(place(0), 0, &contact);
        spread.reached(place(1), 10, &contact);
        // Two goes before it has it, and the others come too late to tell of the network.
        contact.went_down(place(2));
        contact.heal();
        (2..4).for_each(|late| contact.came_up(place(late)));
        (2..5).for_each(|late| spread.reached(place(late), 9_000_000, &contact));
        assert_eq!(spread.reached_count(), 5);
        assert_eq!(spread.percentiles(PERCENTS, &contact), [Some(0), Some(10), Some(10)]);
        assert_eq!(spread.others().collect::<Vec<_>>(), [10]);
    }

    #[test]
    fn a_finder_that_is_no_part_of_the_network_is_nobody_to_wait_for() {
        let mut contact = Contact::new(3);
        (0..2).for_each(|number| contact.came_up(Place::new(number)));
        let mut spread = Spread::new(3, Place::new(2), &contact);
        spread.reached(Place::new(0), 70, &contact);
        spread.reached(Place::new(1), 80, &contact);
        assert_eq!(spread.percentiles(PERCENTS, &contact), [Some(70), Some(80), Some(80)]);
        assert_eq!(spread.others().collect::<Vec<_>>(), [70, 80]);
    }
}
