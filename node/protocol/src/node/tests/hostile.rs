//! The hostile, and those in whose place they would like to see us punish somebody else.

use cairn_core::header::{Header, HeaderFields};
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
    net.give(0, Input::Malformed { peer: id(9), error: CodecError::UnknownKind { found: 99 } });
    assert!(net.is_banned(0, 9));
    assert!(net.said_to(9).contains(&&Message::Goodbye(Goodbye::Misbehavior)), "and told why");
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
    net.submit(1, Submission::Transaction { transaction: honest.clone(), max_fee_rate: None });
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
    assert_eq!(net.nodes[1].chain().tip().hash(), test.genesis.hash());
    net.submit(0, Submission::Block(honest.clone()));
    assert_eq!(net.tips(), [honest.hash()].into());
    assert_eq!(net.ready(1), [id(0)]);
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
    let lazy = (0..).map(|nonce| Header::from(HeaderFields { nonce, ..**block.header() }));
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
    assert!(net.nodes[0].peers().book.is_empty());
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

/// ATTACKS 1, CVE-2012-2459: on the way from a peer.
#[test]
fn a_block_with_repeated_transactions_bans_its_sender_and_the_honest_one_still_comes() {
    let test = TestChain::new();
    let mut net = Net::line(&test, 2);
    net.guest(&test, 9, 1);
    let payment = test.spend(3, &[test.premine(3)], vec![pay(999, 4)]);
    let honest = test.block_on(&test.genesis, 1, Amount::ZERO, vec![payment.clone()]);
    let body = vec![payment.clone(), payment];
    let mutated = Arc::new(Block::new(*honest.header(), honest.coinbase().clone(), body));
    net.say(9, 1, Message::Block(mutated));
    assert!(net.is_banned(1, 9));
    net.submit(0, Submission::Block(honest.clone()));
    assert_eq!(net.tips(), [honest.hash()].into());
    assert_eq!(net.ready(1), [id(0)]);
}

/// ATTACKS 7: a peer whose clock is ahead is no offender, and its chain is followed when its time comes.
#[test]
fn headers_ahead_of_the_clock_blame_nobody_and_are_asked_about_again_in_time() {
    let test = TestChain::new();
    let mut net = Net::new(vec![node(&test, 0, &[], QUIET)]);
    let block = test.block_on(&test.genesis, 1, Amount::ZERO, Vec::new());
    let early = core::time::Duration::from_millis(1_500);
    net.now = block.header().time.saturating_sub(test.params.max_future_drift).saturating_sub(early);
    net.guest(&test, 9, 0);
    net.say(9, 0, Message::Headers(vec![*block.header()]));
    assert_eq!(net.ready(0), [id(9)]);
    assert!(net.nodes[0].chain().entry(&block.hash()).is_none());
    let question = Message::GetHeaders { locator: vec![test.genesis.hash()] };
    net.pass(1_499);
    assert!(!net.said_to(9).contains(&&question));
    net.pass(1);
    assert!(net.said_to(9).contains(&&question));
    net.say(9, 0, Message::Headers(vec![*block.header()]));
    assert!(net.said_to(9).contains(&&Message::GetBlocks(vec![block.hash()])));
    net.say(9, 0, Message::Block(block.clone()));
    assert_eq!(net.tips(), [block.hash()].into());
}

/// ATTACKS 7, CVE-2024-52912: nothing that a peer says can be taken for the time, because no message
/// has a time of day in it but inside a header. A field that is added has to be named here.
#[test]
fn no_greeting_tells_a_time() {
    let test = TestChain::new();
    let Hello { protocol_version, genesis, services, tip, height, work, user_agent, listen, nonce } =
        harness::hello(&test, 9);
    let (_, _, _, _, _): (u32, u64, GenesisHash, cairn_core::hash::BlockHash, cairn_core::work::Work) =
        (protocol_version, services, genesis, tip, work);
    let (_, _, _): (cairn_core::height::Height, String, u64) = (height, user_agent, nonce);
    assert!(listen.is_empty());
}

