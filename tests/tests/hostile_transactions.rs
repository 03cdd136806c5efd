//! Transactions that peers send, announce or withhold to harm a node. docs/attacks.md, rows 20, 23 and 32.

use std::sync::Arc;

use cairn_core::amount::Amount;
use cairn_core::encoding::encode;
use cairn_core::hash::Txid;
use cairn_core::lock::{Lock, PublicKey};
use cairn_core::signing::{sign, sign_spend, signature_digest};
use cairn_core::transaction::{LockTime, OutPoint, Output, Transaction, TransactionBody};
use cairn_genesis::{Chain, accounts};
use cairn_protocol::limits::{MAX_ORPHAN_INPUTS, MAX_ORPHANS_PER_PEER};
use cairn_protocol::message::{Goodbye, Message};
use cairn_tests::hostile::Hostile;
use cairn_tests::patience::wait_until;
use cairn_tests::process::{NodeProcess, Options};
use ed25519_dalek::SigningKey;
use serde_json::json;

/// Coins of as many keys, so that each needs a signature of its own.
const COINS: usize = 1_000;

/// A node under attack, an honest one that is connected to it, and a transaction with many coins of the attackers.
struct World {
    chain: Chain,
    attacked: NodeProcess,
    honest: NodeProcess,
    parent: Arc<Transaction>,
}

fn key(number: usize) -> SigningKey {
    let mut secret = [7; 32];
    secret[..8].copy_from_slice(&number.to_le_bytes());
    SigningKey::from_bytes(&secret)
}

fn lock(number: usize) -> Lock {
    Lock::PublicKey(PublicKey::from_bytes(key(number).verifying_key().to_bytes()))
}

impl World {
    fn start() -> Self {
        let chain = Chain::builtin("regtest").expect("built in");
        let attacked = NodeProcess::start(Options::default());
        let honest = NodeProcess::start(Options::connected_to(&[&attacked]));
        wait_until("the honest peer is connected", || attacked.peers() == 1);
        let coinbase = chain.genesis.coinbase();
        let index = coinbase.outputs.iter().position(|output| output.lock == accounts::lock(0));
        let index = index.expect("it is funded");
        let coin = (OutPoint { txid: coinbase.txid(), index: index as u32 }, coinbase.outputs[index].clone());
        let mut outputs: Vec<Output> =
            (0..COINS).map(|number| Output { amount: Amount::COIN, lock: lock(number) }).collect();
        let change = coin.1.amount.units() - COINS as u64 * Amount::COIN.units() - 1_000_000;
        outputs.push(Output { amount: Amount::from_units(change), lock: lock(COINS) });
        let parent = sign_spend(&chain.params.genesis_hash, &accounts::signing_key(0), &[coin], outputs);
        Self { chain, attacked, honest, parent: Arc::new(parent) }
    }

    fn greet(&self) -> Hostile {
        Hostile::greet(self.attacked.peer_address(), self.chain.params.genesis_hash)
    }

    /// Spends coins of the parent, with a signature for each, of which only the one at `place` is not valid. It pays
    /// `to`, and so differs from others.
    fn forged(&self, coins: impl Iterator<Item = usize>, place: usize, to: usize) -> Arc<Transaction> {
        let coins: Vec<usize> = coins.map(|coin| coin % COINS).collect();
        let inputs =
            coins.iter().map(|coin| OutPoint { txid: self.parent.txid(), index: *coin as u32 }).collect();
        let outputs = vec![Output { amount: Amount::COIN, lock: lock(to) }];
        let body = TransactionBody { inputs, outputs, lock_time: LockTime::Immediate };
        let spent: Vec<Output> = coins.iter().map(|coin| self.parent.outputs()[*coin].clone()).collect();
        let digest = signature_digest(&self.chain.params.genesis_hash, &body, &spent);
        let mut signers = coins.clone();
        signers[place] = COINS;
        let signatures = signers.iter().map(|signer| sign(&key(*signer), &digest)).collect();
        Arc::new(Transaction::new(body, signatures))
    }

    fn send(&self, transaction: &Transaction) {
        self.attacked.call("sendrawtransaction", json!([hex::encode(encode(transaction))]));
    }

    fn bans(&self) -> usize {
        self.attacked.call("listbanned", json!([])).as_array().expect("a list").len()
    }

