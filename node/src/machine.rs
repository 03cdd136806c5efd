//! The machine that a node of this program is: the one place that chooses its store.

use cairn_protocol::chain::memory::MemoryStore;
use cairn_protocol::node::Node;

/// Where a node of this program keeps its chain.
pub type Store = MemoryStore;
/// What decides.
pub type Machine = Node<Store>;
