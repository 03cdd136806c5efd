//! Words bring back all money: after so many payments, with addresses handed out far beyond.

use super::*;
use cairn_core::hash::GenesisHash;
use cairn_wallet::book::{GAP, SEARCH_GAP};
use cairn_wallet::keys::Branch;
use cairn_wallet::scan::Watched;

fn genesis() -> GenesisHash {
    cairn_genesis::Chain::builtin("regtest").expect("built in").params.genesis_hash
}

fn open(owner: &Owner) -> Session {
    Session::load(owner.files()).expect("readable")
}

fn coin_count(units: u64) -> Amount {
    Amount::from_units(units * Amount::COIN.units())
}

/// A wallet that was paid 1,000 coins and has made so many payments, five to a block.
fn spender(payments: usize) -> (World, Owner) {
    let mut world = World::new();
    let owner = Owner::new(genesis());
    let lock = KEYS.lock(Branch::Receive, 0);
    let stranger = Coins::of(&world.node.best_chain()).unspent;
    let (at, coin) =
        stranger.into_iter().find(|(_, coin)| coin.output.lock == accounts::lock(STRANGER)).expect("funded");
    let rest = coin.output.amount.checked_sub(coin_count(1_000)).expect("10,000");
    let outputs =
        vec![Output { amount: coin_count(1_000), lock }, Output { amount: rest, lock: accounts::lock(9) }];
    let tip = world.node.best_chain()[0].hash();
    world.node.mine_on(tip, vec![signed(at, &coin, outputs)], accounts::lock(9));
    for count in 1..=payments {
        pay(&mut world, &owner, coin_count(1), false);
        if count % 5 == 0 || count == payments {
            world.node.mine(true, accounts::lock(9));
        }
    }
    (world, owner)
}

/// Pays as `send` does, which looks on when more may lie beyond.
fn pay(world: &mut World, owner: &Owner, amount: Amount, is_all: bool) -> Amount {
    let mut session = open(owner);
    let view = follow::catch_up(&mut session, &world.node, Some(&KEYS)).expect("a look");
    let rate = FeeRate::per_kilobyte(Amount::from_units(1_000));
    let amount = (!is_all).then_some(amount);
    let wish = Wish { to: accounts::lock(8), amount, rate, fee_ceiling: Amount::COIN };
    let draft = release::draft(&session, &view, &wish).expect("there is enough");
    let paid = draft.amount;
    release::sign(&mut session, Some(&world.node), draft.agreed(), &KEYS).expect("accepted");
    paid
}

fn look(world: &World, owner: &Owner) -> (Balance, View) {
    let mut session = open(owner);
    let view = follow::catch_up(&mut session, &world.node, None).expect("a look");
    (Balance::of(&view, &session.locks(), &session.chain.params), view)
}

/// What `restore` does once the files are written.
fn restored(world: &World) -> Owner {
    let owner = Owner::new(genesis());
    let mut session = open(&owner);
    session.book.search = Search::Due;
    let view = follow::catch_up(&mut session, &world.node, Some(&KEYS)).expect("a search");
    let far = view.notices.iter().any(|notice| {
        matches!(notice, Notice::Searched { watched: Watched { receiving, change }, .. }
            if *receiving >= SEARCH_GAP && *change >= SEARCH_GAP)
    });
    assert!(far, "it says how far it looked on both branches: {:?}", view.notices);
    drop(session);
    owner
}

fn a_restored_wallet_equals_the_lost_one_after(payments: usize) {
    let (mut world, original) = spender(payments);
    // A receiving address far beyond those that were paid is paid, too.
    let far = 2 * GAP + 11;
    let mut session = open(&original);
    for _ in 0..far {
        if session.book.receive.next().is_none() {
            session.book.look_ahead(&KEYS);
        }
        session.book.receive.take().expect("it never runs dry");
    }
    session.save_book().expect("written");
    let lock = session.book.current();
    drop(session);
    world.node.mine(true, lock);
    (0..MATURITY).for_each(|_| world.node.mine(true, accounts::lock(9)));

    let copy = restored(&world);
    let ((lost, lost_view), (found, found_view)) = (look(&world, &original), look(&world, &copy));
    assert_eq!(found.spendable, lost.spendable, "after {payments} payments");
    assert!(found.spendable > coin_count(999_u64.saturating_sub(payments as u64)), "the far coin is there");
    assert_eq!(found_view.scan.history(), lost_view.scan.history());
    let paid = pay(&mut world, &copy, Amount::ZERO, true);
    assert!(paid < lost.spendable && lost.spendable.checked_sub(paid) < Some(Amount::COIN));
    world.node.mine(true, accounts::lock(9));
    assert_eq!(look(&world, &original).0.spendable, Amount::ZERO, "the original sees it");
}

#[test]
fn a_restored_wallet_equals_the_lost_one_after_0_payments() {
    a_restored_wallet_equals_the_lost_one_after(0);
}

#[test]
fn a_restored_wallet_equals_the_lost_one_after_1_payment() {
    a_restored_wallet_equals_the_lost_one_after(1);
}

#[test]
fn a_restored_wallet_equals_the_lost_one_after_199_payments() {
    a_restored_wallet_equals_the_lost_one_after(199);
}

#[test]
fn a_restored_wallet_equals_the_lost_one_after_200_payments() {
    a_restored_wallet_equals_the_lost_one_after(200);
}

#[test]
fn a_restored_wallet_equals_the_lost_one_after_201_payments() {
    a_restored_wallet_equals_the_lost_one_after(201);
}

#[test]
fn a_restored_wallet_equals_the_lost_one_after_1_000_payments() {
    a_restored_wallet_equals_the_lost_one_after(1_000);
}

/// With the keys closed a copy cannot derive what the other one used meanwhile; it says so, and once the
/// keys are open it has everything.
#[test]
fn a_second_copy_learns_of_the_addresses_that_the_first_one_used_meanwhile() {
    let (mut world, original) = spender(1);
    let copy = restored(&world);
    for count in 1..=450 {
        pay(&mut world, &original, Amount::COIN, false);
        if count % 5 == 0 {
            world.node.mine(true, accounts::lock(9));
        }
        if count % 150 == 0 {
            let (_, view) = look(&world, &copy);
            let told = view.notices.iter().any(|notice| matches!(notice, Notice::MoreMayLieBeyond(_)));
            assert!(told, "after {count} payments of the other copy");
        }
    }
    let mut session = open(&copy);
    let view = follow::catch_up(&mut session, &world.node, Some(&KEYS)).expect("a look");
    assert!(!view.notices.iter().any(|notice| matches!(notice, Notice::MoreMayLieBeyond(_))));
    drop(session);
    assert_eq!(look(&world, &copy).0.spendable, look(&world, &original).0.spendable);
    pay(&mut world, &copy, Amount::ZERO, true);
}
