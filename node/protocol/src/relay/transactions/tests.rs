//! Relay of transactions, one promise at a time.

use core::time::Duration;

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_000_000);

fn peer(number: u8) -> PeerId {
    PeerId::from_bytes([number; 32])
}

fn txid(number: u32) -> Txid {
    let mut bytes = [7; 32];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    Txid::from_bytes(bytes)
}

fn relay(peers: u8) -> TransactionRelay {
    let mut relay = TransactionRelay::new(Random::derive(1, 1));
    (1..=peers)
        .for_each(|number| relay.connected(NOW, peer(number), Direction::Inbound, core::iter::empty()));
    relay
}

fn lacking(_: &Txid) -> bool {
    true
}

/// Who was asked for how many transactions.
fn asked(actions: &[Action]) -> Vec<(PeerId, usize)> {
    let asked = actions.iter().filter_map(|action| match action {
        Action::Send { peer, message: Message::GetTransactions(txids) } => Some((*peer, txids.len())),
        _ => None,
    });
    asked.collect()
}

#[test]
fn a_transaction_that_many_announce_is_asked_of_the_first_alone() {
    let (mut relay, mut actions) = (relay(3), Vec::new());
    (1..=3).for_each(|number| relay.announced(NOW, peer(number), &[txid(1)], lacking, &mut actions));
    assert_eq!(asked(&actions), [(peer(1), 1)]);
}

/// ATTACKS 23, CVE-2024-52913.
#[test]
fn when_the_first_announcer_is_silent_the_next_is_asked() {
    let (mut relay, mut actions) = (relay(2), Vec::new());
    relay.announced(NOW, peer(1), &[txid(1)], lacking, &mut actions);
    relay.announced(NOW, peer(2), &[txid(1)], lacking, &mut actions);
    actions.clear();
    let due = relay.next_wake().expect("a deadline");
    assert_eq!(due, NOW.saturating_add(TRANSACTION_TIMEOUT));
    relay.wake(due, lacking, &mut actions);
    assert_eq!(asked(&actions), [(peer(2), 1)]);
    assert!(relay.delivered(due, &peer(2), &txid(1)));
    relay.arrived(&txid(1));
    assert_eq!(relay.next_wake(), None);
}

/// ATTACKS 30.
#[test]
fn what_came_spoiled_is_asked_of_every_other_announcer_and_then_forgotten() {
    let (mut relay, mut actions) = (relay(3), Vec::new());
    (1..=3).for_each(|number| relay.announced(NOW, peer(number), &[txid(1)], lacking, &mut actions));
    relay.not_valid(NOW, peer(2), txid(1), &mut actions);
    assert_eq!(asked(&actions), [(peer(1), 1)], "it was not asked: the question to the first stands");
    assert!(!relay.delivered(NOW, &peer(2), &txid(1)));
    relay.not_valid(NOW, peer(1), txid(1), &mut actions);
    assert_eq!(asked(&actions), [(peer(1), 1), (peer(3), 1)]);
    relay.not_valid(NOW, peer(3), txid(1), &mut actions);
    assert_eq!((relay.requests.len(), relay.next_wake()), (0, None));
    assert!(relay.peers.values().all(|side| side.requests == 0));
}

#[test]
fn when_the_one_asked_leaves_or_has_it_not_the_next_is_asked_at_once() {
    let (mut relay, mut actions) = (relay(3), Vec::new());
    (1..=3).for_each(|number| relay.announced(NOW, peer(number), &[txid(1)], lacking, &mut actions));
    relay.disconnected(NOW, &peer(1), &mut actions);
    relay.not_found(NOW, peer(2), &[Inventory::Transaction(txid(1))], &mut actions);
    assert_eq!(asked(&actions), [(peer(1), 1), (peer(2), 1), (peer(3), 1)]);
}

