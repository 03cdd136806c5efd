//! Rules for bodies: each is broken alone, and its own error comes out.

use super::*;
use crate::amount::Amount;
use crate::hash::BlockHash;
use crate::testing::{TestChain, pay, seal};
use crate::transaction::Transaction;

fn sealed(test: &TestChain, coinbase: Coinbase, transactions: Vec<Arc<Transaction>>) -> Arc<Block> {
    Arc::new(seal(
        test.genesis.hash(),
        test.params.genesis_time,
        test.params.pow_limit,
        coinbase,
        transactions,
    ))
}

fn coinbase(test: &TestChain) -> Coinbase {
    test.block_on(&test.genesis, 1, Amount::ZERO, Vec::new()).coinbase().clone()
}

fn refusal(test: &TestChain, block: Arc<Block>) -> BlockError {
    check_block(block, &test.params).expect_err("it breaks a rule")
}

#[test]
fn an_empty_block_passes() {
    let test = TestChain::new();
    assert!(check_block(sealed(&test, coinbase(&test), Vec::new()), &test.params).is_ok());
}

#[test]
fn a_body_that_the_header_does_not_commit_to_is_refused() {
    let test = TestChain::new();
    let payment = test.spend(1, &[test.premine(1)], vec![pay(1_000, 2)]);
    let honest = sealed(&test, coinbase(&test), vec![payment]);
    let stripped = Block::new(*honest.header(), honest.coinbase().clone(), Vec::new());
    let error = BlockError::MerkleRoot { found: stripped.merkle_root(), expected: honest.merkle_root() };
    assert_eq!(stripped.hash(), honest.hash(), "both have one header");
    assert_eq!(refusal(&test, Arc::new(stripped)), error);
    assert!(check_block(honest, &test.params).is_ok(), "and the true body is still welcome");
}

/// ATTACKS 1, CVE-2012-2459: the tree does not repeat odd nodes, so no second body has the same root.
#[test]
fn repeating_the_last_transactions_changes_the_root() {
    let test = TestChain::new();
    for count in 1..6 {
        let payments: Vec<_> = (0..count)
            .map(|number| test.spend(number, &[test.premine(number)], vec![pay(1_000, 9)]))
            .collect();
        let honest = sealed(&test, coinbase(&test), payments.clone());
        for repeated in 1..=payments.len() {
            let tail = payments[payments.len() - repeated..].to_vec();
            let body = [payments.clone(), tail].concat();
            let mutated = Arc::new(Block::new(*honest.header(), honest.coinbase().clone(), body));
            assert!(matches!(refusal(&test, mutated), BlockError::MerkleRoot { .. }));
        }
    }
}

/// ATTACKS 11: a signature swapped by a third party makes another leaf, so another root.
#[test]
fn a_body_with_other_signatures_is_another_body() {
    let test = TestChain::new();
    let payment = test.spend(1, &[test.premine(1)], vec![pay(1_000, 2)]);
    let forged = Arc::new(Transaction::new(payment.body().clone(), Vec::new()));
    let honest = sealed(&test, coinbase(&test), vec![payment]);
    let mutated = Arc::new(Block::new(*honest.header(), honest.coinbase().clone(), vec![forged]));
    assert!(matches!(refusal(&test, mutated), BlockError::MerkleRoot { .. }));
}

/// ATTACKS 15: header, counts and coinbase are part of the size.
#[test]
fn a_block_one_byte_too_large_is_refused() {
    let mut test = TestChain::new();
    let block = sealed(&test, coinbase(&test), Vec::new());
    assert_eq!(block.size(), crate::encoding::encode(block.as_ref()).len());
    test.params.max_block_bytes = block.size();
    assert!(check_block(block.clone(), &test.params).is_ok());
    test.params.max_block_bytes = block.size() - 1;
    let error = BlockError::TooLarge { found: block.size(), allowed: block.size() - 1 };
    assert_eq!(refusal(&test, block), error);
}

#[test]
fn a_coinbase_that_pays_nobody_is_refused() {
    let test = TestChain::new();
    let block = sealed(&test, Coinbase { outputs: Vec::new(), ..coinbase(&test) }, Vec::new());
    assert_eq!(refusal(&test, block), BlockError::CoinbaseWithoutOutputs);
}

#[test]
fn a_coinbase_with_too_long_a_tag_is_refused() {
    let test = TestChain::new();
    let longest = sealed(&test, Coinbase { tag: vec![0; 64], ..coinbase(&test) }, Vec::new());
    assert!(check_block(longest, &test.params).is_ok());
    let block = sealed(&test, Coinbase { tag: vec![0; 65], ..coinbase(&test) }, Vec::new());
    assert_eq!(refusal(&test, block), BlockError::CoinbaseTag { found: 65, allowed: 64 });
}

#[test]
fn one_transaction_twice_is_refused() {
    let test = TestChain::new();
    let payment = test.spend(1, &[test.premine(1)], vec![pay(1_000, 2)]);
    let block = sealed(&test, coinbase(&test), vec![payment.clone(), payment.clone()]);
    assert_eq!(refusal(&test, block), BlockError::DuplicateTransaction { txid: payment.txid() });
}

/// ATTACKS 3: across two transactions of one block.
#[test]
fn a_coin_spent_by_two_transactions_is_refused() {
    let test = TestChain::new();
    let one = test.spend(1, &[test.premine(1)], vec![pay(1_000, 2)]);
    let other = test.spend(1, &[test.premine(1)], vec![pay(1_000, 3)]);
    let block = sealed(&test, coinbase(&test), vec![one, other]);
    assert_eq!(refusal(&test, block), BlockError::DoubleSpend { outpoint: test.premine(1).0 });
}

#[test]
fn a_transaction_that_breaks_a_rule_is_named() {
    let test = TestChain::new();
    let bad = test.spend(1, &[test.premine(1)], vec![pay(0, 2)]);
    let block = sealed(&test, coinbase(&test), vec![bad.clone()]);
    let error = TransactionError::ZeroOutput { index: 0 };
    assert_eq!(refusal(&test, block), BlockError::Transaction { txid: bad.txid(), error });
}

/// ATTACKS 5, BIP 30 and BIP 34.
#[test]
fn coinbases_alike_but_for_their_height_have_different_ids() {
    let test = TestChain::new();
    let one = coinbase(&test);
    let other = Coinbase { height: one.height.next(), ..one.clone() };
    assert_ne!(one.txid(), other.txid());
}

/// ATTACKS 2, CVE-2017-12842: leaves and nodes are hashed apart, whatever the length of a transaction.
#[test]
fn no_inner_node_passes_for_a_leaf() {
    let test = TestChain::new();
    let payments = (0..3).map(|number| test.spend(number, &[test.premine(number)], vec![pay(1_000, 9)]));
    let block = sealed(&test, coinbase(&test), payments.collect());
    let (leaves, root) = (block.leaves(), block.merkle_root());
    let proof = crate::merkle::prove(&leaves, 0).unwrap();
    assert!(proof.verify(leaves[0], root));
    // The claim that the left inner node of four leaves is a leaf of a tree of two.
    let path = proof.path[1..].to_vec();
    for forged in leaves.iter().map(|leaf| *leaf.as_bytes()).chain(proof.path.iter().copied()) {
        let shorter = crate::merkle::InclusionProof { index: 0, leaf_count: 2, path: path.clone() };
        assert!(!shorter.verify(crate::hash::LeafHash::from_bytes(forged), root));
    }
    assert_ne!(block.hash(), BlockHash::ZERO);
}
