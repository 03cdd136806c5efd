//! Sessions: the opened wallet with its chain, which a command reads, changes and writes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, anyhow, bail};
use cairn_core::address::Address;
use cairn_core::hash::Txid;
use cairn_core::lock::Lock;
use cairn_core::transaction::Transaction;
use cairn_genesis::Chain;
use cairn_genesis::programs::exit::say;
use cairn_genesis::programs::home::{HomeError, home};

use crate::book::{Book, KeySource};
use crate::cli::Common;
use crate::connection::{self, ConnectError, Connection};
use crate::files::{self, FileError, WalletFiles};
use crate::keys::Keys;
use crate::mnemonic::Words;
use crate::passphrase::Given;
use crate::scan::Scan;
use crate::{keystore, passphrase};

/// A wallet that a command has opened, with its chain.
pub struct Session {
    pub files: WalletFiles,
    pub book: Book,
    pub chain: Chain,
    /// Transactions of the node's mempool that were fetched already, for a command that looks often.
    pub fetched: BTreeMap<Txid, Arc<Transaction>>,
    /// Held while the wallet's files are used, but not while a person is asked or blocks are awaited.
    lock: Option<std::fs::File>,
    /// Whether it was said that nothing can be written.
    is_read_only: bool,
}

/// The files that the command's settings name.
pub fn files_of(common: &Common) -> Result<WalletFiles, HomeError> {
    Ok(WalletFiles::new(&directory(common)?, common.wallet.clone()))
}

/// The directory of the wallets.
pub fn directory(common: &Common) -> Result<PathBuf, HomeError> {
    common.dir.clone().map_or_else(|| Ok(home()?.join("wallets")), Ok)
}

/// The name of a chain as the book keeps it. The path of a definition is made absolute: it is found from any directory.
///
/// # Errors
/// When the file is gone, or its path is not UTF-8.
pub fn kept_name(name: &str) -> anyhow::Result<String> {
    if Chain::builtin(name).is_some() {
        return Ok(name.to_owned());
    }
    let path = std::fs::canonicalize(name).with_context(|| format!("cannot find {name}"))?;
    path.into_os_string()
        .into_string()
        .map_err(|path| anyhow!("the path {path:?} is not UTF-8: move the file"))
}

impl Session {
    /// Opens the wallet that the settings name.
    ///
    /// # Errors
    /// When it is not there, damaged, or its chain's definition has changed.
    pub fn open(common: &Common) -> anyhow::Result<Self> {
        Self::load(files_of(common)?)
    }

    /// Opens the wallet of these files.
    pub fn load(files: WalletFiles) -> anyhow::Result<Self> {
        // A wallet that is missing or damaged is reported without waiting for another command.
        Book::load(&files)?;
        let lock = files.lock()?;
        let book = Book::load(&files)?;
        let chain = Chain::find(&book.chain)?;
        if chain.params.genesis_hash != book.genesis {
            let source = match book.keys {
                KeySource::Published(account) => format!("by `restore --devnet {account}`"),
                KeySource::Encrypted => "from its words".to_owned(),
            };
            let (expected, name, found) = (book.genesis, &book.chain, chain.params.genesis_hash);
            bail!(
                "this wallet is for the chain with genesis {expected}, but {name} now has genesis {found}: restore \
                 it {source} under another name to use it there"
            );
        }
        Ok(Self { files, book, chain, fetched: BTreeMap::new(), lock, is_read_only: false })
    }

    /// Writes the book, if it has changed.
    pub fn save_book(&self) -> Result<(), FileError> {
        self.book.save(&self.files)
    }

    /// Lets other commands have the wallet.
    pub fn yield_lock(&mut self) {
        self.lock = None;
    }

    /// Takes the wallet again, if it was released, and reads its book anew.
    pub fn retake_lock(&mut self) -> anyhow::Result<()> {
        if self.lock.is_none() {
            self.lock = self.files.lock()?;
            self.book = Book::load(&self.files)?;
        }
        Ok(())
    }

    /// The text of an address of ours.
    pub fn address(&self, lock: Lock) -> String {
        Address::new(&self.chain.params.address_prefix, lock).to_string()
    }

