//! `new` and `restore`: a wallet from fresh words, from known ones, or a published devnet account.

use std::io::{Write, stdout};

use anyhow::{Context, anyhow, bail};
use serde_json::json;
use zeroize::Zeroizing;

use crate::book::{Book, KeySource, check_absent};
use crate::cli::{ChainChoice, Common, Restore};
use crate::files::{WalletFiles, write_private};
use crate::keys::Keys;
use crate::session::{chain_named, files_of, published_words};
use crate::words::Words;
use crate::{keystore, passphrase};
use cairn_core::address::Address;

/// Makes a wallet and shows its words once.
pub fn new(common: &Common, choice: &ChainChoice) -> anyhow::Result<()> {
    let files = files_of(common)?;
    let _lock = files.lock()?;
    check_absent(&files)?;
    let words = Words::generate().context("the system gives no randomness")?;
    let address = write_encrypted(common, &files, choice, &words)?;
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

/// Makes a wallet again, or takes a devnet account.
pub fn restore(common: &Common, choice: &Restore) -> anyhow::Result<()> {
    let files = files_of(common)?;
    let _lock = files.lock()?;
    check_absent(&files)?;
    let address = match choice.devnet {
        Some(account) => take_published(&files, &choice.chain, account)?,
        None => {
            let words = Words::parse(&typed_words(choice)?)?;
            refuse_published(&words)?;
            write_encrypted(common, &files, &choice.chain, &words)?
        }
    };
    if common.json {
        writeln!(stdout(), "{}", json!({ "wallet": files.name().to_string(), "address": address }))?;
        return Ok(());
    }
    if let Some(account) = choice.devnet {
        writeln!(
            stdout(),
            "Devnet account {account}: its words are published, anyone can spend these coins."
        )?;
    }
    Ok(report(common, &files, &address)?)
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
) -> anyhow::Result<String> {
    let chain = chain_named(&choice.chain)?;
    let passphrase = passphrase::choose(common.passphrase_file.as_deref())?;
    let keys = Keys::new(words);
    // The words first: a book without its keys would be a wallet that can only receive.
    write_private(&files.keys(), &keystore::seal(words, &passphrase)?)?;
    write_book(files, &choice.chain, &chain, KeySource::Encrypted, &keys)
}

fn take_published(files: &WalletFiles, choice: &ChainChoice, account: u8) -> anyhow::Result<String> {
    let chain = chain_named(&choice.chain)?;
    let keys = Keys::new(&published_words(account));
    let funded = keys.lock(crate::keys::Branch::Receive, 0);
    if !chain.genesis.coinbase().outputs.iter().any(|output| output.lock == funded) {
        bail!(
            "the chain {} does not fund the published accounts: their words are refused there",
            chain.params.name
        );
    }
    write_book(files, &choice.chain, &chain, KeySource::Published(account), &keys)
}

fn write_book(
    files: &WalletFiles,
    chain_name: &str,
    chain: &cairn_genesis::Chain,
    source: KeySource,
    keys: &Keys,
) -> anyhow::Result<String> {
    let book = Book::new(chain_name, chain.params.genesis_hash, source, keys);
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
