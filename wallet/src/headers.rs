//! The header chain that the wallet checks for itself: links, work, difficulty and times.
//!
//! A node can withhold blocks from the wallet, but it cannot make it believe in a payment without
//! work: every header must be valid on the one before, back to the genesis block the wallet knows.

use cairn_core::check::header::{HeaderError, ParentContext, check_header_alone, check_header_on_parent};
use cairn_core::difficulty::Anchor;
use cairn_core::encoding::{Decode, Encode};
use cairn_core::hash::BlockHash;
use cairn_core::header::Header;
use cairn_core::height::Height;
use cairn_core::params::ChainParams;
use cairn_core::time::{Timestamp, median_time_past};

/// Headers from genesis to the last block that was read.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct HeaderChain {
    links: Vec<Link>,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
struct Link {
    hash: BlockHash,
    time: Timestamp,
    anchor: Option<Anchor>,
}

/// A header is not valid on top of the chain.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ChainError {
    /// It is not a child of the last one: the node's chain moved on meanwhile.
    #[error("the block does not follow the one before")]
    NotLinked,
    /// It breaks a rule.
    #[error("the node showed a block whose header breaks a rule of the chain: {0}")]
    Invalid(#[from] HeaderError),
}

impl HeaderChain {
    /// The chain of the genesis block alone.
    pub fn new(genesis: &Header) -> Self {
        Self { links: vec![Link { hash: genesis.hash(), time: genesis.time, anchor: None }] }
    }

    /// Height of the last header.
    pub fn height(&self) -> Height {
        Height::from_u32(self.links.len() as u32 - 1)
    }

    /// The hash at a height.
    pub fn hash_at(&self, height: Height) -> Option<BlockHash> {
        self.links.get(height.get() as usize).map(|link| link.hash)
    }

    /// Time of the block at a height.
    pub fn time_at(&self, height: Height) -> Option<Timestamp> {
        self.links.get(height.get() as usize).map(|link| link.time)
    }

    /// Checks the next header and adds it.
    pub fn push(&mut self, header: &Header, params: &ChainParams, now: Timestamp) -> Result<(), ChainError> {
        let parent = self.parent_context(params);
        if header.previous_block_hash != parent.hash {
            return Err(ChainError::NotLinked);
        }
        check_header_alone(header, params)?;
        check_header_on_parent(header, &parent, params, now)?;
        let anchor = Anchor::after(parent.anchor.as_ref(), params, header, parent.height.next(), parent.time);
        self.links.push(Link { hash: header.hash(), time: header.time, anchor });
        Ok(())
    }

    /// Forgets every header above a height.
    pub fn truncate(&mut self, height: Height) {
        self.links.truncate(height.get() as usize + 1);
    }

    /// Median time past of the last block.
    pub fn median_time_past(&self, params: &ChainParams) -> Timestamp {
        let times: Vec<Timestamp> =
            self.links.iter().rev().take(params.median_time_span).map(|link| link.time).collect();
        median_time_past(&times)
    }

    fn parent_context(&self, params: &ChainParams) -> ParentContext {
        let last = self.links.last().expect("genesis is never removed");
        ParentContext {
            hash: last.hash,
            height: self.height(),
            time: last.time,
            median_time_past: self.median_time_past(params),
            anchor: last.anchor,
        }
    }
}
