//! The public book of a wallet: its chain, its addresses, and its payments.
//!
//! Addresses are derived ahead while the keys are open, so that balances and new addresses need no
//! passphrase. Nothing here can spend.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use cairn_core::encoding::encode;
use cairn_core::hash::{BlockHash, GenesisHash, Txid};
use cairn_core::height::Height;
use cairn_core::lock::Lock;
use cairn_core::time::Timestamp;
use cairn_core::transaction::Transaction;
use serde::{Deserialize, Serialize};

use crate::addresses::Addresses;
use crate::files::{self, FileError, WalletFiles};
pub use crate::keys::KeySource;
use crate::keys::{Branch, Keys};
use crate::payment::{Payment, Release};
use crate::scan::{Scan, Watched};

mod format1;

use format1::BookOfFormat1;

/// Addresses beyond the last used one that are looked for on each branch: after this many unpaid ones in a row
/// no further one is expected to be paid.
pub const GAP: u32 = 200;
/// Addresses derived beyond [`GAP`]: the chain is read anew once for this many and not for each.
const MARGIN: u32 = 100;
/// Addresses beyond the last used one that a search looks for: receiving addresses may have been handed
/// out and not yet been paid (docs/decisions/0013).
pub const SEARCH_GAP: u32 = 10_000;
/// Blocks on top of a payment until it is forgotten that it was ours: no longer branch is expected.
const KEPT_BLOCKS: u32 = 1_000;
/// Payments of earlier chains that are kept; the oldest are forgotten first.
const KEPT_EARLIER: usize = 1_000;
/// The format that this code writes.
const FORMAT: u32 = 2;

/// Whether the chain was searched for addresses far beyond those that this book lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Search {
    /// Not yet: the next command that has the keys does it.
    Due,
    /// Done, or not needed because the words are new.
    Done,
}

/// The chain as it was last read, so that one that was started anew is recognized.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownChain {
    /// Hash of the block on genesis.
    pub first: BlockHash,
    /// Height of the tip.
    pub height: Height,
    /// Hash of the tip.
    pub tip: BlockHash,
    /// Time of the tip.
    pub tip_time: Timestamp,
}

/// The content of the file `NAME.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Book {
    format: u32,
    /// The chain's name, or the path of its definition.
    pub chain: String,
    /// Which chain the wallet signs for.
    pub genesis: GenesisHash,
    /// Where the keys come from.
    pub keys: KeySource,
    /// Addresses given to others to be paid.
    pub receive: Addresses,
    /// Addresses for what is left of a payment.
    pub change: Addresses,
    /// Whether the chain was searched far beyond these addresses.
    pub search: Search,
    /// The chain as it was last read; none before the first block on genesis.
    pub known_chain: Option<KnownChain>,
    /// Signed payments in the order of signing, parents before children, until they are abandoned or deep in the chain.
    pub payments: Vec<Payment>,
}

/// The first thing that is read of a book.
#[derive(Deserialize)]
struct FormatOf {
    format: u32,
}

/// The book cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    /// A file of the wallet cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// There is no wallet of this name.
    #[error(
        "there is no wallet \"{}\" in {}; make one with `cairn-wallet new`, or take a devnet account with `cairn-wallet restore --devnet 3`", .0.name(), .0.directory().display()
    )]
    Missing(WalletFiles),
    /// A wallet of this name exists.
    #[error("a wallet \"{}\" exists already in {}; choose another with --wallet NAME", .0.name(), .0.directory().display())]
    Exists(WalletFiles),
    /// The encrypted words are there without the book.
    #[error(
        "{keys} is left of a wallet \"{name}\" that has no {name}.json: it was not made to its end, or that file was removed; move {keys} away, then the name is free (its words can be restored from paper alone)", keys = .0.keys().display(), name = .0.name()
    )]
    HalfLeft(WalletFiles),
    /// The file is not a book.
    #[error("{} is damaged ({reason}); restore the wallet from its words under another name", path.display())]
    Damaged { path: PathBuf, reason: String },
    /// The file was written by a newer version.
    #[error("{} has format {found}, this program reads formats 1 to {FORMAT}: it was written by a newer one", path.display())]
    Format { path: PathBuf, found: u32 },
}

impl From<BookOfFormat1> for Book {
    /// The program that wrote the book looked for no address beyond those that it lists: a search is due.
    fn from(old: BookOfFormat1) -> Self {
        Self {
            format: FORMAT,
            payments: old.payments(),
            chain: old.chain,
            genesis: old.genesis,
            keys: old.keys,
            receive: Addresses::new(old.receive, old.receive_used),
            change: Addresses::new(old.change, old.change_used),
            search: Search::Due,
            known_chain: None,
        }
    }
}

