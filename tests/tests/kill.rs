//! kill -9 at any instant, under mining and transactions: nothing that was announced is lost, and
//! the coin set and the address index are those that the blocks make.
//!
//! `CAIRN_KILL_TIMES=1000 cargo nextest run --release -p cairn-tests --test kill` kills as often by hand.

use std::hash::{BuildHasher, RandomState};
use std::process::Command;
use std::time::Duration;

use cairn_core::address::Address;
use cairn_core::amount::Amount;
use cairn_core::encoding::encode;
use cairn_core::hash::BlockHash;
use cairn_core::signature::ParallelVerifier;
use cairn_core::signing::{sign, signature_digest};
use cairn_core::transaction::{LockTime, OutPoint, Output, Transaction, TransactionBody};
use cairn_daemon::store::{Opening, SledStore};
use cairn_genesis::{Chain as Definition, accounts};
use cairn_protocol::chain::Chain;
use cairn_protocol::chain::store::ChainStore;
use cairn_tests::patience::wait_until;
use cairn_tests::process::{NodeProcess, Options, program};
use serde_json::json;

/// How often, unless `CAIRN_KILL_TIMES` says otherwise.
const TIMES: u32 = 30;
/// The longest a node lives after it has mined something: several groups of inputs, and a start.
const LONGEST_LIFE_MS: u64 = 400;

/// Somebody who pays himself, over and over, each time with the coin of the time before.
struct Payer {
    outpoint: OutPoint,
    output: Output,
}

impl Payer {
    fn new(definition: &Definition) -> Self {
        let lock = accounts::lock(0);
        let coinbase = definition.genesis.coinbase();
        let funded = (0..).zip(&coinbase.outputs).find(|(_, output)| output.lock == lock);
        let (index, output) = funded.expect("the chain funds account 0");
        Self { outpoint: OutPoint { txid: coinbase.txid(), index }, output: output.clone() }
    }

    /// Pays once; whoever receives it may be killed at any time, so nobody cares for the answer.
    fn pay(&mut self, definition: &Definition, node: &NodeProcess) {
        let amount = self.output.amount.checked_sub(Amount::from_units(10_000)).expect("enough");
        let output = Output { amount, lock: self.output.lock };
        let outputs = vec![output.clone()];
        let body = TransactionBody { inputs: vec![self.outpoint], outputs, lock_time: LockTime::Immediate };
        let spent = std::slice::from_ref(&self.output);
        let digest = signature_digest(&definition.params.genesis_hash, &body, spent);
        let transaction = Transaction::new(body, vec![sign(&accounts::signing_key(0), &digest)]);
        if node.try_call("sendrawtransaction", json!([hex::encode(encode(&transaction))])).is_ok() {
            self.outpoint = OutPoint { txid: transaction.txid(), index: 0 };
            self.output = output;
        }
    }

    /// Goes back to a coin that still is one: a transaction nobody else had heard of died with the node.
    fn settle(&mut self, chain: &Chain<SledStore>) {
        let lock = accounts::lock(0);
        chain
            .store()
            .for_each_coin(&mut |outpoint, coin| {
                if coin.output.lock == lock {
                    (self.outpoint, self.output) = (outpoint, coin.output);
                }
            })
            .expect("readable");
    }
}

#[test]
fn a_killed_node_loses_nothing_that_it_announced() {
    let times = std::env::var("CAIRN_KILL_TIMES").map_or(TIMES, |text| text.parse().expect("a number"));
    let definition = Definition::builtin("regtest").expect("a chain of ours");
    let mut payer = Payer::new(&definition);
    let witness = NodeProcess::start(Options::default());
    let pay_to = Address::new(&definition.params.address_prefix, accounts::lock(1)).to_string();
    // The address index must survive as well: `cairn verify` looks at it, too.
    let arguments = ["--mine", &pay_to, "--hashrate", "100", "--threads", "1", "--address-index"];
    let arguments = arguments.map(str::to_owned).to_vec();
    let mut victim = NodeProcess::start(Options { arguments, ..Options::connected_to(&[&witness]) });
    for time in 1..=times {
        let before = witness.height();
        wait_until("the witness hears of a block", || {
            payer.pay(&definition, &victim);
            witness.height() > before
        });
        // Any instant will do, so this one sleep waits for nothing.
        let life = RandomState::new().hash_one(time) % (LONGEST_LIFE_MS * 1000);
        std::thread::sleep(Duration::from_micros(life));
        victim.kill();
        let announced: BlockHash = witness.tip().parse().expect("a hash");
        // Read before anybody could fetch again from the witness what was lost.
        let store = SledStore::open(&victim.data_dir(), &definition.genesis, Opening::Resume)
            .unwrap_or_else(|error| panic!("kill {time}: {error}"));
        let (params, verifier) = (definition.params.clone(), Box::new(ParallelVerifier));
        let chain = Chain::open(params, &definition.genesis, store, verifier).expect("it opens");
        let kept = chain.entry(&announced).unwrap_or_else(|| panic!("kill {time} lost block {announced}"));
        assert!(
            kept.has_body() && chain.is_in_best_chain(kept),
            "kill {time}: block {announced} is not connected"
        );
        payer.settle(&chain);
        drop(chain);
        assert_verifies(&victim, time);
        victim.restart();
    }
    assert!(payer.output.amount < Payer::new(&definition).output.amount, "no payment was ever mined");
}

#[track_caller]
fn assert_verifies(node: &NodeProcess, time: u32) {
    let verify = Command::new(program()).arg("verify").arg("--data-dir").arg(node.data_dir()).output();
    let verify = verify.expect("the program can be run");
    let said = String::from_utf8_lossy(&verify.stderr);
    assert!(verify.status.success(), "kill {time}: {said}");
    let found = String::from_utf8_lossy(&verify.stdout);
    assert!(found.contains("addresses are indexed"), "kill {time}: {found}");
}
