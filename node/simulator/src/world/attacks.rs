//! Attacks in a world: strategies decide by what happens, and the world carries it out.

use core::time::Duration;
use std::sync::Arc;

use cairn_core::block::Block;
use cairn_core::coin::Coin;
use cairn_core::hash::{BlockHash, Txid};
use cairn_core::transaction::OutPoint;
use cairn_protocol::chain::store::ChainStore;
use cairn_protocol::input::{Input, RequestId, Submission};
use cairn_protocol::message::Message;

use crate::agenda::{Occurrence, Payload};
use crate::behaviour::Behaviour;
use crate::invariants::{Violation, coins};
use crate::node_index::NodeIndex;
use crate::report::MomentKind;
use crate::strategy::double_spend::{Attempt, DoubleSpender, Move, Progress};
use crate::strategy::selfish::Shown;
use crate::text;
use crate::wallets::miner_lock;
use crate::world::mining::BLOCK_REQUEST;
use crate::world::state::World;
use cairn_genesis::hashrate::Hashrate;

/// Payments of attackers: whether they were taken is looked up.
const ATTACK_REQUEST: RequestId = RequestId(u64::MAX - 1);
/// Between two attempts, in parts of a block spacing: the network comes to rest.
const REST: u32 = 60;

impl World {
    pub(super) fn begin_attacks(&mut self) {
        for index in 0..self.double_spenders.len() {
            let secret = self.double_spenders[index].secret;
            self.sampler.set(self.now, secret, Hashrate::NONE, 1);
            self.rest_before_attack(index);
        }
    }

    fn rest_before_attack(&mut self, index: usize) {
        let rest = self.definition.params.spacing / REST;
        let rest = rest.max(Duration::from_millis(1));
        self.agenda.plan(self.now.saturating_add(rest), Occurrence::Attack(index));
    }

    /// A new attempt: the secret node starts from the public chain, the payment is made, and the
    /// same coin goes elsewhere in the secret chain.
    pub(super) fn attack(&mut self, index: usize) -> Result<(), Violation> {
        let DoubleSpender { plan, face, secret, percent, .. } = self.double_spenders[index];
        if self.host(face).node().is_none() || self.host(secret).node().is_none() {
            // The attack begins once both are back.
            self.rest_before_attack(index);
            return Ok(());
        }
        self.carry_blocks(face, secret)?;
        let genesis = self.definition.params.genesis_hash;
        self.find_coin(index)?;
        let wallet = &self.double_spenders[index].wallet;
        let payment = wallet.sign_payment(&genesis, miner_lock(u16::MAX));
        let return_to_self = wallet.sign_payment(&genesis, wallet.own_lock());
        let (Some(payment), Some(return_to_self)) = (payment, return_to_self) else { return Ok(()) };
        let request = ATTACK_REQUEST;
        let submission = Submission::Transaction { transaction: return_to_self.clone(), max_fee_rate: None };
        self.hand(secret, Input::Submit { request, submission })?;
        let submission = Submission::Transaction { transaction: payment.clone(), max_fee_rate: None };
        self.hand(face, Input::Submit { request, submission })?;
        if !self.is_in_mempool(face, &payment.txid()) || !self.is_in_mempool(secret, &return_to_self.txid()) {
            // Its coin is not settled yet: what it had handed in before is still under way.
            self.rest_before_attack(index);
            return Ok(());
        }
        self.recorder.payments.attempted(payment.txid(), return_to_self.txid());
        self.seen.taken_back.extend([payment.txid(), return_to_self.txid()]);
        self.double_spenders[index].attempt = Some(Attempt { payment, return_to_self, is_trusted: false });
        if plan.premined {
            self.found(secret)?;
        }
        self.set_hashrate(secret, self.plan.hashrate_of_group(secret, percent));
        Ok(())
    }

    fn is_in_mempool(&self, at: NodeIndex, txid: &Txid) -> bool {
        self.host(at).node().is_some_and(|node| node.mempool().contains(txid))
    }