/// ATTACKS 21: what one peer makes us remember is bounded, and takes nothing from another.
#[test]
fn a_flood_of_announcements_is_bounded_and_leaves_others_their_share() {
    let (mut relay, mut actions) = (relay(2), Vec::new());
    for number in 0..100_000 {
        relay.announced(NOW, peer(1), &[txid(number)], lacking, &mut actions);
    }
    assert_eq!(relay.requests.len(), MAX_REQUESTS_PER_PEER);
    relay.announced(NOW, peer(2), &[txid(1_000_000)], lacking, &mut actions);
    assert_eq!(relay.requests.len(), MAX_REQUESTS_PER_PEER + 1);
}

#[test]
fn room_taken_by_announcements_is_free_again_when_nobody_delivers() {
    let (mut relay, mut actions) = (relay(1), Vec::new());
    (0..10_000).for_each(|number| relay.announced(NOW, peer(1), &[txid(number)], lacking, &mut actions));
    relay.wake(NOW.saturating_add(TRANSACTION_TIMEOUT), lacking, &mut actions);
    assert_eq!(relay.requests.len(), 0);
    relay.announced(NOW, peer(1), &[txid(50_000)], lacking, &mut actions);
    assert_eq!(relay.requests.len(), 1);
}

#[test]
fn a_transaction_nobody_announced_is_not_looked_at() {
    let mut relay = relay(2);
    assert!(!relay.delivered(NOW, &peer(1), &txid(1)));
    relay.announced(NOW, peer(1), &[txid(1)], lacking, &mut Vec::new());
    assert!(!relay.delivered(NOW, &peer(2), &txid(1)), "nor one that another announced");
}

#[test]
fn a_transaction_is_not_announced_to_whom_we_have_it_from() {
    let (mut relay, mut actions) = (relay(2), Vec::new());
    relay.announced(NOW, peer(1), &[txid(1)], lacking, &mut Vec::new());
    relay.delivered(NOW, &peer(1), &txid(1));
    relay.announce(NOW, txid(1));
    relay.wake(NOW, lacking, &mut actions);
    let told: Vec<PeerId> = actions
        .iter()
        .map(|action| match action {
            Action::Send { peer, message: Message::AnnounceTransactions(_) } => *peer,
            other => panic!("unexpected {other:?}"),
        })
        .collect();
    assert_eq!(told, [peer(2)]);
}

/// How many transactions each announcement tells of.
fn announced(actions: &[Action]) -> Vec<usize> {
    let announced = actions.iter().map(|action| match action {
        Action::Send { message: Message::AnnounceTransactions(txids), .. } => txids.len(),
        other => panic!("unexpected {other:?}"),
    });
    announced.collect()
}

#[test]
fn the_first_announcement_leaves_at_once_and_the_next_wait_for_company() {
    let (mut relay, mut actions) = (relay(1), Vec::new());
    relay.announce(NOW, txid(1));
    assert_eq!(relay.next_wake(), Some(NOW));
    relay.wake(NOW, lacking, &mut actions);
    (2..10).for_each(|number| relay.announce(NOW, txid(number)));
    let due = relay.next_wake().expect("they wait");
    assert!(due > NOW && due.since(NOW) <= ANNOUNCE_BATCH * 2);
    relay.wake(due, lacking, &mut actions);
    assert_eq!(announced(&actions), [1, 8]);
}

#[test]
fn under_steady_load_a_peer_gets_one_announcement_in_an_interval_and_misses_nothing() {
    let (mut relay, mut actions) = (relay(1), Vec::new());
    let each = Duration::from_millis(100);
    for number in 0..1_000 {
        let now = NOW.saturating_add(each * number);
        relay.announce(now, txid(number));
        relay.wake(now, lacking, &mut actions);
    }
    let due = relay.next_wake().expect("the last of them wait");
    relay.wake(due, lacking, &mut actions);
    let sizes = announced(&actions);
    assert_eq!(sizes[..ANNOUNCE_BURST as usize], [1; ANNOUNCE_BURST as usize]);
    assert_eq!(sizes.iter().sum::<usize>(), 1_000);
    // 100 s of one every 2 s on average, and those that needed not wait.
    assert!((40..=70).contains(&sizes.len()), "{}", sizes.len());
}

