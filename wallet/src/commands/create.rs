//! `new` and `restore`: a wallet from fresh words, from known ones, or a published devnet account.

use std::io::{Write, stdout};

use anyhow::{Context, anyhow, bail};
use serde::Serialize;
use serde_json::json;
use zeroize::Zeroizing;

use crate::book::{Book, KeySource, Search, check_absent};
use crate::cli::{ChainChoice, Common, Restore};
use crate::files::{WalletFiles, write_private};
use crate::keys::Keys;
use crate::session::{Session, chain_named, files_of, published_words};
use crate::view::{Notice, View};
use crate::words::Words;
use crate::{follow, keystore, passphrase, show};
use cairn_core::address::Address;
use cairn_core::text::with_causes;

/// Makes a wallet and shows its words once.
pub fn new(common: &Common, choice: &ChainChoice) -> anyhow::Result<()> {
    let files = files_of(common)?;
    let _lock = files.lock()?;
    check_absent(&files)?;
    let words = Words::generate().context("the system gives no randomness")?;
    let (address, _) = write_encrypted(common, &files, choice, &words, Search::Done)?;
    show_new(common, &files, &address, &words).map_err(|error| {
        anyhow!(
            "nobody could read the words of this wallet ({error}): remove {} and make another",
            files.public().display()
        )
    })
}

fn show_new(common: &Common, files: &WalletFiles, address: &str, words: &Words) -> std::io::Result<()> {
    let mut out = stdout();
    if common.json {
        let name = files.name().to_string();
        return writeln!(out, "{}", json!({ "wallet": name, "address": address, "words": words.as_str() }));
    }
    writeln!(out, "These 24 words are the wallet. Write them down now: they are not shown again.\n")?;
    for (index, word) in words.as_str().split(' ').enumerate() {
        let end = if index % 6 == 5 { "\n" } else { "" };
        write!(out, "{:>4}. {word:<10}{end}", index + 1)?;
    }
    writeln!(out)?;
    report(common, files, address)
}

/// What `restore --json` prints.
#[derive(Serialize)]
struct Restored<'a> {
    wallet: String,
    address: String,
    /// Whether the chain was searched for used addresses.
    searched: bool,
    notices: &'a [Notice],
}

/// Makes a wallet again, or takes a devnet account, and searches the chain if a node answers.
pub fn restore(common: &Common, choice: &Restore) -> anyhow::Result<()> {
    let files = files_of(common)?;
    let (mut address, keys) = write_restored(common, &files, choice)?;
    if let (Some(account), false) = (choice.devnet, common.json) {
        writeln!(
            stdout(),
            "Devnet account {account}: its words are published, anyone can spend these coins."
        )?;
    }
    let searched = search(common, &keys);
    let mut notices = Vec::new();
    match &searched {
        Ok((current, view)) => {
            address.clone_from(current);
            notices.clone_from(&view.notices);
            show::tell(&notices);
        }
        Err(error) => eprintln!(
            "note: the chain was not searched for used addresses yet ({}); the next command that has the keys \
             does it, as `rescan`",
            with_causes(error.as_ref())
        ),
    }
    if common.json {
        let wallet = files.name().to_string();
        let restored = Restored { wallet, address, searched: searched.is_ok(), notices: &notices };
        writeln!(stdout(), "{}", serde_json::to_string(&restored)?)?;
        return Ok(());
    }
    Ok(report(common, &files, &address)?)
}

/// Writes the files of the restored wallet; gives its first address and its keys.
fn write_restored(common: &Common, files: &WalletFiles, choice: &Restore) -> anyhow::Result<(String, Keys)> {
    let _lock = files.lock()?;
    check_absent(files)?;
    if let Some(account) = choice.devnet {
        return take_published(files, &choice.chain, account);
    }
    let words = Words::parse(&typed_words(choice)?)?;
    refuse_published(&words)?;
    write_encrypted(common, files, &choice.chain, &words, Search::Due)
}

/// Searches the chain while the keys are at hand; gives the newest address that it has paid.
fn search(common: &Common, keys: &Keys) -> anyhow::Result<(String, View)> {
    let mut session = Session::open(common)?;
    let client = session.connect(common)?;
    let view = follow::catch_up(&mut session, &client, Some(keys))?;
    Ok((session.address(session.book.current()), view))
}

fn report(common: &Common, files: &WalletFiles, address: &str) -> std::io::Result<()> {
    let name = files.name();
    writeln!(stdout(), "wallet   {name} ({})", files.public().display())?;
    writeln!(stdout(), "address  {address}")?;
    let option = if common.wallet.to_string() == "main" { String::new() } else { format!(" -w {name}") };
    writeln!(stdout(), "next     cairn-wallet{option} balance")
}

fn write_encrypted(
    common: &Common,
    files: &WalletFiles,
    choice: &ChainChoice,
    words: &Words,
    search: Search,
) -> anyhow::Result<(String, Keys)> {
    let chain = chain_named(&choice.chain)?;
    let passphrase = passphrase::choose(common.passphrase_file.as_deref())?;
    let keys = Keys::new(words);
    // The words first: a book without its keys would be a wallet that can only receive.
    write_private(&files.keys(), &keystore::seal(words, &passphrase)?)?;
    let address = write_book(files, &choice.chain, &chain, KeySource::Encrypted, &keys, search)?;
    Ok((address, keys))
}

fn take_published(files: &WalletFiles, choice: &ChainChoice, account: u8) -> anyhow::Result<(String, Keys)> {
    let chain = chain_named(&choice.chain)?;
    let keys = Keys::new(&published_words(account));
    let funded = keys.lock(crate::keys::Branch::Receive, 0);
    if !chain.genesis.coinbase().outputs.iter().any(|output| output.lock == funded) {
        bail!(
            "the chain {} does not fund the published accounts: their words are refused there",
            chain.params.name
        );
    }
    let source = KeySource::Published(account);
    let address = write_book(files, &choice.chain, &chain, source, &keys, Search::Due)?;
    Ok((address, keys))
}

fn write_book(
    files: &WalletFiles,
    chain_name: &str,
    chain: &cairn_genesis::Chain,
    source: KeySource,
    keys: &Keys,
    search: Search,
) -> anyhow::Result<String> {
    let book = Book::new(chain_name, chain.params.genesis_hash, source, keys, search);
    book.save(files)?;
    Ok(Address::new(&chain.params.address_prefix, book.current()).to_string())
}

/// Words that everybody can read must not become somebody's savings by mistake.
fn refuse_published(words: &Words) -> anyhow::Result<()> {
    for account in 0..cairn_genesis::accounts::COUNT {
        if published_words(account).as_str() == words.as_str() {
            bail!(
                "these are the published words of devnet account {account}: use `restore --devnet {account}`"
            );
        }
    }
    Ok(())
}

fn typed_words(choice: &Restore) -> anyhow::Result<Zeroizing<String>> {
    let text = match &choice.words_file {
        Some(path) => std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the words from {}", path.display()))?,
        None => rpassword::prompt_password("the words, in order (they are not shown): ")
            .context("cannot read the words; --words-file reads them from a file")?,
    };
    Ok(Zeroizing::new(text))
}
