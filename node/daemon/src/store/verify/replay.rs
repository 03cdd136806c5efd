//! Replaying a chain from genesis, block by block, with only what the rules need of earlier blocks, so that
//! memory grows with the coins and not with the chain.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use cairn_core::block::Block;
use cairn_core::check::block::check_block;
use cairn_core::check::connect::connect_block;
use cairn_core::check::header::{ParentContext, check_header_alone, check_header_on_parent};
use cairn_core::coin::{Coin, Origin};
use cairn_core::difficulty::Anchor;
use cairn_core::height::Height;
use cairn_core::params::ChainParams;
use cairn_core::signature::ParallelVerifier;
use cairn_core::time::{Timestamp, median_time_past};
use cairn_core::transaction::{OutPoint, Output};
use cairn_protocol::chain::BlockRejection;

/// The state of a chain after a block.
pub struct Replay<'p> {
    params: &'p ChainParams,
    /// What the rules for the next header need of the last.
    last: ParentContext,
    /// The times of the next median.
    times: VecDeque<Timestamp>,
    coins: BTreeMap<OutPoint, Coin>,
}

impl<'p> Replay<'p> {
    /// The state after genesis, whose outputs are the premine.
    pub fn new(params: &'p ChainParams, genesis: &Block) -> Self {
        let (time, txid) = (genesis.header().time, genesis.coinbase().txid());
        let outputs = (0..).zip(genesis.coinbase().outputs.iter().cloned());
        let coins = outputs.map(|(index, output)| {
            (OutPoint { txid, index }, Coin { output, height: Height::GENESIS, origin: Origin::Premine })
        });
        let last = ParentContext {
            hash: genesis.hash(),
            height: Height::GENESIS,
            time,
            median_time_past: time,
            anchor: None,
        };
        Self { params, last, times: VecDeque::from([time]), coins: coins.collect() }
    }

    /// Validates and connects the next block.
    pub fn connect(&mut self, block: &Arc<Block>, now: Timestamp) -> Result<(), BlockRejection> {
        let header = *block.header();
        check_header_alone(&header, self.params)?;
        // A block that was accepted once may be ahead of the clock.
        check_header_on_parent(&header, &self.last, self.params, now.max(header.time))?;
        let checked = check_block(block.clone(), self.params)?;
        let (height, median) = (self.last.height.next(), self.last.median_time_past);
        let joined = connect_block(&checked, height, median, &self.coins, &ParallelVerifier, self.params);
        let joined = joined.map_err(|error| BlockRejection::Connect { hash: block.hash(), error })?;
        for (outpoint, _) in &joined.changes().spent {
            self.coins.remove(outpoint);
        }
        self.coins.extend(joined.into_changes().created);
        self.times.push_back(header.time);
        if self.times.len() > self.params.median_time_span {
            self.times.pop_front();
        }
        let anchor = Anchor::after(self.last.anchor.as_ref(), self.params, &header, height, self.last.time);
        self.last = ParentContext {
            hash: block.hash(),
            height,
            time: header.time,
            median_time_past: median_time_past(self.times.make_contiguous()),
            anchor,
        };
        Ok(())
    }

    /// The unspent output of an outpoint.
    pub fn output(&self, outpoint: &OutPoint) -> Option<&Output> {
        self.coins.get(outpoint).map(|coin| &coin.output)
    }

    /// The coins that the blocks so far make.
    pub const fn coins(&self) -> &BTreeMap<OutPoint, Coin> {
        &self.coins
    }

    /// The coins that the blocks so far make.
    pub fn into_coins(self) -> BTreeMap<OutPoint, Coin> {
        self.coins
    }
}
