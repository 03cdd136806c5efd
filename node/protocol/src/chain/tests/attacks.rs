//! What went wrong on other chains, tried on this one (docs/attacks.md).

use cairn_core::check::header::HeaderError;
use cairn_core::difficulty::next_bits;
use cairn_core::signature::cache::CachingVerifier;
use cairn_core::signature::{SignatureClaim, Verifier};
use cairn_core::testing::seal;
use cairn_core::transaction::{Coinbase, Output, Transaction};
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use proptest::prelude::*;

use crate::mempool::Mempool;

use super::*;

fn supply_is_kept(chain: &Chain<MemoryStore>) {
    let sum = Amount::checked_sum(coins(chain).values().map(|coin| coin.output.amount));
    assert_eq!(sum, Some(supply(chain.params(), chain.tip().height)));
}

/// ATTACKS 1, CVE-2012-2459.
#[test]
fn a_block_with_repeated_transactions_is_refused_and_the_honest_one_is_welcome() {
    let test = TestChain::new();
    for count in 1..6 {
        let mut chain = open(&test);
        let payments: Vec<_> =
            (0..count).map(|owner| test.spend(owner, &[test.premine(owner)], vec![pay(1_000, 9)])).collect();
        let honest = test.block_on(&test.genesis, 1, Amount::ZERO, payments.clone());
        for repeated in 1..=payments.len() {
            let body = [&payments[..], &payments[payments.len() - repeated..]].concat();
            let mutated = Arc::new(Block::new(*honest.header(), honest.coinbase().clone(), body));
            assert_eq!(mutated.hash(), honest.hash());
            let refused = give(&mut chain, &mutated);
            assert!(matches!(refused, Err(BlockRejection::Body(BlockError::MerkleRoot { .. }))));
        }
        assert_eq!(give(&mut chain, &honest), Ok(BlockVerdict::Connected));
        assert_eq!(chain.tip().hash(), honest.hash());
    }
}

/// ATTACKS 3, CVE-2018-17144: within one transaction and across two of one block and of two blocks,
/// a coin of an older block and one made in the block itself.
#[test]
fn one_coin_spent_twice_is_refused_in_every_combination_and_makes_no_coins() {
    let test = TestChain::new();
    let older = test.premine(1);
    let parent = test.spend(2, &[test.premine(2)], vec![pay(1_000, 1)]);
    let made = (OutPoint { txid: parent.txid(), index: 0 }, pay(1_000, 1));
    for (coin, before) in [(older, Vec::new()), (made, vec![parent])] {
        let within_one = test.spend(1, &[coin.clone(), coin.clone()], vec![pay(2_000, 3)]);
        let one = test.spend(1, std::slice::from_ref(&coin), vec![pay(1_000, 3)]);
        let other = test.spend(1, std::slice::from_ref(&coin), vec![pay(1_000, 4)]);
        let mut chain = open(&test);
        for twice in [vec![within_one], vec![one.clone(), other.clone()]] {
            let block = test.block_on(&test.genesis, 1, Amount::ZERO, [before.clone(), twice].concat());
            let refused = give(&mut chain, &block).expect_err("a coin is spent twice");
            let is_named = match &refused {
                BlockRejection::Body(BlockError::DoubleSpend { outpoint }) => *outpoint == coin.0,
                BlockRejection::Body(BlockError::Transaction {
                    error: TransactionError::DuplicateInput { outpoint },
                    ..
                }) => *outpoint == coin.0,
                _ => false,
            };
            assert!(is_named, "{refused:?}");
            supply_is_kept(&chain);
        }
        let first = test.block_on(&test.genesis, 1, Amount::ZERO, [before, vec![one]].concat());
        give_all(&mut chain, std::slice::from_ref(&first));
        let second = test.block_on(&first, 1, Amount::ZERO, vec![other.clone()]);
        let error = TransactionError::MissingCoin { outpoint: coin.0 };
        let error = ConnectError::Transaction { txid: other.txid(), error };
        let rejection = BlockRejection::Connect { hash: second.hash(), error };
        assert_eq!(give(&mut chain, &second), Err(rejection));
        supply_is_kept(&chain);
    }
}

