//! Replacement, packages, and a mempool that is full.

use super::policy::INCREMENTAL_FEE_RATE;
use super::*;

#[test]
fn a_conflict_names_the_other_and_what_replacing_it_costs() {
    let mut world = World::new();
    let first = world.spend(1, &[world.test.premine(1)], 1, 5_000);
    world.accept(&first).expect("the first");
    let rival = world.spend(1, &[world.test.premine(1)], 2, 5_000);
    let outpoint = rival.inputs()[0];
    let Err(MempoolError::Conflict { outpoint: found, by, fee, needed }) = world.accept(&rival) else {
        panic!("it should conflict")
    };
    assert_eq!((found, by, fee.units()), (outpoint, first.txid(), 5_000));
    let short = world.spend(1, &[world.test.premine(1)], 2, needed.units() - 1);
    assert!(matches!(world.accept(&short), Err(MempoolError::Conflict { .. })));
    let enough = world.spend(1, &[world.test.premine(1)], 2, needed.units());
    let admitted = world.accept(&enough).expect("it pays enough");
    assert_eq!(admitted.removed, [Removed { txid: first.txid(), reason: RemovalReason::Replaced }]);
    assert_eq!(world.pool.len(), 1);
}

/// ATTACKS 33: a large low-rate replacement pays for everything it displaces.
#[test]
fn a_replacement_pays_for_the_children_that_go_too() {
    let mut world = World::new();
    let parent = world.spend(1, &[world.test.premine(1)], 1, 1_000);
    let child = world.spend(1, &[of(&parent, 0)], 1, 50_000);
    world.accept(&parent).expect("parent");
    world.accept(&child).expect("child");
    let rival = world.spend(1, &[world.test.premine(1)], 2, 40_000);
    assert!(
        matches!(world.accept(&rival), Err(MempoolError::Conflict { needed, .. }) if needed.units() > 51_000)
    );
    let rival = world.spend(1, &[world.test.premine(1)], 2, 60_000);
    let mut removed = world.accept(&rival).expect("it pays for both").removed;
    removed.sort();
    let mut expected =
        [&parent, &child].map(|one| Removed { txid: one.txid(), reason: RemovalReason::Replaced });
    expected.sort();
    assert_eq!(removed, expected);
}

#[test]
fn a_replacement_may_not_spend_what_it_replaces() {
    let mut world = World::new();
    let first = world.spend(1, &[world.test.premine(1)], 1, 5_000);
    let split = world.spend(2, &[world.test.premine(2)], 2, 5_000);
    world.accept(&first).expect("first");
    world.accept(&split).expect("split");
    let own = world.spend(1, &[world.test.premine(1), of(&first, 0)], 1, 90_000);
    assert_eq!(world.accept(&own), Err(MempoolError::SpendsWhatItReplaces { txid: first.txid() }));
    let child = world.spend(2, &[of(&split, 0)], 1, 5_000);
    let stranger = world.spend(2, &[world.test.premine(2), of(&split, 1)], 1, 90_000);
    world.accept(&child).expect("child");
    assert!(matches!(world.accept(&stranger), Err(MempoolError::SpendsWhatItReplaces { .. })));
}

#[test]
fn a_replacement_that_adds_an_unconfirmed_input_is_refused() {
    let mut world = World::new();
    let split = world.spend(2, &[world.test.premine(2)], 2, 5_000);
    world.give(&world.block(&world.test.genesis, 9, &[&split]));
    let waiting = world.spend(2, &[of(&split, 0)], 1, 5_000);
    let replaced = world.spend(2, &[of(&split, 1)], 1, 5_000);
    world.accept(&waiting).expect("waiting");
    world.accept(&replaced).expect("replaced");
    let rival = world.spend(2, &[of(&split, 1), of(&waiting, 0)], 1, 90_000);
    let outpoint = of(&waiting, 0).0;
    assert_eq!(world.accept(&rival), Err(MempoolError::NewUnconfirmedInput { outpoint }));
}

#[test]
fn a_chain_of_waiting_transactions_ends_at_its_bound() {
    let mut world = World::new();
    let mut last = world.spend(1, &[world.test.premine(1)], 1, 5_000);
    world.accept(&last).expect("the first");
    for _ in 1..MAX_ANCESTORS {
        last = world.spend(1, &[of(&last, 0)], 1, 5_000);
        world.accept(&last).expect("within the bound");
    }
    let beyond = world.spend(1, &[of(&last, 0)], 1, 5_000);
    let count = MAX_ANCESTORS + 1;
    assert!(
        matches!(world.accept(&beyond), Err(MempoolError::TooManyAncestors { count: found, .. }) if found == count)
    );
}