impl Book {
    /// A book for these keys, not yet written.
    pub fn new(chain: &str, genesis: GenesisHash, source: KeySource, keys: &Keys, search: Search) -> Self {
        let mut book = Self {
            format: FORMAT,
            chain: chain.to_owned(),
            genesis,
            keys: source,
            receive: Addresses::new(Vec::new(), 1),
            change: Addresses::new(Vec::new(), 0),
            search,
            known_chain: None,
            payments: Vec::new(),
        };
        book.look_ahead(keys);
        book
    }

    /// Reads the book of a wallet from its file.
    ///
    /// # Errors
    /// Every variant of [`BookError`] but `Exists`.
    pub fn load(files: &WalletFiles) -> Result<Self, BookError> {
        let path = files.public();
        let bytes = files::read(&path)?.ok_or_else(|| BookError::Missing(files.clone()))?;
        Self::parse(&path, &bytes)
    }

    /// Reads what is in a book's file; the path is for the error.
    ///
    /// # Errors
    /// [`BookError::Damaged`] and [`BookError::Format`].
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self, BookError> {
        let damaged = |reason: String| BookError::Damaged { path: path.to_owned(), reason };
        let as_damage = |error: serde_json::Error| damaged(error.to_string());
        // The format before all else: a newer one has fields that are unknown here.
        let book: Self = match serde_json::from_slice::<FormatOf>(bytes).map_err(as_damage)?.format {
            1 => serde_json::from_slice::<BookOfFormat1>(bytes).map_err(as_damage)?.into(),
            FORMAT => serde_json::from_slice(bytes).map_err(as_damage)?,
            found => return Err(BookError::Format { path: path.to_owned(), found }),
        };
        if book.receive.is_short_of(0) || book.change.is_short_of(0) {
            return Err(damaged("it counts more addresses than it lists".to_owned()));
        }
        if book.receive.derived() == 0 {
            return Err(damaged("it lists no address".to_owned()));
        }
        Ok(book)
    }

    /// Writes the book to its file.
    pub fn save(&self, files: &WalletFiles) -> Result<(), FileError> {
        let mut text = serde_json::to_vec_pretty(self).expect("a book has only strings and numbers");
        text.push(b'\n');
        files::write_private(&files.public(), &text)
    }

    /// Derives addresses ahead, if fewer than [`GAP`] unused ones are ready on a branch.
    pub fn look_ahead(&mut self, keys: &Keys) {
        self.derive_short_of(keys, GAP);
    }

    /// Derives addresses, if fewer than `gap` unused ones are ready on a branch.
    pub fn derive_short_of(&mut self, keys: &Keys, gap: u32) {
        if self.is_short_of(gap) {
            self.receive.derive(keys, Branch::Receive, gap.saturating_add(MARGIN));
            self.change.derive(keys, Branch::Change, gap.saturating_add(MARGIN));
        }
    }

    /// Whether fewer than `gap` unused addresses are ready on a branch.
    pub fn is_short_of(&self, gap: u32) -> bool {
        self.receive.is_short_of(gap) || self.change.is_short_of(gap)
    }

    /// Drops addresses far beyond the used ones, which a search has derived and found unpaid.
    pub fn trim(&mut self) {
        self.receive.trim(GAP + MARGIN);
        self.change.trim(GAP + MARGIN);
    }

    /// How many addresses are looked for on each branch.
    pub fn watched(&self) -> Watched {
        Watched { receiving: self.receive.derived(), change: self.change.derived() }
    }

    /// Whether the chain may have paid addresses beyond those that are looked for.
    pub fn may_miss_addresses(&self) -> bool {
        let is_near_the_end = self.receive.is_paid_near_the_end(GAP) || self.change.is_paid_near_the_end(GAP);
        self.search == Search::Due || is_near_the_end
    }

    /// The newest receiving address.
    pub fn current(&self) -> Lock {
        self.receive.current().expect("a book that lists no receiving address is damaged")
    }