/// ATTACKS 7, GHSA-r9rv-9mh8-pxf4: early is not wrong.
#[test]
fn a_header_ahead_of_the_clock_is_welcome_a_moment_later() {
    let test = TestChain::new();
    let mut chain = open(&test);
    let block = test.block_on(&test.genesis, 1, Amount::ZERO, Vec::new());
    let on_time = block.header().time.saturating_sub(test.params.max_future_drift);
    let early = on_time.saturating_sub(Duration::from_millis(1));
    for _ in 0..2 {
        let refused = chain.accept_header(early, block.header());
        assert!(matches!(refused, Err(BlockRejection::Header(HeaderError::TimeTooNew(_)))));
    }
    assert_eq!(chain.accept_header(on_time, block.header()), Ok(true));
    assert_eq!(give(&mut chain, &block), Ok(BlockVerdict::Connected));
}

/// ATTACKS 7 and 17: whoever sends a false body for an early header cannot push the true one out.
#[test]
fn a_false_body_does_not_take_the_place_of_a_true_one_that_waits_for_its_time() {
    let test = TestChain::new();
    let mut chain = open(&test);
    let payment = test.spend(3, &[test.premine(3)], vec![pay(1_000, 4)]);
    let honest = test.block_on(&test.genesis, 1, Amount::ZERO, vec![payment]);
    let stripped = Arc::new(Block::new(*honest.header(), honest.coinbase().clone(), Vec::new()));
    let on_time = honest.header().time.saturating_sub(test.params.max_future_drift);
    let early = on_time.saturating_sub(Duration::from_secs(1));
    let accepted = chain.accept_block(early, honest.clone()).expect("no fault");
    assert!(matches!(accepted.verdict, BlockVerdict::TooEarly(ahead) if ahead.now == early));
    let refused = verdict(chain.accept_block(early, stripped));
    assert!(matches!(refused, Err(BlockRejection::Body(BlockError::MerkleRoot { .. }))));
    assert_eq!(chain.take_due(on_time), [honest]);
}

/// A block whose time and target are what the chain's difficulty demands.
fn block_at(chain: &Chain<MemoryStore>, parent: &Block, spacing: u64, payee: u8) -> Arc<Block> {
    let params = chain.params();
    let context = chain.tree().context(chain.entry(&parent.hash()).expect("known"), params);
    let bits = next_bits(params, context.anchor.as_ref(), context.height, context.time);
    let height = context.height.next();
    let outputs = vec![Output { amount: params.subsidy, ..pay(1, payee) }];
    let coinbase = Coinbase { height, outputs, tag: vec![payee] };
    let time = context.time.saturating_add(Duration::from_secs(spacing));
    Arc::new(seal(parent.hash(), time, bits, coinbase, Vec::new()))
}

/// ATTACKS 8: what counts is work, not length.
#[test]
fn a_shorter_branch_with_more_work_beats_a_longer_one() {
    let mut test = TestChain::new();
    test.params.half_life = Some(Duration::from_secs(20));
    test.params.pow_limit = cairn_core::target::CompactTarget::from_bits(0x207f_ffff);
    test.params.genesis_bits = cairn_core::target::CompactTarget::from_bits(0x203f_ffff);
    let mut chain = open(&test);
    let mut grow = |spacing, payee, count: usize| {
        let mut blocks = vec![test.genesis.clone()];
        for _ in 0..count {
            let block = block_at(&chain, blocks.last().expect("genesis"), spacing, payee);
            assert!(give(&mut chain, &block).is_ok(), "a valid block");
            blocks.push(block);
        }
        (chain.tip().hash(), blocks.pop().expect("the last").hash())
    };
    // Slow blocks are easy ones: twelve of them weigh less than eight that came in quick succession.
    let (tip, easy) = grow(30, 1, 12);
    assert_eq!(tip, easy);
    let (tip, hard) = grow(1, 2, 8);
    assert_eq!(tip, hard);
    let work = |hash| chain.entry(&hash).expect("known").work;
    assert!(work(hard) > work(easy));
    assert_eq!(chain.tip().height, Height::from_u32(8));
}