    /// The keys of a published account, which are public; none for an encrypted wallet.
    pub fn published_keys(&self) -> Option<Keys> {
        match self.book.keys {
            KeySource::Published(account) => Some(Keys::new(&published_words(account))),
            KeySource::Encrypted => None,
        }
    }

    /// The keys; the passphrase is asked for unless the words are published. Meanwhile other commands may
    /// have the wallet: it is read anew then.
    ///
    /// # Errors
    /// When the passphrase is wrong or the key file missing or damaged.
    pub fn unlock(&mut self, common: &Common) -> anyhow::Result<Keys> {
        if let Some(keys) = self.published_keys() {
            return Ok(keys);
        }
        let path = self.files.keys();
        let sealed = files::read(&path)?.with_context(|| {
            format!("the key file {} is gone; restore the wallet from its words", path.display())
        })?;
        let words = match Given::find(common.passphrase_file.as_deref())? {
            Some(given) => open_with(&sealed, given)?,
            None => {
                self.yield_lock();
                let words = keystore::open(&sealed, &passphrase::ask()?)?;
                self.retake_lock()?;
                words
            }
        };
        Ok(Keys::new(&words))
    }

    /// Whether [`Self::unlock`] asks a person for the passphrase.
    pub fn asks_for_passphrase(&self, common: &Common) -> bool {
        self.book.keys == KeySource::Encrypted && !Given::is_named(common.passphrase_file.as_deref())
    }

    /// Every lock of ours.
    pub fn locks(&self) -> BTreeSet<Lock> {
        self.book.locks().into_keys().collect()
    }

    /// What earlier commands read of the chain, perhaps when fewer addresses were derived; those derived since
    /// lie beyond the look-ahead of that time.
    pub fn kept_scan(&self) -> Result<Option<Scan>, FileError> {
        let bytes = files::read(&self.files.scan())?;
        Ok(bytes.and_then(|bytes| Scan::read(&bytes, &self.chain.genesis)))
    }

    /// What earlier commands read of the chain for every address of now, or a fresh start.
    pub fn load_scan(&self) -> Result<Scan, FileError> {
        let kept = self.kept_scan()?.filter(|scan| scan.watched() == self.book.watched());
        Ok(kept.unwrap_or_else(|| self.new_scan()))
    }

    /// A scan that has seen genesis alone and looks for every lock of ours.
    pub fn new_scan(&self) -> Scan {
        Scan::new(&self.chain.genesis, &self.locks(), self.book.watched())
    }

    /// Writes scan and book for the next command. A read-only directory is reported once and is not an error.
    pub fn keep(&mut self, scan: &Scan) -> Result<(), FileError> {
        let kept = files::write_private(&self.files.scan(), &scan.write()).and_then(|()| self.save_book());
        match kept {
            Err(error) if files::is_read_only(&error.source) => {
                if !std::mem::replace(&mut self.is_read_only, true) {
                    say(format_args!("{error}; what was read of the chain is not kept"));
                }
                Ok(())
            }
            kept => kept,
        }
    }

    /// The node to ask, checked to be on the wallet's chain.
    ///
    /// # Errors
    /// When it does not answer or is on another chain.
    pub fn connect(&self, common: &Common) -> Result<Connection, ConnectError> {
        connection::connect(common, Some(&self.chain))
    }
}

/// Opens the key file with the first line that was given, or as earlier versions read it.
fn open_with(sealed: &[u8], mut given: Given) -> anyhow::Result<Words> {
    let (earlier, origin) = (given.earlier_reading.take(), given.origin.clone());
    let words = given.passphrase().map_err(anyhow::Error::from);
    let words = words.and_then(|passphrase| Ok(keystore::open(sealed, &passphrase)?));
    let Some((error, earlier)) = words.as_ref().err().zip(earlier) else { return words };
    match keystore::open(sealed, &earlier) {
        Ok(words) => {
            say(format_args!(
                "the passphrase of this wallet is all of {origin}, as earlier versions read it, and not its \
                 first line alone ({error}): keep all of it; `restore` under another name, from the words, \
                 takes the first line"
            ));
            Ok(words)
        }
        Err(_) => words,
    }
}

/// The words of a published devnet account.
pub fn published_words(account: u8) -> Words {
    Words::from_entropy(&cairn_genesis::accounts::entropy(account))
}
