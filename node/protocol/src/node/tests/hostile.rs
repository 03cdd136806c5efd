//! The hostile, and those in whose place they would like to see us punish somebody else.

use cairn_core::header::{Header, HeaderFields};
use cairn_core::transaction::Transaction;

use super::harness::headers_of;
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
    assert!(net.nodes[0].peers().addresses.is_empty());
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
    assert!(net.said_to(9).contains(&&Message::GetCompactBlock(block.hash())));
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
    let question = Message::GetCompactBlock(honest.hash());
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
    let question = Message::GetCompactBlock(honest.hash());
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
    net.say(9, 0, headers_of(&above));
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

/// ATTACKS 23, CVE-2024-52913: a hundred peers that announce a transaction first and never deliver it.
#[test]
fn no_number_of_silent_announcers_keeps_a_transaction_out() {
    let test = TestChain::new();
    for (connect, limit) in [(&[1usize][..], 2_000), (&[], 14_000)] {
        let other: &[usize] = if connect.is_empty() { &[0] } else { &[] };
        let mut net = Net::new(vec![node(&test, 0, connect, QUIET), node(&test, 1, other, QUIET)]);
        net.settle();
        let payment = test.spend(3, &[test.premine(3)], vec![pay(999, 4)]);
        for guest in 10..100 {
            net.guest(&test, guest, 0);
            net.say(guest, 0, Message::AnnounceTransactions(vec![payment.txid()]));
        }
        net.submit(1, Submission::Transaction { transaction: payment.clone(), max_fee_rate: None });
        net.pass(1_000);
        assert!(!net.nodes[0].mempool().contains(&payment.txid()));
        net.pass(limit - 1_000);
        assert!(net.nodes[0].mempool().contains(&payment.txid()));
    }
}

/// Counts the signatures that a node verifies.
struct CountingVerifier(Arc<core::sync::atomic::AtomicUsize>);

impl cairn_core::signature::Verifier for CountingVerifier {
    fn verify(&self, claims: &[cairn_core::signature::SignatureClaim]) -> Result<(), usize> {
        self.0.fetch_add(claims.len(), core::sync::atomic::Ordering::Relaxed);
        cairn_core::signature::SerialVerifier.verify(claims)
    }
}

/// ATTACKS 20, CVE-2024-52914: one parent once made a node verify the forged orphans of a hundred peers in one step.
#[test]
fn orphans_with_forged_signatures_cost_their_sender_one_check_and_no_step_many() {
    const SENDERS: usize = 40;
    let test = TestChain::new();
    let verified = Arc::new(core::sync::atomic::AtomicUsize::new(0));
    let verifier = Box::new(CountingVerifier(verified.clone()));
    let mut net = Net::new(vec![harness::node_with(&test, 0, &[], QUIET, verifier)]);
    let outputs = vec![cairn_core::transaction::Output { amount: Amount::COIN, ..pay(1, 3) }; 900];
    let parent = test.spend(3, &[test.premine(3)], outputs.clone());
    let inputs = |first: usize| {
        let indexes = (0..20).map(|nth| (first * 20 + nth) % outputs.len());
        let coin = |index: usize| OutPoint { txid: parent.txid(), index: index as u32 };
        indexes.map(|index| (coin(index), outputs[index].clone())).collect::<Vec<_>>()
    };
    for sender in 10..10 + SENDERS {
        net.guest(&test, sender, 0);
        let orphans: Vec<_> = (0..30)
            .map(|number| {
                let theirs = test.spend(3, &inputs(number), vec![pay(10, sender as u8)]);
                let forged = test.spend(9, &inputs(number), vec![pay(10, sender as u8)]);
                Arc::new(Transaction::new(theirs.body().clone(), forged.signatures().to_vec()))
            })
            .collect();
        net.say(
            sender,
            0,
            Message::AnnounceTransactions(orphans.iter().map(|orphan| orphan.txid()).collect()),
        );
        net.say(sender, 0, Message::Transactions(orphans));
    }
    assert_eq!(verified.load(core::sync::atomic::Ordering::Relaxed), 0, "the parent is missing");
    let submission = Submission::Transaction { transaction: parent, max_fee_rate: None };
    let input = Input::Submit { request: crate::input::RequestId(0), submission };
    let (mut before, mut most, mut input) = (0, 0, Some(input));
    while let Some(next) = input.take() {
        net.nodes[0].handle(net.now, next).expect("memory does not fail");
        let after = verified.load(core::sync::atomic::Ordering::Relaxed);
        most = most.max(after - before);
        before = after;
        input = net.nodes[0].next_wake().is_some_and(|due| due <= net.now).then_some(Input::Wake);
    }
    // Inputs of one owner share a signature.
    let of_a_step = crate::limits::CHECKED_INPUTS_PER_STEP.div_ceil(20);
    assert!(most <= 1 + of_a_step && of_a_step < SENDERS, "{most} signatures in one step");
    assert_eq!(before, 1 + SENDERS, "one transaction of each sender");
    assert!((10..10 + SENDERS).all(|sender| net.is_banned(0, sender)));
}

