//! Merkle trees and inclusion proofs after RFC 6962, section 2.1.
//!
//! Leaves and nodes are hashed with different prefixes and odd nodes are not duplicated, so neither
//! CVE-2012-2459 nor CVE-2017-12842 can be built.
//!
//! ```
//! use cairn_core::hash::LeafHash;
//! use cairn_core::merkle::{merkle_root, prove};
//!
//! let leaves: Vec<LeafHash> = (0..5).map(|byte| LeafHash::from_bytes([byte; 32])).collect();
//! let root = merkle_root(&leaves);
//! let proof = prove(&leaves, 3).unwrap();
//! assert_eq!(proof.path.len(), 3);
//! assert!(proof.verify(leaves[3], root));
//! assert!(!proof.verify(leaves[2], root));
//! // The last of five leaves moves up two levels unpaired: it has one sibling.
//! assert_eq!(prove(&leaves, 4).unwrap().path.len(), 1);
//! ```

use sha2::{Digest, Sha256};

use crate::encoding::{Decode, Encode};
use crate::hash::{LeafHash, MerkleRoot};

/// A proof that a leaf is in a tree: the sibling of each node from the leaf up to the root.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct InclusionProof {
    pub index: u32,
    /// How many leaves the tree has.
    pub leaf_count: u32,
    pub path: Vec<[u8; 32]>,
}

fn leaf_node(leaf: &[u8]) -> [u8; 32] {
    Sha256::new_with_prefix([0]).chain_update(leaf).finalize().into()
}

fn inner_node(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    Sha256::new_with_prefix([1]).chain_update(left).chain_update(right).finalize().into()
}

/// One level up: pairs are hashed together, a last odd node moves up as it is.
fn level_above(nodes: &[[u8; 32]]) -> Vec<[u8; 32]> {
    nodes
        .chunks(2)
        .filter_map(|pair| match pair {
            [left, right] => Some(inner_node(left, right)),
            [single] => Some(*single),
            _ => None,
        })
        .collect()
}

/// Root of the tree over any leaf data (RFC 6962, MTH).
pub fn root_of_data<'a>(leaves: impl IntoIterator<Item = &'a [u8]>) -> [u8; 32] {
    let mut nodes: Vec<[u8; 32]> = leaves.into_iter().map(leaf_node).collect();
    while nodes.len() > 1 {
        nodes = level_above(&nodes);
    }
    nodes.first().copied().unwrap_or_else(|| Sha256::digest([]).into())
}

/// Root of the tree over a block's leaves.
pub fn merkle_root(leaves: &[LeafHash]) -> MerkleRoot {
    MerkleRoot::from_bytes(root_of_data(leaves.iter().map(|leaf| leaf.as_bytes().as_slice())))
}

/// The proof that the leaf at `index` is in the tree; none if there is no such leaf.
pub fn prove(leaves: &[LeafHash], index: usize) -> Option<InclusionProof> {
    leaves.get(index)?;
    let mut nodes: Vec<[u8; 32]> = leaves.iter().map(|leaf| leaf_node(leaf.as_bytes())).collect();
    let (mut at, mut path) = (index, Vec::new());
    while nodes.len() > 1 {
        // The sibling is the other of the pair; a last odd node has none.
        path.extend(nodes.get(at ^ 1));
        nodes = level_above(&nodes);
        at /= 2;
    }
    Some(InclusionProof {
        index: u32::try_from(index).ok()?,
        leaf_count: u32::try_from(leaves.len()).ok()?,
        path,
    })
}

impl InclusionProof {
    /// Whether `leaf` is at the proof's index in the tree of this root (RFC 9162, section 2.1.3.2).
    pub fn verify(&self, leaf: LeafHash, root: MerkleRoot) -> bool {
        if self.index >= self.leaf_count {
            return false;
        }
        let (mut at, mut last) = (self.index, self.leaf_count.saturating_sub(1));
        let mut node = leaf_node(leaf.as_bytes());
        for sibling in &self.path {
            if last == 0 {
                return false;
            }
            if at & 1 == 1 || at == last {
                node = inner_node(sibling, &node);
                // Levels on which this node was the odd one had no sibling.
                while at & 1 == 0 && at != 0 {
                    at >>= 1;
                    last >>= 1;
                }
            } else {
                node = inner_node(&node, sibling);
            }
            at >>= 1;
            last >>= 1;
        }
        last == 0 && node == *root.as_bytes()
    }
}

#[cfg(test)]
mod tests;
