//! Mining in a world: each node's rate, and what becomes of a block that is found.

use cairn_protocol::input::{Input, RequestId, Submission};

use crate::invariants::Violation;
use crate::mining::{find_block, hashes_for_next};
use crate::node_index::NodeIndex;
use crate::world::state::World;
use cairn_genesis::hashrate::Hashrate;

/// The request id of block submissions; lower ones are those of wallets.
pub(super) const BLOCK_REQUEST: RequestId = RequestId(u64::MAX);

/// Hashes that a block may take on average: some seconds of a processor.
const MOST_HASHES: u64 = 1 << 24;

impl World {
    /// From now on this miner has the chance that its rate and its tip give it.
    pub(super) fn update_sampler(&mut self, at: NodeIndex) {
        let host = &self.hosts[at.index()];
        let hashes = host.node().filter(|_| host.hashrate > Hashrate::NONE);
        match hashes.and_then(|node| hashes_for_next(node.chain())) {
            Some(hashes) => self.sampler.set(self.now, at, host.hashrate, hashes),
            None => self.sampler.set(self.now, at, Hashrate::NONE, 1),
        }
    }

    /// Changes how fast a node mines.
    pub fn set_hashrate(&mut self, node: NodeIndex, hashrate: Hashrate) {
        self.host_mut(node).hashrate = hashrate;
        self.update_sampler(node);
    }

    pub(super) fn found(&mut self, at: NodeIndex) -> Result<(), Violation> {
        let Some(node) = self.host(at).node() else { return Ok(()) };
        let hashes = hashes_for_next(node.chain()).unwrap_or(u64::MAX);
        if hashes > MOST_HASHES {
            return Err(Violation::TooHard { at, hashes, most: MOST_HASHES });
        }
        let tag = at.to_string();
        let block = find_block(
            self.host(at).clock.shows(self.now),
            node.chain(),
            node.mempool(),
            self.host(at).payee(),
            tag.as_bytes(),
        );
        let height = node.chain().tip().height.next().get();
        self.recorder.found(self.at_ms(), at, height, &block);
        self.hand(
            at,
            Input::Submit { request: BLOCK_REQUEST, submission: Submission::Block(block.clone()) },
        )?;
        self.pool_found(at, block, height);
        Ok(())
    }
}
