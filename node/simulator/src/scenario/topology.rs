//! `[topology]`: which node dials which, by a shape and its numbers.

use cairn_genesis::bounded::Bounded;
use cairn_genesis::toml_file::{Document, Unread};
use serde::Deserialize;

use crate::plan::{Group, MILLION};
use crate::scenario::fault::{Fault, ScenarioError};
use crate::scenario::nodes::Reader;
use crate::scenario::values::{Decimal, small};
use crate::topology::{Shape, Topology};

/// The most nodes that one node dials.
const MAX_DIALS: u64 = 100;
/// The most links of a world: each costs memory at both ends.
const MAX_LINKS: u64 = 1_000_000;
/// The shape of a file without `[topology]`: a ring where each node dials two more.
const USUAL: Shape = Shape::Ring { chords: 2 };

/// A shape with its numbers.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum ShapeTable {
    Full {},
    Line {},
    Ring { chords: Bounded<0, MAX_DIALS> },
    Random { outbound: Bounded<1, MAX_DIALS> },
    Regular { degree: Bounded<1, MAX_DIALS> },
    SmallWorld { neighbours: Bounded<1, MAX_DIALS>, rewired: Decimal<0, MILLION, MILLION> },
    Regions { inside: Bounded<0, MAX_DIALS>, outside: Bounded<0, MAX_DIALS> },
}

/// The stream of the topology: which node dials which.
///
/// # Errors
/// Every fault of single values, and [`Fault::TooManyLinks`].
pub fn read(
    reader: &Reader,
    table: Option<&Unread>,
    confined: Vec<(usize, usize)>,
) -> Result<Topology, ScenarioError> {
    let shape = table.map_or(Ok(USUAL), |table| shape(&reader.document, table))?;
    let found = links(&shape, &reader.groups, &confined);
    if found > MAX_LINKS {
        let at = table.map(Unread::span).unwrap_or_default();
        return Err(reader.document.error(at, Fault::TooManyLinks { found, most: MAX_LINKS }));
    }
    Ok(Topology { shape, confined })
}

fn shape(document: &Document, table: &Unread) -> Result<Shape, ScenarioError> {
    Ok(match document.tagged(table, "kind")? {
        ShapeTable::Full {} => Shape::Full,
        ShapeTable::Line {} => Shape::Line,
        ShapeTable::Ring { chords } => Shape::Ring { chords: small(chords) },
        ShapeTable::Random { outbound } => Shape::Random { outbound: small(outbound) },
        ShapeTable::Regular { degree } => Shape::Regular { degree: small(degree) },
        ShapeTable::SmallWorld { neighbours, rewired } => {
            Shape::SmallWorld { neighbours: small(neighbours), rewired: rewired.parts() as u32 }
        }
        ShapeTable::Regions { inside, outside } => {
            Shape::Regions { inside: small(inside), outside: small(outside) }
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
