//! The mempool follows the chain: blocks, reorganizations, time, and what fees they teach.

use super::*;

#[test]
fn a_block_takes_out_what_it_confirms_and_what_it_contradicts() {
    let mut world = World::new();
    let confirmed = world.spend(1, &[world.test.premine(1)], 1, 5_000);
    let heir = world.spend(1, &[of(&confirmed, 0)], 1, 5_000);
    let contradicted = world.spend(2, &[world.test.premine(2)], 1, 5_000);
    let orphaned = world.spend(2, &[of(&contradicted, 0)], 1, 5_000);
    for transaction in [&confirmed, &heir, &contradicted, &orphaned] {
        world.accept(transaction).expect("all are fine");
    }
    let other = world.spend(2, &[world.test.premine(2)], 2, 7_000);
    let followed = world.give(&world.block(&world.test.genesis, 9, &[&confirmed, &other]));
    let removed: BTreeSet<_> = followed.removed.into_iter().collect();
    let expected =
        [&contradicted, &orphaned].map(|gone| Removed { txid: gone.txid(), reason: RemovalReason::Conflict });
    assert_eq!(removed, expected.into());
    assert_eq!(world.pool.iter().map(|left| left.txid()).collect::<Vec<_>>(), [heir.txid()]);
    assert_eq!(world.pool.entry(&heir.txid()).expect("it waits").ancestors.count, 1);
}

#[test]
fn transactions_of_a_disconnected_block_wait_again_before_their_children() {
    let mut world = World::new();
    let parent = world.spend(1, &[world.test.premine(1)], 1, 5_000);
    let free = world.spend(3, &[world.test.premine(3)], 1, 0);
    world.give(&world.block(&world.test.genesis, 9, &[&parent, &free]));
    let child = world.spend(1, &[of(&parent, 0)], 1, 5_000);
    world.accept(&child).expect("child");
    let branch = world.test.blocks_on(&world.test.genesis, 8, 2);
    world.give(&branch[0]);
    let followed = world.give(&branch[1]);
    let returned: Vec<Txid> = followed.returned.iter().map(|admitted| admitted.txid).collect();
    assert_eq!(returned, [parent.txid(), free.txid()], "what a block held is not asked for a fee");
    assert_eq!(followed.removed, []);
    let waiting: Vec<Txid> = world.pool.iter().map(|waiting| waiting.txid()).collect();
    assert_eq!(waiting, [parent.txid(), free.txid(), child.txid()]);
}

/// ATTACKS 10: a reorganization that un-makes or un-matures a coinbase takes its spenders along.
#[test]
fn what_a_reorganization_leaves_without_ground_is_gone_with_its_descendants() {
    let mut world = World::new();
    let blocks = world.test.blocks_on(&world.test.genesis, 3, 10);
    blocks.iter().for_each(|block| {
        world.give(block);
    });
    let coinbase = blocks[0].coinbase();
    let funds = (OutPoint { txid: coinbase.txid(), index: 0 }, coinbase.outputs[0].clone());
    let spend = world.spend(3, &[funds], 1, 5_000);
    let child = world.spend(3, &[of(&spend, 0)], 1, 5_000);
    world.accept(&spend).expect("mature");
    world.accept(&child).expect("child");
    let branch = world.test.blocks_on(&world.test.genesis, 4, 11);
    let gone: Vec<_> = branch.iter().flat_map(|block| world.give(block).removed).collect();
    let expected =
        [&spend, &child].map(|gone| Removed { txid: gone.txid(), reason: RemovalReason::Reorganized });
    assert_eq!(gone, expected);
    assert!(world.pool.is_empty());
}

