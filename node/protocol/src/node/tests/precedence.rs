//! When two rules are broken at once, which of them decides what follows for the sender.

use cairn_core::header::{Header, HeaderFields};
use cairn_core::testing::mine;
use cairn_core::transaction::Transaction;

use cairn_core::hash::Txid;

use super::*;

/// What follows for a guest.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Stays,
    Parted,
    Banned,
}
use Fate::{Banned, Parted, Stays};

/// A node, and a block that it rejected for what its coinbase claims.
fn after_a_rejection() -> (TestChain, Net, Arc<Block>) {
    let test = TestChain::new();
    let mut net = Net::new(vec![node(&test, 0, &[], QUIET)]);
    let rejected = test.block_on(&test.genesis, 1, Amount::COIN, Vec::new());
    net.submit(0, Submission::Block(rejected.clone()));
    assert_eq!(net.nodes[0].chain().tip().hash(), test.genesis.hash());
    (test, net, rejected)
}

fn fate(net: &mut Net, test: &TestChain, message: Message) -> Fate {
    net.nodes[0].handle(net.now, Input::Command(PeerCommand::ClearBans)).expect("memory does not fail");
    net.guest(test, 9, 0);
    net.say(9, 0, message);
    match (net.is_banned(0, 9), net.ready(0).is_empty()) {
        (true, _) => Banned,
        (false, true) => Parted,
        (false, false) => Stays,
    }
}

/// The same header without the work that its target asks for.
fn without_work(test: &TestChain, header: Header) -> Header {
    let target = test.params.pow_limit.to_target().expect("a target");
    let all = (0..).map(|nonce| Header::from(HeaderFields { nonce, ..*header }));
    all.into_iter().find(|header| !target.is_met_by(header.hash())).expect("most have no work")
}

#[test]
fn a_list_of_headers_must_hang_together_before_any_of_them_is_judged() {
    let (test, mut net, rejected) = after_a_rejection();
    let header = *rejected.header();
    assert_eq!(fate(&mut net, &test, Message::Headers(vec![header])), Parted);
    assert_eq!(fate(&mut net, &test, Message::Headers(vec![header, *test.genesis.header()])), Banned);
}

#[test]
fn a_header_is_judged_alone_then_by_its_parent_and_on_it_last() {
    let (test, mut net, rejected) = after_a_rejection();
    let next = *test.block_on(&rejected, 2, Amount::ZERO, Vec::new()).header();
    let early = Header::from(HeaderFields { time: test.params.genesis_time, ..*next });
    let astray = |header: Header| {
        Header::from(HeaderFields { previous_block_hash: cairn_core::hash::BlockHash::ZERO, ..*header })
    };
    for (header, expected, why) in [
        (next, Parted, "it descends from a rejected one"),
        (mine(early), Parted, "that its time is too early comes after that"),
        (without_work(&test, next), Banned, "that it has no work comes before"),
        (mine(astray(early)), Stays, "its parent is unknown"),
        (without_work(&test, astray(next)), Banned, "that it has no work comes before"),
    ] {
        assert_eq!(fate(&mut net, &test, Message::Headers(vec![header])), expected, "{why}");
    }
}

#[test]
fn a_body_is_judged_after_its_header() {
    let (test, mut net, rejected) = after_a_rejection();
    let next = test.block_on(&rejected, 2, Amount::ZERO, Vec::new());
    let with_false_body =
        |header: Header| Arc::new(Block::new(header, rejected.coinbase().clone(), Vec::new()));
    let orphan = mine(Header::from(HeaderFields {
        previous_block_hash: cairn_core::hash::BlockHash::ZERO,
        ..**next.header()
    }));
    let good = test.block_on(&test.genesis, 3, Amount::ZERO, Vec::new());
    for (header, expected) in [(*next.header(), Parted), (orphan, Stays), (*good.header(), Banned)] {
        assert_eq!(fate(&mut net, &test, Message::Block(with_false_body(header))), expected);
    }
}

#[test]
fn signatures_of_a_transaction_are_judged_after_its_coins_and_what_it_pays() {
    let test = TestChain::new();
    let mut net = Net::new(vec![node(&test, 0, &[], QUIET)]);
    let unknown = (OutPoint { txid: Txid::ZERO, index: 0 }, pay(1_000, 3));
    let with_outputs = |owner, spent: &(OutPoint, cairn_core::transaction::Output), outputs| {
        test.spend(owner, std::slice::from_ref(spent), outputs)
    };
    let cases: [(Arc<Transaction>, Fate, &str); 4] = [
        (with_outputs(9, &test.premine(3), vec![pay(999, 4)]), Banned, "a forged signature"),
        (with_outputs(9, &test.premine(3), vec![pay(1_000, 4)]), Stays, "a fee that is too low comes first"),
        (with_outputs(9, &unknown, vec![pay(999, 4)]), Stays, "a coin that is missing comes first"),
        (with_outputs(9, &unknown, Vec::new()), Banned, "what it shows alone comes before its coins"),
    ];
    for (transaction, expected, why) in cases {
        net.nodes[0].handle(net.now, Input::Command(PeerCommand::ClearBans)).expect("memory does not fail");
        net.guest(&test, 9, 0);
        net.say(9, 0, Message::AnnounceTransactions(vec![transaction.txid()]));
        net.say(9, 0, Message::Transactions(vec![transaction]));
        assert_eq!(if net.is_banned(0, 9) { Banned } else { Stays }, expected, "{why}");
    }
}
