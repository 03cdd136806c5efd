//! Blocks that break one rule each, handed in over RPC: each has a reason of its own.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use cairn_core::amount::Amount;
use cairn_core::block::Block;
use cairn_core::encoding::encode;
use cairn_core::hash::{BlockHash, Txid};
use cairn_core::header::{Header, HeaderFields};
use cairn_core::height::Height;
use cairn_core::signing::{sign, signature_digest};
use cairn_core::subsidy::subsidy;
use cairn_core::target::CompactTarget;
use cairn_core::transaction::{
    Coinbase, LockTime, OutPoint, Output, Signature, Transaction, TransactionBody,
};
use cairn_genesis::Chain;
use cairn_tests::blocks::mined;
use serde_json::{Value, json};

use crate::world::World;

/// A node with blocks of ours, and what the next block stands on.
struct Ground {
    world: World,
    chain: Chain,
    tip: Block,
    coins: Vec<(OutPoint, Output)>,
}

impl Ground {
    fn new() -> Self {
        let world = World::new();
        let chain = Chain::builtin("regtest").expect("built in");
        let hashes = world.generate(chain.params.coinbase_maturity + 3);
        let coins = hashes.iter().map(|hash| world.coin_of(hash)).collect();
        let tip = world.block(hashes.last().expect("blocks"));
        Self { world, chain, tip, coins }
    }

    fn height(&self) -> Height {
        self.tip.coinbase().height.next()
    }

    fn pay(&self, units: u64) -> Output {
        Output { amount: Amount::from_units(units), lock: self.world.lock() }
    }

    fn coinbase(&self) -> Coinbase {
        let reward = subsidy(&self.chain.params, self.height());
        Coinbase { height: self.height(), outputs: vec![self.pay(reward.units())], tag: Vec::new() }
    }

    /// Spends these coins of ours.
    fn spend(&self, spent: &[(OutPoint, Output)], outputs: Vec<Output>, lock_time: LockTime) -> Transaction {
        let inputs = spent.iter().map(|(outpoint, _)| *outpoint).collect();
        let body = TransactionBody { inputs, outputs, lock_time };
        let spent: Vec<Output> = spent.iter().map(|(_, output)| output.clone()).collect();
        let digest = signature_digest(&self.chain.params.genesis_hash, &body, &spent);
        Transaction::new(body, vec![sign(&self.world.key, &digest)])
    }

    fn block_of(&self, coinbase: Coinbase, transactions: Vec<Transaction>) -> Block {
        let time = self.tip.header().time.saturating_add(Duration::from_millis(1));
        let transactions = transactions.into_iter().map(Arc::new).collect();
        mined(self.tip.hash(), time, self.chain.params.pow_limit, coinbase, transactions)
    }

    fn with(&self, transactions: Vec<Transaction>) -> Block {
        self.block_of(self.coinbase(), transactions)
    }

    /// The next block with another header, mined again if its target can be met.
    fn headed(&self, change: impl Fn(Header) -> Header) -> Block {
        let block = self.with(Vec::new());
        let header = change(*block.header());
        let target =
            header.bits.to_target().unwrap_or(self.chain.params.pow_limit.to_target().expect("a target"));
        let mut all = (0..).map(|nonce| Header::from(HeaderFields { nonce, ..*header }));
        let header = all.find(|header| target.is_met_by(header.hash())).expect("some nonce meets it");
        Block::new(header, block.coinbase().clone(), Vec::new())
    }

    fn submit(&self, block: &Block) -> Value {
        self.world.call("submitblock", json!([hex::encode(encode(block))]))
    }

    fn propose(&self, block: &Block) -> Value {
        let request = json!([{ "mode": "proposal", "data": hex::encode(encode(block)) }]);
        self.world.call("getblocktemplate", request)
    }
}

