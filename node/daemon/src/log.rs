//! The log: its output and filter, and the line for each event of the node.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, ErrorKind, Write};
use std::mem::{Discriminant, discriminant};
use std::os::fd::AsFd;

use cairn_core::text::harmless;
use cairn_core::time::Timestamp;
use cairn_protocol::event::{DisconnectReason, Event};
use cairn_protocol::message::Goodbye;
use cairn_protocol::node::clock::ClockBehind;
use cairn_protocol::peer::PeerAddress;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tracing_subscriber::EnvFilter;

pub mod rate_limit;

use rate_limit::{Permit, RateLimit};

/// Limit of a text of a peer in one line, in characters.
const FOREIGN_TEXT: usize = 256;

/// Why nothing can be logged.
#[derive(Debug, thiserror::Error)]
#[error("{found:?} is not a log filter ({source}); examples: info, warn, info,cairn_daemon::p2p=debug")]
pub struct LogError {
    found: String,
    source: tracing_subscriber::filter::ParseError,
}

/// Logs to standard error from now on. A second call in one process changes nothing.
pub fn start(filter: &str, as_json: bool) -> Result<(), LogError> {
    let parsed = EnvFilter::builder().parse(filter);
    let parsed = parsed.map_err(|source| LogError { found: filter.to_owned(), source })?;
    // Libraries log only warnings and errors, unless the filter names them.
    let quiet = ["libp2p", "libp2p_swarm", "libp2p_tcp", "yamux", "sled", "hyper"];
    let parsed = quiet.iter().filter(|name| !filter.contains(**name)).fold(parsed, |all, name| {
        all.add_directive(format!("{name}=warn").parse().expect("a name and a level are a directive"))
    });
    let builder = tracing_subscriber::fmt().with_env_filter(parsed).with_writer(|| NonBlocking);
    // A line that cannot be written is lost. To say so, the subscriber would write to standard error as well,
    // which panics, and with it the thread that wanted to log.
    let builder = builder.with_target(false).log_internal_errors(false);
    // Only a second subscriber in one process can fail here; then the first one counts.
    let _ = if as_json { builder.json().try_init() } else { builder.with_ansi(false).try_init() };
    Ok(())
}

/// Standard error without waiting for its reader: a pipe that is full takes no more of a line, and the line is lost.
/// The driver logs too, and must not stop because a terminal is held or a program reads no further.
struct NonBlocking;

/// Bytes that a pipe takes at once where it takes any (pipe(7): POSIX's PIPE_BUF, on Linux 4,096).
const PIPE_BUF: usize = 4096;

