//! Proposed blocks: all rules on a block but its work, and BIP 22's word for each rule.

use std::collections::BTreeMap;
use std::sync::Arc;

use cairn_core::block::Block;
use cairn_core::check::block::{BlockError, check_block};
use cairn_core::check::connect::{ConnectError, connect_block, needed_outpoints};
use cairn_core::check::header::{HeaderError, check_header_alone, check_header_on_parent};
use cairn_core::coin::Coin;
use cairn_core::transaction::OutPoint;
use cairn_protocol::chain::BlockRejection;

use crate::Machine;
use crate::clock;
use crate::rpc::rejection::rule;

/// Why a proposed block is invalid.
pub struct InvalidProposal {
    /// BIP 22's word for the rule.
    pub token: &'static str,
    /// What was found and what was expected.
    pub sentence: String,
}

/// Checks a block on the tip by every rule but its work.
pub fn check(node: &Machine, block: &Arc<Block>) -> Result<(), InvalidProposal> {
    let chain = node.chain();
    let (parent, params) = (chain.next_context(), chain.params());
    let header = block.header();
    match check_header_alone(header, params) {
        Ok(_) | Err(HeaderError::WorkMissing { .. }) => {}
        Err(error) => return Err(invalid(error.into())),
    }
    check_header_on_parent(header, &parent, params, clock::now()).map_err(|error| invalid(error.into()))?;
    let checked = check_block(block.clone(), params).map_err(|error| invalid(error.into()))?;
    let mut coins: BTreeMap<OutPoint, Coin> = BTreeMap::new();
    for outpoint in needed_outpoints(block) {
        let coin = chain.coin(&outpoint);
        let coin =
            coin.map_err(|error| InvalidProposal { token: "rejected", sentence: error.to_string() })?;
        coins.extend(coin.map(|coin| (outpoint, coin)));
    }
    let (height, median) = (parent.height.next(), parent.median_time_past);
    let connected = connect_block(&checked, height, median, &coins, chain.verifier(), params);
    let hash = block.hash();
    connected.map(|_| ()).map_err(|error| invalid(BlockRejection::Connect { hash, error }))
}

fn invalid(error: BlockRejection) -> InvalidProposal {
    InvalidProposal { token: token(&error), sentence: error.to_string() }
}

/// Bitcoin Core's word for a broken rule, another for each.
pub fn token(error: &BlockRejection) -> &'static str {
    match error {
        BlockRejection::UnknownParent { .. } => "prev-blk-not-found",
        BlockRejection::KnownInvalid { .. } => "duplicate-invalid",
        BlockRejection::DescendsFromInvalid { .. } => "bad-prevblk",
        BlockRejection::Header(error) => header(error),
        BlockRejection::Body(error) => body(error),
        BlockRejection::Connect { error, .. } => match error {
            ConnectError::CoinbaseHeight { .. } => "bad-cb-height",
            ConnectError::Transaction { error, .. } => rule(error),
            ConnectError::FeesExceedSupply { .. } => "bad-txns-accumulated-fee-outofrange",
            ConnectError::CoinbaseClaimsTooMuch { .. } => "bad-cb-amount",
        },
    }
}

fn header(error: &HeaderError) -> &'static str {
    match error {
        HeaderError::Version { .. } => "bad-version",
        HeaderError::Target(_) => "bad-diffbits (no target)",
        HeaderError::TargetAboveLimit { .. } => "bad-diffbits (above the limit)",
        HeaderError::WrongTarget { .. } => "bad-diffbits",
        HeaderError::WorkMissing { .. } => "high-hash",
        HeaderError::Parent { .. } => "inconclusive-not-best-prevblk",
        HeaderError::TimeTooOld { .. } => "time-too-old",
        HeaderError::TimeTooNew(_) => "time-too-new",
    }
}

fn body(error: &BlockError) -> &'static str {
    match error {
        BlockError::MerkleRoot { .. } => "bad-txnmrklroot",
        BlockError::TooLarge { .. } => "bad-blk-length",
        BlockError::CoinbaseWithoutOutputs => "bad-txns-vout-empty (coinbase)",
        BlockError::CoinbaseTag { .. } => "bad-cb-length",
        BlockError::DuplicateTransaction { .. } => "bad-txns-duplicate",
        BlockError::DoubleSpend { .. } => "bad-txns-inputs-missingorspent (spent in this block)",
        BlockError::Transaction { error, .. } => rule(error),
    }
}
