//! Attackers that send random messages, valid and invalid, at random times: whatever they do, honest nodes agree in the
//! end and hold nothing against each other. With `CAIRN_SEEDS=10000` set when it is built it plays more than the usual
//! seeds.

use cairn_core::hash::BlockHash;
use cairn_core::testing::seal;
use cairn_core::transaction::{Coinbase, Transaction};

use super::*;
use crate::limits::{MAX_ALL_ORPHAN_BYTES, MAX_UNCHECKED_BYTES, REDIAL_MAX};
use crate::message::{CompactBlock, Inventory};
use crate::random::Random;

const HONEST: usize = 10;
const ATTACKERS: usize = 3;
const STEPS: usize = 150;

/// One network, and what its attackers know.
struct World {
    test: TestChain,
    net: Net,
    random: Random,
    /// The node that each attacker is connected to, under its current identity.
    attackers: Vec<(usize, usize)>,
    next_identity: usize,
    /// Blocks that attackers and honest nodes made, some of which no node has.
    blocks: Vec<Arc<Block>>,
    transactions: Vec<Arc<Transaction>>,
}

impl World {
    fn new(seed: u64) -> Self {
        let test = TestChain::new();
        let net = Net::line(&test, HONEST);
        let (blocks, random) = (vec![test.genesis.clone()], Random::derive(seed, 0));
        let (attackers, transactions) = (Vec::new(), Vec::new());
        let mut world = Self { test, net, random, attackers, next_identity: HONEST, blocks, transactions };
        for owner in 0..5 {
            world.pay(owner);
        }
        for _ in 0..ATTACKERS {
            let attacker = world.new_attacker();
            world.attackers.push(attacker);
        }
        world
    }

    fn chance(&mut self, below: u64) -> u64 {
        self.random.below(below)
    }

    /// A chain of payments, of which a node may get any part in any order.
    fn pay(&mut self, owner: u8) {
        let mut coin = self.test.premine(owner);
        let mut holder = owner;
        for left in (990..1_000).rev() {
            let next = pay(left, owner + 10);
            let transaction = self.test.spend(holder, &[coin], vec![next.clone()]);
            coin = (OutPoint { txid: transaction.txid(), index: 0 }, next);
            holder = owner + 10;
            self.transactions.push(transaction);
        }
    }

    /// A new identity, connected to a random node.
    fn new_attacker(&mut self) -> (usize, usize) {
        let (identity, node) = (self.next_identity, self.random.index(HONEST));
        self.next_identity = HONEST + (self.next_identity + 1 - HONEST) % 200;
        if self.net.is_banned(node, identity) {
            self.net.command(node, PeerCommand::ClearBans);
        }
        self.net.guest(&self.test, identity, node);
        (identity, node)
    }

    fn any_block(&mut self) -> Arc<Block> {
        let index = self.random.index(self.blocks.len());
        self.blocks[index].clone()
    }

    /// A valid block on a random one, which no node has yet.
    fn new_block(&mut self) -> Arc<Block> {
        let parent = self.any_block();
        let payee = self.chance(200) as u8;
        let block = self.test.block_on(&parent, payee, Amount::ZERO, Vec::new());
        self.blocks.push(block.clone());
        block
    }

    fn any_transaction(&mut self) -> Arc<Transaction> {
        let index = self.random.index(self.transactions.len());
        let transaction = self.transactions[index].clone();
        if self.chance(4) > 0 {
            return transaction;
        }
        let other = self.test.spend(9, &[self.test.premine(9)], vec![pay(1, 9)]);
        Arc::new(Transaction::new(transaction.body().clone(), other.signatures().to_vec()))
    }

    fn hashes(&mut self) -> Vec<BlockHash> {
        let count = self.chance(20);
        (0..count)
            .map(|_| if self.chance(3) == 0 { BlockHash::ZERO } else { self.any_block().hash() })
            .collect()
    }

    /// The headers of a random branch from genesis or later.
    fn headers(&mut self) -> Vec<Header> {
        let mut branch = vec![*self.any_block().header()];
        while let Some(parent) = self
            .blocks
            .iter()
            .find(|block| Some(block.hash()) == branch.last().map(|one| one.previous_block_hash))
        {
            if parent.hash() == self.test.genesis.hash() || self.random.below(20) == 0 {
                break;
            }
            branch.push(*parent.header());
        }
        branch.reverse();
        if self.chance(20) == 0 {
            self.random.shuffle(&mut branch);
        }
        branch
    }

