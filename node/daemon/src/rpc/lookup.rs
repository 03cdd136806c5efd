//! Looking things up in the node, with the errors that calls give when there is nothing.

use std::sync::Arc;

use cairn_core::block::Block;
use cairn_core::coin::{Coin, Origin};
use cairn_core::encoding::encode;
use cairn_core::hash::{BlockHash, Txid};
use cairn_core::header::Header;
use cairn_core::height::Height;
use cairn_core::params::ChainParams;
use cairn_core::transaction::{OutPoint, Transaction};
use cairn_protocol::chain::store::{BlockStatus, ChainStore, StoreError, TransactionPlace};
use cairn_protocol::chain::tree::BlockIndexEntry;
use cairn_protocol::node::clock::behind;

use crate::Machine;
use crate::clock;
use crate::rpc::error::{Code, RpcError};
use crate::rpc::json::object;
use crate::rpc::render::{PlacedHeader, coins_spent};
use crate::store::StoredBlock;

/// The chain's numbers.
pub fn params(node: &Machine) -> &ChainParams {
    node.chain().params()
}

/// What an operator must know, in sentences; usually nothing.
pub fn warnings(node: &Machine) -> Vec<String> {
    let behind = behind(clock::now(), node.chain(), node.sync()).map(|behind| behind.to_string());
    behind.into_iter().chain(clock::set_back().map(|set_back| set_back.to_string())).collect()
}

/// Why nothing moves although it should, in words; none when all is well.
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
    let nobody_owes = node.peers().ready().all(|peer| node.sync().bodies.owed_by(&peer.peer) == 0);
    nobody_owes.then(|| match node.peers().ready().next() {
        None => format!("{missing} blocks are missing and no peer is connected"),
        Some(_) => format!("{missing} blocks are missing and no connected peer has them"),
    })
}

/// Hash and height of the tip.
pub fn tip(node: &Machine) -> (BlockHash, Height) {
    let tip = node.chain().tip();
    (tip.hash(), tip.height)
}

/// The tip's header.
pub fn tip_header(node: &Machine) -> PlacedHeader {
    placed(node, node.chain().tip())
}

/// The best chain's block at a height.
pub fn hash_at(node: &Machine, height: Height) -> Option<BlockHash> {
    node.chain().hash_at(height)
}

/// Whether a block is part of the best chain.
pub fn is_in_best_chain(node: &Machine, hash: &BlockHash) -> bool {
    node.chain().entry(hash).is_some_and(|entry| node.chain().is_in_best_chain(entry))
}

/// A header on whatever branch.
///
/// # Errors
/// [`Code::InvalidAddressOrKey`] when it is not known.
pub fn header(node: &Machine, hash: &BlockHash) -> Result<PlacedHeader, RpcError> {
    entry(node, hash).map(|entry| placed(node, entry))
}

/// A block on whatever branch, to be read beside the driver.
///
/// # Errors
/// [`Code::InvalidAddressOrKey`] when it is not known, [`Code::Misc`] while only its header is.
pub fn block(node: &Machine, hash: &BlockHash) -> Result<StoredBlock, RpcError> {
    entry(node, hash)?;
    node.chain().store().stored_block(hash).ok_or_else(|| {
        let error = RpcError::new(Code::Misc, "Block not available (not fully downloaded)");
        error.with_data(object! { "hash": hash })
    })
}

/// A tip of a branch.
pub struct BranchTip {
    /// Its height.
    pub height: Height,
    /// Its hash.
    pub hash: BlockHash,
    /// Blocks that it is away from the best chain.
    pub branch_length: u32,
    /// Bitcoin Core's word for how far it has come.
    pub status: &'static str,
}

/// The tips of all branches, the best chain's first.
pub fn chain_tips(node: &Machine) -> Vec<BranchTip> {
    let chain = node.chain();
    let best = chain.tip();
    let others =
        chain.tree().leaves().filter(|leaf| leaf.hash() != best.hash() && !chain.is_in_best_chain(leaf));
    let mut tips: Vec<BranchTip> = std::iter::once(best)
        .chain(others)
        .map(|leaf| BranchTip {
            height: leaf.height,
            hash: leaf.hash(),
            branch_length: leaf.height.since(chain.fork_point(leaf).height).unwrap_or(0),
            status: if leaf.hash() == best.hash() { "active" } else { branch_status(leaf) },
        })
        .collect();
    tips[1..].sort_by_key(|tip| std::cmp::Reverse(tip.height));
    tips
}

