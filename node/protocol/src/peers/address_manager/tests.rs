//! Addresses by bucket: what a flood, a captured table and an outage leave.

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_000_000_000);

/// An address in the group of this number.
fn address(group: u16, host: u16) -> PeerAddress {
    let [first, second] = (0x2000 + group).to_be_bytes();
    let [third, fourth] = host.to_be_bytes();
    PeerAddress::new((std::net::Ipv4Addr::new(first, second, third, fourth), 4000).into())
}

fn manager() -> (AddressManager, Random) {
    (AddressManager::new(7), Random::derive(1, 1))
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
    (0..60_000u16).for_each(|host| manager.succeeded(NOW, address(1, host)));
    let buckets: std::collections::BTreeSet<u64> = manager.tried.keys().map(|place| place.bucket).collect();
    assert!(buckets.len() <= TRIED_BUCKETS_PER_GROUP as usize, "{}", buckets.len());
}

#[test]
fn an_address_is_picked_by_bucket_so_that_one_among_thousands_of_one_group_is_picked_often() {
    let (mut manager, mut random) = manager();
    (0..60_000u16).for_each(|host| manager.succeeded(NOW, address(1, host)));
    manager.succeeded(NOW, address(2, 1));
    let picks =
        (0..1_000).filter(|_| manager.pick(NOW, |_| true, &mut random) == Some(address(2, 1))).count();
    let fair = 1_000 / (TRIED_BUCKETS_PER_GROUP as usize + 1);
    assert!(picks > fair / 2, "{picks} of 1,000");
}

#[test]
fn a_flood_of_addresses_leaves_those_where_a_node_was_connected() {
    let (mut manager, mut random) = manager();
    manager.succeeded(NOW, address(1, 1));
    for number in 0..60_000u16 {
        manager.add(address(number % 2_000, number), Some(address(number % 300, 1)));
    }
    assert!(manager.sample(1, &mut random).contains(&address(1, 1)), "and it is sent first");
}

#[test]
fn a_new_address_that_never_replies_is_forgotten_and_a_tried_one_is_kept() {
    let (mut manager, mut random) = manager();
    manager.add(address(1, 1), None);
    manager.succeeded(NOW, address(2, 2));
    for _ in 0..100 {
        [address(1, 1), address(2, 2)].iter().for_each(|one| manager.failed(NOW, one, true, &mut random));
    }
    assert_eq!(manager.saved().new, []);
    assert_eq!(manager.tried().collect::<Vec<_>>(), [&address(2, 2)]);
}

#[test]
fn while_this_node_is_offline_no_address_is_forgotten() {
    let (mut manager, mut random) = manager();
    manager.add(address(1, 1), None);
    (0..100).for_each(|_| manager.failed(NOW, &address(1, 1), false, &mut random));
    assert_eq!(manager.len(), 1);
    manager.failed(NOW, &address(1, 1), true, &mut random);
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
    let (old, rival) = (0..60_000u16)
        .flat_map(|host| [(address(1, 1), address(1, host))])
        .find(|(old, rival)| old != rival && manager.tried_place(old) == manager.tried_place(rival))
        .expect("some share a place");
    manager.succeeded(NOW, old);
    manager.add(rival, None);
    manager.succeeded(NOW, rival);
    assert!(manager.collisions.is_empty(), "it was tried lately");
    let later = NOW.saturating_add(TRIED_RECENTLY);
    manager.succeeded(later, rival);
    assert_eq!(manager.pick_for_test(later, |_| true, &mut random), Some(old));
    manager.succeeded(later, old);
    assert_eq!(manager.tried().collect::<Vec<_>>(), [&old], "it replied");
    let later = later.saturating_add(TRIED_RECENTLY);
    manager.succeeded(later, rival);
    manager.failed(later, &old, true, &mut random);
    assert_eq!(manager.tried().collect::<Vec<_>>(), [&rival]);
    assert_eq!(manager.len(), 2, "the other is a new one again");
}

#[test]
fn what_is_saved_is_restored() {
    let (mut manager, _) = manager();
    for number in 0..2_000u16 {
        manager.add(address(number % 100, number), Some(address(number % 30, 1)));
    }
    (0..300u16).for_each(|host| manager.succeeded(NOW, address(host % 40, host)));
    let saved = manager.saved();
    assert!(!saved.new.is_empty() && !saved.tried.is_empty());
    assert_eq!(AddressManager::restore(saved.clone()).saved(), saved);
}