    fn message(&mut self) -> Message {
        match self.chance(24) {
            0 => Message::Ping { nonce: 7 },
            1 => Message::Pong { nonce: 7 },
            2 => Message::GetPeers,
            3 => Message::Peers(vec![harness::address(self.random.index(60))]),
            4 => Message::GetHeaders { locator: self.hashes() },
            5..=7 => Message::Headers(self.headers()),
            8 => Message::GetBlocks(self.hashes()),
            9 | 10 => Message::Block(self.any_block()),
            11 => {
                let (honest, other) = (self.any_block(), self.any_block());
                Message::Block(Arc::new(Block::new(*honest.header(), other.coinbase().clone(), Vec::new())))
            }
            12 => Message::NotFound(self.hashes().into_iter().map(Inventory::Block).collect()),
            13 | 14 => Message::AnnounceTransactions((0..5).map(|_| self.any_transaction().txid()).collect()),
            15 => Message::GetTransactions((0..5).map(|_| self.any_transaction().txid()).collect()),
            16 => Message::Transactions((0..5).map(|_| self.any_transaction()).collect()),
            17 => Message::SendCompact(self.chance(4) > 0),
            18 => Message::GetCompactBlock(self.any_block().hash()),
            19 => {
                Message::CompactBlock(Arc::new(CompactBlock::new(&self.any_block(), self.chance(9), |_| {
                    true
                })))
            }
            20 | 21 => {
                // Its header commits to other transactions: some are requested, and the rebuilt block is false.
                let (honest, count) = (self.any_block(), self.chance(4));
                let false_ones = (0..count).map(|_| self.any_transaction()).collect();
                let block = Block::new(*honest.header(), honest.coinbase().clone(), false_ones);
                Message::CompactBlock(Arc::new(CompactBlock::new(&block, self.chance(9), |_| count == 1)))
            }
            22 => {
                let (block, count) = (self.any_block().hash(), self.chance(3));
                if count == 0 {
                    return Message::GetBlockTransactions { block, indexes: vec![self.chance(2) as u32] };
                }
                let transactions = (0..count).map(|_| self.any_transaction()).collect();
                Message::BlockTransactions { block, transactions }
            }
            _ => {
                // A coinbase that claims too much, on a branch that may have most work.
                let parent = self.any_block();
                let coinbase = Coinbase {
                    height: parent.coinbase().height.next(),
                    outputs: vec![pay(1_000, 1)],
                    tag: vec![9],
                };
                let time = parent.header().time.saturating_add(self.test.params.spacing);
                let bits = self.test.params.pow_limit;
                Message::Block(Arc::new(seal(parent.hash(), time, bits, coinbase, Vec::new())))
            }
        }
    }

    fn step(&mut self) {
        match self.chance(10) {
            0 => {
                let node = self.random.index(HONEST);
                let tip = self.net.nodes[node].chain().tip().hash();
                let parent = self.net.nodes[node].chain().block(&tip).expect("memory").expect("stored");
                let payee = 200 + self.chance(50) as u8;
                let block = self.test.block_on(&parent, payee, Amount::ZERO, Vec::new());
                self.blocks.push(block.clone());
                self.net.submit(node, Submission::Block(block));
            }
            1 => {
                let (node, transaction) = (self.random.index(HONEST), self.any_transaction());
                self.net.submit(node, Submission::Transaction { transaction, max_fee_rate: None });
            }
            2 => {
                let millis = self.chance(3_000);
                self.net.pass(millis);
            }
            3 => drop(self.new_block()),
            _ => {
                let index = self.random.index(ATTACKERS);
                let (identity, node) = self.attackers[index];
                if self.net.ready(node).contains(&id(identity)) && self.chance(60) > 0 {
                    let message = self.message();
                    self.net.say(identity, node, message);
                } else {
                    self.net.command(node, PeerCommand::DisconnectPeer(id(identity)));
                    self.attackers[index] = self.new_attacker();
                }
            }
        }
    }
}

#[test]
fn whatever_attackers_send_honest_nodes_agree_and_ban_none_of_their_own() {
    let seeds = option_env!("CAIRN_SEEDS").and_then(|text| text.parse().ok()).unwrap_or(300);
    for seed in 0..seeds {
        let mut world = World::new(seed);
        for _ in 0..STEPS {
            world.step();
            for node in &world.net.nodes {
                let relay = node.relay();
                assert!(relay.orphans.bytes() <= MAX_ALL_ORPHAN_BYTES, "seed {seed}");
                assert!(relay.unchecked.bytes() <= MAX_UNCHECKED_BYTES, "seed {seed}");
            }
        }
        let net = &mut world.net;
        net.pass(2 * REDIAL_MAX.as_millis() as u64);
        assert_eq!(net.tips().len(), 1, "seed {seed}: {:?}", net.tips());
        for node in 0..HONEST {
            for honest in 0..HONEST {
                assert!(!net.is_banned(node, honest), "seed {seed}: node {node} banned node {honest}");
            }
            let neighbours = [node.checked_sub(1), Some(node + 1).filter(|next| *next < HONEST)];
            for neighbour in neighbours.into_iter().flatten() {
                assert!(net.ready(node).contains(&id(neighbour)), "seed {seed}: {node} lost {neighbour}");
            }
        }
        let lost = |event: &Event| matches!(event, Event::PeerDisconnected { peer, .. } if peer.as_bytes()[0] as usize <= HONEST);
        let lost: Vec<&Event> = net.events.iter().flatten().filter(|event| lost(event)).collect();
        assert!(lost.is_empty(), "seed {seed}: {lost:?}");
    }
}