/// What a peer passes over because it wants too much already would never be told to it again.
#[test]
fn of_many_at_once_no_more_are_announced_than_the_peer_can_want_and_none_is_lost() {
    let (mut sender, mut receiver) = (relay(1), relay(1));
    (0..6_000).for_each(|number| sender.announce(NOW, txid(number)));
    let mut got = std::collections::BTreeSet::new();
    while let Some(now) = sender.next_wake() {
        // On a slow link what was asked for comes after a second and a half.
        let asked_before = now.saturating_sub(Duration::from_millis(1_500));
        let is_here = |wanted: &Request| wanted.deadline <= asked_before.saturating_add(TRANSACTION_TIMEOUT);
        let here = receiver.requests.iter().filter(|(_, wanted)| is_here(wanted)).map(|(txid, _)| *txid);
        for txid in here.collect::<Vec<_>>() {
            receiver.arrived(&txid);
            got.insert(txid);
        }
        let (mut announced, mut asked) = (Vec::new(), Vec::new());
        sender.wake(now, lacking, &mut announced);
        for action in announced {
            let Action::Send { message: Message::AnnounceTransactions(txids), .. } = action else { panic!() };
            receiver.announced(now, peer(1), &txids, lacking, &mut asked);
        }
    }
    got.extend(receiver.requests.keys().copied());
    assert_eq!(got.len(), 6_000);
}

#[test]
fn what_left_the_mempool_unconfirmed_spreads_again_when_it_comes_again() {
    let (mut relay, mut actions) = (relay(1), Vec::new());
    relay.announce(NOW, txid(1));
    relay.wake(NOW, lacking, &mut actions);
    relay.removed(&txid(1));
    relay.announce(NOW, txid(1));
    let due = relay.next_wake().expect("it waits for its turn");
    relay.wake(due, lacking, &mut actions);
    assert_eq!(announced(&actions), [1, 1]);
}

#[test]
fn who_was_silent_for_long_may_say_a_few_things_at_once_again() {
    let (mut relay, mut actions) = (relay(1), Vec::new());
    let mut last = NOW;
    for number in 0..20 {
        relay.announce(last, txid(number));
        last = relay.next_wake().expect("it waits");
        relay.wake(last, lacking, &mut actions);
    }
    let later = last.saturating_add(ANNOUNCE_INTERVAL * 2 * ANNOUNCE_BURST);
    let mut now = later;
    for number in 100..100 + ANNOUNCE_BURST {
        relay.announce(now, txid(number));
        now = relay.next_wake().expect("it waits");
        relay.wake(now, lacking, &mut actions);
    }
    assert!(now.since(later) <= ANNOUNCE_BATCH * 2 * ANNOUNCE_BURST);
}

#[test]
fn what_a_peer_announced_before_its_turn_is_not_announced_to_it() {
    let (mut relay, mut actions) = (relay(2), Vec::new());
    relay.announce(NOW, txid(1));
    relay.announced(NOW, peer(1), &[txid(1)], |_| false, &mut actions);
    relay.wake(NOW, lacking, &mut actions);
    assert!(matches!(&actions[..], [Action::Send { peer: told, .. }] if *told == peer(2)), "{actions:?}");
    actions.clear();
    relay.announce_again(NOW, txid(1));
    let due = relay.next_wake().expect("it waits");
    relay.wake(due.max(NOW.saturating_add(ANNOUNCE_BATCH * 2)), lacking, &mut actions);
    assert_eq!(announced(&actions), [1, 1], "our own is told again to everybody");
}

#[test]
fn what_a_block_confirmed_is_not_asked_for_again_until_the_block_is_undone() {
    let (mut relay, mut actions) = (relay(2), Vec::new());
    relay.announced(NOW, peer(1), &[txid(1)], lacking, &mut Vec::new());
    relay.confirmed(&txid(1));
    assert_eq!((relay.requests.len(), relay.next_wake()), (0, None));
    relay.announced(NOW, peer(2), &[txid(1)], lacking, &mut actions);
    assert_eq!(asked(&actions), []);
    relay.unconfirmed(&txid(1));
    relay.announced(NOW, peer(2), &[txid(1)], lacking, &mut actions);
    assert_eq!(asked(&actions), [(peer(2), 1)]);
}

