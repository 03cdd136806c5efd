//! Presync: a branch of headers whose work is not known to be enough. It costs little to make such headers where
//! difficulty was low, so they are checked twice and kept once (CVE-2019-25220; Bitcoin Core's `HeadersSyncState`):
//! first only their work is summed up, and one bit of every few headers is kept; if the sum is enough, the peer is
//! asked again for the same headers, and those are accepted that agree with the bits.

use std::collections::VecDeque;

use cairn_core::check::header::{HeaderError, ParentContext, check_header_alone, check_header_on_parent};
use cairn_core::difficulty::Anchor;
use cairn_core::hash::BlockHash;
use cairn_core::header::Header;
use cairn_core::params::ChainParams;
use cairn_core::time::{Timestamp, median_time_past};
use cairn_core::work::Work;

use crate::chain::Chain;
use crate::chain::store::ChainStore;
use crate::chain::tree::BlockIndexEntry;
use crate::limits::{COMMITMENT_PERIOD, MAX_COMMITMENTS, MAX_HEADERS_PER_MESSAGE, REDOWNLOAD_BUFFER};
use crate::random::Random;

/// The headers of one peer that are examined.
#[derive(Clone, Debug)]
pub struct Presync {
    /// The last block of the branch that is known.
    start: Branch,
    /// The work that is enough.
    limit: Work,
    /// Secret of this examination: which headers give a bit, and which bit.
    salt: u64,
    commitments: VecDeque<bool>,
    phase: Phase,
}

#[derive(Clone, Debug)]
enum Phase {
    /// The work is summed up.
    Measuring(Branch),
    /// The headers are compared with the bits.
    Comparing { branch: Branch, held_back: VecDeque<Header> },
}

/// A branch up to its last header, as far as the rules for the next one need it.
#[derive(Clone, Debug)]
struct Branch {
    parent: ParentContext,
    work: Work,
    /// The times of the last headers, the latest last.
    times: VecDeque<Timestamp>,
}

/// The next step after a list of headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PresyncStep {
    /// Headers after this block are requested of the peer.
    Request { after: BlockHash },
    /// These headers are accepted, and those after them requested, unless the branch is complete.
    Accept { headers: Vec<Header>, request_after: Option<BlockHash> },
    /// The branch has too little work, or the peer has sent another one: it is forgotten.
    Forget,
}

impl Presync {
    /// Examines the headers that a peer sends after a known block.
    pub fn new<S: ChainStore>(chain: &Chain<S>, start: &BlockIndexEntry, random: &mut Random) -> Self {
        let start = Branch::new(chain, start);
        let (salt, limit) = (random.next_u64(), chain.low_work_limit());
        let phase = Phase::Measuring(start.clone());
        Self { start, limit, salt, commitments: VecDeque::new(), phase }
    }

    /// The block whose child comes next.
    pub fn expected_parent(&self) -> BlockHash {
        match &self.phase {
            Phase::Measuring(branch) | Phase::Comparing { branch, .. } => branch.parent.hash,
        }
    }

    /// Examines a list of headers, each of which is the child of the one before.
    ///
    /// # Errors
    /// The rule that a header breaks.
    pub fn received(
        &mut self,
        now: Timestamp,
        headers: &[Header],
        params: &ChainParams,
    ) -> Result<PresyncStep, HeaderError> {
        let is_full = headers.len() >= MAX_HEADERS_PER_MESSAGE;
        let expected = self.expected_parent();
        if headers.first().is_none_or(|first| first.previous_block_hash != expected) {
            return Ok(PresyncStep::Forget);
        }
        let Self { start, limit, salt, commitments, phase } = self;
        match phase {
            Phase::Measuring(branch) => {
                for header in headers {
                    branch.extend(now, header, params)?;
                    commitments.extend(branch.commitment(*salt));
                }
                if branch.work >= *limit {
                    let after = start.parent.hash;
                    self.phase = Phase::Comparing { branch: start.clone(), held_back: VecDeque::new() };
                    return Ok(PresyncStep::Request { after });
                }
                let goes_on = is_full && commitments.len() < MAX_COMMITMENTS;
                Ok(if goes_on {
                    PresyncStep::Request { after: branch.parent.hash }
                } else {
                    PresyncStep::Forget
                })
            }
            Phase::Comparing { branch, held_back } => {
                let mut is_enough = false;
                for header in headers {
                    branch.extend(now, header, params)?;
                    is_enough |= branch.work >= *limit;
                    let bit = branch.commitment(*salt);
                    // Headers beyond those that were measured have no bits, and need none.
                    if bit.is_some() && commitments.pop_front().is_some_and(|expected| Some(expected) != bit)
                    {
                        return Ok(PresyncStep::Forget);
                    }
                    held_back.push_back(*header);
                }
                let released = if is_enough {
                    held_back.len()
                } else {
                    held_back.len().saturating_sub(REDOWNLOAD_BUFFER)
                };
                let request_after = (is_full || !is_enough).then_some(branch.parent.hash);
                let headers = held_back.drain(..released).collect();
                Ok(PresyncStep::Accept { headers, request_after })
            }
        }
    }
}

