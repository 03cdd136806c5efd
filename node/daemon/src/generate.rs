//! Blocks on demand, made on the driver's thread: template, search, chain, one block after another,
//! and one flush for all of them. For tests and devnets, where the work is small.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cairn_core::block::Block;
use cairn_core::hash::BlockHash;
use cairn_core::header::Header;
use cairn_core::lock::Lock;
use cairn_protocol::action::{Action, Answer};
use cairn_protocol::chain::store::StoreError;
use cairn_protocol::input::{Input, RequestId, Submission};
use cairn_protocol::template::Template;

use crate::Machine;
use crate::clock;
use crate::mined::NotMined;
use crate::search::mine_once;

/// Time limit of one call, which keeps the driver from everything else.
const AT_ONCE: Duration = Duration::from_millis(100);
/// Blocks in one call: their events must fit in what a subscriber may have unread.
const MAX_AT_ONCE: u32 = 500;
/// Nonces tried in one call: where work is hard the caller calls again, and other calls have their turn.
const MAX_TRIES_AT_ONCE: u64 = 1 << 19;
/// Hashes that blocks on demand may take together, on average: about a minute of one core. More is not
/// asked for at once.
pub const MOST_HASHES_AT_ONCE: u64 = 1 << 30;
/// The id of this module's own submissions, which have no caller.
const OWN: RequestId = RequestId(u64::MAX);

/// A request for blocks.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub count: u32,
    /// The lock of the coinbase outputs.
    pub pay_to: Lock,
    /// The text in the coinbases.
    pub tag: Vec<u8>,
    /// Nonces to try in all.
    pub max_tries: u64,
}

/// Blocks that were made, and the work that they took.
#[derive(Clone, Debug, Default)]
pub struct Made {
    /// The blocks, in order.
    pub hashes: Vec<BlockHash>,
    /// Nonces that were tried.
    pub tries: u64,
    /// The reason for which another call is of no use; none while it is.
    pub end: Option<End>,
}

/// Why no more blocks are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Every try is used up.
    OutOfTries,
    /// A block would not be, or was not, part of the best chain.
    NotMined(NotMined),
}

/// Makes some of the wanted blocks, within the limits of one call; the caller calls again for the rest.
pub fn generate(machine: &mut Machine, wanted: &Wanted) -> Result<(Made, Vec<Action>), StoreError> {
    let began = Instant::now();
    let (mut made, mut actions) = (Made::default(), Vec::new());
    for _ in 0..wanted.count.min(MAX_AT_ONCE) {
        let now = clock::now();
        let template = Template::new(now, machine.chain(), machine.mempool());
        if let Err(ahead) = template.check_clock(now, machine.chain().params()) {
            made.end = Some(End::NotMined(ahead.into()));
            break;
        }
        let block = template.to_block(wanted.pay_to, wanted.tag.clone());
        let left = wanted.max_tries.saturating_sub(made.tries);
        let (nonce, tries) =
            search(block.header(), left.min(MAX_TRIES_AT_ONCE.saturating_sub(made.tries).max(1)));
        made.tries += tries;
        let Some(nonce) = nonce else {
            made.end = (made.tries >= wanted.max_tries).then_some(End::OutOfTries);
            break;
        };
        let block = Arc::new(block.with_nonce(nonce));
        let hash = block.hash();
        let submission = Submission::Block(block);
        for action in machine.handle(now, Input::Submit { request: OWN, submission })? {
            match action {
                Action::Reply { request: OWN, answer: Answer::Block(outcome) } => {
                    match NotMined::check(outcome) {
                        Ok(()) => made.hashes.push(hash),
                        Err(why) => made.end = Some(End::NotMined(why)),
                    }
                }
                Action::Reply { .. } => {}
                action => actions.push(action),
            }
        }
        if let Some(End::NotMined(why)) = &made.end {
            tracing::error!(%hash, %why, "a block that was made here is not part of the best chain");
            break;
        }
        if began.elapsed() > AT_ONCE || made.tries >= MAX_TRIES_AT_ONCE {
            break;
        }
    }
    Ok((made, actions))
}