/// ATTACKS 34: the bodies of a few rivals of the tip are kept, of others the header, from any number of peers.
#[test]
fn unsolicited_rivals_of_the_tip_are_stored_up_to_a_limit_and_one_that_wins_is_fetched() {
    let test = TestChain::new();
    let mut net = Net::new(vec![node(&test, 0, &[], QUIET)]);
    net.submit_blocks(0, &test.blocks_on(&test.genesis, 1, 1));
    let rivals: Vec<_> =
        (10..40).map(|payee| test.block_on(&test.genesis, payee, Amount::ZERO, Vec::new())).collect();
    for (number, rival) in rivals.iter().enumerate() {
        let guest = 50 + number / 5;
        net.guest(&test, guest, 0);
        net.say(guest, 0, Message::Block(rival.clone()));
    }
    let chain = net.nodes[0].chain();
    let stored = rivals.iter().filter(|rival| chain.block(&rival.hash()).expect("memory").is_some()).count();
    assert_eq!(stored, crate::limits::MAX_RIVALS);
    assert!(rivals.iter().all(|rival| chain.entry(&rival.hash()).is_some()), "the headers are known");
    let last = rivals.last().expect("there are some");
    let winner = test.block_on(last, 60, Amount::ZERO, Vec::new());
    net.guest(&test, 60, 0);
    net.say(60, 0, Message::Headers(vec![*winner.header()]));
    net.say(60, 0, Message::Block(last.clone()));
    net.say(60, 0, Message::Block(winner.clone()));
    assert_eq!(net.tips(), [winner.hash()].into());
}

/// ATTACKS 16, CVE-2019-25220: headers of little work, which cost next to nothing, are not kept.
#[test]
fn branches_of_too_little_work_leave_nothing_in_memory_and_one_that_leads_to_more_is_followed() {
    let test = TestChain::new();
    let mut net = Net::new(vec![node(&test, 0, &[], QUIET), node(&test, 1, &[], QUIET)]);
    net.submit_blocks(0, &test.blocks_on(&test.genesis, 1, 2_200));
    let known = net.nodes[0].chain().tree().iter().count();
    let headers = |payee, count| headers_of(&test.blocks_on(&test.genesis, payee, count));
    for guest in 10..14 {
        net.guest(&test, guest, 0);
        net.say(guest, 0, headers(guest as u8, 2_000));
        net.say(guest, 0, headers(100 + guest as u8, 50));
    }
    assert_eq!(net.nodes[0].chain().tree().iter().count(), known);
    assert_eq!(net.ready(0).len(), 4, "an honest peer may be behind");
    net.submit_blocks(1, &test.blocks_on(&test.genesis, 2, 2_300));
    net.command(1, PeerCommand::AddNode(harness::address(0)));
    net.settle();
    assert_eq!(net.tips().len(), 1);
    assert_eq!(net.nodes[0].chain().tip().height.get(), 2_300);
}

/// A list whose last header claims more work than it has adds none of the others.
#[test]
fn headers_of_little_work_are_not_kept_because_the_last_one_claims_much() {
    let test = TestChain::new();
    let mut net = Net::new(vec![node(&test, 0, &[], QUIET)]);
    net.submit_blocks(0, &test.blocks_on(&test.genesis, 1, 200));
    let known = net.nodes[0].chain().tree().iter().count();
    net.guest(&test, 9, 0);
    let blocks = test.blocks_on(&test.genesis, 9, 30);
    let mut headers: Vec<Header> = blocks.iter().map(|block| *block.header()).collect();
    let bits = cairn_core::target::CompactTarget::from_bits(0x0300_ffff);
    let previous_block_hash = headers[28].hash();
    headers[29] = Header::from(HeaderFields { bits, previous_block_hash, ..*headers[29] });
    net.say(9, 0, Message::Headers(headers));
    assert_eq!(net.nodes[0].chain().tree().iter().count(), known);
    assert!(net.is_banned(0, 9));
}
