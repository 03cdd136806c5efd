//! Single cases that were wrong once, with the node and the model of the random histories.

use cairn_core::amount::Amount;
use cairn_core::hash::GenesisHash;
use cairn_genesis::accounts;
use cairn_wallet::balance::Balance;
use cairn_wallet::book::{Book, KeySource, Search};
use cairn_wallet::follow;
use cairn_wallet::session::Session;
use cairn_wallet::view::Notice;

use crate::model::KEYS;
use crate::{Owner, World};

#[test]
fn change_that_waits_in_the_mempool_does_not_vanish_when_an_unreleased_payment_spends_it() {
    let mut world = World::new();
    world.send(0, 10, false);
    world.send(0, 10, true);
    world.check(0);
    let (session, view) = world.look(0);
    let balance = Balance::of(&view, &session.locks(), &session.chain.params);
    assert_eq!((balance.spendable, balance.pending_change), (Amount::ZERO, Amount::ZERO));
    assert!(balance.unreleased > Amount::ZERO, "the change of the first is reserved by the second");
}

/// Two sides of a partition at genesis: what was paid on one side is not paid again on the other.
#[test]
fn a_branch_that_was_there_before_a_payment_is_no_chain_that_was_started_anew() {
    let mut world = World::new();
    let empty = world.node.empty_chain();
    world.node.mine(false, accounts::lock(9));
    let first_side = world.node.swap_chain(empty);
    world.node.mine(false, accounts::lock(9));
    let second_side = world.node.swap_chain(first_side);
    world.send(0, 10, false);
    for chain in [world.node.empty_chain(), second_side] {
        drop(world.node.swap_chain(chain));
        let mut session = Session::load(world.owners[0].files()).expect("readable");
        let view = follow::catch_up(&mut session, &world.node, None).expect("a look");
        assert_eq!(view.notices, [Notice::ChainUnknownToNode]);
        let balance = Balance::of(&view, &session.locks(), &session.chain.params);
        assert_eq!(balance.spendable, Amount::ZERO, "the coin that was paid stays reserved");
        assert!(balance.not_in_mempool > Amount::ZERO);
    }
}

#[test]
fn a_machine_without_a_network_signs_on_when_more_addresses_were_derived_than_were_looked_for() {
    let mut world = World::new();
    world.node.mine(false, accounts::lock(9));
    let (mut session, _) = world.look(0);
    let looked_for = session.book.watched();
    session.book.derive_short_of(&KEYS, looked_for.change + 1);
    assert_ne!(session.book.watched(), looked_for);
    let view = follow::offline(&mut session).expect("what was read is kept");
    assert!(Balance::of(&view, &session.locks(), &session.chain.params).spendable > Amount::ZERO);
    std::fs::remove_file(session.files.scan()).expect("it is there");
    assert!(follow::offline(&mut session).is_err(), "what was read is gone");
}

/// For root every directory can be written.
#[test]
fn a_wallet_in_a_directory_that_cannot_be_written_is_read_all_the_same() {
    use std::os::unix::fs::PermissionsExt;
    let mut world = World::new();
    world.node.mine(false, accounts::lock(9));
    let directory = world.owners[0].directory.path().to_owned();
    let set_mode = |mode| std::fs::set_permissions(&directory, std::fs::Permissions::from_mode(mode));
    set_mode(0o500).expect("it is ours");
    let is_root = std::fs::write(directory.join("probe"), "").is_ok();
    let (session, view) = world.look(0);
    assert!(Balance::of(&view, &session.locks(), &session.chain.params).spendable > Amount::ZERO);
    assert_eq!(session.save_book().is_ok(), is_root, "a command that must write does not go on");
    set_mode(0o700).expect("it is ours");
}

#[test]
fn a_published_account_of_another_genesis_is_told_how_it_is_made_for_this_one() {
    let owner = Owner::new(GenesisHash::ZERO);
    let said = |keys| {
        let book = Book::new("regtest", GenesisHash::ZERO, keys, &KEYS, Search::Done);
        book.save(&owner.files()).expect("written");
        Session::load(owner.files()).err().expect("another genesis").to_string()
    };
    assert!(said(KeySource::Published(3)).contains("`restore --devnet 3` under another name"));
    assert!(said(KeySource::Encrypted).contains("from its words"));
}