fn branch_status(leaf: &BlockIndexEntry) -> &'static str {
    match leaf.status {
        BlockStatus::Invalid | BlockStatus::DescendsFromInvalid => "invalid",
        BlockStatus::Validated => "valid-fork",
        BlockStatus::BodyStored => "valid-headers",
        BlockStatus::HeaderOnly => "headers-only",
    }
}

/// Bytes that the chain takes on disk.
pub fn size_on_disk(node: &Machine) -> u64 {
    node.chain().store().size_on_disk()
}

/// An unspent coin of the best chain.
///
/// # Errors
/// [`Code::Internal`] when the store fails.
pub fn coin(node: &Machine, outpoint: &OutPoint) -> Result<Option<Coin>, RpcError> {
    node.chain().coin(outpoint).map_err(failed)
}

/// The pending transaction that spends an output.
pub fn pending_spender(node: &Machine, outpoint: &OutPoint) -> Option<Txid> {
    node.mempool().entries().spender(outpoint)
}

/// An output of a pending transaction, as the coin it will be.
pub fn pending_coin(node: &Machine, outpoint: &OutPoint) -> Option<Coin> {
    let transaction = node.mempool().get(&outpoint.txid)?;
    let output = transaction.outputs().get(outpoint.index as usize)?.clone();
    Some(Coin { output, height: tip(node).1.next(), origin: Origin::Transaction })
}

/// Where the best chain holds a transaction.
///
/// # Errors
/// [`Code::Internal`] when the store fails.
pub fn place_of(node: &Machine, txid: &Txid) -> Result<Option<TransactionPlace>, RpcError> {
    node.chain().store().transaction_place(txid).map_err(failed)
}

/// The block of the best chain that holds a transaction.
///
/// # Errors
/// [`Code::Internal`] when the store fails.
pub fn block_of(node: &Machine, txid: &Txid) -> Result<Option<BlockHash>, RpcError> {
    Ok(place_of(node, txid)?.map(|place| place.block))
}

/// A transaction, and where it was found.
pub enum Found {
    /// In the mempool.
    Pending(Arc<Transaction>),
    /// In a block.
    Confirmed {
        /// The transaction.
        transaction: Arc<Transaction>,
        /// Its block.
        block: Arc<Block>,
    },
    /// It is a block's coinbase.
    Coinbase {
        /// The block.
        block: Arc<Block>,
    },
}

impl Found {
    /// All its bytes in hex.
    pub fn hex(&self) -> String {
        hex::encode(match self {
            Self::Pending(transaction) | Self::Confirmed { transaction, .. } => encode(&**transaction),
            Self::Coinbase { block, .. } => encode(block.coinbase()),
        })
    }
}

/// Where a transaction is to be found.
pub enum Whereabouts {
    /// In the mempool; this is it.
    Mempool(Arc<Transaction>),
    /// In a block, if there.
    Block {
        /// The block.
        stored: StoredBlock,
        /// Its header.
        place: Box<PlacedHeader>,
    },
}

impl Whereabouts {
    /// Where to look for a transaction: the mempool, the best chain, or the block that is named.
    ///
    /// # Errors
    /// [`Code::InvalidAddressOrKey`] when it is nowhere.
    pub fn of(node: &Machine, txid: &Txid, inside: Option<&BlockHash>) -> Result<Self, RpcError> {
        if inside.is_none()
            && let Some(transaction) = node.mempool().get(txid)
        {
            return Ok(Self::Mempool(transaction));
        }
        let hash = match inside {
            Some(hash) if node.chain().entry(hash).is_none() => {
                return Err(RpcError::new(Code::InvalidAddressOrKey, "Block hash not found"));
            }
            Some(hash) => *hash,
            None => {
                block_of(node, txid)?.ok_or_else(|| no_such("mempool or blockchain transaction", txid))?
            }
        };
        Ok(Self::Block { stored: block(node, &hash)?, place: Box::new(header(node, &hash)?) })
    }

