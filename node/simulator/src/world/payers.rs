//! Who pays in a world, and what they wait for.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use cairn_core::hash::Txid;
use cairn_protocol::input::RequestId;

use crate::payments::Purse;
use crate::place::Place;

/// Purses, and payments that are not answered yet.
pub(super) struct Payers {
    pub(super) purses: Vec<Purse>,
    /// Whose turn it is.
    pub(super) next: usize,
    /// When the next payment comes, to the nanosecond.
    pub(super) at: Duration,
    /// Of whom an answer is awaited that people want to know: their payments are part of the plan.
    pub(super) planned: BTreeSet<RequestId>,
    /// Second payments of coins that nodes have not answered: where, and of which the second is the rival.
    pub(super) rivals: BTreeMap<RequestId, (Place, Txid, Txid)>,
}

impl Payers {
    /// Nobody has paid yet.
    pub(super) const fn new(purses: Vec<Purse>) -> Self {
        Self { purses, next: 0, at: Duration::ZERO, planned: BTreeSet::new(), rivals: BTreeMap::new() }
    }
}
