//! Floods: more requests, addresses and transactions than an honest peer would ever send.

use std::net::Ipv4Addr;

use cairn_core::hash::{BlockHash, Txid};
use cairn_core::transaction::{Output, Transaction};

use super::*;
use crate::limits::{
    BUCKET_SIZE, MAX_GET_BLOCKS, MAX_INVENTORY, MAX_ORPHANS_PER_PEER, MAX_SERVED_BYTES, NEW_BUCKETS,
    TRIED_BUCKETS,
};
use crate::message::Inventory;
use crate::peer::PeerAddress;
use crate::peers::address_key::AddressKey;
use crate::peers::address_manager::AddressManager;

fn hash(number: usize) -> [u8; 32] {
    let mut bytes = [9; 32];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    bytes
}

/// ATTACKS 22, CVE-2024-52920.
#[test]
fn a_request_for_many_unknown_ids_gets_one_reply() {
    let test = TestChain::new();
    let mut net = Net::new(vec![node(&test, 0, &[], QUIET)]);
    net.guest(&test, 9, 0);
    let said = net.said_to(9).len();
    let blocks: Vec<_> = (0..MAX_GET_BLOCKS).map(|number| BlockHash::from_bytes(hash(number))).collect();
    let txids: Vec<_> = (0..MAX_INVENTORY).map(|number| Txid::from_bytes(hash(number))).collect();
    net.say(9, 0, Message::GetBlocks(blocks.clone()));
    net.say(9, 0, Message::GetTransactions(txids.clone()));
    let missing = [
        Message::NotFound(blocks.into_iter().map(Inventory::Block).collect()),
        Message::NotFound(txids.into_iter().map(Inventory::Transaction).collect()),
    ];
    assert_eq!(net.said_to(9)[said..], missing.iter().collect::<Vec<_>>());
    assert_eq!(net.ready(0), [id(9)]);
}

/// ATTACKS 22: one small request for a large block, over and over.
#[test]
fn a_request_that_repeats_one_large_block_is_served_up_to_a_limit_of_bytes() {
    let test = TestChain::new();
    let mut net = Net::new(vec![node(&test, 0, &[], QUIET)]);
    let outputs = vec![Output { amount: Amount::from_units(1), ..pay(1, 4) }; 20_000];
    let large = test.spend(3, &[test.premine(3)], outputs);
    let block = test.block_on(&test.genesis, 1, Amount::ZERO, vec![large]);
    net.submit(0, Submission::Block(block.clone()));
    net.guest(&test, 9, 0);
    let said = net.said_to(9).len();
    net.say(9, 0, Message::GetBlocks(vec![block.hash(); MAX_GET_BLOCKS]));
    let replies = &net.said_to(9)[said..];
    let (last, blocks) = replies.split_last().expect("there are some");
    assert!(blocks.iter().all(|reply| **reply == Message::Block(block.clone())));
    assert!((1..=MAX_SERVED_BYTES / block.size() + 1).contains(&blocks.len()), "{}", blocks.len());
    let rest = vec![Inventory::Block(block.hash()); MAX_GET_BLOCKS - blocks.len()];
    assert_eq!(**last, Message::NotFound(rest));
}

/// ATTACKS 26, CVE-2024-52919: an address has no number that could run out, and each has one place in a table.
#[test]
fn no_number_of_addresses_takes_more_places_than_the_tables_have() {
    let address = |number: u32| {
        let host = Ipv4Addr::from(number.wrapping_mul(2_654_435_761));
        PeerAddress::new((host, 4000).into())
    };
    let (mut manager, places) =
        (AddressManager::new(AddressKey::new([7, 0])), (NEW_BUCKETS + TRIED_BUCKETS) * BUCKET_SIZE);
    for number in 0..200_000 {
        manager.add(address(number), Some(address(number / 7)));
        if number % 5 == 0 {
            manager.succeeded(Timestamp::from_millis(number.into()), address(number), |_| false);
        }
    }
    let (places, tried) = (usize::try_from(places).expect("few"), manager.tried().count());
    assert!(manager.len() <= places && manager.len() > places / 2, "{}", manager.len());
    assert!(tried <= usize::try_from(TRIED_BUCKETS * BUCKET_SIZE).expect("few") && tried > 1_000, "{tried}");
}

/// Transactions of as many inputs whose parents no node knows.
fn orphans(test: &TestChain, inputs: usize, count: usize) -> Vec<Arc<Transaction>> {
    let coin = |number| OutPoint { txid: Txid::from_bytes(hash(number)), index: 0 };
    let coins = |first: usize| (first..first + inputs).map(|number| (coin(number), pay(1, 1)));
    let orphans = (0..count).map(|number| coins(number * inputs).collect::<Vec<_>>());
    orphans.map(|coins| test.spend(1, &coins, vec![pay(1, 2)])).collect()
}

fn announcement(transactions: &[Arc<Transaction>]) -> Message {
    Message::AnnounceTransactions(transactions.iter().map(|transaction| transaction.txid()).collect())
}

/// ATTACKS 32, GHSA-m9xx: what was not announced, or beyond the limit of announcements, takes no place.
#[test]
fn transactions_that_are_pushed_take_no_place_beyond_those_that_may_be_announced() {
    let test = TestChain::new();
    let mut net = Net::new(vec![node(&test, 0, &[], QUIET)]);
    net.guest(&test, 9, 0);
    let pushed = orphans(&test, 2, 2 * MAX_ORPHANS_PER_PEER);
    net.say(9, 0, Message::Transactions(pushed.clone()));
    assert_eq!(net.nodes[0].relay().orphans.bytes(), 0);
    for list in (0..3_000).map(|number| Txid::from_bytes(hash(number))).collect::<Vec<_>>().chunks(1_000) {
        net.say(9, 0, Message::AnnounceTransactions(list.to_vec()));
    }
    net.say(9, 0, announcement(&pushed));
    net.say(9, 0, Message::Transactions(pushed));
    assert_eq!(net.nodes[0].relay().orphans.bytes(), 0, "it may announce no more");
    assert_eq!(net.ready(0), [id(9)]);
}

/// ATTACKS 32, GHSA-4fc2, GHSA-65jj: also in the middle of the checks.
#[test]
fn what_a_peer_sent_is_forgotten_when_it_leaves() {
    let test = TestChain::new();
    let mut net = Net::new(vec![node(&test, 0, &[], QUIET)]);
    net.guest(&test, 9, 0);
    let small = orphans(&test, 3, 10);
    net.say(9, 0, announcement(&small));
    net.say(9, 0, Message::Transactions(small));
    assert!(net.nodes[0].relay().orphans.bytes() > 0);
    let large = orphans(&test, 300, 5);
    net.say(9, 0, announcement(&large));
    let message = Message::Transactions(large);
    net.nodes[0].handle(net.now, Input::Received { peer: id(9), message }).expect("memory");
    assert!(net.nodes[0].relay().unchecked.bytes() > 0, "a step checks one of them");
    net.nodes[0].handle(net.now, Input::Disconnected { peer: id(9) }).expect("memory");
    let relay = net.nodes[0].relay();
    assert_eq!((relay.orphans.bytes(), relay.unchecked.bytes()), (0, 0));
    assert_eq!(relay.next_wake(), None, "nothing is waited for");
}