    /// What the attacker has is what its own node says: the chain that it showed may have lost after all.
    fn find_coin(&mut self, index: usize) -> Result<(), Violation> {
        let DoubleSpender { face, wallet, .. } = &self.double_spenders[index];
        let Some(node) = self.host(*face).node() else { return Ok(()) };
        let coin = wallet.coin();
        if node.mempool().contains(&coin.txid) || matches!(node.chain().coin(&coin), Ok(Some(_))) {
            return Ok(());
        }
        let own = |(_, coin): &(OutPoint, Coin)| coin.output.lock == wallet.own_lock();
        let largest =
            coins(*face, node.chain())?.into_iter().filter(own).max_by_key(|(_, coin)| coin.output.amount);
        if let Some((outpoint, coin)) = largest {
            self.double_spenders[index].wallet.has(outpoint, coin.output);
        }
        Ok(())
    }

    /// A double-spender's hash rate is its secret node's, also between attempts; says whether this node is one.
    pub(super) fn secret_mines_at(&mut self, node: NodeIndex, percent: u32) -> bool {
        let Some(spender) = self.double_spenders.iter_mut().find(|one| one.secret == node) else {
            return false;
        };
        spender.percent = percent;
        if spender.attempt.is_some() {
            self.set_hashrate(node, self.plan.hashrate_of_group(node, percent));
        }
        true
    }

    /// A node has a new tip: an attacker may act on it.
    pub(super) fn look_at_attempt(&mut self, at: NodeIndex) -> Result<(), Violation> {
        let index = self.double_spenders.iter().position(|one| one.face == at || one.secret == at);
        let Some(index) = index else { return Ok(()) };
        let DoubleSpender { plan, face, secret, .. } = self.double_spenders[index];
        let height = |world: &Self, node| world.host(node).node().map(|node| node.chain().tip().height.get());
        let (Some(public), Some(hidden)) = (height(self, face), height(self, secret)) else { return Ok(()) };
        let Some(attempt) = &self.double_spenders[index].attempt else { return Ok(()) };
        let txid = attempt.payment.txid();
        let node = self
            .host(face)
            .node()
            .and_then(|node| node.chain().store().transaction_place(&txid).ok().flatten());
        let confirmations = node.map_or(0, |node| public + 1 - node.height.get());
        if node.is_none() && !self.is_in_mempool(face, &txid) {
            return self.abandon(index);
        }
        let standing = Progress { public, secret: hidden, confirmations };
        let Some(attempt) = &mut self.double_spenders[index].attempt else { return Ok(()) };
        match attempt.decide(&plan, standing) {
            Move::MineOn => Ok(()),
            Move::Release { confirmations } => self.release(index, confirmations),
            Move::GiveUp => self.give_up(index),
        }
    }

    fn release(&mut self, index: usize, confirmations: u32) -> Result<(), Violation> {
        let DoubleSpender { face, secret, .. } = self.double_spenders[index];
        let Some(attempt) = self.double_spenders[index].attempt.take() else { return Ok(()) };
        let Attempt { payment, return_to_self, .. } = attempt;
        let work = |node| self.host(node).node().map(|node| node.chain().work());
        let is_reached = |node: &NodeIndex| *node != face && !self.recorder.state.partition.bars(face, *node);
        let others = self.living().map(|host| host.index()).filter(is_reached);
        let is_ahead = others.map(work).max().flatten() < work(secret);
        self.double_spenders[index].wallet.spent(if is_ahead { &return_to_self } else { &payment });
        let text = text::secret_chain_shown(face, is_ahead.then_some(confirmations));
        self.recorder.timeline.add(self.at_ms(), MomentKind::Attack, text);
        self.end_attempt(index, (secret, face))
    }

    fn give_up(&mut self, index: usize) -> Result<(), Violation> {
        let DoubleSpender { face, secret, .. } = self.double_spenders[index];
        let Some(attempt) = self.double_spenders[index].attempt.take() else { return Ok(()) };
        self.double_spenders[index].wallet.spent(&attempt.payment);
        self.recorder.timeline.add(self.at_ms(), MomentKind::Attack, text::double_spend_given_up(face));
        self.end_attempt(index, (face, secret))
    }

    /// Its payment can no longer be confirmed: another of the coin was.
    fn abandon(&mut self, index: usize) -> Result<(), Violation> {
        let DoubleSpender { face, secret, .. } = self.double_spenders[index];
        self.double_spenders[index].attempt = None;
        self.recorder.timeline.add(self.at_ms(), MomentKind::Attack, text::double_spend_begun_anew(face));
        let work = |node| self.host(node).node().map(|node| node.chain().work());
        let is_ahead = work(secret) > work(face);
        self.end_attempt(index, if is_ahead { (secret, face) } else { (face, secret) })
    }

