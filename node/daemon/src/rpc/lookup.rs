//! Looking things up in the node, with the errors that calls give when there is nothing.

use std::sync::Arc;

use cairn_core::address::Address;
use cairn_core::coin::{Coin, Origin};
use cairn_core::encoding::{Decode, decode};
use cairn_core::hash::{BlockHash, Txid};
use cairn_core::lock::Lock;
use cairn_core::transaction::{OutPoint, Transaction};
use cairn_protocol::chain::store::{BlockStatus, ChainStore};
use cairn_protocol::chain::tree::BlockIndexEntry;
use cairn_protocol::node::clock::behind;

use crate::Machine;
use crate::clock;
use crate::rpc::error::{Code, RpcError, RpcResult};
use crate::rpc::json::{Object, object};
use crate::rpc::render::PlacedHeader;
use crate::store::StoredBlock;

/// Warnings for the operator, in sentences; usually none.
pub fn warnings(node: &Machine) -> Vec<String> {
    let behind = behind(clock::now(), node.chain(), node.sync()).map(|behind| behind.to_string());
    behind.into_iter().chain(clock::set_back().map(|set_back| set_back.to_string())).collect()
}

/// Why the chain does not grow although it should, in a sentence; none when all is well.
pub fn stuck(node: &Machine) -> Option<String> {
    let chain = node.chain();
    if let Some(clock) = warnings(node).into_iter().next() {
        return Some(clock);
    }
    let (tip, best) = (chain.tip(), chain.best_header());
    if best.work <= tip.work {
        return None;
    }
    let missing = best.height.since(tip.height).unwrap_or(0);
    let is_nothing_owed = node.peers().ready().all(|peer| node.sync().bodies.owed_by(&peer.peer) == 0);
    is_nothing_owed.then(|| match node.peers().ready().next() {
        None => format!("{missing} blocks are missing and no peer is connected"),
        Some(_) => format!("{missing} blocks are missing and no connected peer has them"),
    })
}

/// A value of the chain that a caller sent in hex; `failed` begins the error, as in Bitcoin Core.
///
/// # Errors
/// [`Code::Deserialization`] when it is not one.
pub fn from_hex<T: Decode<()>>(text: &str, failed: &str) -> RpcResult<T> {
    let error = |why: String| Code::Deserialization.error(format!("{failed}: {why}"));
    let bytes = hex::decode(text).map_err(|_| error("expected an even number of hex digits".into()))?;
    decode(&bytes, bytes.len()).map_err(|wrong| error(wrong.to_string()))
}

/// The lock of an address of this chain.
///
/// # Errors
/// [`Code::InvalidAddressOrKey`] when it is not one.
pub fn lock_of(node: &Machine, address: &str) -> RpcResult<Lock> {
    let address = Address::parse(address, &node.chain().params().address_prefix);
    address
        .map(|address| address.lock())
        .map_err(|error| Code::InvalidAddressOrKey.error(format!("Error: Invalid address: {error}")))
}

/// Whether a block is part of the best chain.
pub fn is_in_best_chain(node: &Machine, hash: &BlockHash) -> bool {
    node.chain().entry(hash).is_some_and(|entry| node.chain().is_in_best_chain(entry))
}

/// A header of the header tree, on any branch.
///
/// # Errors
/// [`Code::InvalidAddressOrKey`] when it is not known.
pub fn header(node: &Machine, hash: &BlockHash) -> RpcResult<PlacedHeader> {
    let chain = node.chain();
    let entry = chain.entry(hash).ok_or_else(|| {
        Code::InvalidAddressOrKey.error("Block not found").with_data(object! { "hash": hash })
    })?;
    let depth = chain.tip().height.since(entry.height).filter(|_| chain.is_in_best_chain(entry));
    Ok(PlacedHeader {
        header: entry.header,
        hash: entry.hash(),
        height: entry.height,
        median_time: chain.median_time_past(entry),
        work: entry.work,
        confirmations: depth.map_or(-1, |depth| i64::from(depth) + 1),
        next: depth.and_then(|_| chain.hash_at(entry.height.next())),
        transactions: 0,
    })
}

