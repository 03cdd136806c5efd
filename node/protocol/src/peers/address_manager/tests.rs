//! Addresses by bucket: what a flood, a captured table and an outage leave.

use super::*;
use crate::limits::REDIAL_MAX;

const NOW: Timestamp = Timestamp::from_millis(1_000_000_000);

/// An address in the group of this number.
fn address(group: u16, host: u16) -> PeerAddress {
    let [first, second] = (0x2000 + group).to_be_bytes();
    let [third, fourth] = host.to_be_bytes();
    PeerAddress::new((std::net::Ipv4Addr::new(first, second, third, fourth), 4000).into())
}

fn manager() -> (AddressManager, Random) {
    (AddressManager::new(AddressKey::new([7, 0])), Random::derive(1, 1))
}

/// No address is connected.
fn offline(_: &PeerAddress) -> bool {
    false
}

/// Two addresses that share a place in the tried table.
fn rivals(manager: &AddressManager) -> (PeerAddress, PeerAddress) {
    let old = address(1, 1);
    let mut others = (2..60_000u16).map(|host| address(1, host));
    let rival = others.find(|other| manager.tried_place(other) == manager.tried_place(&old));
    (old, rival.expect("some share a place"))
}

/// ATTACKS 27: one peer, or one group of peers, reaches a small part of the new table.
#[test]
fn one_source_fills_only_its_buckets() {
    let (mut manager, _) = manager();
    for number in 0..60_000u16 {
        manager.add(address(number % 500, number), Some(address(1, number % 7)));
    }
    let buckets: std::collections::BTreeSet<u64> = manager.new.keys().map(|place| place.bucket).collect();
    assert!(buckets.len() <= NEW_BUCKETS_PER_SOURCE as usize, "{}", buckets.len());
    assert!(manager.len() <= (NEW_BUCKETS_PER_SOURCE * BUCKET_SIZE) as usize);
    assert!(manager.add(address(900, 1), Some(address(2, 1))), "another source has room");
}

#[test]
fn addresses_of_one_group_fill_few_tried_buckets() {
    let (mut manager, _) = manager();
    (0..60_000u16).for_each(|host| manager.succeeded(NOW, address(1, host), offline));
    let buckets: std::collections::BTreeSet<u64> = manager.tried.keys().map(|place| place.bucket).collect();
    assert!(buckets.len() <= TRIED_BUCKETS_PER_GROUP as usize, "{}", buckets.len());
}

#[test]
fn an_address_is_picked_by_bucket_so_that_one_among_thousands_of_one_group_is_picked_often() {
    let (mut manager, mut random) = manager();
    (0..60_000u16).for_each(|host| manager.succeeded(NOW, address(1, host), offline));
    manager.succeeded(NOW, address(2, 1), offline);
    let picks =
        (0..1_000).filter(|_| manager.pick(NOW, |_| true, &mut random) == Some(address(2, 1))).count();
    let fair = 1_000 / (TRIED_BUCKETS_PER_GROUP as usize + 1);
    assert!(picks > fair / 2, "{picks} of 1,000");
}

#[test]
fn a_flood_of_addresses_leaves_those_where_a_node_was_connected() {
    let (mut manager, _) = manager();
    manager.succeeded(NOW, address(1, 1), offline);
    for number in 0..60_000u16 {
        manager.add(address(number % 2_000, number), Some(address(number % 300, 1)));
    }
    assert_eq!(manager.tried().collect::<Vec<_>>(), [&address(1, 1)]);
}

/// A reply that sends tried addresses first shows to which nodes this one is connected.
#[test]
fn a_reply_is_a_random_share_of_all_addresses() {
    let (mut manager, mut random) = manager();
    for number in 0..40_000u16 {
        manager.add(address(number % 2_000, number), Some(address(number % 300, 1)));
    }
    (0..500u16).for_each(|host| manager.succeeded(NOW, address(3_000 + host, 1), offline));
    let (all, tried) = (manager.len(), manager.tried().count());
    assert!(tried > MAX_PEERS_PER_MESSAGE && all > 20 * tried);
    let sample = manager.sample(&mut random);
    assert_eq!(sample.len(), MAX_PEERS_PER_MESSAGE);
    let shown = manager.tried().filter(|tried| sample.contains(tried)).count();
    assert!(shown < MAX_PEERS_PER_MESSAGE / 8, "{shown} tried ones");
}

#[test]
fn few_addresses_are_sent_whole_and_of_more_a_quarter() {
    let (mut manager, mut random) = manager();
    let mut groups = 0..;
    let mut sent = |known: usize| {
        while manager.len() < known {
            manager.add(address(groups.next().expect("without end"), 1), None);
        }
        manager.sample(&mut random).len()
    };
    assert_eq!([50, 64, 200, 400].map(&mut sent), [50, 64, 64, 100]);
}

#[test]
fn a_new_address_that_never_replies_is_forgotten_and_a_tried_one_is_kept() {
    let (mut manager, mut random) = manager();
    manager.add(address(1, 1), None);
    manager.succeeded(NOW, address(2, 2), offline);
    for minute in 0..100 {
        let now = NOW.saturating_add(FAILURE_INTERVAL * minute);
        [address(1, 1), address(2, 2)].iter().for_each(|one| manager.failed(now, one, true, &mut random));
    }
    assert_eq!(manager.saved().new, []);
    assert_eq!(manager.tried().collect::<Vec<_>>(), [&address(2, 2)]);
}

