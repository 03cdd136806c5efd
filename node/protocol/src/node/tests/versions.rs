//! Other versions of the protocol: what they may say without a ban, and what is misbehavior all the same.

use super::*;
use crate::message::{PROTOCOL_VERSION, codec};

fn alone() -> (TestChain, Net) {
    let test = TestChain::new();
    let net = Net::new(vec![node(&test, 0, &[], QUIET)]);
    (test, net)
}

/// Gives the node a frame of a stranger's, as the edge does.
fn input(from: usize, frame: &[u8]) -> Input {
    match codec::decode(frame) {
        Ok(message) => Input::Received { peer: id(from), message },
        Err(error) => Input::Malformed { peer: id(from), error },
    }
}

/// A Hello of which only the first 36 bytes are in this version's layout.
fn foreign_hello(version: u32, genesis: GenesisHash) -> Vec<u8> {
    [&[0][..], &version.to_le_bytes(), genesis.as_bytes(), &[0xff; 300]].concat()
}

/// What a stranger with this Hello is told last, and whether it is banned.
fn answer(frame: &[u8]) -> (Message, bool) {
    let (_, mut net) = alone();
    net.stranger(9, 0);
    net.give(0, input(9, frame));
    assert!(net.ready(0).is_empty());
    ((*net.said_to(9).last().expect("we greet who comes")).clone(), net.is_banned(0, 9))
}

#[test]
fn a_hello_of_another_version_is_answered_with_ours_whatever_its_layout() {
    let ours = TestChain::new().params.genesis_hash;
    let other_version = Message::Goodbye(Goodbye::OtherVersion { ours: PROTOCOL_VERSION });
    for version in [0, 1, PROTOCOL_VERSION + 1, u32::MAX] {
        let longer = foreign_hello(version, ours);
        assert_eq!(answer(&longer), (other_version.clone(), false), "version {version}");
        assert_eq!(answer(&longer[..37]), (other_version.clone(), false), "version {version}, nothing more");
    }
}

#[test]
fn a_hello_of_another_chain_is_answered_with_ours_whatever_its_version_and_layout() {
    let ours = TestChain::new().params.genesis_hash;
    for version in [1, PROTOCOL_VERSION, PROTOCOL_VERSION + 1] {
        let hello = foreign_hello(version, GenesisHash::from_bytes([7; 32]));
        assert_eq!(answer(&hello), (Message::Goodbye(Goodbye::OtherChain { ours }), false));
    }
}

#[test]
fn a_hello_of_our_version_and_chain_with_more_bytes_or_fewer_is_banned() {
    let test = TestChain::new();
    let whole = codec::encode(&Message::Hello(Box::new(harness::hello(&test, 9))));
    let longer = [whole.as_slice(), &[0]].concat();
    for frame in [&longer[..], &whole[..whole.len() - 1], &whole[..20]] {
        assert_eq!(answer(frame), (Message::Goodbye(Goodbye::Misbehavior), true));
    }
}

/// It may send more before it has read our Hello and knows that it will not be understood.
#[test]
fn what_follows_a_hello_of_another_version_is_not_looked_at() {
    let (test, mut net) = alone();
    net.stranger(9, 0);
    let now = net.now;
    let readable = Hello { protocol_version: PROTOCOL_VERSION + 1, ..harness::hello(&test, 9) };
    let readable = codec::encode(&Message::Hello(Box::new(readable)));
    for frame in [&readable[..], &[99, 1, 2], &foreign_hello(1, test.params.genesis_hash), &[7, 7]] {
        net.nodes[0].handle(now, input(9, frame)).expect("memory does not fail");
    }
    assert!(!net.is_banned(0, 9));
}

#[test]
fn a_goodbye_with_a_reason_of_another_version_ends_the_connection_and_nothing_else() {
    let later = [&[1][..], &17u32.to_le_bytes(), b"too many of your kind"].concat();
    for greets in [false, true] {
        let (test, mut net) = alone();
        net.stranger(9, 0);
        if greets {
            net.say(9, 0, Message::Hello(Box::new(harness::hello(&test, 9))));
        }
        let told = net.said_to(9).len();
        net.give(0, input(9, &later));
        assert!(net.ready(0).is_empty() && !net.is_banned(0, 9), "after a Hello: {greets}");
        assert_eq!(net.said_to(9).len(), told, "and is not answered");
        let left = net.events[0].iter().any(|event| {
            matches!(
                event,
                Event::PeerRejected { reason: DisconnectReason::TheyLeft, .. }
                    | Event::PeerDisconnected { reason: DisconnectReason::TheyLeft, .. }
            )
        });
        assert!(left, "the operator is told");
    }
}

#[test]
fn a_kind_of_message_that_this_version_does_not_have_is_banned_before_a_hello_and_after() {
    assert!(answer(&[200, 1, 2, 3]).1);
    let (test, mut net) = alone();
    net.guest(&test, 9, 0);
    net.give(0, input(9, &[200]));
    assert!(net.is_banned(0, 9));
}

#[test]
fn services_of_later_programs_are_ignored() {
    let (test, mut net) = alone();
    net.stranger(9, 0);
    let hello = Hello { services: u64::MAX, ..harness::hello(&test, 9) };
    net.say(9, 0, Message::Hello(Box::new(hello)));
    assert_eq!(net.ready(0), [id(9)]);
}