/// A block on any branch, to be read beside the driver.
///
/// # Errors
/// [`Code::InvalidAddressOrKey`] when it is not known, [`Code::Misc`] while only its header is.
pub fn block(node: &Machine, hash: &BlockHash) -> RpcResult<StoredBlock> {
    header(node, hash)?;
    node.chain().store().stored_block(hash).ok_or_else(|| {
        Code::Misc.error("Block not available (not fully downloaded)").with_data(object! { "hash": hash })
    })
}

/// The tips of all branches, the best chain's first, as `getchaintips` shows them.
pub fn chain_tips(node: &Machine) -> Vec<Object> {
    let chain = node.chain();
    let best = chain.tip();
    let others =
        chain.tree().leaves().filter(|leaf| leaf.hash() != best.hash() && !chain.is_in_best_chain(leaf));
    let mut tips: Vec<&BlockIndexEntry> = std::iter::once(best).chain(others).collect();
    tips[1..].sort_by_key(|tip| std::cmp::Reverse(tip.height));
    let shown = tips.into_iter().map(|tip| {
        object! {
            "height": tip.height,
            "hash": tip.hash(),
            "branchlen": tip.height.since(chain.fork_point(tip).height).unwrap_or(0),
            "status": if tip.hash() == best.hash() { "active" } else { branch_status(tip) },
        }
    });
    shown.collect()
}

fn branch_status(leaf: &BlockIndexEntry) -> &'static str {
    match leaf.status {
        BlockStatus::Invalid | BlockStatus::DescendsFromInvalid => "invalid",
        BlockStatus::Validated => "valid-fork",
        BlockStatus::BodyStored => "valid-headers",
        BlockStatus::HeaderOnly => "headers-only",
    }
}

/// An output of an unconfirmed transaction, as the coin that it will be.
pub fn unconfirmed_coin(node: &Machine, outpoint: &OutPoint) -> Option<Coin> {
    let transaction = node.mempool().get(&outpoint.txid)?;
    let output = transaction.outputs().get(outpoint.index as usize)?.clone();
    Some(Coin { output, height: node.chain().tip().height.next(), origin: Origin::Transaction })
}

/// The coins that a transaction would spend now, in the order of its inputs, if all are known.
pub fn coins_spent_by(node: &Machine, transaction: &Transaction) -> RpcResult<Option<Vec<Coin>>> {
    let mut coins = Vec::new();
    for input in transaction.inputs() {
        coins.extend(node.chain().coin(input)?.or_else(|| unconfirmed_coin(node, input)));
    }
    Ok((coins.len() == transaction.inputs().len()).then_some(coins))
}

/// Where a transaction was found.
pub enum Source {
    Mempool(Arc<Transaction>),
    /// In this block, if it is there: the block has not been read yet.
    Block(StoredBlock, Box<PlacedHeader>),
}

/// Looks for a transaction in the mempool and the best chain, or in the block `inside` alone.
///
/// # Errors
/// [`Code::InvalidAddressOrKey`] when it is nowhere.
pub fn find_transaction(node: &Machine, txid: &Txid, inside: Option<BlockHash>) -> RpcResult<Source> {
    let hash = match (inside, node.mempool().get(txid)) {
        (Some(hash), _) if node.chain().entry(&hash).is_none() => {
            return Err(Code::InvalidAddressOrKey.error("Block hash not found"));
        }
        (Some(hash), _) => hash,
        (None, Some(transaction)) => return Ok(Source::Mempool(transaction)),
        (None, None) => {
            let found = node.chain().store().transaction_place(txid)?;
            found.ok_or_else(|| no_such("mempool or blockchain transaction", txid))?.block
        }
    };
    Ok(Source::Block(block(node, &hash)?, Box::new(header(node, &hash)?)))
}

/// The error for a transaction that is not where it was looked for.
pub fn no_such(what: &str, txid: &Txid) -> RpcError {
    let message = format!("No such {what}. Use gettransaction for wallet transactions.");
    Code::InvalidAddressOrKey.error(message).with_data(object! { "txid": txid })
}

/// The node's activity in a word.
pub fn phase(node: &Machine) -> &'static str {
    let chain = node.chain();
    let is_behind = chain.best_header().height > chain.tip().height;
    if is_behind && node.sync().bodies.busiest().is_some() { "syncing" } else { "idle" }
}