    /// Receiving addresses that were handed out, in order.
    pub fn receiving(&self) -> impl Iterator<Item = Lock> + '_ {
        self.receive.locks().take(self.receive.used() as usize)
    }

    /// Every lock that this wallet can open, with the branch and index of its key.
    pub fn locks(&self) -> BTreeMap<Lock, (Branch, u32)> {
        let place = |branch| move |(index, lock)| (lock, (branch, index));
        let receive = (0..).zip(self.receive.locks());
        let receive = receive.map(place(Branch::Receive));
        receive.chain((0..).zip(self.change.locks()).map(place(Branch::Change))).collect()
    }

    /// Marks addresses as used that the chain has paid, however many another copy of these words used.
    pub fn mark_paid(&mut self, paid: &BTreeSet<Lock>) {
        self.receive.mark_paid(paid);
        self.change.mark_paid(paid);
    }

    /// A payment of this book.
    pub fn payment(&self, txid: &Txid) -> Option<&Payment> {
        self.payments.iter().find(|payment| payment.txid == *txid)
    }

    /// Writes a payment down, which reserves its coins, before those that spend its change: another copy of
    /// these words may have shown them first. Says whether it was new.
    pub fn add(&mut self, transaction: &Transaction, made: Timestamp, release: Release) -> bool {
        let (txid, made_ms) = (transaction.txid(), made.millis());
        let is_new = self.payment(&txid).is_none();
        if is_new {
            self.payments.insert(0, Payment { txid, bytes: encode(transaction), made_ms, release });
            let family = self.with_descendants(&txid);
            self.payments.sort_by_key(|payment| family.contains(&payment.txid));
        }
        // Another copy of these words may have made it: its change address is used up here, too.
        self.change.mark_used(&transaction.outputs().iter().map(|output| output.lock).collect());
        is_new
    }

    /// Notes whether a payment was handed to a node; says whether the book has it.
    pub fn set_release(&mut self, txid: &Txid, release: Release) -> bool {
        let found = self.payments.iter_mut().find(|payment| payment.txid == *txid);
        found.map(|payment| payment.release = release).is_some()
    }

    /// Marks what was released as of an earlier chain: this one was started anew.
    pub fn begin_anew(&mut self) {
        let released = self.payments.iter_mut().filter(|payment| payment.release == Release::Released);
        released.for_each(|payment| payment.release = Release::EarlierChain);
        let is_earlier = |payment: &&Payment| payment.release == Release::EarlierChain;
        let mut surplus = self.payments.iter().filter(is_earlier).count().saturating_sub(KEPT_EARLIER);
        self.payments.retain(|payment| {
            let goes = surplus > 0 && payment.release == Release::EarlierChain;
            surplus -= usize::from(goes);
            !goes
        });
    }

    /// Takes over what chain and mempool show: what a block or the mempool holds was released, and
    /// what was decided so deep in the chain that no reorganization is expected is forgotten.
    pub fn settle(&mut self, scan: &Scan, mempool: &BTreeSet<Txid>) {
        let confirmed = scan.confirmed();
        let is_deep = |at: &Height| scan.height().since(*at).is_some_and(|depth| depth >= KEPT_BLOCKS);
        let is_decided = |payment: &Payment| match payment.transaction() {
            // The file was edited.
            None => true,
            Some(transaction) => {
                let spent = transaction.inputs().iter().filter_map(|input| scan.coin(input)?.spent);
                confirmed.get(&payment.txid).is_some_and(is_deep)
                    || spent.into_iter().any(|(_, at)| is_deep(&at))
            }
        };
        self.payments.retain(|payment| !is_decided(payment));
        for payment in &mut self.payments {
            if mempool.contains(&payment.txid) || confirmed.contains_key(&payment.txid) {
                payment.release = Release::Released;
            }
        }
    }

    /// A payment and those that spend its outputs, in order of signing; none if the book has it not.
    pub fn with_descendants(&self, txid: &Txid) -> Vec<Txid> {
        let mut found: Vec<Txid> = Vec::new();
        for payment in &self.payments {
            let transaction = payment.transaction();
            let mut inputs = transaction.iter().flat_map(|one| one.inputs());
            if payment.txid == *txid || inputs.any(|input| found.contains(&input.txid)) {
                found.push(payment.txid);
            }
        }
        found
    }

    /// Forgets payments; their coins are free again.
    pub fn forget(&mut self, txids: &[Txid]) {
        self.payments.retain(|payment| !txids.contains(&payment.txid));
    }
}

/// Checks that no wallet would be written over.
///
/// # Errors
/// [`BookError::Exists`] when it is there, [`BookError::HalfLeft`] when half of it is.
pub fn check_absent(files: &WalletFiles) -> Result<(), BookError> {
    match (files.public().exists(), files.keys().exists()) {
        (true, _) => Err(BookError::Exists(files.clone())),
        (false, true) => Err(BookError::HalfLeft(files.clone())),
        (false, false) => Ok(()),
    }
}

#[cfg(test)]
mod tests;