/// ATTACKS 22: ids we do not have are answered in one message, however many.
#[test]
fn a_thousand_unknown_ids_get_one_answer() {
    let (mut relay, mut actions) = (relay(1), Vec::new());
    let txids: Vec<Txid> = (0..1000).map(txid).collect();
    relay.requested(peer(1), &txids, |_| None, &mut actions);
    assert!(
        matches!(&actions[..], [Action::Send { message: Message::NotFound(missing), .. }] if missing.len() == 1000)
    );
}

/// Two peers that announce and disclaim one id in turns once doubled a count until it overflowed.
#[test]
fn peers_that_disclaim_what_they_announced_for_ever_are_asked_one_at_a_time() {
    let (mut relay, mut actions) = (relay(2), Vec::new());
    relay.announced(NOW, peer(2), &[txid(1)], lacking, &mut actions);
    for turn in 0..200u8 {
        actions.clear();
        let (next, asked_now) = (peer(1 + turn % 2), peer(2 - turn % 2));
        relay.announced(NOW, next, &[txid(1)], lacking, &mut actions);
        relay.not_found(NOW, asked_now, &[Inventory::Transaction(txid(1))], &mut actions);
        assert_eq!(asked(&actions), [(next, 1)]);
    }
    assert_eq!(relay.peers.values().map(|side| side.requests).sum::<usize>(), 1);
}

/// A peer with a round trip of 0.8 s that was late once is not cut off from relay for ever.
#[test]
fn a_slow_peer_that_let_a_request_pass_has_the_whole_time_if_no_other_announced_it() {
    let (mut relay, mut actions) = (relay(1), Vec::new());
    relay.announced(NOW, peer(1), &[txid(1)], lacking, &mut actions);
    let late = NOW.saturating_add(TRANSACTION_TIMEOUT);
    relay.wake(late, lacking, &mut actions);
    relay.announced(late, peer(1), &[txid(2)], lacking, &mut actions);
    let soon = late.saturating_add(STALLED_TRANSACTION_TIMEOUT);
    assert_eq!(relay.next_wake(), Some(soon));
    relay.wake(soon, lacking, &mut actions);
    assert!(relay.delivered(late.saturating_add(Duration::from_millis(800)), &peer(1), &txid(2)));
}

/// ATTACKS 21: queues of announcements once grew without a limit and were sorted for each one (May 2023).
#[test]
fn the_announcements_for_a_peer_are_limited_and_each_is_looked_at_once() {
    let (mut relay, mut actions) = (relay(2), Vec::new());
    (0..100_000).for_each(|number| relay.announce(NOW, txid(number)));
    assert!(relay.peers.values().all(|side| side.queue.len() == MAX_ANNOUNCE_QUEUE));
    let looked = core::cell::Cell::new(0_usize);
    while let Some(now) = relay.next_wake() {
        let is_unconfirmed = |_: &Txid| looked.replace(looked.get() + 1).is_multiple_of(2);
        relay.wake(now, is_unconfirmed, &mut actions);
    }
    assert_eq!(looked.get(), 2 * MAX_ANNOUNCE_QUEUE);
    let sizes = announced(&actions);
    assert!(sizes.iter().all(|size| *size <= MAX_INVENTORY));
    assert_eq!(sizes.iter().sum::<usize>(), MAX_ANNOUNCE_QUEUE, "those that a block confirmed are left out");
}

/// ATTACKS 32: a peer that is gone takes no place.
#[test]
fn the_requests_that_name_a_peer_that_left_are_forgotten() {
    let (mut relay, mut actions) = (relay(2), Vec::new());
    (0..3_000).for_each(|number| relay.announced(NOW, peer(1), &[txid(number)], lacking, &mut actions));
    relay.announced(NOW, peer(2), &[txid(0), txid(1)], lacking, &mut actions);
    relay.disconnected(NOW, &peer(1), &mut actions);
    assert_eq!(
        (relay.requests.len(), relay.deadlines.len()),
        (2, 2),
        "those that the other announced as well"
    );
    relay.disconnected(NOW, &peer(2), &mut actions);
    assert_eq!((relay.requests.len(), relay.deadlines.len(), relay.next_wake()), (0, 0, None));
}