impl Branch {
    fn new<S: ChainStore>(chain: &Chain<S>, entry: &BlockIndexEntry) -> Self {
        let parent = chain.tree().context(entry, chain.params());
        let lineage = core::iter::successors(Some(entry), |entry| chain.tree().parent(entry));
        let times = lineage.take(chain.params().median_time_span).map(|entry| entry.header.time);
        let mut times: VecDeque<Timestamp> = times.collect();
        times.make_contiguous().reverse();
        Self { parent, work: entry.work, times }
    }

    /// Adds a header that breaks no rule.
    fn extend(&mut self, now: Timestamp, header: &Header, params: &ChainParams) -> Result<(), HeaderError> {
        check_header_alone(header, params)?;
        check_header_on_parent(header, &self.parent, params, now)?;
        let own = header.bits.to_target()?.work();
        self.work = self.work.checked_add(own).unwrap_or(self.work);
        if self.times.len() >= params.median_time_span {
            self.times.pop_front();
        }
        self.times.push_back(header.time);
        let height = self.parent.height.next();
        let anchor = Anchor::after(self.parent.anchor.as_ref(), params, header, height, self.parent.time);
        let median_time_past = median_time_past(self.times.make_contiguous());
        self.parent =
            ParentContext { hash: header.hash(), height, time: header.time, median_time_past, anchor };
        Ok(())
    }

    /// The bit that is kept of the last header; none of most.
    fn commitment(&self, salt: u64) -> Option<bool> {
        let height = u64::from(self.parent.height.get());
        if !height.wrapping_add(salt).is_multiple_of(u64::from(COMMITMENT_PERIOD)) {
            return None;
        }
        // A generator that is seeded with secret and hash: without the secret no peer can choose the bit.
        let mut random = Random::derive(salt ^ self.parent.hash.prefix(), height);
        Some(random.next_u64() & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use cairn_core::amount::Amount;
    use cairn_core::block::Block;
    use cairn_core::signature::SerialVerifier;
    use cairn_core::testing::TestChain;
    use std::sync::Arc;

    use super::*;
    use crate::chain::memory_store::MemoryStore;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    /// A chain whose definition asks for the work of a number of blocks, each of two hashes.
    fn chain(test: &mut TestChain, blocks: u64) -> Chain<MemoryStore> {
        test.params.minimum_work = Work::from_hashes(blocks * 2);
        let verifier = Box::new(SerialVerifier);
        Chain::open(test.params.clone(), &test.genesis, MemoryStore::default(), verifier).expect("memory")
    }

    fn headers(blocks: &[Arc<Block>]) -> Vec<Header> {
        blocks.iter().map(|block| *block.header()).collect()
    }

    /// Sends a branch as a peer would that is asked for the headers after a block; returns those that were accepted.
    fn send(presync: &mut Presync, test: &TestChain, first: &[Header], second: &[Header]) -> Vec<Header> {
        let (mut from, mut branch, mut accepted) = (0, first, Vec::new());
        loop {
            let list = &branch[from..branch.len().min(from + MAX_HEADERS_PER_MESSAGE)];
            let after = match presync.received(NOW, list, &test.params).expect("valid") {
                PresyncStep::Request { after } if after == test.genesis.hash() => {
                    branch = second;
                    Some(after)
                }
                PresyncStep::Request { after } => Some(after),
                PresyncStep::Accept { headers, request_after } => {
                    accepted.extend(headers);
                    request_after
                }
                PresyncStep::Forget => None,
            };
            let Some(after) = after else { return accepted };
            from = branch.iter().position(|header| header.hash() == after).map_or(0, |index| index + 1);
        }
    }

    #[test]
    fn a_branch_with_enough_work_is_accepted_whole_and_one_with_less_not_at_all() {
        let mut test = TestChain::new();
        let chain = chain(&mut test, 5_000);
        let branch = headers(&test.blocks_on(&test.genesis, 1, 5_100));
        for (length, expected) in [(5_100, 5_100), (4_999, 0)] {
            let start = chain.entry(&test.genesis.hash()).expect("genesis");
            let mut presync = Presync::new(&chain, start, &mut Random::derive(1, 1));
            let branch = &branch[..length];
            assert_eq!(send(&mut presync, &test, branch, branch).len(), expected);
        }
    }

    /// A peer that measures with one branch and delivers another gets none of it accepted.
    #[test]
    fn a_branch_other_than_the_measured_one_is_not_accepted() {
        let mut test = TestChain::new();
        let chain = chain(&mut test, 5_000);
        let [first, second] = [1, 2].map(|payee| headers(&test.blocks_on(&test.genesis, payee, 5_100)));
        for seed in 0..20 {
            let start = chain.entry(&test.genesis.hash()).expect("genesis");
            let mut presync = Presync::new(&chain, start, &mut Random::derive(seed, 1));
            assert_eq!(send(&mut presync, &test, &first, &second), []);
        }
    }

    #[test]
    fn a_header_that_breaks_a_rule_ends_it() {
        let mut test = TestChain::new();
        let chain = chain(&mut test, 5_000);
        let start = chain.entry(&test.genesis.hash()).expect("genesis");
        let mut presync = Presync::new(&chain, start, &mut Random::derive(1, 1));
        test.params.spacing = core::time::Duration::from_millis(0);
        let late = test.block_on(&test.genesis, 1, Amount::ZERO, Vec::new());
        let error = presync.received(NOW, &[*late.header()], chain.params());
        assert!(matches!(error, Err(HeaderError::TimeTooOld { .. })), "{error:?}");
    }
}
