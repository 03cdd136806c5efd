//! Who is behind: nodes that have stood on a tip with less work for longer than a block takes to travel.

use crate::top::tree::Block;

/// Intervals between blocks after which a node that has less work is behind,
const INTERVALS: u64 = 3;
/// and the least that is waited: the page waits as long.
const LEAST_MS: u64 = 3_000;

/// When a node is behind: how much work others have, and what is known of blocks.
#[derive(Clone, Copy, Debug)]
pub struct Behind<'v> {
    /// The most work that a running node has, in hex digits.
    pub most: &'v str,
    /// The latest blocks.
    pub blocks: &'v [Block],
    /// Now.
    pub now_ms: u64,
    /// The wanted time between blocks.
    pub spacing_ms: u64,
}

impl Behind<'_> {
    /// Whether a node with so much work has had less than others for long: since the first block came that
    /// stands on more.
    pub fn is(&self, work: &str) -> bool {
        let above = self.blocks.iter().filter(|block| amount(&block.work) > amount(work));
        let since_ms = above.map(|block| block.at_ms).min();
        let patience_ms = INTERVALS.saturating_mul(self.spacing_ms).max(LEAST_MS);
        amount(work) < amount(self.most)
            && since_ms.is_some_and(|since_ms| self.now_ms.saturating_sub(since_ms) > patience_ms)
    }
}

/// The most of these.
pub fn most<'w>(works: impl Iterator<Item = &'w str>) -> &'w str {
    works.max_by_key(|work| amount(work)).unwrap_or_default()
}

/// Work in hex digits, so that it can be compared: more digits are more.
fn amount(digits: &str) -> (usize, &str) {
    let digits = digits.trim_start_matches('0');
    (digits.len(), digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_less_work_is_behind_three_intervals_after_the_first_block_with_more() {
        let block = |work: &str, at_ms| Block { work: work.into(), at_ms, ..Block::default() };
        let blocks = [block("0a", 1_000), block("ff", 2_000), block("0100", 5_000), block("0101", 7_999)];
        let behind = |now_ms, work: &str| {
            Behind {
                most: most(["0a", "0101", "ff"].into_iter()),
                blocks: &blocks,
                now_ms,
                spacing_ms: 2_000,
            }
            .is(work)
        };
        assert!(!behind(11_000, "ff") && behind(11_001, "00ff"));
        assert!(behind(8_001, "0a"), "a block with more came a second after its own");
        assert!(!behind(90_000, "0101"), "nobody has more");
        assert!(!behind(13_999, "0100") && behind(14_000, "0100"));
        let alone = Behind { most: "0a", blocks: &blocks, now_ms: 90_000, spacing_ms: 2_000 };
        assert!(!alone.is("0a"), "whoever had more is gone");
    }
}
