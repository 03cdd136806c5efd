//! The machine that a node of this program is: the one place that chooses its store.

use cairn_protocol::node::Node;

use crate::store::SledStore;

/// Where a node of this program keeps its chain.
pub type Store = SledStore;
/// What decides.
pub type Machine = Node<Store>;
