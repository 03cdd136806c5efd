//! A clock that is behind the blocks that peers show.

use core::time::Duration;

use super::clock::{ClockBehind, behind};
use super::*;

/// A node at genesis whose guests are all other nodes, on a chain of this spacing and a minute's drift;
/// so many seconds after genesis.
fn among(test: &mut TestChain, clocks: usize, spacing: u64, now: u64) -> Net {
    (test.params.spacing, test.params.max_future_drift) =
        (Duration::from_secs(spacing), Duration::from_secs(60));
    let mut net = Net::new(vec![node(test, 0, &[], QUIET)]);
    net.now = test.params.genesis_time.saturating_add(Duration::from_secs(now));
    (7..6 + clocks).for_each(|guest| net.guest(test, guest, 0));
    net
}

fn told(net: &Net) -> Option<ClockBehind> {
    behind(net.now, net.nodes[0].chain(), net.nodes[0].sync())
}

/// HOSTILE: a node whose clock was three minutes slow stayed at genesis, with three peers, and said nothing.
/// And one node with a fast clock let all others be told to set theirs.
#[test]
fn a_clock_behind_most_clocks_is_told_and_one_that_half_of_them_agree_with_is_not() {
    for clocks in [2, 3, 5] {
        let mut test = TestChain::new();
        let mut net = among(&mut test, clocks, 3_600, 3_600 - 1_260);
        let block = test.block_on(&test.genesis, 1, Amount::ZERO, Vec::new());
        assert_eq!(told(&net), None);
        for ahead in 1..clocks {
            // As a block or as a header: either way it is seen and not accepted.
            let message = match ahead {
                1 => Message::Block(block.clone()),
                _ => Message::Headers(vec![*block.header()]),
            };
            net.say(6 + ahead, 0, message);
            assert_eq!(told(&net).is_some(), ahead * 2 > clocks, "{ahead} of {clocks} clocks are ahead");
        }
        let sentence = format!(
            "this node's clock is behind those of {} of {} peers, or theirs are ahead: block time is 1,260 s \
             ahead of this node's clock, at most 60 s are accepted: set the clock, or wait",
            clocks - 1,
            clocks - 1
        );
        let expected = (clocks > 2).then_some(sentence);
        assert_eq!(told(&net).map(|behind| behind.to_string()), expected);
        net.pass(1_200_001);
        assert_eq!(told(&net), None, "its time has come");
        assert_eq!(net.tips(), [block.hash()].into());
    }
}

#[test]
fn a_chain_that_goes_on_without_the_early_blocks_agrees_with_the_clock() {
    let mut test = TestChain::new();
    let mut net = among(&mut test, 3, 1, 0);
    let theirs = test.blocks_on(&test.genesis, 2, 100);
    let headers: Vec<Header> = theirs.iter().map(|block| *block.header()).collect();
    for guest in [7, 8] {
        net.say(guest, 0, Message::Headers(headers.clone()));
    }
    let ours = test.blocks_on(&test.genesis, 1, 6);
    net.submit_blocks(0, &ours[..5]);
    assert!(matches!(told(&net), Some(ClockBehind::Peers { peers: 2, of: 2, .. })));
    net.submit_blocks(0, &ours[5..]);
    assert_eq!(told(&net), None);
    for guest in [7, 8] {
        net.say(guest, 0, Message::Headers(headers.clone()));
    }
    assert!(told(&net).is_some(), "they are shown again");
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
    let Some(ClockBehind::OwnChain(ahead)) = behind(tip.saturating_sub(drift * 2), own.chain(), own.sync())
    else {
        panic!("too far behind");
    };
    assert_eq!(ahead.by(), drift * 2);
}