/// The first nonce from 0 on that does the work, and how many were tried.
fn search(header: &Header, max_tries: u64) -> (Option<u64>, u64) {
    let found = mine_once(header.with_nonce(0), max_tries);
    (found, found.map_or(max_tries, |nonce| nonce + 1))
}

/// The same block with the first nonce that does its work, if there is one within `max_tries`.
pub fn solve(block: Block, max_tries: u64) -> Option<Block> {
    let (nonce, _) = search(block.header(), max_tries);
    nonce.map(|nonce| block.with_nonce(nonce))
}

#[cfg(test)]
mod tests {
    use cairn_core::signature::SerialVerifier;
    use cairn_core::target::CompactTarget;
    use cairn_core::testing::{TestChain, lock};
    use cairn_core::time::Timestamp;
    use cairn_protocol::chain::Chain;
    use cairn_protocol::mempool::Mempool;
    use cairn_protocol::node::{Node, NodeConfig};
    use cairn_protocol::peer::PeerId;
    use cairn_protocol::peers::ConnectionLimits;
    use cairn_protocol::peers::address_key::AddressKey;

    use super::*;
    use crate::store::{Opening, SledStore};

    fn machine(test: &TestChain, directory: &tempfile::TempDir) -> Machine {
        let store = SledStore::open(directory.path(), &test.genesis, Opening::Resume).expect("it opens");
        let chain = Chain::open(test.params.clone(), &test.genesis, store, Box::new(SerialVerifier));
        let config = NodeConfig {
            id: PeerId::from_bytes([1; 32]),
            user_agent: "/test/".into(),
            listen: Vec::new(),
            connect: Vec::new(),
            limits: ConnectionLimits { outbound: 0, inbound: 0 },
            ping_interval: None,
            address_key: AddressKey::new([1, 4]),
        };
        Node::new(config, chain.expect("it opens"), Mempool::new(1 << 20), 1)
    }

    #[test]
    fn a_search_without_success_gives_the_thread_back_and_says_when_its_tries_are_used_up() {
        let (mut test, directory) = (TestChain::new(), tempfile::tempdir().expect("a directory"));
        let out_of_reach = CompactTarget::from_bits(0x1700_ffff);
        (test.params.pow_limit, test.params.genesis_bits) = (out_of_reach, out_of_reach);
        let mut machine = machine(&test, &directory);
        let mut tried = |max_tries| {
            let wanted = Wanted { count: 1, pay_to: lock(1), tag: Vec::new(), max_tries };
            let (made, _) = generate(&mut machine, &wanted).expect("the store works");
            (made.hashes.len(), made.tries, made.end)
        };
        assert_eq!(tried(u64::MAX), (0, MAX_TRIES_AT_ONCE, None));
        assert_eq!(tried(1_000), (0, 1_000, Some(End::OutOfTries)));
    }

    /// A devnet that was resumed with its clock set back said "mined 1 block", and its height stayed.
    #[test]
    fn blocks_ahead_of_the_clock_are_not_reported_as_made() {
        let (mut test, directory) = (TestChain::new(), tempfile::tempdir().expect("a directory"));
        let later = Timestamp::from_millis(4_000_000_000_000);
        let header =
            Header::from(cairn_core::header::HeaderFields { time: later, ..**test.genesis.header() });
        test.genesis = Arc::new(Block::new(header, test.genesis.coinbase().clone(), Vec::new()));
        test.params.genesis_hash = test.genesis.hash().into();
        let wanted = Wanted { count: 2, pay_to: lock(1), tag: Vec::new(), max_tries: u64::MAX };
        let (made, actions) = generate(&mut machine(&test, &directory), &wanted).expect("the store works");
        assert_eq!((made.hashes.len(), made.tries, actions.len()), (0, 0, 0), "nothing is searched in vain");
        assert!(matches!(made.end, Some(End::NotMined(NotMined::TooEarly(ahead))) if ahead.time > later));
    }
}
