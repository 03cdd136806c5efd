//! Initial download: the time in which a new node only catches up: it announces nothing, mines nothing and checks
//! no transaction. It is left once and never entered again in this run, as in Bitcoin Core, so that headers without
//! bodies cannot mute a node (ATTACKS 16).
//!
//! Bitcoin Core knows by the work and the age of the tip that it has caught up. Here chains are young and blocks take
//! seconds, so the chains of the peers decide.

use cairn_core::time::Timestamp;

use crate::limits::{INITIAL_DOWNLOAD_GAP, INITIAL_DOWNLOAD_TIMEOUT};

/// The state of initial download.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InitialDownload {
    /// No peer was far ahead so far, and the chain has not grown in step with peers.
    NotBegun {
        /// When the chain first grew by a block that shows nothing, because an inbound peer sent it or there is none.
        grew: Option<Timestamp>,
    },
    /// A peer is far ahead.
    Running {
        /// When the last block of such a chain was connected, or when this state began.
        progress: Timestamp,
    },
    Over,
}

impl Default for InitialDownload {
    fn default() -> Self {
        Self::NotBegun { grew: None }
    }
}

impl InitialDownload {
    /// Follows the number of blocks by which the furthest peer is ahead; none if it is not known, because all
    /// that had the best header are gone. Returns whether initial download has just ended.
    pub fn follow(&mut self, now: Timestamp, ahead: Option<u32>) -> bool {
        let is_far = ahead.map(|blocks| blocks > INITIAL_DOWNLOAD_GAP);
        let next = match *self {
            // Nobody was far ahead since then: what comes later is no reason to fall silent.
            Self::NotBegun { grew: Some(grew) } if now >= Self::end(grew) => Self::Over,
            Self::NotBegun { .. } if is_far == Some(true) => Self::Running { progress: now },
            Self::Running { progress } if is_far == Some(false) || now >= Self::end(progress) => Self::Over,
            same => same,
        };
        let has_ended = self.is_running() && next == Self::Over;
        *self = next;
        has_ended
    }

    /// The best chain has grown: towards the chain of a peer that is far ahead, or while the node was in step with its
    /// peers and so has nothing to catch up with.
    pub fn grew(
        &mut self,
        now: Timestamp,
        leads_far: impl FnOnce() -> bool,
        is_in_step: impl FnOnce() -> bool,
    ) {
        *self = match *self {
            Self::NotBegun { .. } if is_in_step() => Self::Over,
            Self::NotBegun { grew } => Self::NotBegun { grew: grew.or(Some(now)) },
            Self::Running { .. } if leads_far() => Self::Running { progress: now },
            same => same,
        };
    }

    /// Whether the node only catches up.
    pub fn is_running(self) -> bool {
        matches!(self, Self::Running { .. })
    }

    /// The time at which it ends without another block.
    pub fn next_wake(self) -> Option<Timestamp> {
        if let Self::Running { progress } = self { Some(Self::end(progress)) } else { None }
    }

    fn end(progress: Timestamp) -> Timestamp {
        progress.saturating_add(INITIAL_DOWNLOAD_TIMEOUT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAR: Option<u32> = Some(INITIAL_DOWNLOAD_GAP + 1);

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    #[test]
    fn it_is_left_once_and_never_entered_again() {
        let mut state = InitialDownload::default();
        assert!(!state.follow(at(0), FAR) && state.is_running());
        state.grew(at(9), || true, || false);
        assert_eq!(state.next_wake(), Some(at(19)));
        state.grew(at(10), || false, || true);
        assert_eq!(state.next_wake(), Some(at(19)), "a block of another chain is no progress");
        assert!(!state.follow(at(18), FAR) && !state.follow(at(18), None) && state.is_running());
        assert!(state.follow(at(18), Some(INITIAL_DOWNLOAD_GAP)));
        assert!(!state.follow(at(19), FAR) && !state.is_running());
    }

    #[test]
    fn headers_alone_do_not_prolong_it() {
        let mut state = InitialDownload::default();
        state.follow(at(0), FAR);
        assert_eq!(state.next_wake(), Some(at(10)));
        assert!(!state.follow(at(9), FAR) && state.follow(at(10), FAR) && !state.is_running());
    }

    #[test]
    fn a_chain_that_grew_by_whatever_block_and_is_behind_nobody_never_begins_it() {
        let mut state = InitialDownload::default();
        state.grew(at(0), || false, || false);
        state.grew(at(9), || false, || false);
        let mut early = state;
        assert!(!early.follow(at(9), FAR) && early.is_running());
        assert!(!state.follow(at(10), FAR) && !state.is_running());
    }

    #[test]
    fn a_node_whose_chain_grows_in_step_with_its_peers_never_begins_it() {
        let mut state = InitialDownload::default();
        state.grew(at(0), || false, || true);
        state.follow(at(1), FAR);
        assert!(!state.is_running());
    }

    #[test]
    fn a_block_before_anything_is_known_of_peers_does_not_keep_a_node_from_it() {
        let mut state = InitialDownload::default();
        state.grew(at(0), || false, || false);
        state.follow(at(1), FAR);
        assert!(state.is_running());
    }
}