    /// Its block's header.
    pub fn place(&self) -> Option<&PlacedHeader> {
        match self {
            Self::Mempool(_) => None,
            Self::Block { place, .. } => Some(place),
        }
    }

    /// Reads it.
    ///
    /// # Errors
    /// [`Code::InvalidAddressOrKey`] when it is not in the block, [`Code::Internal`] when the store fails.
    pub fn read(&self, txid: &Txid) -> Result<Found, RpcError> {
        let block = match self {
            Self::Mempool(transaction) => return Ok(Found::Pending(transaction.clone())),
            Self::Block { stored, .. } => stored.block().map_err(failed)?,
        };
        if block.coinbase().txid() == *txid {
            return Ok(Found::Coinbase { block });
        }
        let found = block.transactions().iter().find(|transaction| transaction.txid() == *txid).cloned();
        let transaction = found.ok_or_else(|| no_such("transaction found in the provided block", txid))?;
        Ok(Found::Confirmed { transaction, block })
    }

    /// The coins that a transaction of this block spends, in the order of its inputs, if all are known.
    ///
    /// # Errors
    /// [`Code::Internal`] when the store fails.
    pub fn coins_spent_by(
        &self,
        transaction: &Transaction,
        block: &Block,
    ) -> Result<Option<Vec<Coin>>, RpcError> {
        let Self::Block { stored, place } = self else { return Ok(None) };
        let Some(undo) = stored.undo().map_err(failed)? else { return Ok(None) };
        let known = coins_spent(block, place.height, &undo);
        Ok(transaction.inputs().iter().map(|input| known.get(input).cloned()).collect())
    }
}

fn no_such(what: &str, txid: &Txid) -> RpcError {
    let message = format!("No such {what}. Use gettransaction for wallet transactions.");
    RpcError::new(Code::InvalidAddressOrKey, message).with_data(object! { "txid": txid })
}

/// The coins that a transaction would spend now, in the order of its inputs, if all are known.
///
/// # Errors
/// [`Code::Internal`] when the store fails.
pub fn coins_spent_by(node: &Machine, transaction: &Transaction) -> Result<Option<Vec<Coin>>, RpcError> {
    let mut coins = Vec::new();
    for input in transaction.inputs() {
        coins.extend(match coin(node, input)? {
            Some(coin) => Some(coin),
            None => pending_coin(node, input),
        });
    }
    Ok((coins.len() == transaction.inputs().len()).then_some(coins))
}

/// The store failed: its own words, which say what to do.
pub fn failed(error: StoreError) -> RpcError {
    RpcError::new(Code::Internal, error.to_string())
}

fn entry<'n>(node: &'n Machine, hash: &BlockHash) -> Result<&'n BlockIndexEntry, RpcError> {
    node.chain().entry(hash).ok_or_else(|| {
        RpcError::new(Code::InvalidAddressOrKey, "Block not found").with_data(object! { "hash": hash })
    })
}

fn placed(node: &Machine, entry: &BlockIndexEntry) -> PlacedHeader {
    let chain = node.chain();
    let above = chain.tip().height.since(entry.height);
    let header: Header = entry.header;
    PlacedHeader {
        header,
        hash: entry.hash(),
        height: entry.height,
        median_time: chain.median_time_past(entry),
        work: entry.work,
        confirmations: match above {
            Some(above) if chain.is_in_best_chain(entry) => i64::from(above) + 1,
            _ => -1,
        },
        next: if chain.is_in_best_chain(entry) { chain.hash_at(entry.height.next()) } else { None },
        transactions: 0,
    }
}

/// Whether the node is catching up with its peers.
pub fn is_syncing(node: &Machine) -> bool {
    node.is_initial_download()
}

/// What the node is busy with, in a word.
pub fn phase(node: &Machine) -> &'static str {
    let chain = node.chain();
    let is_behind = chain.best_header().height > chain.tip().height;
    if is_behind && node.sync().bodies.busiest().is_some() { "syncing" } else { "idle" }
}

/// Height of the valid header with most work.
pub fn best_header_height(node: &Machine) -> Height {
    node.chain().best_header().height
}
