//! Who dials whom when the world begins.

use std::collections::BTreeSet;

use cairn_protocol::random::Random;

use crate::place::Place;

/// A shape of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topology {
    /// Each dials the next: the longest way a block can have.
    Line,
    /// A ring, so that all are joined, and this many random others each, so that ways are short.
    Ring {
        /// Random others that each node dials besides.
        chords: u16,
    },
    /// Everybody dials everybody before it.
    Full,
}

impl Topology {
    /// Whom each node dials, by place.
    pub fn dials(self, nodes: u16, random: &mut Random) -> Vec<BTreeSet<Place>> {
        Place::first(nodes).map(|place| self.dials_of(place, nodes, random)).collect()
    }

    fn dials_of(self, place: Place, nodes: u16, random: &mut Random) -> BTreeSet<Place> {
        let number = place.index() as u16;
        let mut dialled = BTreeSet::new();
        match self {
            Self::Line => dialled.extend(number.checked_sub(1).map(Place::new)),
            Self::Ring { chords } => {
                dialled.insert(Place::new((number + 1) % nodes.max(1)));
                dialled.extend((0..chords).map(|_| Place::new(random.below(u64::from(nodes)) as u16)));
            }
            Self::Full => dialled.extend(Place::first(number)),
        }
        dialled.remove(&place);
        dialled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_dialled_once_per_neighbour() {
        let dials = Topology::Line.dials(3, &mut Random::derive(1, 1));
        let first = BTreeSet::from([Place::new(0)]);
        assert_eq!(dials, vec![BTreeSet::new(), first, BTreeSet::from([Place::new(1)])]);
    }

    #[test]
    fn nobody_dials_itself() {
        for topology in [Topology::Line, Topology::Ring { chords: 5 }, Topology::Full] {
            let dials = topology.dials(6, &mut Random::derive(2, 1));
            assert!(dials.iter().zip(Place::first(6)).all(|(dials, place)| !dials.contains(&place)));
        }
    }
}