/// ATTACKS 17, CVE-2024-52921, GHSA-x93j, GHSA-8gxx: one peer was asked, another sends a false body.
#[test]
fn a_false_body_leaves_the_request_to_another_peer_as_it_was() {
    let test = TestChain::new();
    let mut net = Net::new(vec![node(&test, 0, &[], QUIET)]);
    net.guest(&test, 8, 0);
    net.guest(&test, 9, 0);
    let payment = test.spend(3, &[test.premine(3)], vec![pay(999, 4)]);
    let honest = test.block_on(&test.genesis, 1, Amount::ZERO, vec![payment]);
    let stripped = Arc::new(Block::new(*honest.header(), honest.coinbase().clone(), Vec::new()));
    net.say(8, 0, Message::Headers(vec![*honest.header()]));
    let question = Message::GetBlocks(vec![honest.hash()]);
    assert!(net.said_to(8).contains(&&question));
    net.say(9, 0, Message::Block(stripped));
    assert!(net.is_banned(0, 9));
    assert_eq!(net.ready(0), [id(8)], "who only announced it is not to blame");
    assert_eq!(net.nodes[0].sync().bodies.owed_by(&id(8)), 1);
    assert_eq!(net.said_to(8).iter().filter(|said| ***said == question).count(), 1, "asked once");
    assert!(net.nodes[0].chain().entry(&honest.hash()).is_some_and(|entry| !entry.is_invalid()));
    net.say(8, 0, Message::Block(honest.clone()));
    assert_eq!(net.tips(), [honest.hash()].into());
}

/// ATTACKS 17: the one who was asked sends a false body: the next is asked at once.
#[test]
fn a_block_that_came_with_a_false_body_is_asked_of_another_at_once() {
    let test = TestChain::new();
    let mut net = Net::new(vec![node(&test, 0, &[], QUIET)]);
    net.guest(&test, 8, 0);
    net.guest(&test, 9, 0);
    let payment = test.spend(3, &[test.premine(3)], vec![pay(999, 4)]);
    let honest = test.block_on(&test.genesis, 1, Amount::ZERO, vec![payment]);
    let stripped = Arc::new(Block::new(*honest.header(), honest.coinbase().clone(), Vec::new()));
    net.say(9, 0, Message::Headers(vec![*honest.header()]));
    net.say(8, 0, Message::Headers(vec![*honest.header()]));
    let question = Message::GetBlocks(vec![honest.hash()]);
    assert!(net.said_to(9).contains(&&question) && !net.said_to(8).contains(&&question));
    net.say(9, 0, Message::Block(stripped));
    assert!(net.is_banned(0, 9) && !net.is_banned(0, 8));
    assert!(net.said_to(8).contains(&&question));
    net.say(8, 0, Message::Block(honest.clone()));
    assert_eq!(net.tips(), [honest.hash()].into());
}

/// The same payment with a signature that is not the owner's.
fn forged_copy(test: &TestChain, honest: &Transaction) -> Arc<Transaction> {
    let other = test.spend(9, &[test.premine(3)], vec![pay(1, 9)]);
    Arc::new(Transaction::new(honest.body().clone(), other.signatures().to_vec()))
}

/// ATTACKS 30, GHSA-4m69, GHSA-gvjc: signatures are no part of the id, so a forged copy must not make
/// the node forget who else has the true one.
#[test]
fn a_forged_copy_does_not_keep_out_the_transaction_that_another_announced() {
    let test = TestChain::new();
    let mut net = Net::new(vec![node(&test, 0, &[], QUIET)]);
    net.guest(&test, 8, 0);
    net.guest(&test, 9, 0);
    let honest = test.spend(3, &[test.premine(3)], vec![pay(999, 4)]);
    let txid = honest.txid();
    net.say(9, 0, Message::AnnounceTransactions(vec![txid]));
    net.say(8, 0, Message::AnnounceTransactions(vec![txid]));
    net.say(9, 0, Message::Transactions(vec![forged_copy(&test, &honest)]));
    assert!(net.is_banned(0, 9) && !net.is_banned(0, 8));
    assert!(net.said_to(8).contains(&&Message::GetTransactions(vec![txid])), "asked at once");
    net.say(8, 0, Message::Transactions(vec![honest]));
    assert!(net.nodes[0].mempool().contains(&txid));
}