/// Transactions that break one rule each, with the reason against a block that holds it.
fn transactions(ground: &Ground) -> Vec<(&'static str, Transaction)> {
    let coin = &ground.coins[0];
    let (whole, units) = (std::slice::from_ref(coin), coin.1.amount.units());
    let all = || vec![ground.pay(units - 10_000)];
    let now = LockTime::Immediate;
    let unsigned = |transaction: Transaction| Transaction::new(transaction.body().clone(), Vec::new());
    let missing = (OutPoint { txid: Txid::ZERO, index: 0 }, coin.1.clone());
    let young = ground.coins.last().expect("coins").clone();
    let most = ground.chain.params.max_supply.units();
    let honest = ground.spend(whole, all(), now);
    let mut forged = *honest.signatures()[0].as_bytes();
    forged[40] ^= 1;
    let forged = Transaction::new(honest.body().clone(), vec![Signature::from_bytes(forged)]);
    vec![
        ("bad-txns-vin-empty", ground.spend(&[], all(), now)),
        ("bad-txns-vout-empty", ground.spend(whole, Vec::new(), now)),
        ("bad-txns-inputs-duplicate", ground.spend(&[coin.clone(), coin.clone()], all(), now)),
        ("bad-txns-vout-zero", ground.spend(whole, vec![ground.pay(0)], now)),
        ("bad-txns-txouttotal-toolarge", ground.spend(whole, vec![ground.pay(most), ground.pay(1)], now)),
        ("bad-txns-inputs-missingorspent", ground.spend(&[missing], all(), now)),
        ("bad-txns-premature-spend-of-coinbase", ground.spend(&[young], all(), now)),
        ("bad-txns-nonfinal", ground.spend(whole, all(), LockTime::Height(ground.height()))),
        ("bad-txns-in-belowout", ground.spend(whole, vec![ground.pay(units + 1)], now)),
        ("mandatory-script-verify-flag-failed (signature count)", unsigned(honest)),
        ("mandatory-script-verify-flag-failed (invalid signature)", forged),
    ]
}

