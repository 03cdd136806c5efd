//! The hostile, and those in whose place they would like to see us punish somebody else.

use cairn_core::transaction::Transaction;

use super::*;

#[test]
fn whoever_speaks_before_its_hello_is_banned() {
    let test = TestChain::new();
    let mut net = Net::new(vec![node(&test, 0, &[], QUIET)]);
    net.stranger(9, 0);
    net.say(9, 0, Message::GetPeers);
    assert!(net.is_banned(0, 9));
    net.stranger(9, 0);
    assert!(net.ready(0).is_empty(), "and refused when it returns");
}

#[test]
fn a_second_hello_is_banned() {
    let test = TestChain::new();
    let mut net = Net::new(vec![node(&test, 0, &[], QUIET)]);
    net.guest(&test, 9, 0);
    assert_eq!(net.ready(0), [id(9)]);
    net.say(9, 0, Message::Hello(Box::new(harness::hello(&test, 9))));
    assert!(net.is_banned(0, 9));
}

#[test]
fn bytes_that_are_no_message_are_banned() {
    let test = TestChain::new();
    let mut net = Net::new(vec![node(&test, 0, &[], QUIET)]);
    net.guest(&test, 9, 0);
    net.give(0, Input::Garbled { peer: id(9), fault: CodecError::UnknownKind { found: 99 } });
    assert!(net.is_banned(0, 9));
    assert!(net.said_to(9).contains(&&Message::Goodbye(Goodbye::Misconduct)), "and told why");
}

#[test]
fn a_stranger_that_never_says_hello_is_let_go() {
    let test = TestChain::new();
    let mut net = Net::new(vec![node(&test, 0, &[], QUIET)]);
    net.stranger(9, 0);
    net.pass(HANDSHAKE_TIMEOUT.as_millis() as u64 - 1);
    assert_eq!(net.nodes[0].peers().iter().count(), 1);
    net.pass(1);
    assert_eq!(net.nodes[0].peers().iter().count(), 0);
    assert!(!net.is_banned(0, 9), "slowness bans nobody");
}

#[test]
fn a_peer_that_fell_silent_is_let_go() {
    let test = TestChain::new();
    let mut net = Net::new(vec![node(&test, 0, &[], QUIET)]);
    net.guest(&test, 9, 0);
    net.pass((PING_INTERVAL + PING_TIMEOUT).as_millis() as u64);
    assert!(net.ready(0).is_empty());
    assert!(!net.is_banned(0, 9));
}

/// ATTACKS 29: what is bad is not passed on, so nobody is punished in another's place.
#[test]
fn a_forged_transaction_bans_its_sender_and_goes_no_further() {
    let test = TestChain::new();
    let mut net = Net::line(&test, 2);
    net.guest(&test, 9, 0);
    let theft = test.spend(9, &[test.premine(3)], vec![pay(999, 9)]);
    net.say(9, 0, Message::AnnounceTransactions(vec![theft.txid()]));
    net.say(9, 0, Message::Transactions(vec![theft.clone()]));
    net.pass(1_000);
    assert!(net.is_banned(0, 9));
    assert_eq!((net.ready(0), net.ready(1)), (vec![id(1)], vec![id(0)]));
    assert!(net.nodes.iter().all(|node| !node.mempool().contains(&theft.txid())));
}

/// ATTACKS 30.
#[test]
fn a_transaction_first_seen_with_a_forged_signature_is_welcome_with_the_true_one() {
    let test = TestChain::new();
    let mut net = Net::line(&test, 2);
    net.guest(&test, 9, 0);
    let honest = test.spend(3, &[test.premine(3)], vec![pay(999, 4)]);
    let forged = Arc::new(Transaction::new(
        honest.body().clone(),
        test.spend(9, &[test.premine(3)], vec![pay(999, 4)]).signatures().to_vec(),
    ));
    assert_eq!(forged.txid(), honest.txid());
    net.say(9, 0, Message::AnnounceTransactions(vec![forged.txid()]));
    net.say(9, 0, Message::Transactions(vec![forged]));
    assert!(net.is_banned(0, 9));
    net.submit(1, Submission::Transaction(honest.clone()));
    net.pass(1_000);
    assert!(net.nodes[0].mempool().contains(&honest.txid()));
}

