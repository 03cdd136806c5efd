//! Real values to begin with: a fuzzer that starts from nothing finds few blocks.

pub mod files;
pub mod talk;
pub mod world;

use bech32::primitives::iter::{ByteIterExt, Fe32IterExt};
use bech32::{Bech32m, Hrp};
use cairn_core::address::Address;
use cairn_core::difficulty::Anchor;
use cairn_core::encoding::encode;
use cairn_core::header::Header;
use cairn_core::height::Height;
use cairn_core::merkle::prove;
use cairn_core::time::Timestamp;
use cairn_daemon::rpc::table;
use cairn_genesis::{BUILTIN, accounts};
use cairn_protocol::message::codec;

use crate::fuzzing::rules::regtest;
use crate::fuzzing::text::PREFIX;
use world::World;

/// Inputs to begin with, by the name of the claim; none for a name that is none.
pub fn seeds(claim: &str) -> Vec<Vec<u8>> {
    let world = World::new();
    match claim {
        "address" => addresses(),
        "anchor" => anchors(&world),
        "block" => world.all_blocks().map(|block| encode(&**block)).collect(),
        "compact_target" => targets(&world),
        "definition" => BUILTIN.iter().map(|(_, text)| text.as_bytes().to_vec()).collect(),
        "frames" => vec![talk::frames(&world)],
        "header" => headers(&world).map(|header| header.to_bytes().to_vec()).collect(),
        "inclusion_proof" => proofs(&world),
        "journal" => files::journals(&world),
        "machine" => talk::scripts(&world),
        "mempool_file" => vec![files::mempool_file(&world)],
        "message" => talk::messages(&world).iter().map(codec::encode).collect(),
        "records" => files::records(&world),
        "request" => requests(&world),
        "transaction" => world.payments().map(|payment| encode(&**payment)).collect(),
        "values" => values(&world),
        "wallet_book" => files::books(&world),
        "wallet_keys" => vec![files::key_file()],
        "wallet_scan" => vec![files::scan(&world)],
        "words" => (0..3).map(|account| accounts::words(account).into_bytes()).collect(),
        _ => Vec::new(),
    }
}

fn headers(world: &World) -> impl Iterator<Item = Header> + '_ {
    world.all_blocks().map(|block| *block.header())
}

/// An address as text, and as the digits that make one.
fn addresses() -> Vec<Vec<u8>> {
    let address = Address::new(&regtest().params.address_prefix, accounts::lock(0)).to_string();
    let shouted = address.to_uppercase();
    let data: Vec<u8> = [&[0], address.as_bytes()].concat().into_iter().take(33).collect();
    let digits = data.iter().copied().bytes_to_fes().map(|digit| digit.to_u8()).collect();
    let prefix = Hrp::parse(PREFIX).expect("a prefix");
    let made = data.into_iter().bytes_to_fes().with_checksum::<Bech32m>(&prefix).chars().collect::<String>();
    vec![address.into_bytes(), shouted.into_bytes(), digits, made.into_bytes()]
}

fn anchors(world: &World) -> Vec<Vec<u8>> {
    let anchor = |header: Header| {
        let (height, time) = (Height::from_u32(1), header.time);
        let anchor = Anchor { height, due: time, bits: header.bits, latest_time: time };
        encode(&(anchor, Height::from_u32(9), Timestamp::from_millis(header.time.millis() + 20_000)))
    };
    headers(world).map(anchor).collect()
}

fn targets(world: &World) -> Vec<Vec<u8>> {
    let forms = [0x1d00_ffff_u32, 0x0100_3456, 0x0412_3456, 0x2200_00ff, 0x2100_ffff, 0x20ff_ffff];
    let number = headers(world).next().expect("there are blocks").hash();
    forms.iter().map(|bits| [&bits.to_le_bytes()[..], number.as_bytes()].concat()).collect()
}

fn proofs(world: &World) -> Vec<Vec<u8>> {
    let block = world.all_blocks().next().expect("there are blocks");
    let leaves = block.leaves();
    let proof = |place: usize| {
        let proof = prove(&leaves, place).expect("a place in the block");
        encode(&(proof, leaves[place], block.merkle_root()))
    };
    (0..leaves.len()).map(proof).collect()
}

fn values(world: &World) -> Vec<Vec<u8>> {
    let payment = world.payments().next().expect("there are payments");
    let outpoint = payment.inputs()[0];
    let texts = [
        "12.5".to_owned(),
        "184467440737.09551615".to_owned(),
        "0.00000001".to_owned(),
        payment.txid().to_string(),
        outpoint.to_string(),
        "node.example:18444".to_owned(),
        "[2001:db8::1]:18444".to_owned(),
        "main-2_b".to_owned(),
    ];
    texts.into_iter().map(String::into_bytes).collect()
}

/// A call of every method with an argument or two, one by name, and a batch.
fn requests(world: &World) -> Vec<Vec<u8>> {
    let block = world.all_blocks().next().expect("there are blocks");
    let (hash, raw) = (block.hash(), hex::encode(encode(&**block)));
    let mut bodies: Vec<String> = (table::all().enumerate())
        .map(|(id, method)| {
            let name = method.name;
            format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{name}","params":["{hash}",1,[],{{}},null]}}"#)
        })
        .collect();
    let named = format!(r#"{{"method":"getblock","params":{{"blockhash":"{hash}","verbosity":2}}}}"#);
    let batch = format!(r#"[{named},{{"id":"a","method":"submitblock","params":["{raw}"]}},7]"#);
    let sent = r#"{"jsonrpc":"1.0","id":null,"method":"setnetworkactive","params":{"args":[true]}}"#;
    bodies.extend([named, batch, sent.to_owned()]);
    bodies.into_iter().map(String::into_bytes).collect()
}
