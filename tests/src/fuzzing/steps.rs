//! A script as bytes: what happens to a node, one step after the other, for a fuzzer to change.
//!
//! A step is a byte of kind, one of whom it is about, two of length (little-endian), and its bytes.
//! Every byte string is a script: what does not make a step ends it.

use std::sync::Arc;
use std::time::Duration;

use cairn_core::encoding::{Decode, decode};
use cairn_core::hash::BlockHash;
use cairn_protocol::chain::block_overrides::BlockOverride;
use cairn_protocol::input::{Input, PeerCommand, RequestId, Submission};
use cairn_protocol::message::codec;
use cairn_protocol::peer::{Direction, PeerAddress, PeerId};
use cairn_simulator::node_index::NodeIndex;

/// How many different peers a script speaks of.
const PEERS: u8 = 6;

/// Kinds of steps; any byte is one, by its remainder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A peer is there: whoever dialled.
    Connected,
    /// A peer is gone.
    Disconnected,
    /// A peer said these bytes.
    Said,
    /// A caller handed in a block.
    Block,
    /// A caller handed in a transaction.
    Transaction,
    /// A caller handed in a header.
    Header,
    /// The operator marked a block.
    Marked,
    /// The operator wants something of the connections.
    Command,
    /// So many milliseconds pass.
    Time,
    /// An address was found, or nobody answered there.
    Address,
}

const KINDS: [Kind; 10] = [
    Kind::Connected,
    Kind::Disconnected,
    Kind::Said,
    Kind::Block,
    Kind::Transaction,
    Kind::Header,
    Kind::Marked,
    Kind::Command,
    Kind::Time,
    Kind::Address,
];

/// One step: the time that passes before, and what happens then.
pub type Step = (Duration, Input);

/// Adds a step to a script.
///
/// # Panics
/// When the bytes are too many for one step.
pub fn push(script: &mut Vec<u8>, kind: Kind, who: u8, bytes: &[u8]) {
    let length = u16::try_from(bytes.len()).expect("steps are short");
    script.extend_from_slice(&[kind as u8, who]);
    script.extend_from_slice(&length.to_le_bytes());
    script.extend_from_slice(bytes);
}

/// The steps of a script. Bytes that a caller could not hand in, because they are no block or
/// transaction, are no step: time passes instead.
pub fn steps(mut script: &[u8]) -> impl Iterator<Item = Step> {
    std::iter::from_fn(move || {
        let ([kind, who, low, high], rest) = script.split_first_chunk()?;
        let length = usize::from(u16::from_le_bytes([*low, *high]));
        let (bytes, rest) = rest.split_at(length.min(rest.len()));
        script = rest;
        let kind = KINDS[usize::from(*kind) % KINDS.len()];
        let wait = if kind == Kind::Time { number(bytes).min(1 << 33) } else { 0 };
        Some((Duration::from_millis(wait), input(kind, *who, bytes).unwrap_or(Input::Wake)))
    })
}

fn input(kind: Kind, who: u8, bytes: &[u8]) -> Option<Input> {
    let peer = place(who).peer_id();
    Some(match kind {
        Kind::Connected => Input::Connected { peer, direction: direction(who), address: address(who) },
        Kind::Disconnected => Input::Disconnected { peer },
        Kind::Said => match codec::decode(bytes) {
            Ok(message) => Input::Received { peer, message },
            Err(error) => Input::Malformed { peer, error },
        },
        Kind::Block => submit(Submission::Block(Arc::new(value(bytes)?))),
        Kind::Transaction => {
            submit(Submission::Transaction { transaction: Arc::new(value(bytes)?), max_fee_rate: None })
        }
        Kind::Header => submit(Submission::Header(Box::new(value(bytes)?))),
        Kind::Marked => {
            let marks = [BlockOverride::Invalidate, BlockOverride::Reconsider, BlockOverride::Precious];
            submit(Submission::Override(value::<BlockHash>(bytes)?, marks[usize::from(who) % marks.len()]))
        }
        Kind::Command => Input::Command(command(who, number(bytes), peer)),
        Kind::Time => return None,
        Kind::Address if who >= 128 => Input::DialFailed { address: address(who) },
        Kind::Address => Input::AddressFound { address: address(who) },
    })
}

fn command(who: u8, number: u64, peer: PeerId) -> PeerCommand {
    match number % 10 {
        0 => PeerCommand::AddNode(address(who)),
        1 => PeerCommand::TryNode(address(who)),
        2 => PeerCommand::RemoveNode(address(who)),
        3 => PeerCommand::DisconnectPeer(peer),
        4 => PeerCommand::Ban { peer, duration: Duration::from_millis(number) },
        5 => PeerCommand::Unban(peer),
        6 => PeerCommand::ClearBans,
        7 => PeerCommand::SetBlocked([peer].into()),
        8 => PeerCommand::SetBlocked([].into()),
        _ => PeerCommand::SetNetworkActive(who < 128),
    }
}

fn place(who: u8) -> NodeIndex {
    NodeIndex::new(1 + u16::from(who % PEERS))
}

fn direction(who: u8) -> Direction {
    if who < 128 { Direction::Inbound } else { Direction::Outbound }
}

fn address(who: u8) -> PeerAddress {
    place(who).listens_at()
}

fn submit(submission: Submission) -> Input {
    Input::Submit { request: RequestId(0), submission }
}

fn value<T: Decode<()>>(bytes: &[u8]) -> Option<T> {
    decode(bytes, bytes.len()).ok()
}

/// The first eight bytes, or as many as there are.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}