    /// The node still works: it makes a block, and its honest peer has it.
    #[track_caller]
    fn goes_on(&self) {
        let address = self.chain.definition.premine[0].address.clone();
        self.attacked.call("generatetoaddress", json!([1, address]));
        self.honest.wait_for_tip(&self.attacked.tip());
        assert_eq!(self.honest.peers(), 1);
    }
}

/// HOSTILE A2, CVE-2024-52914: the parent of 3,200 forged orphans once stopped a node for 22 s.
#[test]
fn a_parent_of_many_forged_orphans_stops_no_node_and_bans_each_sender() {
    const SENDERS: usize = 10;
    let world = World::start();
    let mut senders: Vec<Hostile> = (0..SENDERS).map(|_| world.greet()).collect();
    for (nth, sender) in senders.iter_mut().enumerate() {
        let number = |orphan: usize| nth * MAX_ORPHANS_PER_PEER + orphan;
        let orphans = (0..MAX_ORPHANS_PER_PEER).map(|orphan| {
            let first = number(orphan) * 7;
            world.forged(first..first + MAX_ORPHAN_INPUTS, 0, number(orphan))
        });
        sender.push(orphans.collect());
        sender.catch_up();
    }
    assert_eq!(world.bans(), 0, "without the parent nothing can be said of them");
    world.send(&world.parent);
    for sender in &mut senders {
        assert_eq!(sender.hear_out().last(), Some(&Message::Goodbye(Goodbye::Misbehavior)));
    }
    assert_eq!(world.bans(), SENDERS);
    world.goes_on();
}

/// HOSTILE A2: one message once was checked to its end although its first transaction was forged.
#[test]
fn a_message_of_large_forged_transactions_is_checked_up_to_the_first() {
    let world = World::start();
    world.send(&world.parent);
    world.goes_on();
    let mut sender = world.greet();
    sender.push((0..40).map(|number| world.forged(0..900, 899, number)).collect());
    assert_eq!(sender.hear_out().last(), Some(&Message::Goodbye(Goodbye::Misbehavior)));
    world.goes_on();
}

/// HOSTILE A3: 115 MB of orphans with many inputs once took 2.8 GB. Here it is 80 MB, within the memory of any test.
#[test]
fn orphans_of_many_inputs_from_many_peers_take_little_memory_and_are_freed_when_these_leave() {
    let world = World::start();
    let orphan = |number: usize, inputs: usize| {
        let input = |nth: usize| {
            let mut txid = [0; 32];
            txid[..8].copy_from_slice(&number.to_le_bytes());
            txid[8..16].copy_from_slice(&nth.to_be_bytes());
            OutPoint { txid: Txid::from_bytes(txid), index: 0 }
        };
        let outputs = vec![Output { amount: Amount::COIN, lock: lock(0) }];
        let inputs = (0..inputs).map(input).collect();
        let body = TransactionBody { inputs, outputs, lock_time: LockTime::Immediate };
        Arc::new(Transaction::new(body, Vec::new()))
    };
    let mut senders: Vec<Hostile> = (0..60).map(|_| world.greet()).collect();
    for (nth, sender) in senders.iter_mut().enumerate() {
        for inputs in [905, MAX_ORPHAN_INPUTS] {
            let numbers = (0..MAX_ORPHANS_PER_PEER).map(|number| (nth * 2_000 + inputs) * 100 + number);
            sender.push(numbers.map(|number| orphan(number, inputs)).collect());
        }
    }
    senders.iter_mut().for_each(|sender| drop(sender.catch_up()));
    assert_eq!(world.bans(), 0, "an honest peer may know the parents");
    world.goes_on();
    drop(senders);
    wait_until("only the honest peer is left", || world.attacked.peers() == 1);
    world.goes_on();
}

/// HOSTILE A4, CVE-2024-52913: nine announcers that never deliver once kept a transaction out for good.
#[test]
fn a_transaction_that_nine_silent_peers_announce_first_comes_from_the_tenth() {
    let world = World::start();
    let txid = world.parent.txid();
    let mut silent: Vec<Hostile> = (0..9).map(|_| world.greet()).collect();
    for peer in &mut silent {
        peer.say(&Message::AnnounceTransactions(vec![txid]));
        peer.catch_up();
    }
    world.honest.call("sendrawtransaction", json!([hex::encode(encode(world.parent.as_ref()))]));
    wait_until("the transaction is here", || {
        world.attacked.call("getrawmempool", json!([])) == json!([txid.to_string()])
    });
    world.goes_on();
}
