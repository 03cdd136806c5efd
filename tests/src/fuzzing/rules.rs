//! Bytes of the chain: what decodes is written the same again, and every rule gives a verdict on it.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, OnceLock};

use cairn_core::amount::Amount;
use cairn_core::block::Block;
use cairn_core::check::block::check_block;
use cairn_core::check::connect::{connect_block, disconnect_block};
use cairn_core::check::header::{ParentContext, check_header_alone, check_header_on_parent};
use cairn_core::check::transaction::{SpendContext, check_transaction_alone, check_transaction_on_coins};
use cairn_core::coin::{Coin, CoinChanges, Origin};
use cairn_core::difficulty::{Anchor, next_bits};
use cairn_core::encoding::{Decode, Encode, decode, encode, encoded_size};
use cairn_core::hash::{LeafHash, MerkleRoot};
use cairn_core::header::Header;
use cairn_core::height::Height;
use cairn_core::merkle::InclusionProof;
use cairn_core::signature::{SignatureClaim, Verifier};
use cairn_core::subsidy::subsidy;
use cairn_core::target::{CompactTarget, Target};
use cairn_core::time::Timestamp;
use cairn_core::transaction::{OutPoint, Transaction};
use cairn_core::work::Work;
use cairn_genesis::Chain;
use cairn_protocol::limits::MAX_FRAME;

/// The coins of a chain by place.
type Coins = BTreeMap<OutPoint, Coin>;

/// Says yes to every signature, so that changed transactions reach the rules behind it.
struct Trusting;

impl Verifier for Trusting {
    fn verify(&self, _: &[SignatureClaim]) -> Result<(), usize> {
        Ok(())
    }
}

/// The chain for tests: every second header has enough work.
///
/// # Panics
/// Never: it is built in.
pub fn regtest() -> &'static Chain {
    static CHAIN: OnceLock<Chain> = OnceLock::new();
    CHAIN.get_or_init(|| Chain::builtin("regtest").expect("built in"))
}

/// A chain whose difficulty changes.
fn devnet() -> &'static Chain {
    static CHAIN: OnceLock<Chain> = OnceLock::new();
    CHAIN.get_or_init(|| Chain::builtin("devnet").expect("built in"))
}

/// The value of these bytes, if they are one: then it is written as the same bytes.
///
/// # Panics
/// When it is written otherwise.
pub fn read<T: Decode<()> + Encode + Debug>(bytes: &[u8]) -> Option<T> {
    let value = decode::<T>(bytes, MAX_FRAME).ok()?;
    assert_eq!(encode(&value), bytes, "{value:?} has two forms");
    assert_eq!(encoded_size(&value), bytes.len(), "{value:?}");
    Some(value)
}

/// A header has one form, and is judged alone and on a parent of either kind of chain.
///
/// # Panics
/// When it does not hold.
pub fn header(bytes: &[u8]) {
    let Some(header) = read::<Header>(bytes) else { return };
    assert_eq!(header.to_bytes().as_slice(), bytes);
    for chain in [regtest(), devnet()] {
        let genesis = chain.genesis.header();
        let anchor = Anchor::after(None, &chain.params, &header, Height::from_u32(1), genesis.time);
        for (height, anchor) in [(Height::GENESIS, None), (Height::from_u32(7), anchor)] {
            let (hash, time) = (header.previous_block_hash, genesis.time);
            let parent = ParentContext { hash, height, time, median_time_past: time, anchor };
            let now = time.saturating_add(chain.params.spacing);
            let _verdict = check_header_on_parent(&header, &parent, &chain.params, now);
        }
        if check_header_alone(&header, &chain.params).is_ok() {
            let target = header.bits.to_target().expect("the rule asks for a target");
            assert!(target.is_met_by(header.hash()) && target <= limit(chain));
        }
    }
}

/// A transaction has one form, and is judged alone and on the coins of genesis. What passes makes
/// no coins out of nothing.
///
/// # Panics
/// When it does not hold.
pub fn transaction(bytes: &[u8]) {
    let Some(transaction) = read::<Transaction>(bytes) else { return };
    assert_eq!(transaction.size(), bytes.len());
    assert_eq!(transaction.txid(), transaction.body().txid());
    let chain = regtest();
    if check_transaction_alone(&transaction, &chain.params).is_err() {
        return;
    }
    let coins = premine(chain);
    let context = SpendContext { height: Height::from_u32(1), median_time_past: chain.params.genesis_time };
    if let Ok(spend) = check_transaction_on_coins(&transaction, &coins, context, &chain.params) {
        let spent = sum(transaction.inputs().iter().map(|input| coins[input].output.amount));
        let paid = sum(transaction.outputs().iter().map(|output| output.amount));
        assert_eq!(paid.checked_add(spend.fee()), Some(spent));
    }
}

