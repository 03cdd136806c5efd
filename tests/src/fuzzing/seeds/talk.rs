//! What peers say: every kind of message, frames of them, and scripts of whole conversations.

use std::sync::Arc;
use std::time::Duration;

use cairn_core::encoding::encode;
use cairn_core::hash::BlockHash;
use cairn_daemon::p2p::stream::push_frame;
use cairn_protocol::message::{CompactBlock, Goodbye, Hello, Inventory, Message, PROTOCOL_VERSION, codec};
use cairn_simulator::node_index::NodeIndex;

use crate::fuzzing::rules::regtest;
use crate::fuzzing::seeds::world::World;
use crate::fuzzing::steps::{Kind, push};

/// Every kind of message.
pub fn messages(world: &World) -> Vec<Message> {
    let (genesis, tip) = (regtest().params.genesis_hash, &world.best[2]);
    let (hashes, payment) = (vec![tip.hash(), regtest().genesis.hash()], world.payment.txid());
    let items = vec![Inventory::Block(tip.hash()), Inventory::Transaction(payment)];
    vec![
        Message::Hello(Box::new(hello(world, 1))),
        Message::Goodbye(Goodbye::OtherChain { ours: genesis }),
        Message::Goodbye(Goodbye::Leaving),
        Message::Ping { nonce: 7 },
        Message::Pong { nonce: 7 },
        Message::GetPeers,
        Message::Peers(NodeIndex::first(4).map(NodeIndex::listens_at).collect()),
        Message::GetHeaders { locator: hashes.clone() },
        Message::Headers(world.best.iter().map(|block| *block.header()).collect()),
        Message::GetBlocks(hashes),
        Message::Block(world.best[0].clone()),
        Message::NotFound(items),
        Message::AnnounceTransactions(world.payments().map(|payment| payment.txid()).collect()),
        Message::GetTransactions(vec![payment]),
        Message::Transactions(world.payments().cloned().collect()),
        Message::SendCompact(true),
        Message::GetCompactBlock(tip.hash()),
        Message::CompactBlock(Arc::new(CompactBlock::new(tip, 7, |_| true))),
        Message::CompactBlock(Arc::new(CompactBlock::new(tip, 8, |_| false))),
        Message::GetBlockTransactions { block: tip.hash(), indexes: vec![0] },
        Message::BlockTransactions { block: tip.hash(), transactions: vec![world.payment.clone()] },
    ]
}

/// Frames on a stream.
pub fn frames(world: &World) -> Vec<u8> {
    let mut bytes = Vec::new();
    messages(world).iter().for_each(|message| push_frame(&mut bytes, message));
    bytes
}

/// Conversations: one that says everything, one that syncs, one in which chains compete, one of an
/// operator.
pub fn scripts(world: &World) -> Vec<Vec<u8>> {
    vec![everything(world), sync(world), competing(world), operator(world)]
}

fn hello(world: &World, number: u64) -> Hello {
    let params = &regtest().params;
    let (tip, work) = (&world.best[2], params.pow_limit.to_target().expect("a target").work());
    let twice = work.checked_add(work).expect("little");
    Hello {
        protocol_version: PROTOCOL_VERSION,
        genesis: params.genesis_hash,
        services: 1,
        tip: tip.hash(),
        height: tip.coinbase().height,
        work: twice.checked_add(twice).expect("little"),
        user_agent: "/seed/".into(),
        listen: vec![NodeIndex::new(3).listens_at()],
        nonce: number,
    }
}

fn say(script: &mut Vec<u8>, who: u8, message: &Message) {
    push(script, Kind::Said, who, &codec::encode(message));
}

fn wait(script: &mut Vec<u8>, lasting: Duration) {
    let millis = u64::try_from(lasting.as_millis()).expect("short");
    push(script, Kind::Time, 0, &millis.to_le_bytes());
}

fn greet(script: &mut Vec<u8>, world: &World, who: u8) {
    push(script, Kind::Connected, who, &[]);
    say(script, who, &Message::Hello(Box::new(hello(world, u64::from(who)))));
}

fn everything(world: &World) -> Vec<u8> {
    let mut script = Vec::new();
    greet(&mut script, world, 0);
    greet(&mut script, world, 129);
    // Goodbye, which ends it, comes last.
    let (last, others): (Vec<_>, Vec<_>) =
        messages(world).into_iter().skip(1).partition(|message| matches!(message, Message::Goodbye(_)));
    for message in others.iter().chain(&last) {
        say(&mut script, 0, message);
        wait(&mut script, Duration::from_millis(10));
    }
    wait(&mut script, Duration::from_secs(60));
    script
}

/// Headers first, then the bodies that are asked for, then what waits.
fn sync(world: &World) -> Vec<u8> {
    let mut script = Vec::new();
    greet(&mut script, world, 0);
    say(&mut script, 0, &Message::Headers(world.best.iter().map(|block| *block.header()).collect()));
    world.best.iter().for_each(|block| say(&mut script, 0, &Message::Block(block.clone())));
    let txids = world.payments().map(|payment| payment.txid()).collect();
    say(&mut script, 0, &Message::AnnounceTransactions(txids));
    wait(&mut script, Duration::from_millis(5));
    say(&mut script, 0, &Message::Transactions(vec![world.child.clone()]));
    say(&mut script, 0, &Message::Transactions(vec![world.payment.clone()]));
    greet(&mut script, world, 1);
    wait(&mut script, Duration::from_secs(25));
    push(&mut script, Kind::Disconnected, 0, &[]);
    script
}

fn competing(world: &World) -> Vec<u8> {
    let mut script = Vec::new();
    greet(&mut script, world, 1);
    greet(&mut script, world, 2);
    push(&mut script, Kind::Transaction, 0, &encode(&*world.payment));
    push(&mut script, Kind::Header, 0, &world.best[0].header().to_bytes());
    push(&mut script, Kind::Block, 0, &encode(&*world.best[0]));
    world.rivals.iter().rev().for_each(|block| say(&mut script, 1, &Message::Block(block.clone())));
    world.best[1..].iter().for_each(|block| say(&mut script, 2, &Message::Block(block.clone())));
    say(&mut script, 1, &Message::GetBlocks(world.rivals.iter().map(|block| block.hash()).collect()));
    push(&mut script, Kind::Transaction, 0, &encode(&*world.child));
    wait(&mut script, Duration::from_secs(5));
    script
}

fn operator(world: &World) -> Vec<u8> {
    let mut script = Vec::new();
    greet(&mut script, world, 1);
    greet(&mut script, world, 130);
    world.best.iter().for_each(|block| push(&mut script, Kind::Block, 0, &encode(&**block)));
    let mark = |script: &mut Vec<u8>, how: u8, hash: BlockHash| {
        push(script, Kind::Marked, how, hash.as_bytes());
    };
    mark(&mut script, 0, world.best[1].hash());
    world.rivals.iter().rev().for_each(|block| push(&mut script, Kind::Block, 0, &encode(&**block)));
    mark(&mut script, 2, world.rivals[1].hash());
    mark(&mut script, 1, world.best[1].hash());
    push(&mut script, Kind::Address, 4, &[]);
    push(&mut script, Kind::Address, 131, &[]);
    for command in 0..10_u64 {
        push(&mut script, Kind::Command, 2, &(command + 3_000).to_le_bytes());
        wait(&mut script, Duration::from_secs(1));
    }
    script
}
