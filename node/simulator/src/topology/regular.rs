//! Random regular graphs: everybody has the same number of links, and nothing else is the same.
//!
//! A ring whose nodes are joined to their next neighbours is regular; two links that exchange their ends
//! keep it so. After many exchanges, drawn by lot, little is left of the ring (Milo and others 2003, "On
//! the uniform generation of random graphs with prescribed degree sequences").

use std::collections::BTreeSet;

use cairn_protocol::random::Random;

/// Exchanges that are tried for each link.
const EXCHANGES: usize = 10;
/// How often exchanges go on until everybody can be reached. With two links each a graph is often in
/// parts, with more it hardly ever is.
const ROUNDS: usize = 100;

/// Links of a simple graph of so many nodes in which each has `degree` of them, or as many as there are
/// others. Where the two numbers are odd one node has one fewer. From two links on everybody can reach
/// everybody.
pub fn links(nodes: usize, degree: usize, random: &mut Random) -> Vec<(usize, usize)> {
    let mut links = ring(nodes, degree);
    for _ in 0..ROUNDS {
        exchange(&mut links, random);
        if degree < 2 || is_connected(nodes, &links) {
            return links;
        }
    }
    ring(nodes, degree)
}

/// Everybody joined to those that follow it on a ring, and for an odd number to whom is opposite.
fn ring(nodes: usize, degree: usize) -> Vec<(usize, usize)> {
    let degree = degree.min(nodes.saturating_sub(1));
    let near = (0..nodes).flat_map(|node| (1..=degree / 2).map(move |step| (node, (node + step) % nodes)));
    let half = nodes / 2;
    let opposite = (0..half).filter(|_| degree % 2 == 1).map(|node| (node, node + half));
    near.chain(opposite).collect()
}

/// Lets pairs of links, drawn by lot, exchange an end each, unless that would join somebody to itself or
/// twice to another.
fn exchange(links: &mut [(usize, usize)], random: &mut Random) {
    let mut standing: BTreeSet<(usize, usize)> = links.iter().copied().map(sorted).collect();
    for _ in 0..links.len() * EXCHANGES {
        let (first, second) = (random.index(links.len()), random.index(links.len()));
        let ((a, b), (mut c, mut d)) = (links[first], links[second]);
        if random.below(2) == 0 {
            (c, d) = (d, c);
        }
        let new = [(a, d), (c, b)];
        let is_simple =
            new.iter().all(|(one, other)| one != other && !standing.contains(&sorted((*one, *other))));
        if first == second || !is_simple || sorted(new[0]) == sorted(new[1]) {
            continue;
        }
        for (at, link) in [(first, new[0]), (second, new[1])] {
            standing.remove(&sorted(links[at]));
            standing.insert(sorted(link));
            links[at] = link;
        }
    }
}

fn sorted((one, other): (usize, usize)) -> (usize, usize) {
    (one.min(other), one.max(other))
}

fn is_connected(nodes: usize, links: &[(usize, usize)]) -> bool {
    let mut others = vec![Vec::new(); nodes];
    for (one, other) in links {
        others[*one].push(*other);
        others[*other].push(*one);
    }
    let (mut reached, mut next) = (vec![false; nodes], vec![0]);
    while let Some(node) = next.pop() {
        if reached.get(node) == Some(&false) {
            reached[node] = true;
            next.extend(&others[node]);
        }
    }
    reached.iter().all(|reached| *reached)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn everybody_has_as_many_links_and_can_reach_everybody(nodes in 1_usize..60, degree in 1_usize..12, seed: u64) {
            let links = links(nodes, degree, &mut Random::derive(seed, 1));
            let distinct: BTreeSet<(usize, usize)> = links.iter().copied().map(sorted).collect();
            prop_assert_eq!(distinct.len(), links.len());
            prop_assert!(links.iter().all(|(one, other)| one != other));
            let wanted = degree.min(nodes - 1);
            prop_assert_eq!(links.len(), nodes * wanted / 2);
            let of = |node: usize| links.iter().filter(|(one, other)| [*one, *other].contains(&node)).count();
            let short = (0..nodes).filter(|node| of(*node) != wanted).count();
            prop_assert_eq!(short, nodes * wanted % 2);
            prop_assert!(wanted < 2 || is_connected(nodes, &links));
        }
    }

    /// On the ring it begins with, one of 200 nodes of degree four is 50 links from the opposite one;
    /// in a random graph everybody is within 8 (log of 200 to the base 3 is 4.8).
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
}