/// A block has one form. As its miner could have made it, with the right root, it is judged by every
/// rule; what passes makes no more coins than it may, and is taken back without a trace.
///
/// # Panics
/// When it does not hold.
pub fn block(bytes: &[u8]) {
    let Some(block) = read::<Block>(bytes) else { return };
    assert_eq!(block.size(), bytes.len());
    let chain = regtest();
    let (fields, height) = (**block.header(), Height::from_u32(1));
    let block = Arc::new(Block::with_root(fields, block.coinbase().clone(), block.transactions().to_vec()));
    let Ok(checked) = check_block(block.clone(), &chain.params) else { return };
    let before = premine(chain);
    let time = chain.params.genesis_time;
    if let Ok(connected) = connect_block(&checked, height, time, &before, &Trusting, &chain.params) {
        let (undo, fees) = (connected.undo().clone(), connected.fees());
        let changes = connected.into_changes();
        let spent = sum(changes.spent.iter().map(|(_, coin)| coin.output.amount));
        let made = sum(changes.created.iter().map(|(_, coin)| coin.output.amount));
        assert!(fees <= spent, "fees are paid with coins");
        assert!(Some(made) <= spent.checked_add(subsidy(&chain.params, height)), "{made} out of {spent}");
        let mut coins = before.clone();
        apply(&mut coins, changes);
        apply(&mut coins, disconnect_block(&block, height, &undo));
        assert_eq!(coins, before, "taking a block back leaves the coins as they were");
    }
}

/// A proof has one form, is judged in bounded time, and proves no other leaf.
///
/// # Panics
/// When it does not hold.
pub fn inclusion_proof(bytes: &[u8]) {
    let Some((proof, leaf, root)) = read::<(InclusionProof, LeafHash, MerkleRoot)>(bytes) else { return };
    if proof.verify(leaf, root) {
        let mut other = *leaf.as_bytes();
        other[0] ^= 1;
        assert!(!proof.verify(LeafHash::from_bytes(other), root));
    }
}

/// Four bytes are no target, or one whose usual form is the same number and whose work is something.
/// A number that is cut to its compact form never grows.
///
/// # Panics
/// When it does not hold.
pub fn compact_target(bytes: &[u8]) {
    let Some((bits, rest)) = bytes.split_first_chunk::<4>() else { return };
    if let Ok(target) = CompactTarget::from_bits(u32::from_le_bytes(*bits)).to_target() {
        assert_eq!(target.to_compact().to_target(), Ok(target));
        assert!(target.work() > Work::ZERO);
    }
    if let Some(number) = rest.first_chunk::<32>() {
        let target = Target::from_u256(Work::to_u256(decode(number, 32).expect("32 bytes")));
        assert!(
            target.to_compact().to_target().is_ok_and(|cut| cut <= target) || target.to_be_bytes() == [0; 32]
        );
    }
}

/// Wherever a chain is reckoned from, its next target is one, in its usual form and below the limit.
///
/// # Panics
/// When it does not hold.
pub fn anchor(bytes: &[u8]) {
    let Some((anchor, height, time)) = read::<(Anchor, Height, Timestamp)>(bytes) else { return };
    let chain = devnet();
    let bits = next_bits(&chain.params, Some(&anchor), height, time);
    let target = bits.to_target().expect("the next target is one");
    assert!(target <= limit(chain) && target.to_compact() == bits, "{bits}");
}

fn limit(chain: &Chain) -> Target {
    chain.params.pow_limit.to_target().expect("a definition's limit is a target")
}

fn premine(chain: &Chain) -> Coins {
    let coinbase = chain.genesis.coinbase();
    let txid = coinbase.txid();
    let outputs = (0..).zip(coinbase.outputs.iter().cloned());
    let coin = |output| Coin { output, height: Height::GENESIS, origin: Origin::Premine };
    outputs.map(|(index, output)| (OutPoint { txid, index }, coin(output))).collect()
}

fn apply(coins: &mut Coins, changes: CoinChanges) {
    for (outpoint, coin) in changes.spent {
        assert_eq!(coins.remove(&outpoint), Some(coin), "only what is there is spent");
    }
    for (outpoint, coin) in changes.created {
        assert_eq!(coins.insert(outpoint, coin), None, "no coin is made twice");
    }
}

fn sum(amounts: impl Iterator<Item = Amount>) -> Amount {
    Amount::checked_sum(amounts).expect("the rules bound every sum")
}
