//! A clock that is behind the blocks that peers show.

use core::time::Duration;

use super::clock::behind;
use super::*;

/// HOSTILE: a node whose clock was three minutes slow stayed at genesis, with three peers, and said nothing.
#[test]
fn a_clock_behind_the_blocks_of_most_peers_is_told_and_one_peer_among_three_proves_nothing() {
    let mut test = TestChain::new();
    (test.params.spacing, test.params.max_future_drift) =
        (Duration::from_secs(3_600), Duration::from_secs(60));
    let mut net = Net::new(vec![node(&test, 0, &[], QUIET)]);
    let block = test.block_on(&test.genesis, 1, Amount::ZERO, Vec::new());
    net.now = block.header().time.saturating_sub(Duration::from_secs(1_260));
    (7..10).for_each(|guest| net.guest(&test, guest, 0));
    let told = |net: &Net| behind(net.now, net.nodes[0].chain(), net.nodes[0].sync());
    assert_eq!(told(&net), None);
    net.say(7, 0, Message::Headers(vec![*block.header()]));
    assert_eq!(told(&net), None, "one of three may date its blocks as it likes");
    net.say(8, 0, Message::Block(block.clone()));
    let sentence = told(&net).map(|ahead| ahead.to_string());
    let expected =
        "block time is 1,260 s ahead of this node's clock, at most 60 s are accepted: set the clock, or wait";
    assert_eq!(sentence.as_deref(), Some(expected));
    net.pass(1_200_001);
    assert_eq!(told(&net), None, "its time has come");
    assert_eq!(net.tips(), [block.hash()].into());
}

#[test]
fn a_clock_that_was_set_back_behind_the_own_chain_is_told_without_any_peer() {
    let test = TestChain::new();
    let mut net = Net::new(vec![node(&test, 0, &[], QUIET)]);
    let blocks = test.blocks_on(&test.genesis, 1, 3);
    net.submit_blocks(0, &blocks);
    let own = &net.nodes[0];
    let tip = blocks[2].header().time;
    let drift = test.params.max_future_drift;
    assert_eq!(behind(tip.saturating_sub(drift), own.chain(), own.sync()), None);
    let ahead = behind(tip.saturating_sub(drift * 2), own.chain(), own.sync()).expect("too far behind");
    assert_eq!(ahead.by(), drift * 2);
}