    /// The secret node rests, and the chain of one of the two becomes that of the other.
    fn end_attempt(
        &mut self,
        index: usize,
        (winner, loser): (NodeIndex, NodeIndex),
    ) -> Result<(), Violation> {
        self.set_hashrate(self.double_spenders[index].secret, Hashrate::NONE);
        self.carry_blocks(winner, loser)?;
        self.recorder.payments.attempts_ended += 1;
        self.rest_before_attack(index);
        Ok(())
    }

    /// Hands a node what another has on its best chain and it lacks.
    fn carry_blocks(&mut self, from: NodeIndex, to: NodeIndex) -> Result<(), Violation> {
        let (Some(source), Some(target)) = (self.host(from).node(), self.host(to).node()) else {
            return Ok(());
        };
        let lacks = |hash: &&BlockHash| !target.chain().entry(hash).is_some_and(|entry| entry.has_body());
        let lacking: Vec<BlockHash> =
            source.chain().best_chain().iter().rev().take_while(lacks).copied().collect();
        let blocks = lacking.iter().rev().filter_map(|hash| source.chain().block(hash).ok().flatten());
        let blocks: Vec<Arc<Block>> = blocks.collect();
        for block in blocks {
            let submission = Submission::Block(block);
            self.hand(to, Input::Submit { request: BLOCK_REQUEST, submission })?;
        }
        Ok(())
    }

    /// A selfish pool receives a message, and then looks at the blocks in it.
    pub(super) fn pool_receives(&mut self, at: NodeIndex, what: Occurrence) -> Result<(), Violation> {
        let Occurrence::Arrival { from, number, payload, .. } = &what else { return Ok(()) };
        if self.host(at).session(*from) != Some(*number) {
            return Ok(());
        }
        let news: Vec<BlockHash> = match payload {
            Payload::Block(block) => vec![block.hash()],
            Payload::Other(message) => match &**message {
                Message::Headers(headers) => headers.iter().map(|header| header.hash()).collect(),
                Message::CompactBlock(compact) => vec![compact.header.hash()],
                _ => Vec::new(),
            },
        };
        self.let_node(at, |around, now, host, outbox| around.take(now, host, what, outbox))?;
        for hash in news {
            let entry = self.host(at).node().and_then(|node| node.chain().entry(&hash));
            let height = entry.filter(|entry| !entry.is_invalid()).map(|entry| entry.height.get());
            let shown =
                height.zip(self.around.selfish.get_mut(&at)).map(|(height, pool)| pool.received(height));
            self.show(at, shown.unwrap_or_default());
        }
        Ok(())
    }

    pub(super) fn pool_found(&mut self, at: NodeIndex, block: Arc<Block>, height: u32) {
        let shown = self.around.selfish.get_mut(&at).map(|pool| pool.found(block, height));
        self.show(at, shown.unwrap_or_default());
    }

    /// Whatever a node has kept back is shown.
    pub(super) fn show_secrets(&mut self, at: NodeIndex) {
        if let Some(mut pool) = self.around.selfish.remove(&at) {
            let shown = pool.show_all();
            self.show(at, shown);
        }
    }

    /// Every pool shows what it has, and mines on as honest nodes do.
    pub fn stop_attackers(&mut self) {
        let pools: Vec<NodeIndex> = self.around.selfish.keys().copied().collect();
        pools.into_iter().for_each(|pool| self.show_secrets(pool));
        for index in 0..self.double_spenders.len() {
            self.double_spenders[index].attempt = None;
            let secret = self.double_spenders[index].secret;
            self.set_hashrate(secret, Hashrate::NONE);
        }
    }

    fn show(&mut self, at: NodeIndex, shown: Shown) {
        let Shown { blocks, is_race } = shown;
        let chosen = match self.behaviour_of(at) {
            Behaviour::Selfish { shown_first_to } if is_race => shown_first_to.clone(),
            _ => Vec::new(),
        };
        let is_shown = |peer: &NodeIndex| chosen.is_empty() || chosen.contains(peer);
        let peers: Vec<NodeIndex> = self.host(at).linked().filter(is_shown).collect();
        for block in blocks {
            for peer in &peers {
                self.send(at, *peer, Message::Block(block.clone()));
            }
        }
    }
}