#[test]
fn as_many_as_the_bound_may_depend_on_one_and_no_more() {
    let mut world = World::new();
    let root = world.spend(1, &[world.test.premine(1)], 30, 50_000);
    world.accept(&root).expect("root");
    for index in 1..crate::limits::MAX_DESCENDANTS as u32 {
        world.accept(&world.spend(1, &[of(&root, index)], 1, 5_000)).expect("within the bound");
    }
    let beyond = world.spend(1, &[of(&root, 25)], 1, 5_000);
    assert!(
        matches!(world.accept(&beyond), Err(MempoolError::TooManyDescendants { on, count: 26, .. }) if on == root.txid())
    );
    // One that takes the place of another adds none.
    let replacement = world.spend(1, &[of(&root, 1)], 1, 20_000);
    assert!(world.accept(&replacement).is_ok());
}

#[test]
fn a_full_mempool_lets_the_cheapest_go_and_asks_for_more_than_it_paid() {
    let (world, waiting) = full();
    assert!(!world.pool.contains(&waiting[0].txid()), "the first paid least");
    assert!(waiting[1..].iter().all(|transaction| world.pool.contains(&transaction.txid())));
    let asked = world.pool.min_fee_rate(NOW);
    let paid = FeeRate::of(Amount::from_units(10_000), waiting[0].size());
    assert_eq!(asked, paid.plus(INCREMENTAL_FEE_RATE));
    let half_life = world.test.params.spacing * FULL_FEE_HALF_LIFE_BLOCKS;
    assert_eq!(world.pool.min_fee_rate(NOW.saturating_add(half_life)), asked.halved(1));
    assert_eq!(world.pool.min_fee_rate(NOW.saturating_add(half_life * 64)), MIN_RELAY_FEE_RATE);
}

#[test]
fn a_full_mempool_changes_nothing_for_one_that_pays_less_than_all() {
    let (mut world, _) = full();
    let before: Vec<Txid> = world.pool.iter().map(|transaction| transaction.txid()).collect();
    world.pool.last_eviction = None;
    let cheap = world.spend(2, &[world.test.premine(2)], 1, 2_000);
    assert!(matches!(world.accept(&cheap), Err(MempoolError::Full { rate }) if rate > MIN_RELAY_FEE_RATE));
    assert_eq!(before, world.pool.iter().map(|transaction| transaction.txid()).collect::<Vec<_>>());
}

/// ATTACKS 33: whatever is replaced, and however often, every byte that was relayed is paid for.
#[test]
fn who_replaces_again_and_again_pays_for_every_byte_that_was_relayed() {
    let mut world = World::new();
    let (mut fee, mut relayed) = (1_000, 0);
    for turn in 0..200 {
        let outputs = 10 + turn % 2;
        let next = world.spend(1, &[world.test.premine(1)], outputs, fee);
        if let Err(error) = world.accept(&next) {
            let MempoolError::Conflict { needed, .. } = error else { panic!("{error}") };
            fee = needed.units();
            let next = world.spend(1, &[world.test.premine(1)], outputs, fee);
            world.accept(&next).expect("it pays what was asked");
        }
        relayed += next.size();
        if turn % 3 == 0 {
            let next = world.spend(1, &[world.test.premine(1)], outputs, fee);
            let child = world.spend(1, &[of(&next, 0)], 1, 1_000);
            world.accept(&child).expect("a child");
            relayed += child.size();
        }
    }
    let paid: u64 = world.pool.entries().iter().map(|entry| entry.fee.units()).sum();
    assert!(paid >= INCREMENTAL_FEE_RATE.fee_for(relayed).units(), "{paid} units for {relayed} bytes");
    assert!(world.pool.len() <= 2);
}

/// ATTACKS 33: a replacement makes no node remove more than a hundred.
#[test]
fn a_replacement_of_more_than_a_hundred_is_refused() {
    let mut world = World::new();
    let split = world.spend(1, &[world.test.premine(1)], 5, 5_000);
    world.give(&world.block(&world.test.genesis, 9, &[&split]));
    let coins: Vec<Funds> = (0..5).map(|index| of(&split, index)).collect();
    for coin in &coins {
        let root = world.spend(1, core::slice::from_ref(coin), 24, 50_000);
        world.accept(&root).expect("a root");
        for index in 0..24 {
            world.accept(&world.spend(1, &[of(&root, index)], 1, 5_000)).expect("a child");
        }
    }
    let rival = world.spend(1, &coins, 1, 50_000_000);
    assert_eq!(world.accept(&rival), Err(MempoolError::ReplacesTooMany { found: 125, allowed: 100 }));
    let rival = world.spend(1, &coins[..4], 1, 50_000_000);
    assert_eq!(world.accept(&rival).expect("a hundred").removed.len(), 100);
}
