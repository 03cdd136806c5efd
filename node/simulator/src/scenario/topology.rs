//! `[topology]`: who dials whom, by a shape and its numbers.

use crate::plan::{Group, MILLION};
use crate::scenario::fault::{Fault, ScenarioError};
use crate::scenario::section::Section;
use crate::topology::{Shape, Topology};

/// Keys of `[topology]`.
pub const KEYS: &[&str] =
    &["kind", "chords", "outbound", "degree", "neighbours", "rewired", "inside", "outside"];
const KINDS: &[&str] = &["full", "line", "ring", "random", "regular", "small-world", "regions"];
/// Others that one node may dial.
const MOST_DIALS: u64 = 100;
/// Links of a world: each costs memory at both ends.
const MAX_LINKS: u64 = 1_000_000;
/// Without a word about it everybody is on a ring, and dials two more.
const USUAL: Shape = Shape::Ring { chords: 2 };

/// Who dials whom.
///
/// # Errors
/// Every fault of single values, and [`Fault::TooManyLinks`].
pub fn read(
    whole: &Section,
    groups: &[Group],
    confined: &[(usize, usize)],
) -> Result<Topology, ScenarioError> {
    let entry = whole.get("topology");
    let shape = match &entry {
        Some(entry) => {
            let kind = entry.section(KEYS)?.require("kind", "a word in quotes")?.word(KINDS)?;
            shape(kind, &|keys| entry.section(keys))?
        }
        None => USUAL,
    };
    let found = links(&shape, groups, confined);
    if found > MAX_LINKS {
        let fault = Fault::TooManyLinks { found, most: MAX_LINKS };
        return Err(entry.map_or_else(|| whole.fault(fault.clone()), |entry| entry.fault(fault.clone())));
    }
    Ok(Topology { shape, confined: confined.to_vec() })
}

/// A shape; `of` gives the section once it has no keys but these.
fn shape<'t>(
    kind: &str,
    of: &dyn Fn(&'static [&'static str]) -> Result<Section<'t>, ScenarioError>,
) -> Result<Shape, ScenarioError> {
    let many = |section: &Section, key: &str, least: u64| {
        let found = section.require(key, "how many others for each node")?.whole(least, MOST_DIALS)?;
        Ok(u16::try_from(found).expect("the bound fits"))
    };
    Ok(match kind {
        "full" => of(&["kind"]).map(|_| Shape::Full)?,
        "line" => of(&["kind"]).map(|_| Shape::Line)?,
        "ring" => Shape::Ring { chords: many(&of(&["kind", "chords"])?, "chords", 0)? },
        "random" => Shape::Random { outbound: many(&of(&["kind", "outbound"])?, "outbound", 1)? },
        "regular" => Shape::Regular { degree: many(&of(&["kind", "degree"])?, "degree", 1)? },
        "small-world" => {
            let section = of(&["kind", "neighbours", "rewired"])?;
            let rewired = section.require("rewired", "a part from 0 to 1")?.decimal((0, MILLION), MILLION)?;
            let rewired = u32::try_from(rewired).expect("the bound fits");
            Shape::SmallWorld { neighbours: many(&section, "neighbours", 1)?, rewired }
        }
        _ => {
            let section = of(&["kind", "inside", "outside"])?;
            Shape::Regions { inside: many(&section, "inside", 0)?, outside: many(&section, "outside", 0)? }
        }
    })
}

/// The most links that a shape can come to.
fn links(shape: &Shape, groups: &[Group], confined: &[(usize, usize)]) -> u64 {
    let nodes_of = |group: usize| groups.get(group).map_or(0, |group| u64::from(group.nodes));
    let nodes: u64 = (0..groups.len()).map(nodes_of).sum();
    let each = match *shape {
        Shape::Full => nodes / 2,
        Shape::Line => 1,
        Shape::Ring { chords } => 1 + u64::from(chords),
        Shape::Random { outbound } => u64::from(outbound),
        Shape::Regular { degree } => u64::from(degree).div_ceil(2),
        Shape::SmallWorld { neighbours, .. } => u64::from(neighbours),
        Shape::Regions { inside, outside } => u64::from(inside) + u64::from(outside),
    };
    let of_confined = confined.iter().map(|(group, to)| nodes_of(*group) * nodes_of(*to));
    nodes * each + of_confined.sum::<u64>()
}
