//! Selfish mining: a pool keeps its blocks back and shows them when others find one.
//! Eyal and Sirer, "Majority is not enough: Bitcoin mining is vulnerable" (2014), algorithm 1.

use std::collections::VecDeque;
use std::sync::Arc;

use cairn_core::block::Block;
use cairn_core::hash::BlockHash;
use cairn_protocol::message::Message;

/// A pool's secret, and how far the public is.
#[derive(Clone, Debug, Default)]
pub struct Selfish {
    /// Blocks that no other node has, lowest first.
    withheld: VecDeque<Arc<Block>>,
    /// The highest of its own branch, secret or not.
    own_height: u32,
    /// The height of the highest public block.
    public_height: u32,
    /// Whether its branch and another of the same height are both public.
    is_racing: bool,
}

/// What it shows now.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    pub blocks: Vec<Arc<Block>>,
    /// Whether it is a race: another branch of the same height is about.
    pub is_race: bool,
}

impl Selfish {
    /// The pool found a block on its own branch.
    pub fn found(&mut self, block: Arc<Block>, height: u32) -> Shown {
        self.withheld.push_back(block);
        self.own_height = height;
        // The race is won: who saw the other branch first follows now, too.
        if core::mem::take(&mut self.is_racing) { self.show_all() } else { Shown::default() }
    }

    /// The pool received another miner's block.
    pub fn received(&mut self, height: u32) -> Shown {
        if height <= self.public_height {
            return Shown::default();
        }
        let lead = self.own_height.saturating_sub(self.public_height);
        self.public_height = height;
        match lead {
            0 => {
                // Nothing to lose: it mines on what the others found.
                self.own_height = self.own_height.max(height);
                self.withheld.clear();
                self.is_racing = false;
                Shown::default()
            }
            1 => {
                self.is_racing = true;
                Shown { is_race: true, ..self.show_all() }
            }
            2 => self.show_all(),
            _ => self.show_up_to(height),
        }
    }

    /// The end: everything is shown.
    pub fn show_all(&mut self) -> Shown {
        self.public_height = self.public_height.max(self.own_height);
        Shown { blocks: self.withheld.drain(..).collect(), is_race: false }
    }

    fn show_up_to(&mut self, height: u32) -> Shown {
        let secret = u32::try_from(self.withheld.len()).unwrap_or(u32::MAX);
        let lowest = self.own_height.saturating_sub(secret).saturating_add(1);
        let count = height.saturating_add(1).saturating_sub(lowest).min(secret);
        Shown { blocks: self.withheld.drain(..count as usize).collect(), is_race: false }
    }

    /// What really leaves of a message: nothing of what is secret.
    pub fn outgoing(&self, message: Message) -> Option<Message> {
        match message {
            Message::Block(block) if self.hides(&block.hash()) => None,
            Message::CompactBlock(compact) if self.hides(&compact.header.hash()) => None,
            Message::Headers(mut headers) => {
                let public = headers.iter().position(|header| self.hides(&header.hash()));
                headers.truncate(public.unwrap_or(headers.len()));
                (public != Some(0)).then_some(Message::Headers(headers))
            }
            Message::Hello(mut hello) => {
                if let Some(lowest) = self.withheld.front().filter(|_| self.hides(&hello.tip)) {
                    hello.tip = lowest.header().previous_block_hash;
                }
                Some(Message::Hello(hello))
            }
            other => Some(other),
        }
    }

    fn hides(&self, hash: &BlockHash) -> bool {
        self.withheld.iter().any(|block| block.hash() == *hash)
    }
}

#[cfg(test)]
mod tests {
    use cairn_core::testing::TestChain;

    use super::*;

    fn block() -> Arc<Block> {
        TestChain::new().genesis
    }

    #[test]
    fn a_lead_of_one_ends_in_a_race_and_winning_it_shows_the_next_block_at_once() {
        let mut pool = Selfish::default();
        assert!(pool.found(block(), 1).blocks.is_empty());
        assert_eq!(pool.received(1).blocks.len(), 1);
        assert_eq!(pool.found(block(), 2).blocks.len(), 1);
        assert!(pool.found(block(), 3).blocks.is_empty(), "a new secret begins");
    }

    #[test]
    fn a_race_that_others_win_leaves_nothing_secret() {
        let mut pool = Selfish::default();
        pool.found(block(), 1);
        pool.received(1);
        assert!(pool.received(2).blocks.is_empty());
        assert!(pool.found(block(), 3).blocks.is_empty());
    }

    #[test]
    fn a_lead_of_two_is_cashed_when_others_come_near() {
        let mut pool = Selfish::default();
        pool.found(block(), 1);
        pool.found(block(), 2);
        assert_eq!(pool.received(1).blocks.len(), 2);
        assert!(pool.received(1).blocks.is_empty(), "the same height again is no news");
    }

    #[test]
    fn a_long_lead_shows_one_block_for_each_of_the_others() {
        let mut pool = Selfish::default();
        (1..=4).for_each(|height| assert!(pool.found(block(), height).blocks.is_empty()));
        assert_eq!(pool.received(1).blocks.len(), 1);
        assert_eq!(pool.received(2).blocks.len(), 1);
        assert_eq!(pool.received(3).blocks.len(), 2, "one ahead of them only: all is shown");
    }
}