#[test]
fn each_rule_that_a_submitted_block_breaks_is_answered_with_its_own_reason() {
    let ground = Ground::new();
    let coin = std::slice::from_ref(&ground.coins[0]);
    let units = coin[0].1.amount.units();
    let pays = |units| ground.spend(coin, vec![ground.pay(units)], LockTime::Immediate);
    let coinbase = ground.coinbase();
    let reward = coinbase.outputs[0].amount.units();
    let other = ground.with(vec![pays(units)]);
    let limit = ground.chain.params.pow_limit;
    let mut cases: Vec<(&str, Block)> =
        transactions(&ground).into_iter().map(|(reason, one)| (reason, ground.with(vec![one]))).collect();
    cases.extend([
        ("bad-txns-duplicate", ground.with(vec![pays(units), pays(units)])),
        (
            "bad-txns-inputs-missingorspent (spent in this block)",
            ground.with(vec![pays(units), pays(units - 1)]),
        ),
        (
            "bad-cb-height",
            ground.block_of(Coinbase { height: Height::from_u32(9_999), ..coinbase.clone() }, vec![]),
        ),
        (
            "bad-cb-amount",
            ground.block_of(Coinbase { outputs: vec![ground.pay(reward + 1)], ..coinbase.clone() }, vec![]),
        ),
        (
            "bad-txns-vout-empty (coinbase)",
            ground.block_of(Coinbase { outputs: vec![], ..coinbase.clone() }, vec![]),
        ),
        ("bad-cb-length", ground.block_of(Coinbase { tag: vec![7; 65], ..coinbase.clone() }, vec![])),
        ("bad-txnmrklroot", Block::new(*other.header(), coinbase, Vec::new())),
        ("bad-version", ground.headed(|header| Header::from(HeaderFields { version: 2, ..*header }))),
        (
            "bad-diffbits",
            ground.headed(|header| {
                Header::from(HeaderFields { bits: CompactTarget::from_bits(limit.bits() - 1), ..*header })
            }),
        ),
        (
            "bad-diffbits (no target)",
            ground
                .headed(|header| Header::from(HeaderFields { bits: CompactTarget::from_bits(0), ..*header })),
        ),
        (
            "bad-diffbits (above the limit)",
            ground.headed(|header| {
                Header::from(HeaderFields { bits: CompactTarget::from_bits(0x2100_ffff), ..*header })
            }),
        ),
        (
            "time-too-old",
            ground.headed(|header| {
                Header::from(HeaderFields { time: ground.chain.params.genesis_time, ..*header })
            }),
        ),
    ]);
    for (expected, block) in &cases {
        assert_eq!(ground.propose(block), json!(expected), "as a proposal");
    }
    let target = limit.to_target().expect("a target");
    let next = ground.with(Vec::new());
    let mut nonces = (0..).map(|nonce| ground.with(Vec::new()).with_nonce(nonce));
    let without_work = nonces.find(|block| !target.is_met_by(block.hash())).expect("half have no work");
    let far = next.header().time.saturating_add(Duration::from_secs(100_000_000_000));
    let rejected = cases.iter().find(|(reason, _)| *reason == "bad-cb-amount").expect("a case").1.hash();
    cases.extend([
        ("high-hash", without_work),
        ("time-too-new", ground.headed(|header| Header::from(HeaderFields { time: far, ..*header }))),
        (
            "prev-blk-not-found",
            ground.headed(|header| {
                Header::from(HeaderFields { previous_block_hash: BlockHash::ZERO, ..*header })
            }),
        ),
        (
            "bad-prevblk",
            ground.headed(|header| Header::from(HeaderFields { previous_block_hash: rejected, ..*header })),
        ),
    ]);
    let reasons: BTreeSet<&str> = cases.iter().map(|(reason, _)| *reason).collect();
    assert_eq!(reasons.len(), cases.len());
    for (expected, block) in &cases {
        assert_eq!(ground.submit(block), json!(expected));
    }
    let again = cases.iter().find(|(reason, _)| *reason == "bad-txns-nonfinal").expect("a case");
    assert_eq!(ground.submit(&again.1), json!("duplicate-invalid"));
    assert_eq!(ground.propose(&next), Value::Null, "and nothing is wrong with the rest of them");
    assert_eq!(ground.submit(&next), Value::Null);
}

#[test]
fn a_transaction_alone_is_refused_for_the_reason_of_a_block_that_holds_it() {
    let ground = Ground::new();
    for (in_block, transaction) in transactions(&ground) {
        // Bitcoin Core has other words for these two where a transaction is tested alone.
        let alone = match in_block {
            "bad-txns-inputs-missingorspent" => "missing-inputs",
            "bad-txns-nonfinal" => "non-final",
            same => same,
        };
        let hex = hex::encode(encode(&transaction));
        let tested = ground.world.call("testmempoolaccept", json!([[hex]]));
        assert_eq!(tested[0]["reject-reason"], json!(alone), "{tested}");
        let (_, message) = ground.world.refused("sendrawtransaction", json!([hex]));
        let sent = if alone == "missing-inputs" { in_block } else { alone };
        assert!(message.starts_with(&format!("{sent}, ")), "{message}");
    }
}

#[test]
fn bytes_that_are_no_block_or_transaction_are_refused_in_words() {
    let ground = Ground::new();
    let block = encode(&ground.tip);
    let cut = hex::encode(&block[..block.len() - 1]);
    let (_, message) = ground.world.refused("submitblock", json!([cut]));
    assert_eq!(message, "Block decode failed: the bytes end before the value does");
    let coin = std::slice::from_ref(&ground.coins[0]);
    let mut other_lock = encode(&ground.spend(coin, vec![ground.pay(1)], LockTime::Immediate));
    // One input, then one output: its amount, and the choice of its lock.
    other_lock[8 + 36 + 8 + 8] = 1;
    let (_, message) = ground.world.refused("sendrawtransaction", json!([hex::encode(other_lock)]));
    assert!(message.contains("choice 1 does not exist"), "{message}");
}
