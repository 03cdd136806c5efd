//! The spans of time that a fork tree shows: all of a short run; of a long one its ends and its forks.

use std::cmp::Reverse;
use std::ops::Range;

use cairn_simulator::report::BlockReport;

use crate::tree_layout::Branch;

/// A run of at most this many blocks is shown as a whole.
const ALL_BLOCKS: usize = 150;
/// Only this many stale branches are shown, the longest.
const MAX_BRANCHES: usize = 300;
/// Of a stale branch with more blocks than this, only its two ends are shown.
const LONG_BRANCH: usize = 16;
/// A stretch with fewer blocks than this is not worth shortening.
const SHORT_STRETCH: usize = 8;

/// Sorted spans in milliseconds, none of which touch. The first of the branches is the final chain.
pub fn shown_spans(
    blocks: &[BlockReport],
    branches: &[Branch],
    spacing_ms: u64,
    end_ms: u64,
) -> Vec<Range<u64>> {
    let end_ms = end_ms.max(1);
    if blocks.len() <= ALL_BLOCKS {
        return std::iter::once(0..end_ms).collect();
    }
    let margin = spacing_ms.max(1) * 2;
    let around = |from: u64, to: u64| from.saturating_sub(margin)..to.saturating_add(margin).min(end_ms);
    let mut spans = vec![around(0, 0), around(end_ms, end_ms)];
    let mut stale: Vec<&Branch> = branches.iter().skip(1).collect();
    stale.sort_by_key(|branch| (Reverse(branch.blocks.len()), branch.blocks.first().copied()));
    for branch in stale.into_iter().take(MAX_BRANCHES) {
        let (Some(first), Some(last)) = (branch.blocks.first(), branch.blocks.last()) else { continue };
        let begin = branch.parent.map_or(0, |parent| blocks[parent].at_ms);
        let (first, last) = (blocks[*first].at_ms, blocks[*last].at_ms);
        if branch.blocks.len() > LONG_BRANCH {
            spans.extend([around(begin, first), around(last, last)]);
        } else {
            spans.push(around(begin, last));
        }
    }
    let mut times: Vec<u64> = blocks.iter().map(|block| block.at_ms).collect();
    times.sort_unstable();
    let blocks_before = |time: u64| times.partition_point(|at| *at < time);
    join(spans, |end, begin| blocks_before(begin).saturating_sub(blocks_before(end)) < SHORT_STRETCH)
}

/// Sorts spans, and joins those that touch or that are close, given the end of one and the start of the next.
fn join(mut spans: Vec<Range<u64>>, is_close: impl Fn(u64, u64) -> bool) -> Vec<Range<u64>> {
    spans.sort_unstable_by_key(|span| (span.start, span.end));
    let mut joined: Vec<Range<u64>> = Vec::new();
    for span in spans {
        match joined.last_mut() {
            Some(last) if span.start <= last.end || is_close(last.end, span.start) => {
                last.end = span.end.max(last.end);
            }
            _ => joined.push(span),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fork_tree::final_chain_first;
    use crate::fork_tree::tests::block;

    #[test]
    fn of_a_long_run_every_fork_is_shown_and_straight_stretches_are_not() {
        let mut blocks: Vec<BlockReport> = (0..2_000)
            .map(|number: usize| block(number.checked_sub(1), number as u64 * 1_000, number as u32, true))
            .collect();
        for fork in [500_usize, 1_500] {
            blocks.push(block(Some(fork), fork as u64 * 1_000 + 1_500, fork as u32 + 1, false));
        }
        let branches = final_chain_first(&blocks);
        let shown = shown_spans(&blocks, &branches, 1_000, 2_000_000);
        assert_eq!(shown.len(), 4, "{shown:?}");
        for fork in [501_500, 1_501_500] {
            assert!(shown.iter().any(|span| span.contains(&fork)));
        }
        assert!(shown.iter().map(|span| span.end - span.start).sum::<u64>() < 40_000);
    }

    #[test]
    fn spans_that_touch_are_one() {
        let spans = vec![50..60, 0..10, 5..20, 24..30];
        assert_eq!(join(spans, |end, begin| begin - end < 5), [0..30, 50..60]);
    }
}