/// ATTACKS 10.
#[test]
fn the_coinbase_of_a_block_that_lost_cannot_be_spent() {
    let test = TestChain::new();
    let mut chain = open(&test);
    let losing = test.blocks_on(&test.genesis, 1, 11);
    give_all(&mut chain, &losing);
    let reward = losing[0].coinbase();
    let (outpoint, output) = (OutPoint { txid: reward.txid(), index: 0 }, reward.outputs[0].clone());
    let spend = test.spend(1, &[(outpoint, output)], vec![pay(50, 2)]);
    give_all(&mut chain, &[test.block_on(&losing[10], 1, Amount::ZERO, vec![spend.clone()])]);
    let winning = test.blocks_on(&test.genesis, 2, 13);
    give_all(&mut chain, &winning);
    assert_eq!(chain.tip().hash(), winning[12].hash());
    let block = test.block_on(&winning[12], 2, Amount::ZERO, vec![spend.clone()]);
    let error =
        ConnectError::Transaction { txid: spend.txid(), error: TransactionError::MissingCoin { outpoint } };
    assert_eq!(give(&mut chain, &block), Err(BlockRejection::Connect { hash: block.hash(), error }));
    supply_is_kept(&chain);
}

/// ATTACKS 11: the same accounts and coins on two devnets, and a payment made on one of them.
#[test]
fn a_payment_signed_for_one_devnet_is_refused_in_a_block_of_another() {
    let test = TestChain::new();
    let mut elsewhere = TestChain::new();
    elsewhere.params.genesis_hash = cairn_core::hash::GenesisHash::from_bytes([7; 32]);
    let mut chain = open(&test);
    let replayed = elsewhere.spend(1, &[test.premine(1)], vec![pay(1_000, 2)]);
    let block = test.block_on(&test.genesis, 1, Amount::ZERO, vec![replayed.clone()]);
    let error = TransactionError::BadSignature { index: 0 };
    let error = ConnectError::Transaction { txid: replayed.txid(), error };
    assert_eq!(give(&mut chain, &block), Err(BlockRejection::Connect { hash: block.hash(), error }));
    let honest = test.spend(1, &[test.premine(1)], vec![pay(1_000, 2)]);
    assert_eq!(honest.txid(), replayed.txid(), "only the signature tells them apart");
    let block = test.block_on(&test.genesis, 2, Amount::ZERO, vec![honest]);
    assert_eq!(give(&mut chain, &block), Ok(BlockVerdict::Connected));
}

