//! The messages that a group's behaviour lets its nodes send and receive.

use cairn_core::hash::BlockHash;
use cairn_core::height::Height;
use cairn_core::work::Work;
use cairn_protocol::message::Message;

use crate::behaviour::Behaviour;
use crate::node_index::NodeIndex;

/// What a node of this behaviour really sends of a message to `to`.
pub fn outgoing(
    behaviour: &Behaviour,
    to: NodeIndex,
    message: Message,
    genesis: BlockHash,
) -> Option<Message> {
    match behaviour {
        Behaviour::Eclipse { victims } if victims.contains(&to) => starved(message, genesis),
        Behaviour::Withhold => match message {
            // Requests for the body time out.
            Message::Block(block) => Some(Message::Headers(vec![*block.header()])),
            Message::CompactBlock(compact) => Some(Message::Headers(vec![compact.header])),
            Message::BlockTransactions { .. } => None,
            other => Some(other),
        },
        _ => Some(message),
    }
}

/// What a node of this behaviour receives of a message from `from`.
pub fn incoming(
    behaviour: &Behaviour,
    from: NodeIndex,
    message: Message,
    genesis: BlockHash,
) -> Option<Message> {
    match behaviour {
        Behaviour::Eclipse { victims } if victims.contains(&from) => starved(message, genesis),
        _ => Some(message),
    }
}

/// All but blocks and transactions: the connection stays up, and nothing of the chain crosses it.
fn starved(message: Message, genesis: BlockHash) -> Option<Message> {
    match message {
        Message::Hello(mut hello) => {
            (hello.tip, hello.height, hello.work) = (genesis, Height::GENESIS, Work::ZERO);
            Some(Message::Hello(hello))
        }
        Message::Headers(_) | Message::Block(_) | Message::CompactBlock(_) => None,
        Message::AnnounceTransactions(_) | Message::Transactions(_) => None,
        Message::BlockTransactions { .. } => None,
        other => Some(other),
    }
}
