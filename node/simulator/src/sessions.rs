//! The links that a host knows of. Every message looks for one of them, so the search stays within two bytes
//! of each, side by side: a line of the processor's cache; a link's lane is touched once it is found.

use crate::network::Lane;
use crate::place::Place;

/// A lane for each node at the other end, in the order of places.
#[derive(Debug, Default)]
pub struct Sessions {
    places: Vec<Place>,
    lanes: Vec<Lane>,
}

impl Sessions {
    /// The lane to another node.
    pub fn get(&self, to: Place) -> Option<&Lane> {
        self.lanes.get(self.find(to).ok()?)
    }

    /// The lane to another node, to be used.
    pub fn get_mut(&mut self, to: Place) -> Option<&mut Lane> {
        let at = self.find(to).ok()?;
        self.lanes.get_mut(at)
    }

    /// Every node at the other end.
    pub fn places(&self) -> impl Iterator<Item = Place> {
        self.places.iter().copied()
    }

    /// Notes a link, in the place of whatever led there.
    pub fn open(&mut self, to: Place, lane: Lane) {
        match self.find(to) {
            Ok(at) => self.lanes[at] = lane,
            Err(at) => {
                self.places.insert(at, to);
                self.lanes.insert(at, lane);
            }
        }
    }

    /// Forgets a link.
    pub fn close(&mut self, to: Place) {
        if let Ok(at) = self.find(to) {
            self.places.remove(at);
            self.lanes.remove(at);
        }
    }

    /// Where a node is, or would be.
    fn find(&self, to: Place) -> Result<usize, usize> {
        // One after the other: with as few as links are, that is faster than a search by halves.
        let at = self.places.iter().position(|place| *place >= to).unwrap_or(self.places.len());
        if self.places.get(at) == Some(&to) { Ok(at) } else { Err(at) }
    }
}

#[cfg(test)]
mod tests {
    use cairn_core::time::Timestamp;

    use crate::network::{Links, Network};

    use super::*;

    #[test]
    fn a_link_is_found_until_it_is_closed_and_a_new_one_takes_the_place_of_the_old() {
        let now = Timestamp::from_millis(0);
        let mut network = Network::new(Links::default(), vec![0; 9], 1);
        let mut lane = |to: u16| network.join(now, Place::new(0), Place::new(to)).expect("nothing is cut").0;
        let lanes = [7, 2, 5].map(|to| (Place::new(to), lane(to)));
        let mut sessions = Sessions::default();
        lanes.iter().for_each(|(to, lane)| sessions.open(*to, *lane));
        assert_eq!(sessions.places().collect::<Vec<_>>(), [2, 5, 7].map(Place::new));
        for (to, lane) in &lanes {
            assert_eq!(sessions.get(*to).map(|found| found.number), Some(lane.number));
        }
        sessions.open(Place::new(5), lane(8));
        assert_ne!(sessions.get(Place::new(5)).map(|found| found.number), Some(lanes[2].1.number));
        sessions.close(Place::new(2));
        sessions.close(Place::new(3));
        assert!(sessions.get(Place::new(2)).is_none() && sessions.get_mut(Place::new(7)).is_some());
    }
}
