//! The wallet's book as programs wrote it before format 2, to be read once and written anew.

use cairn_core::hash::{GenesisHash, Txid};
use serde::Deserialize;

use crate::addresses::Hex32;
use crate::keys::KeySource;
use crate::payment::{Payment, Release};

/// The book of format 1: it knew no state of a payment but whether a block held it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BookOfFormat1 {
    #[serde(rename = "format")]
    _format: u32,
    pub chain: String,
    pub genesis: GenesisHash,
    pub keys: KeySource,
    pub receive: Vec<Hex32>,
    pub change: Vec<Hex32>,
    pub receive_used: u32,
    pub change_used: u32,
    pending: Vec<PaymentOfFormat1>,
    #[serde(default)]
    confirmed: Vec<PaymentOfFormat1>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PaymentOfFormat1 {
    txid: Txid,
    #[serde(with = "hex::serde")]
    bytes: Vec<u8>,
    sent_ms: u64,
}

impl BookOfFormat1 {
    /// Its payments, parents before children: what was pending may spend change of what was confirmed. What
    /// was signed offline was pending, too: until a mempool or block shows it, what was
    /// pending counts as unreleased.
    pub fn payments(&self) -> Vec<Payment> {
        let payment = |release| {
            move |old: &PaymentOfFormat1| Payment {
                txid: old.txid,
                bytes: old.bytes.clone(),
                made_ms: old.sent_ms,
                release,
            }
        };
        let pending = self.pending.iter().map(payment(Release::Unreleased));
        self.confirmed.iter().map(payment(Release::Released)).chain(pending).collect()
    }
}