/// A block on `parent` with payments among what `parent` left: each pick moves one coin on.
fn paying_block(test: &TestChain, ledger: &Chain<MemoryStore>, parent: &Block, picks: &[u8]) -> Arc<Block> {
    let mut spendable: Vec<(OutPoint, Coin)> = coins(ledger).into_iter().collect();
    spendable.retain(|(_, coin)| coin.origin != cairn_core::coin::Origin::Coinbase);
    let mut payments: Vec<Arc<Transaction>> = Vec::new();
    for pick in picks {
        let (outpoint, coin) = spendable.remove(usize::from(*pick) % spendable.len());
        let owner = (0..10).find(|number| cairn_core::testing::lock(*number) == coin.output.lock);
        let output = Output { amount: coin.output.amount, ..pay(1, pick % 10) };
        let owner = owner.expect("keys of tests");
        let payment = test.spend(owner, &[(outpoint, coin.output.clone())], vec![output.clone()]);
        // What was just made can be spent on in the same block.
        spendable.push((OutPoint { txid: payment.txid(), index: 0 }, Coin { output, ..coin }));
        payments.push(payment);
    }
    test.block_on(parent, picks.len() as u8 + 20, Amount::ZERO, payments)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// ATTACKS 14: two branches overtake each other again and again, with payments on both.
    #[test]
    fn after_any_reorganizations_the_coins_are_those_of_a_chain_that_saw_only_the_best_branch(
        turns in proptest::collection::vec((1_usize..4, proptest::collection::vec(any::<u8>(), 0..4)), 2..10),
    ) {
        let test = TestChain::new();
        let mut torn = open(&test);
        let mut straight = [open(&test), open(&test)];
        let mut branches = [vec![test.genesis.clone()], vec![test.genesis.clone()]];
        for (turn, (ahead, picks)) in turns.into_iter().enumerate() {
            let (side, other) = (turn % 2, (turn + 1) % 2);
            while branches[side].len() < branches[other].len() + ahead {
                let parent = branches[side].last().expect("genesis").clone();
                let mut picks = picks.clone();
                picks.push(side as u8 + 1);
                let block = paying_block(&test, &straight[side], &parent, &picks);
                prop_assert_eq!(give(&mut straight[side], &block), Ok(BlockVerdict::Connected));
                prop_assert!(give(&mut torn, &block).is_ok());
                branches[side].push(block);
            }
            prop_assert_eq!(torn.tip().hash(), straight[side].tip().hash());
            prop_assert_eq!(coins(&torn), coins(&straight[side]));
            supply_is_kept(&torn);
        }
    }
}

/// Counts the signatures that it is asked about.
#[derive(Clone, Default)]
struct Asked(Arc<AtomicUsize>);

impl Verifier for Asked {
    fn verify(&self, batch: &[SignatureClaim]) -> Result<(), usize> {
        self.0.fetch_add(batch.len(), Ordering::Relaxed);
        SerialVerifier.verify(batch)
    }
}

/// ATTACKS 11, Zebra CVE-2026-40880: what the mempool knows spares the equation of a signature that it
/// has judged, and nothing else.
#[test]
fn a_block_of_known_payments_is_asked_for_no_signature_twice_and_judged_in_all_else() {
    let test = TestChain::new();
    let asked = Asked::default();
    let verifier = CachingVerifier::new(asked.clone(), [7; 32]);
    let store = MemoryStore::default();
    let chain = Chain::open(test.params.clone(), &test.genesis, store, Box::new(verifier));
    let mut chain = chain.expect("it opens");
    let mut mempool = Mempool::new(1_000_000);
    let payments: Vec<_> =
        (0..5).map(|owner| test.spend(owner, &[test.premine(owner)], vec![pay(999, 9)])).collect();
    for payment in &payments {
        mempool.accept(LATE, payment, &chain).expect("valid");
    }
    assert_eq!(asked.0.load(Ordering::Relaxed), 5);

    let forged = Arc::new(Transaction::new(payments[4].body().clone(), payments[3].signatures().to_vec()));
    let with_forged = [&payments[..4], &[forged]].concat();
    let refused = give(&mut chain, &test.block_on(&test.genesis, 1, Amount::ZERO, with_forged));
    assert!(matches!(refused, Err(BlockRejection::Connect { .. })), "{refused:?}");
    let twice = test.spend(0, &[test.premine(0)], vec![pay(998, 9)]);
    let with_twice = [&payments[..], &[twice]].concat();
    let refused = give(&mut chain, &test.block_on(&test.genesis, 2, Amount::ZERO, with_twice));
    assert!(matches!(refused, Err(BlockRejection::Body(BlockError::DoubleSpend { .. }))), "{refused:?}");

    let before = asked.0.load(Ordering::Relaxed);
    let honest = test.block_on(&test.genesis, 3, Amount::ZERO, payments);
    assert_eq!(give(&mut chain, &honest), Ok(BlockVerdict::Connected));
    assert_eq!(asked.0.load(Ordering::Relaxed), before);
}