/// ATTACKS 17: a false body bans who sent it, and touches neither the hash nor others' requests.
#[test]
fn a_false_body_bans_its_sender_and_the_true_one_still_comes() {
    let test = TestChain::new();
    let mut net = Net::line(&test, 2);
    net.guest(&test, 9, 1);
    let payment = test.spend(3, &[test.premine(3)], vec![pay(999, 4)]);
    let honest = test.block_on(&test.genesis, 1, Amount::ZERO, vec![payment]);
    let stripped = Arc::new(Block::new(*honest.header(), honest.coinbase().clone(), Vec::new()));
    net.say(9, 1, Message::Block(stripped));
    assert!(net.is_banned(1, 9));
    assert_eq!(net.nodes[1].chain().tip().hash, test.genesis.hash());
    net.submit(0, Submission::Block(honest.clone()));
    assert_eq!(net.tips(), [honest.hash()].into());
    assert_eq!(net.ready(1), [id(0)]);
}

/// ATTACKS 18: who announces and does not deliver delays a block by seconds at most.
#[test]
fn a_block_announced_by_a_silent_peer_is_fetched_from_another() {
    let test = TestChain::new();
    let mut net = Net::new(vec![node(&test, 0, &[], QUIET), node(&test, 1, &[0], QUIET)]);
    net.settle();
    net.guest(&test, 9, 0);
    let blocks = test.blocks_on(&test.genesis, 1, 3);
    let headers = blocks.iter().map(|block| *block.header()).collect();
    net.say(9, 0, Message::Headers(headers));
    let hashes = blocks.iter().map(|block| block.hash()).collect();
    assert!(net.said_to(9).contains(&&Message::GetBlocks(hashes)));
    net.pass(1_000);
    assert_eq!(net.nodes[0].chain().tip().height.get(), 0, "the announcer keeps silent");
    for block in &blocks {
        net.submit(1, Submission::Block(block.clone()));
    }
    net.pass(4_000);
    assert_eq!(net.tips(), [blocks[2].hash()].into());
}

#[test]
fn headers_that_do_not_stand_on_each_other_ban() {
    let test = TestChain::new();
    let mut net = Net::new(vec![node(&test, 0, &[], QUIET)]);
    net.guest(&test, 9, 0);
    let blocks = test.blocks_on(&test.genesis, 1, 3);
    net.say(9, 0, Message::Headers(vec![*blocks[0].header(), *blocks[2].header()]));
    assert!(net.is_banned(0, 9));
}

#[test]
fn a_header_without_work_bans() {
    let test = TestChain::new();
    let mut net = Net::new(vec![node(&test, 0, &[], QUIET)]);
    net.guest(&test, 9, 0);
    let block = test.block_on(&test.genesis, 1, Amount::ZERO, Vec::new());
    let target = test.params.pow_limit.to_target().expect("a target");
    let lazy = (0..).map(|nonce| Header { nonce, ..*block.header() });
    let lazy = lazy.into_iter().find(|header| !target.is_met_by(header.hash())).expect("most have no work");
    net.say(9, 0, Message::Headers(vec![lazy]));
    assert!(net.is_banned(0, 9));
}

#[test]
fn a_block_out_of_nowhere_is_asked_about_and_blames_nobody() {
    let test = TestChain::new();
    let mut net = Net::new(vec![node(&test, 0, &[], QUIET)]);
    net.guest(&test, 9, 0);
    let blocks = test.blocks_on(&test.genesis, 1, 2);
    net.say(9, 0, Message::Block(blocks[1].clone()));
    assert!(!net.is_banned(0, 9));
    let locator = vec![test.genesis.hash()];
    assert!(net.said_to(9).contains(&&Message::GetHeaders { locator }));
}

#[test]
fn addresses_that_nobody_asked_for_are_not_heard() {
    let test = TestChain::new();
    let mut net = Net::new(vec![node(&test, 0, &[], QUIET)]);
    net.guest(&test, 9, 0);
    net.say(9, 0, Message::Peers(vec![address(50)]));
    assert!(net.nodes[0].peers().book().is_empty());
}

#[test]
fn transactions_that_nobody_asked_for_are_not_looked_at() {
    let test = TestChain::new();
    let mut net = Net::new(vec![node(&test, 0, &[], QUIET)]);
    net.guest(&test, 9, 0);
    let payment = test.spend(3, &[test.premine(3)], vec![pay(999, 4)]);
    net.say(9, 0, Message::Transactions(vec![payment.clone()]));
    assert!(!net.nodes[0].mempool().contains(&payment.txid()));
}