impl Write for NonBlocking {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut out = io::stderr().lock();
        let is_ready = poll(&mut [PollFd::new(out.as_fd(), PollFlags::POLLOUT)], PollTimeout::ZERO)? > 0;
        if is_ready {
            out.write(&bytes[..bytes.len().min(PIPE_BUF)])
        } else {
            Err(ErrorKind::WouldBlock.into())
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Logs events for the operator, with a rate limit for each kind.
#[derive(Debug, Default)]
pub struct EventLog {
    events: HashMap<Discriminant<Event>, RateLimit>,
    clock: RateLimit,
    is_behind: bool,
    failed_dials: RateLimit,
    /// It was logged that another node has this node's identity.
    has_twin: bool,
    /// The last reason that was logged for each node that the operator named and that is not connected.
    absent: BTreeMap<PeerAddress, String>,
}

impl EventLog {
    /// Logs why a node that the operator named is not connected, once for each reason.
    pub fn not_connected(&mut self, address: PeerAddress, reason: String, now: Timestamp) {
        if self.absent.get(&address) == Some(&reason) {
            return;
        }
        let Some(Permit { left_out }) = self.failed_dials.take(now) else { return };
        tracing::warn!(%address, %reason, left_out, "cannot connect; trying again");
        self.absent.insert(address, reason);
    }

    /// Logs an event, unless there are too many of its kind.
    pub fn event(&mut self, event: &Event, now: Timestamp) {
        let Some(Permit { left_out }) = self.permit(event, now) else { return };
        match event {
            Event::Reorganized { fork_point, disconnected, connected, .. } => {
                tracing::info!(%fork_point, disconnected, connected, left_out, "the chain reorganizes");
            }
            Event::BlockDisconnected { block, height } => {
                tracing::info!(%height, hash = %block.hash(), left_out, "block disconnected");
            }
            Event::BlockConnected { block, height, from, .. } => {
                let (hash, transactions) = (block.hash(), block.transactions().len());
                tracing::info!(%height, %hash, transactions, from = from.map(tracing::field::debug), left_out, "block connected");
            }
            Event::BlockOnSideBranch { block, height, .. } => {
                tracing::info!(%height, hash = %block.hash(), left_out, "block on a side branch");
            }
            Event::TransactionAccepted { txid, fee, size, from } => {
                tracing::debug!(%txid, %fee, size, from = from.map(tracing::field::debug), "transaction accepted");
            }
            Event::TransactionRemoved { txid, reason } => {
                tracing::debug!(%txid, reason = reason.word(), "transaction removed");
            }
            Event::PeerConnected { peer, direction, address, user_agent } => {
                self.absent.remove(address);
                let user_agent = harmless(user_agent, FOREIGN_TEXT);
                tracing::info!(?peer, %direction, %address, %user_agent, left_out, "peer connected");
            }
            Event::PeerDisconnected { reason: DisconnectReason::TheySaid(Goodbye::Duplicate), .. } => {
                if !core::mem::replace(&mut self.has_twin, true) {
                    tracing::warn!(
                        "another node has this node's identity, and peers keep the connection of one of them only: \
                         stop one, move node.key out of its data directory and start it again"
                    );
                }
            }
            Event::PeerDisconnected { peer, reason } => {
                let reason = in_words(reason);
                tracing::info!(?peer, %reason, left_out, "peer disconnected");
            }
            // Strangers can cause as many of these as they like: an operator who wants them asks.
            Event::PeerRejected { peer, address, reason } => {
                let reason = in_words(reason);
                tracing::debug!(?peer, %address, %reason, "peer rejected");
            }
            Event::SyncChanged { from, headers, blocks } => {
                tracing::debug!(from = from.map(tracing::field::debug), %headers, %blocks, "sync changed");
            }
        }
    }

    /// Logs that the clock is behind block times, and the end of it: once each.
    pub fn clock(&mut self, behind: Option<ClockBehind>, now: Timestamp) {
        if behind.is_some() == self.is_behind {
            return;
        }
        self.is_behind = behind.is_some();
        match (self.clock.take(now), behind) {
            (None, _) => {}
            (Some(Permit { left_out }), Some(behind)) => tracing::warn!(left_out, "{behind}"),
            (Some(Permit { left_out }), None) => {
                tracing::info!(left_out, "block times are within the limit of this node's clock again");
            }
        }
    }

    /// Debug lines have no limit: they are written only on demand.
    fn permit(&mut self, event: &Event, now: Timestamp) -> Option<Permit> {
        match event {
            Event::TransactionAccepted { .. }
            | Event::TransactionRemoved { .. }
            | Event::PeerRejected { .. }
            | Event::SyncChanged { .. } => Some(Permit { left_out: None }),
            event => self.events.entry(discriminant(event)).or_default().take(now),
        }
    }
}

/// The reason for which a connection ended, as a phrase.
pub fn in_words(reason: &DisconnectReason) -> String {
    match reason {
        DisconnectReason::LinkLost => "the connection was lost".into(),
        DisconnectReason::TheySaid(goodbye) => format!("the peer said: {goodbye}"),
        DisconnectReason::TheyLeft => "the peer said Goodbye, with a reason of another version".into(),
        DisconnectReason::WeSaid(goodbye) => format!("this node said: {goodbye}"),
        DisconnectReason::Operator => "the operator disconnected it".into(),
        DisconnectReason::Banned => "it is banned".into(),
        DisconnectReason::Blocked => "a partition blocks it".into(),
        DisconnectReason::Misbehavior(offence) => {
            format!("it broke a rule: {}", harmless(offence, FOREIGN_TEXT))
        }
        DisconnectReason::TimedOut => "it timed out".into(),
        DisconnectReason::Full => "all connections of its kind are in use".into(),
        DisconnectReason::Duplicate => "it is connected already, or it is this node".into(),
        DisconnectReason::Tested => "its address was only tested".into(),
        DisconnectReason::Redialed => "a full connection is dialed instead".into(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use cairn_core::height::Height;
    use cairn_core::work::Work;

    use super::*;

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("one thread").write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// ATTACKS 34, CVE-2025-54604: a branch of 1,000 blocks that a peer sends is no 1,000 lines.
    #[test]
    fn a_flood_of_side_branch_blocks_takes_a_bounded_part_of_the_log_and_hides_nothing_else() {
        let paper = Paper::default();
        let writer = paper.clone();
        let subscriber =
            tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        let mut log = EventLog::default();
        let at = |seconds: u64| Timestamp::from_millis(1_000_000 + seconds * 1_000);
        let block = cairn_core::testing::TestChain::new().genesis;
        let stale = |height| Event::BlockOnSideBranch {
            block: block.clone(),
            height: Height::from_u32(height),
            work: Work::ZERO,
            from: None,
        };
        tracing::subscriber::with_default(subscriber, || {
            (0..1_000).for_each(|height| log.event(&stale(height), at(0)));
            log.event(&Event::BlockDisconnected { block: block.clone(), height: Height::GENESIS }, at(0));
            log.event(&stale(1_000), at(2));
        });
        let text = String::from_utf8(paper.0.lock().expect("one thread").clone()).expect("text");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len() as u64, rate_limit::BURST + 2);
        assert!(lines[lines.len() - 2].contains("block disconnected"), "{text}");
        assert!(lines.last().is_some_and(|last| last.contains("left_out=900")), "{text}");
        assert!(text.len() < 30_000);
    }

    #[test]
    fn foreign_text_cannot_command_a_terminal() {
        assert_eq!(harmless("a\u{1b}[2Jb\nc\u{202e}d", FOREIGN_TEXT), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d");
        assert_eq!(harmless(&"x".repeat(1000), FOREIGN_TEXT).len(), 256);
    }

    #[test]
    fn an_invalid_filter_is_reported_with_examples() {
        let error = start("info,=,[", false).expect_err("no filter").to_string();
        assert!(error.contains("examples: info"), "{error}");
    }
}
