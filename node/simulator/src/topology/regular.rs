//! Random regular graphs: every node has the same number of links, and nothing else is the same.
//!
//! A ring of nodes in any order, joined to their next neighbours, is regular; two links that exchange their
//! ends keep it so. After many random exchanges little is left of the ring (Milo and others 2003, "On
//! the uniform generation of random graphs with prescribed degree sequences").

use cairn_protocol::random::Random;

/// Exchanges that are tried for each link: of ten thousand links less than one is left out of all of them.
const EXCHANGES: usize = 5;
/// How often exchanges go on until every node can be reached; a graph of three links each is hardly ever in parts.
const ROUNDS: usize = 20;

/// Links of a simple graph in which each node has `degree` of them, or as many as there are
/// others. Where the two numbers are odd a random node has one fewer. From two links on every node
/// can reach every other.
pub fn links(nodes: usize, degree: usize, random: &mut Random) -> Vec<(usize, usize)> {
    let mut order: Vec<usize> = (0..nodes).collect();
    random.shuffle(&mut order);
    let ring: Vec<(usize, usize)> =
        ring(nodes, degree).into_iter().map(|(one, other)| (order[one], order[other])).collect();
    // Pairs, and rings of two links each, have no other shape than these.
    if degree < 3 {
        return ring;
    }
    let mut graph = Graph::new(nodes, ring.clone());
    for _ in 0..ROUNDS {
        graph.exchange(random);
        if graph.is_connected() {
            return graph.links;
        }
    }
    ring
}

/// Each node is linked to those that follow it on a ring, and for an odd number to the opposite one.
fn ring(nodes: usize, degree: usize) -> Vec<(usize, usize)> {
    let degree = degree.min(nodes.saturating_sub(1));
    let near = (0..nodes).flat_map(|node| (1..=degree / 2).map(move |step| (node, (node + step) % nodes)));
    let half = nodes / 2;
    let opposite = (0..half).filter(|_| degree % 2 == 1).map(|node| (node, node + half));
    near.chain(opposite).collect()
}

/// Links, and the neighbours of each node: a look through a hundred is faster than any search.
struct Graph {
    links: Vec<(usize, usize)>,
    others: Vec<Vec<usize>>,
}

impl Graph {
    fn new(nodes: usize, links: Vec<(usize, usize)>) -> Self {
        let mut others = vec![Vec::new(); nodes];
        for (one, other) in &links {
            others[*one].push(*other);
            others[*other].push(*one);
        }
        Self { links, others }
    }

    /// Lets random pairs of links exchange an end each, unless that would link a node to itself or twice to another.
    fn exchange(&mut self, random: &mut Random) {
        let count = self.links.len();
        for _ in 0..count * EXCHANGES {
            let (first, second) = (random.index(count), random.index(count));
            let ((a, b), (mut c, mut d)) = (self.links[first], self.links[second]);
            if random.below(2) == 0 {
                (c, d) = (d, c);
            }
            let may_join = |one: usize, other: usize| one != other && !self.others[one].contains(&other);
            if !may_join(a, d) || !may_join(c, b) {
                continue;
            }
            self.replace(a, b, d);
            self.replace(b, a, c);
            self.replace(c, d, b);
            self.replace(d, c, a);
            (self.links[first], self.links[second]) = ((a, d), (c, b));
        }
    }

    fn replace(&mut self, of: usize, old: usize, new: usize) {
        if let Some(other) = self.others[of].iter_mut().find(|other| **other == old) {
            *other = new;
        }
    }

    fn is_connected(&self) -> bool {
        let (mut reached, mut next) = (vec![false; self.others.len()], vec![0]);
        while let Some(node) = next.pop() {
            if reached.get(node) == Some(&false) {
                reached[node] = true;
                next.extend(&self.others[node]);
            }
        }
        reached.iter().all(|reached| *reached)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_node_has_as_many_links_and_can_reach_every_other(
            nodes in 1_usize..60,
            degree in 1_usize..12,
            seed: u64,
        ) {
            let links = links(nodes, degree, &mut Random::derive(seed, 1));
            let distinct: BTreeSet<_> = links.iter().map(|(one, other)| (one.min(other), one.max(other))).collect();
            prop_assert_eq!(distinct.len(), links.len());
            prop_assert!(links.iter().all(|(one, other)| one != other));
            let wanted = degree.min(nodes - 1);
            prop_assert_eq!(links.len(), nodes * wanted / 2);
            let of = |node: usize| links.iter().filter(|(one, other)| [*one, *other].contains(&node)).count();
            let short = (0..nodes).filter(|node| of(*node) != wanted).count();
            prop_assert_eq!(short, nodes * wanted % 2);
            prop_assert!(wanted < 2 || Graph::new(nodes, links).is_connected());
        }
    }

    /// On the ring it begins with, one of 200 nodes of degree four is 50 links from the opposite one;
    /// in a random graph every node is within 8 (log of 200 to the base 3 is 4.8).
    #[test]
    fn ways_are_as_short_as_in_a_random_graph() {
        let links = links(200, 4, &mut Random::derive(3, 1));
        let mut reached = BTreeSet::from([0]);
        for _ in 0..8 {
            let next: Vec<usize> = links
                .iter()
                .flat_map(|(one, other)| [(*one, *other), (*other, *one)])
                .filter_map(|(from, to)| reached.contains(&from).then_some(to))
                .collect();
            reached.extend(next);
        }
        assert_eq!(reached.len(), 200);
    }

    #[test]
    fn a_ring_is_in_an_order_from_the_seed() {
        let neighbours = links(1_000, 2, &mut Random::derive(1, 1));
        let in_order = neighbours.iter().filter(|(one, other)| one.abs_diff(*other) == 1).count();
        assert!(in_order < 20, "{in_order} of a thousand");
    }
}
