//! The public book of a wallet: its chain, its addresses, and payments that are not yet confirmed.
//!
//! Addresses are derived ahead while the keys are open, so that balances and new addresses need no
//! passphrase. Nothing here can spend.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use cairn_core::hash::{GenesisHash, Txid};
use cairn_core::lock::{Lock, PublicKey};
use cairn_core::transaction::{OutPoint, Transaction};
use serde::{Deserialize, Serialize};

use crate::files::{self, FileError, WalletFiles};
use crate::keys::{Branch, Keys};
use crate::scan::Scan;

/// Addresses derived ahead on each branch; more are derived whenever the keys are open.
pub const LOOKAHEAD: u32 = 200;
/// Blocks on top of a payment until it is forgotten that it was ours: no longer branch is expected.
const KEPT_BLOCKS: u32 = 1_000;
/// The format that this code writes.
const FORMAT: u32 = 1;

/// Where the keys come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeySource {
    /// From the encrypted file beside the book.
    Encrypted,
    /// From the published words of a devnet account: anyone can spend these coins.
    Published(u8),
}

/// What `NAME.json` holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Book {
    format: u32,
    /// The chain's name, or the path of its definition.
    pub chain: String,
    /// Which chain the wallet signs for.
    pub genesis: GenesisHash,
    /// Where the keys come from.
    pub keys: KeySource,
    receive: Vec<Hex32>,
    change: Vec<Hex32>,
    /// How many receiving addresses were handed out.
    pub receive_used: u32,
    /// How many change addresses were used.
    pub change_used: u32,
    /// Signed payments that no block has confirmed yet: their coins stay reserved over a restart.
    pub pending: Vec<Pending>,
    /// Payments that a block confirmed lately: should a reorganisation undo it, they wait again, and
    /// their coins are not free for another payment.
    #[serde(default)]
    pub confirmed: Vec<Pending>,
}

/// A public key as hex.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Hex32(#[serde(with = "hex::serde")] [u8; 32]);

/// A payment of ours on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// Its id.
    pub txid: Txid,
    /// The signed transaction, to be sent again if the node lost it.
    #[serde(with = "hex::serde")]
    pub bytes: Vec<u8>,
    /// When it was sent, ms since 1970.
    pub sent_ms: u64,
}

impl Pending {
    /// The transaction; none if somebody edited the file.
    pub fn transaction(&self) -> Option<Transaction> {
        let decoded = cairn_core::encoding::decode::<Transaction>(&self.bytes, self.bytes.len()).ok();
        decoded.filter(|transaction| transaction.txid() == self.txid)
    }
}

/// The book cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    /// The file system refused.
    #[error(transparent)]
    File(#[from] FileError),
    /// There is no such wallet.
    #[error(
        "there is no wallet \"{name}\" in {directory}; make one with `cairn-wallet new`, or take a devnet account with `cairn-wallet restore --devnet 3`"
    )]
    Missing {
        /// The name asked for.
        name: String,
        /// Where it was looked for.
        directory: String,
    },
    /// There is one already.
    #[error("a wallet \"{name}\" exists already in {directory}; choose another with --wallet NAME")]
    Exists {
        /// The name asked for.
        name: String,
        /// Where it is.
        directory: String,
    },
    /// The file is not a book.
    #[error("{path} is damaged ({what}); restore the wallet from its words under another name")]
    Damaged {
        /// Which file.
        path: String,
        /// What does not fit.
        what: String,
    },
    /// Written by another version.
    #[error("{path} has format {found}, this program reads {FORMAT}")]
    Format {
        /// Which file.
        path: String,
        /// Its format.
        found: u32,
    },
    /// All addresses that were derived ahead are handed out.
    #[error("all {derived} prepared addresses are handed out; any `send` prepares more")]
    NoAddressLeft {
        /// How many there are.
        derived: usize,
    },
}

impl Book {
    /// A book for these keys, not yet written.
    pub fn new(chain: &str, genesis: GenesisHash, source: KeySource, keys: &Keys) -> Self {
        let mut book = Self {
            format: FORMAT,
            chain: chain.to_owned(),
            genesis,
            keys: source,
            receive: Vec::new(),
            change: Vec::new(),
            receive_used: 1,
            change_used: 0,
            pending: Vec::new(),
            confirmed: Vec::new(),
        };
        book.look_ahead(keys);
        book
    }

    /// Reads the book.
    ///
    /// # Errors
    /// Every variant of [`BookError`] but `Exists` and `NoAddressLeft`.
    pub fn load(files: &WalletFiles) -> Result<Self, BookError> {
        let path = files.public();
        let Some(bytes) = files::read(&path)? else { return Err(missing(files)) };
        Self::parse(&path, &bytes)
    }

    /// Reads what is in a book's file; the path is for the error.
    ///
    /// # Errors
    /// [`BookError::Damaged`] and [`BookError::Format`].
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self, BookError> {
        let damaged = |what: String| BookError::Damaged { path: path.display().to_string(), what };
        let book: Self = serde_json::from_slice(bytes).map_err(|error| damaged(error.to_string()))?;
        if book.format != FORMAT {
            return Err(BookError::Format { path: path.display().to_string(), found: book.format });
        }
        if book.receive_used as usize > book.receive.len() || book.change_used as usize > book.change.len() {
            return Err(damaged("it counts more addresses than it lists".to_owned()));
        }
        if book.receive.is_empty() {
            return Err(damaged("it lists no address".to_owned()));
        }
        Ok(book)
    }