#[test]
fn while_this_node_is_offline_no_address_is_forgotten() {
    let (mut manager, mut random) = manager();
    manager.add(address(1, 1), None);
    (0..100).for_each(|_| manager.failed(NOW, &address(1, 1), false, &mut random));
    manager.failed(NOW, &address(1, 1), true, &mut random);
    assert_eq!(manager.len(), 1);
}

/// A node that restarts was once forgotten after three dials within a second.
#[test]
fn failures_within_a_minute_count_once_and_put_off_the_next_dial_each() {
    let (mut manager, mut random) = manager();
    manager.add(address(1, 1), None);
    for round in 0..MAX_NEW_FAILURES {
        let now = NOW.saturating_add(FAILURE_INTERVAL * round);
        assert_eq!(manager.len(), 1, "{round} failures count");
        (0..100).for_each(|_| manager.failed(now, &address(1, 1), true, &mut random));
        let wait = manager.next_due(|_| true).map(|due| due.since(now));
        assert!(wait.is_none_or(|wait| wait >= REDIAL_MAX / 2), "{wait:?}");
    }
    assert!(manager.is_empty());
}

#[test]
fn an_address_that_failed_waits_before_it_is_picked_again() {
    let (mut manager, mut random) = manager();
    manager.add(address(1, 1), None);
    manager.failed(NOW, &address(1, 1), true, &mut random);
    assert_eq!(manager.pick(NOW, |_| true, &mut random), None);
    let due = manager.next_due(|_| true).expect("it waits");
    assert_eq!(manager.pick(due, |_| true, &mut random), Some(address(1, 1)));
}

#[test]
fn addresses_that_cannot_be_dialed_are_not_kept() {
    let (mut manager, _) = manager();
    for text in ["0.0.0.0:4000", "127.0.0.1:0", "224.0.0.1:4000", "[::]:4000"] {
        let address = PeerAddress::new(text.parse().expect("a literal address"));
        assert!(!manager.add(address, None), "{text}");
    }
}

/// Heilman et al., countermeasure 2: test before evict.
#[test]
fn a_tried_address_loses_its_place_only_when_it_fails() {
    let (mut manager, mut random) = manager();
    let (old, rival) = rivals(&manager);
    manager.succeeded(NOW, old, offline);
    manager.add(rival, None);
    manager.succeeded(NOW, rival, offline);
    assert!(manager.collisions.is_empty(), "it was tried lately");
    let later = NOW.saturating_add(TRIED_RECENTLY);
    manager.succeeded(later, rival, offline);
    assert_eq!(manager.pick_for_test(later, |_| true, &mut random), Some(old));
    manager.succeeded(later, old, offline);
    assert_eq!(manager.tried().collect::<Vec<_>>(), [&old], "it replied");
    let later = later.saturating_add(TRIED_RECENTLY);
    manager.succeeded(later, rival, offline);
    manager.failed(later, &old, true, &mut random);
    assert_eq!(manager.tried().collect::<Vec<_>>(), [&rival]);
    assert_eq!(manager.len(), 2, "the other is a new one again");
}

/// The place of a connected address is never tested, and its dispute once took up one of few for ever.
#[test]
fn a_tried_address_that_is_connected_keeps_its_place_without_a_test() {
    let (mut manager, _) = manager();
    let (old, rival) = rivals(&manager);
    manager.succeeded(NOW, old, offline);
    let later = NOW.saturating_add(TRIED_RECENTLY);
    manager.succeeded(later, rival, |one| *one == old);
    assert!(manager.collisions.is_empty());
    assert_eq!(manager.tried().collect::<Vec<_>>(), [&old]);
}

#[test]
fn a_dispute_that_no_test_decides_expires() {
    let (mut manager, mut random) = manager();
    let (old, rival) = rivals(&manager);
    manager.succeeded(NOW, old, offline);
    let later = NOW.saturating_add(TRIED_RECENTLY);
    manager.succeeded(later, rival, offline);
    assert_eq!(manager.collisions.len(), 1);
    let expired = later.saturating_add(COLLISION_TIMEOUT);
    let mut other = manager.clone();
    other.failed(expired, &old, true, &mut random);
    assert_eq!(other.tried().collect::<Vec<_>>(), [&old]);
    manager.succeeded(expired, address(9, 9), offline);
    assert!(manager.collisions.is_empty());
}

#[test]
fn what_is_saved_is_restored() {
    let (mut manager, _) = manager();
    for number in 0..2_000u16 {
        manager.add(address(number % 100, number), Some(address(number % 30, 1)));
    }
    (0..300u16).for_each(|host| manager.succeeded(NOW, address(host % 40, host), offline));
    let saved = manager.saved();
    assert!(!saved.new.is_empty() && !saved.tried.is_empty());
    assert_eq!(AddressManager::restore(saved.clone()).saved(), saved);
}
