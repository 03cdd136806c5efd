//! How nodes behave: honest, or in one of the ways that papers describe.

use core::time::Duration;

use crate::node_index::NodeIndex;

/// What a node does beside what every node does.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Behaviour {
    /// Keeps to the rules and to the manners.
    #[default]
    Honest,
    /// Keeps its blocks back and shows them when others find one (Eyal and Sirer 2014).
    Selfish {
        /// The nodes to which it shows its block first when there is another of the same height: those it has
        /// better links to. All when none is named.
        shown_first_to: Vec<NodeIndex>,
    },
    /// Pays, and mines a chain in secret in which the payment went elsewhere (Nakamoto 2008,
    /// section 11; Rosenfeld 2014).
    DoubleSpend(DoubleSpend),
    /// Cuts nodes off from all others by being their only peers: passes no block and no transaction
    /// between them and the rest.
    Eclipse { victims: Vec<NodeIndex> },
    /// Announces blocks by their headers and never delivers one.
    Withhold,
    /// Goes and comes back again and again.
    Intermittent { up: Duration, down: Duration },
}

impl Behaviour {
    /// The number of nodes that a group needs for it; none when any number will do.
    pub const fn nodes(&self) -> Option<u16> {
        match self {
            Self::Selfish { .. } => Some(1),
            // The public node and the secret miner.
            Self::DoubleSpend(_) => Some(2),
            _ => None,
        }
    }

    /// Whether it keeps to the manners of peers, though it may come and go.
    pub const fn is_mannerly(&self) -> bool {
        matches!(self, Self::Honest | Self::Intermittent { .. })
    }

    /// Whether its node relays the blocks that it receives, but to those that it starves.
    pub const fn passes_on(&self) -> bool {
        !matches!(self, Self::Withhold)
    }

    /// Whether its node relays no block to another, and none of the other's blocks.
    pub fn starves(&self, other: NodeIndex) -> bool {
        matches!(self, Self::Eclipse { victims } if victims.contains(&other))
    }
}

/// How a double-spender goes about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DoubleSpend {
    /// Confirmations after which the payee delivers.
    pub confirmations: u32,
    /// Whether it has one block of its secret chain before it pays (Rosenfeld's set-up).
    pub premined: bool,
    /// It gives up when its secret chain is so many blocks behind.
    pub give_up_behind: u32,
}