/// ATTACKS 29 and 30, GHSA-qhr3: the fault comes to light when an honest peer delivers the parent.
#[test]
fn a_forged_child_that_waited_for_its_parent_is_laid_to_its_sender_alone() {
    let test = TestChain::new();
    let mut net = Net::new(vec![node(&test, 0, &[], QUIET)]);
    net.guest(&test, 8, 0);
    net.guest(&test, 7, 0);
    let parent = test.spend(3, &[test.premine(3)], vec![pay(999, 4)]);
    let made = OutPoint { txid: parent.txid(), index: 0 };
    let child = test.spend(4, &[(made, pay(999, 4))], vec![pay(998, 5)]);
    net.say(7, 0, Message::AnnounceTransactions(vec![child.txid()]));
    net.say(8, 0, Message::AnnounceTransactions(vec![child.txid(), parent.txid()]));
    net.say(7, 0, Message::Transactions(vec![forged_copy(&test, &child)]));
    assert!(!net.is_banned(0, 7), "nothing can be said of it yet");
    net.say(8, 0, Message::Transactions(vec![child.clone(), parent.clone()]));
    assert!(net.is_banned(0, 7) && !net.is_banned(0, 8));
    assert_eq!(net.ready(0), [id(8)]);
    let mempool = net.nodes[0].mempool();
    assert!(mempool.contains(&parent.txid()) && mempool.contains(&child.txid()));
}

/// ATTACKS 34: blocks at the bottom of the chain cost little where difficulty was low, and would fill
/// the disk with branches that lead nowhere.
#[test]
fn blocks_of_too_little_work_that_nobody_asked_for_are_not_stored() {
    let test = TestChain::new();
    let mut net = Net::new(vec![node(&test, 0, &[], QUIET)]);
    let best = test.blocks_on(&test.genesis, 1, 3);
    net.submit_blocks(0, &best);
    net.guest(&test, 9, 0);
    for payee in 10..60 {
        net.say(9, 0, Message::Block(test.block_on(&best[0], payee, Amount::ZERO, Vec::new())));
    }
    let stale = test.block_on(&best[0], 10, Amount::ZERO, Vec::new());
    let chain = net.nodes[0].chain();
    assert_eq!(chain.block(&stale.hash()).expect("memory"), None);
    assert_eq!(net.ready(0), [id(9)], "an honest peer may be behind");
    let told = net.events[0].iter().filter(|event| matches!(event, Event::BlockOnSideBranch { .. }));
    assert_eq!(told.count(), 0);
    // A rival of the tip is kept, and so is what was left out below it as soon as it leads to more work.
    let rival = test.block_on(&best[1], 70, Amount::ZERO, Vec::new());
    net.say(9, 0, Message::Block(rival.clone()));
    assert!(net.nodes[0].chain().block(&rival.hash()).expect("memory").is_some());
    let above = test.blocks_on(&stale, 71, 2);
    net.say(9, 0, Message::Headers(above.iter().map(|block| *block.header()).collect()));
    for block in [&stale, &above[0], &above[1]] {
        net.say(9, 0, Message::Block(block.clone()));
    }
    assert_eq!(net.tips(), [above[1].hash()].into());
}

/// ATTACKS 34: without its parent a block is not stored at all, however many come.
#[test]
fn blocks_without_a_parent_are_never_stored() {
    let test = TestChain::new();
    let mut net = Net::new(vec![node(&test, 0, &[], QUIET)]);
    net.guest(&test, 9, 0);
    let hidden = test.blocks_on(&test.genesis, 1, 1);
    let orphans: Vec<_> =
        (10..60).map(|payee| test.block_on(&hidden[0], payee, Amount::ZERO, Vec::new())).collect();
    for orphan in &orphans {
        net.say(9, 0, Message::Block(orphan.clone()));
    }
    let chain = net.nodes[0].chain();
    assert!(orphans.iter().all(|orphan| chain.block(&orphan.hash()).expect("memory").is_none()));
    assert!(orphans.iter().all(|orphan| chain.entry(&orphan.hash()).is_none()));
    assert_eq!(net.ready(0), [id(9)]);
}

/// ATTACKS 37: a nonce that was seen is of no use to somebody else.
#[test]
fn a_peer_that_repeats_our_nonce_parts_itself_from_us_and_nobody_else() {
    let test = TestChain::new();
    let mut net = Net::line(&test, 2);
    net.stranger(9, 0);
    let ours = net.said_to(9).iter().find_map(|message| match message {
        Message::Hello(hello) => Some(hello.nonce),
        _ => None,
    });
    let nonce = ours.expect("we greet who comes");
    net.say(9, 0, Message::Hello(Box::new(Hello { nonce, ..harness::hello(&test, 9) })));
    assert_eq!(net.ready(0), [id(1)]);
    net.pass(60_000);
    assert_eq!((net.ready(0), net.ready(1)), (vec![id(1)], vec![id(0)]));
}
