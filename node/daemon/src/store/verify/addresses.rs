//! Replaying the address index beside the chain: every entry of every history must be as the blocks make it,
//! and there must be no other record.

use std::collections::BTreeMap;

use cairn_core::address::{Address, AddressPrefix};
use cairn_core::block::Block;
use cairn_core::coin::Coin;
use cairn_core::height::Height;
use cairn_core::lock::Lock;
use cairn_core::transaction::{OutPoint, Output};
use cairn_protocol::chain::store::StoreError;

use crate::store::address_schema::{HistoryEntry, LockSummary};
use crate::store::addresses::AddressIndex;
use crate::store::lock_deltas::transaction_deltas;
use crate::store::verify::error::VerifyError;

/// The index as the blocks so far make it, compared with the one that is stored.
pub struct AddressReplay<'i> {
    index: &'i AddressIndex,
    prefix: &'i AddressPrefix,
    summaries: BTreeMap<Lock, LockSummary>,
    /// The first difference. Blocks that break a rule are reported before it.
    wrong: Option<VerifyError>,
}

impl<'i> AddressReplay<'i> {
    /// An empty replay; `prefix` is that of the chain's addresses.
    pub const fn new(index: &'i AddressIndex, prefix: &'i AddressPrefix) -> Self {
        Self { index, prefix, summaries: BTreeMap::new(), wrong: None }
    }

    /// Adds the next block; `earlier` has the outputs of earlier blocks that it spends. A block that spends
    /// an output that does not exist is left to the rules.
    pub fn connect<'b>(
        &mut self,
        height: Height,
        block: &'b Block,
        earlier: impl Fn(&OutPoint) -> Option<&'b Output>,
    ) -> Result<(), StoreError> {
        for transaction in transaction_deltas(block, earlier).unwrap_or_default() {
            for (lock, delta) in transaction.lock_deltas() {
                let summary = self.summaries.entry(lock).or_default();
                let number = summary.transactions;
                *summary = summary.add(&delta).unwrap_or(*summary);
                let expected = HistoryEntry::new(&transaction, height, &delta);
                if self.wrong.is_none() && self.index.history_entry(&lock, number)? != Some(expected) {
                    let (address, txid) = (Box::new(Address::new(self.prefix, lock)), transaction.txid);
                    self.wrong = Some(VerifyError::AddressHistory { address, number, txid, height });
                }
            }
        }
        Ok(())
    }

    /// Compares the whole, after all blocks, which make these coins; returns the number of addresses.
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
        let entries: u64 = self.summaries.values().map(|summary| summary.transactions).sum();
        let addresses = self.summaries.len() as u64;
        let (found, expected) = (self.index.count()?, addresses + entries + coins.len() as u64);
        if found != expected {
            return Err(VerifyError::AddressRecords { found, expected });
        }
        Ok(addresses)
    }
}
