//! The address index played again beside the chain: every place in every history must be as the blocks
//! make it, and there must be nothing else.

use std::collections::BTreeMap;

use cairn_core::address::{Address, AddressPrefix};
use cairn_core::block::Block;
use cairn_core::coin::Coin;
use cairn_core::height::Height;
use cairn_core::lock::Lock;
use cairn_core::transaction::{OutPoint, Output};
use cairn_protocol::chain::store::StoreError;

use crate::store::address_schema::{Summary, Visit};
use crate::store::addresses::AddressIndex;
use crate::store::movements::movements;
use crate::store::verify::fault::VerifyError;

/// The index as the blocks so far make it, compared with the one that is stored.
pub struct AddressReplay<'i> {
    index: &'i AddressIndex,
    prefix: &'i AddressPrefix,
    summaries: BTreeMap<Lock, Summary>,
    /// The first thing that is wrong: blocks that break a rule are told before it.
    wrong: Option<VerifyError>,
}

impl<'i> AddressReplay<'i> {
    /// An index of nothing; `prefix` is that of the chain's addresses.
    pub const fn new(index: &'i AddressIndex, prefix: &'i AddressPrefix) -> Self {
        Self { index, prefix, summaries: BTreeMap::new(), wrong: None }
    }

    /// Takes the next block, of which `before` knows the outputs from before it. A block that spends
    /// what nobody knows is left to the rules.
    ///
    /// # Errors
    /// When the store fails.
    pub fn follow<'b>(
        &mut self,
        height: Height,
        block: &'b Block,
        before: impl Fn(&OutPoint) -> Option<&'b Output>,
    ) -> Result<(), StoreError> {
        for movement in movements(block, before).unwrap_or_default() {
            for (lock, share) in movement.shares() {
                let (txid, position) = (movement.txid, movement.position);
                let expected = Visit { txid, height, position, received: share.received, spent: share.spent };
                let summary = self.summaries.entry(lock).or_default();
                let number = summary.transactions;
                summary.transactions += 1;
                summary.received += u128::from(share.received.units());
                summary.spent += u128::from(share.spent.units());
                summary.coins = (summary.coins + share.made).saturating_sub(share.taken);
                if self.wrong.is_none() && self.index.visit(&lock, number)? != Some(expected) {
                    let address = Box::new(Address::new(self.prefix, lock));
                    self.wrong = Some(VerifyError::AddressVisit { address, number, txid, height });
                }
            }
        }
        Ok(())
    }

    /// All blocks were taken, and these are the coins that they make; returns how many addresses
    /// there are.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn finish(self, coins: &BTreeMap<OutPoint, Coin>) -> Result<u64, VerifyError> {
        if let Some(wrong) = self.wrong {
            return Err(wrong);
        }
        let address = |lock: &Lock| Box::new(Address::new(self.prefix, *lock));
        for (lock, rebuilt) in &self.summaries {
            let (stored, rebuilt) = (self.index.summary(lock)?, *rebuilt);
            if stored != rebuilt {
                let (stored, rebuilt) = (Box::new(stored), Box::new(rebuilt));
                return Err(VerifyError::AddressSums { address: address(lock), stored, rebuilt });
            }
        }
        for (outpoint, Coin { output, .. }) in coins {
            if self.index.coin(&output.lock, outpoint)? != Some(output.amount) {
                let (address, outpoint) = (address(&output.lock), *outpoint);
                return Err(VerifyError::AddressCoin { address, outpoint });
            }
        }
        let visits: u64 = self.summaries.values().map(|summary| summary.transactions).sum();
        let addresses = self.summaries.len() as u64;
        let (found, expected) = (self.index.count()?, addresses + visits + coins.len() as u64);
        if found != expected {
            return Err(VerifyError::AddressRecords { found, expected });
        }
        Ok(addresses)
    }
}