#[test]
fn who_waits_too_long_expires_with_its_children() {
    let mut world = World::new();
    let parent = world.spend(1, &[world.test.premine(1)], 1, 5_000);
    let child = world.spend(1, &[of(&parent, 0)], 1, 5_000);
    world.accept(&parent).expect("parent");
    world.accept(&child).expect("child");
    let due = world.pool.next_wake().expect("something waits");
    assert_eq!(due, NOW.saturating_add(MEMPOOL_EXPIRY));
    assert_eq!(world.pool.wake(due.saturating_sub(Duration::from_millis(1))), []);
    let expired: BTreeSet<Txid> = world.pool.wake(due).into_iter().map(|gone| gone.txid).collect();
    assert_eq!(expired, [parent.txid(), child.txid()].into());
    assert_eq!(world.pool.next_wake(), None);
}

#[test]
fn an_estimate_without_blocks_is_the_relay_fee_and_says_so() {
    let mut world = World::new();
    let estimate = world.pool.estimate(3, 1_000_000);
    assert_eq!(
        (estimate.rate, estimate.basis),
        (MIN_RELAY_FEE_RATE, fee_estimate::Basis::NotEnoughBlocks { seen: 0 })
    );
    for block in world.test.blocks_on(&world.test.genesis, 1, 6) {
        world.give(&block);
    }
    let estimate = world.pool.estimate(3, 1_000_000);
    assert_eq!(
        (estimate.rate, estimate.basis),
        (MIN_RELAY_FEE_RATE, fee_estimate::Basis::Blocks { seen: 6 })
    );
}

#[test]
fn an_estimate_outbids_what_fills_the_next_blocks() {
    let (world, waiting) = full();
    let size = waiting[0].size();
    let crowded = world.pool.estimate(1, 2 * size);
    let third_best = FeeRate::of(Amount::from_units(10_000 * (waiting.len() as u64 - 2)), size);
    assert_eq!(crowded.rate, third_best.plus(MIN_RELAY_FEE_RATE));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Random payments, blocks and reorganizations: sums and orders stay true (checked after every
    /// step), and what waits can always be mined.
    #[test]
    fn whatever_happens_the_mempool_fits_the_chain(
        steps in prop::collection::vec((0_u8..8, 0_u8..5, 0_usize..40, 1_u64..4, 1_000_u64..60_000), 1..60),
        small: bool,
    ) {
        let mut world = if small { World::with_room(9_000) } else { World::new() };
        let mut funds: Vec<(u8, Funds)> = (0..5).map(|owner| (owner, world.test.premine(owner))).collect();
        let mut tips = vec![world.test.genesis.clone()];
        for (what, owner, pick, outputs, fee) in steps {
            if what < 6 {
                let own: Vec<&(u8, Funds)> = funds.iter().filter(|(whose, _)| *whose == owner).collect();
                let (_, chosen) = own[pick % own.len()].clone();
                let payment = world.spend(owner, &[chosen], outputs, fee);
                if world.accept(&payment).is_ok() {
                    funds.extend((0..outputs as u32).map(|index| (owner, of(&payment, index))));
                }
            } else {
                // On the tip, or on any earlier block: a branch that may win later.
                let at = if what == 6 { tips.len() - 1 } else { pick % tips.len() };
                let on_tip = tips[at].hash() == world.chain.tip().hash();
                let template = crate::template::Template::new(NOW, &world.chain, &world.pool);
                let chosen: Vec<&Arc<Transaction>> =
                    if on_tip { template.transactions.iter().collect() } else { Vec::new() };
                let block = world.block(&tips[at].clone(), owner, &chosen);
                world.give(&block);
                tips.push(block);
            }
            let template = crate::template::Template::new(NOW, &world.chain, &world.pool);
            prop_assert_eq!(template.transactions.len(), world.pool.len(), "all that waits fits a block");
        }
        // The chain itself judges what waits.
        let template = crate::template::Template::new(NOW, &world.chain, &world.pool);
        let mut block = template.to_block(lock(1), Vec::new());
        block = Block::new(cairn_core::testing::mine(*block.header()), block.coinbase().clone(), block.transactions().to_vec());
        let verdict = world.chain.accept_block(NOW, Arc::new(block));
        prop_assert!(verdict.is_ok(), "{:?}", verdict.err());
    }
}
