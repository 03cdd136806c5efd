//! A new node fetches and checks a chain full of payments.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cairn_core::amount::Amount;
use cairn_core::block::Block;
use cairn_core::encoding::encode;
use cairn_core::height::Height;
use cairn_core::signing::{sign, signature_digest};
use cairn_core::subsidy::subsidy;
use cairn_core::transaction::{Coinbase, LockTime, OutPoint, Output, Transaction, TransactionBody};
use cairn_genesis::{Chain, accounts};
use cairn_tests::blocks::mined;
use cairn_tests::process::{NodeProcess, Options};
use ed25519_dalek::SigningKey;
use serde_json::json;

/// Blocks; the first of them splits a premine into lanes, each of the others moves every lane on.
const BLOCKS: u32 = 600;
/// Coins that are paid on in every block but the first.
const LANES: u32 = 209;

/// Transactions that the new node checked a second.
pub fn measure() -> String {
    let chain = Chain::builtin("regtest").expect("a chain of ours");
    let blocks = blocks(&chain);
    let transactions: usize = blocks.iter().map(|block| block.transactions().len()).sum();
    let giver = NodeProcess::start(Options::measured());
    for block in &blocks {
        let refused = giver.call("submitblock", json!([hex::encode(encode(&**block))]));
        assert!(refused.is_null(), "{refused}");
    }
    let taker = NodeProcess::start(Options::measured());
    let tip = giver.tip();
    let begin = Instant::now();
    taker.call("addnode", json!([giver.peer_address().to_string(), "add"]));
    while taker.tip() != tip {
        assert!(begin.elapsed() < Duration::from_secs(120), "not there after two minutes");
        std::thread::sleep(Duration::from_millis(2));
    }
    let seconds = begin.elapsed().as_secs_f64();
    format!("{:.0} transactions/s ({transactions} in {seconds:.2} s)", transactions as f64 / seconds)
}

fn blocks(chain: &Chain) -> Vec<Arc<Block>> {
    let key = accounts::signing_key(0);
    let mut parent = chain.genesis.clone();
    let mut lanes = Vec::new();
    let mut blocks = Vec::new();
    for number in 1..=BLOCKS {
        let transactions = if number == 1 { vec![split(chain, &key)] } else { pay_on(chain, &key, &lanes) };
        lanes = transactions.iter().flat_map(|one| coins_of(one)).collect();
        let height = Height::from_u32(number);
        let reward = Output { amount: subsidy(&chain.params, height), lock: accounts::lock(1) };
        let coinbase = Coinbase { height, outputs: vec![reward], tag: Vec::new() };
        let time = parent.header().time.saturating_add(chain.params.spacing);
        let block = Arc::new(mined(parent.hash(), time, chain.params.genesis_bits, coinbase, transactions));
        blocks.push(block.clone());
        parent = block;
    }
    blocks
}

fn coins_of(transaction: &Transaction) -> Vec<(OutPoint, Output)> {
    let txid = transaction.txid();
    let outputs = (0..).zip(transaction.outputs());
    outputs.map(|(index, output)| (OutPoint { txid, index }, output.clone())).collect()
}

/// One premine in equal parts.
fn split(chain: &Chain, key: &SigningKey) -> Arc<Transaction> {
    let lock = accounts::lock(0);
    let coinbase = chain.genesis.coinbase();
    let premine = (0..).zip(&coinbase.outputs).find(|(_, output)| output.lock == lock);
    let (index, premine) = premine.expect("the chain funds account 0");
    let part = Amount::from_units(premine.amount.units() / u64::from(LANES));
    let outputs = (0..LANES).map(|_| Output { amount: part, lock }).collect();
    signed(chain, key, (OutPoint { txid: coinbase.txid(), index }, premine), outputs)
}

fn pay_on(chain: &Chain, key: &SigningKey, lanes: &[(OutPoint, Output)]) -> Vec<Arc<Transaction>> {
    let pay = |(outpoint, output): &(OutPoint, Output)| {
        signed(chain, key, (*outpoint, output), vec![output.clone()])
    };
    lanes.iter().map(pay).collect()
}

fn signed(
    chain: &Chain,
    key: &SigningKey,
    (outpoint, spent): (OutPoint, &Output),
    outputs: Vec<Output>,
) -> Arc<Transaction> {
    let body = TransactionBody { inputs: vec![outpoint], outputs, lock_time: LockTime::Immediate };
    let digest = signature_digest(&chain.params.genesis_hash, &body, std::slice::from_ref(spent));
    Arc::new(Transaction::new(body, vec![sign(key, &digest)]))
}