    /// Writes the book.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn save(&self, files: &WalletFiles) -> Result<(), FileError> {
        let mut text = serde_json::to_vec_pretty(self).expect("a book has only strings and numbers");
        text.push(b'\n');
        files::write_private(&files.public(), &text)
    }

    /// Derives addresses so that [`LOOKAHEAD`] unused ones are ready on each branch.
    pub fn look_ahead(&mut self, keys: &Keys) {
        for (branch, list, used) in [
            (Branch::Receive, &mut self.receive, self.receive_used),
            (Branch::Change, &mut self.change, self.change_used),
        ] {
            for index in list.len() as u32..used + LOOKAHEAD {
                let Lock::PublicKey(key) = keys.lock(branch, index);
                list.push(Hex32(*key.as_bytes()));
            }
        }
    }

    /// The newest receiving address.
    pub fn current(&self) -> Lock {
        lock_of(&self.receive[self.receive_used.saturating_sub(1) as usize])
    }

    /// Hands out a receiving address that was never shown.
    ///
    /// # Errors
    /// [`BookError::NoAddressLeft`].
    pub fn next_receive(&mut self) -> Result<Lock, BookError> {
        take(&self.receive, &mut self.receive_used)
    }

    /// Takes a change address that was never used.
    ///
    /// # Errors
    /// [`BookError::NoAddressLeft`].
    pub fn next_change(&mut self) -> Result<Lock, BookError> {
        take(&self.change, &mut self.change_used)
    }

    /// Receiving addresses that were handed out, in order.
    pub fn receiving(&self) -> impl Iterator<Item = Lock> + '_ {
        self.receive.iter().take(self.receive_used as usize).map(lock_of)
    }

    /// Every lock this wallet can open, with its place among the keys.
    pub fn locks(&self) -> BTreeMap<Lock, (Branch, u32)> {
        let place = |branch| move |(index, key)| (lock_of(key), (branch, index as u32));
        let receive = self.receive.iter().enumerate().map(place(Branch::Receive));
        receive.chain(self.change.iter().enumerate().map(place(Branch::Change))).collect()
    }

    /// Marks addresses as used that the chain has paid to, as after a restore.
    pub fn mark_used(&mut self, paid: &BTreeSet<Lock>) {
        let last_paid = |list: &[Hex32]| list.iter().rposition(|key| paid.contains(&lock_of(key)));
        if let Some(index) = last_paid(&self.receive) {
            self.receive_used = self.receive_used.max(index as u32 + 1);
        }
        if let Some(index) = last_paid(&self.change) {
            self.change_used = self.change_used.max(index as u32 + 1);
        }
    }

    /// Looks at every payment anew: those that a block confirmed no longer wait, those whose block was
    /// undone wait again, and those that can never be confirmed, or for long have been, are dropped.
    pub fn settle(&mut self, scan: &Scan) {
        // Those that were confirmed come first: what still waits may spend their change.
        let all = std::mem::take(&mut self.confirmed).into_iter().chain(std::mem::take(&mut self.pending));
        let mut hopeless: BTreeSet<Txid> = BTreeSet::new();
        for payment in all {
            let Some(transaction) = payment.transaction() else { continue };
            let depth = scan.confirmed_at(&payment.txid).and_then(|at| scan.height().since(at));
            let is_taken = |input: &OutPoint| {
                let spent = scan.coin(input).and_then(|coin| coin.spent);
                hopeless.contains(&input.txid) || spent.is_some_and(|(by, _)| by != payment.txid)
            };
            match depth {
                Some(depth) if depth < KEPT_BLOCKS => self.confirmed.push(payment),
                Some(_) => {}
                None if transaction.inputs().iter().any(is_taken) => drop(hopeless.insert(payment.txid)),
                None => self.pending.push(payment),
            }
        }
    }

    /// Forgets a payment that waits, and those that spend what it pays back; their ids, or nothing if
    /// no such payment waits.
    pub fn abandon(&mut self, txid: &Txid) -> Vec<Txid> {
        let mut forgotten: Vec<Txid> = Vec::new();
        for payment in std::mem::take(&mut self.pending) {
            let transaction = payment.transaction();
            let spends = |gone: &Txid| {
                transaction.iter().flat_map(|one| one.inputs()).any(|input| input.txid == *gone)
            };
            if payment.txid == *txid || forgotten.iter().any(spends) {
                forgotten.push(payment.txid);
            } else {
                self.pending.push(payment);
            }
        }
        forgotten
    }

    /// Coins that our own unconfirmed payments spend.
    pub fn reserved(&self) -> BTreeSet<OutPoint> {
        self.pending.iter().filter_map(Pending::transaction).flat_map(|t| t.inputs().to_vec()).collect()
    }
}

/// Refuses to write over a wallet.
///
/// # Errors
/// [`BookError::Exists`] when either file is there.
pub fn check_absent(files: &WalletFiles) -> Result<(), BookError> {
    if files.public().exists() || files.keys().exists() {
        return Err(BookError::Exists { name: files.name().to_string(), directory: directory_of(files) });
    }
    Ok(())
}

fn missing(files: &WalletFiles) -> BookError {
    BookError::Missing { name: files.name().to_string(), directory: directory_of(files) }
}

fn directory_of(files: &WalletFiles) -> String {
    files.public().parent().map(|directory| directory.display().to_string()).unwrap_or_default()
}

fn lock_of(key: &Hex32) -> Lock {
    Lock::PublicKey(PublicKey::from_bytes(key.0))
}

fn take(list: &[Hex32], used: &mut u32) -> Result<Lock, BookError> {
    let key = list.get(*used as usize).ok_or(BookError::NoAddressLeft { derived: list.len() })?;
    *used += 1;
    Ok(lock_of(key))
}

#[cfg(test)]
mod tests;
