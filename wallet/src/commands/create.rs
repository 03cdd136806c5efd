//! `new` and `restore`: make a wallet from fresh words, from known ones, or from a published devnet account.
//!
//! A person is asked first, then the wallet's lock is taken and the files are written.

use std::fs::File;

use anyhow::{Context, bail};
use cairn_core::address::Address;
use cairn_core::text::with_causes;
use cairn_genesis::programs::exit::{answer, answer_done, check_output, say};
use cairn_genesis::{Chain, accounts};
use serde_json::json;
use zeroize::Zeroizing;

use crate::book::{Book, KeySource, Search, check_absent};
use crate::cli::{ChainChoice, Common, Restore};
use crate::files::{WalletFiles, remove, write_private};
use crate::keys::{Branch, Keys};
use crate::mnemonic::Words;
use crate::session::{Session, files_of, kept_name, published_words};
use crate::terminal::Hidden;
use crate::view::View;
use crate::{follow, keystore, passphrase, show};

/// Makes a wallet and shows its words once.
///
/// The words are shown before anything is written: where they cannot be read, nothing is left behind.
pub fn new(common: &Common, choice: &ChainChoice) -> anyhow::Result<()> {
    let (files, chain, kept_name) = prepare(common, choice)?;
    let passphrase = passphrase::choose(common.passphrase_file.as_deref())?;
    let words = Words::generate().context("the system gives no randomness")?;
    let sealed = keystore::seal(&words, &passphrase)?;
    let _lock = lock_absent(&files)?;
    let keys = Keys::new(&words);
    let book = Book::new(&kept_name, chain.params.genesis_hash, KeySource::Encrypted, &keys, Search::Done);
    let address = address(&chain, &book);
    let name = files.name().to_string();
    let shown = check_output().and_then(|()| match common.json {
        true => answer(json!({ "wallet": name, "address": address, "words": words.as_str() })),
        false => answer(in_rows(&words).as_str()),
    });
    shown.context("the words could not be shown, so no wallet was made")?;
    write(&files, Some(&sealed), &book)
        .context("no wallet was made: the words that were shown belong to none")?;
    if common.json {
        return Ok(());
    }
    let facts = json!({ "wallet": name, "address": address });
    Ok(answer_done(false, facts, summary(common, &files, &address), made(&files, &address))?)
}

/// Makes a wallet again, or takes a devnet account, and searches the chain if a node answers.
pub fn restore(common: &Common, choice: &Restore) -> anyhow::Result<()> {
    let (files, chain, kept_name) = prepare(common, &choice.chain)?;
    let (source, keys, sealed) = match choice.devnet {
        Some(account) => {
            let keys = Keys::new(&published_words(account));
            check_funded(&chain, &keys)?;
            (KeySource::Published(account), keys, None)
        }
        None => {
            let words = known_words(choice)?;
            check_unpublished(&words)?;
            let passphrase = passphrase::choose(common.passphrase_file.as_deref())?;
            (KeySource::Encrypted, Keys::new(&words), Some(keystore::seal(&words, &passphrase)?))
        }
    };
    {
        let _lock = lock_absent(&files)?;
        let genesis = chain.params.genesis_hash;
        let book = Book::new(&kept_name, genesis, source, &keys, Search::Due);
        write(&files, sealed.as_deref(), &book)?;
    }
    let (address, view) = match search(common, &keys) {
        Ok((address, view)) => (address, Some(view)),
        Err(error) => {
            say(format_args!(
                "note: the chain was not searched for used addresses yet ({}); the next command that has the \
                 keys does it, as `rescan`",
                with_causes(error.as_ref())
            ));
            (address(&chain, &Book::load(&files)?), None)
        }
    };
    let notices = view.as_ref().map_or(&[][..], |view| &view.notices);
    show::tell(notices);
    let mut text = summary(common, &files, &address);
    if let Some(account) = choice.devnet {
        let warning = "its words are published, anyone can spend these coins";
        text = format!("Devnet account {account}: {warning}.\n{text}");
    }
    let (wallet, searched) = (files.name().to_string(), view.is_some());
    let reply = json!({ "wallet": wallet, "address": address, "searched": searched, "notices": notices });
    Ok(answer_done(common.json, reply, text, made(&files, &address))?)
}

/// Searches the chain while the keys are at hand; gives the newest address that it has paid.
fn search(common: &Common, keys: &Keys) -> anyhow::Result<(String, View)> {
    let mut session = Session::open(common)?;
    let client = session.connect(common)?.client;
    let view = follow::catch_up(&mut session, &client, Some(keys))?;
    Ok((session.address(session.book.current()), view))
}

/// Checks what can be checked before a person is asked.
fn prepare(common: &Common, choice: &ChainChoice) -> anyhow::Result<(WalletFiles, Chain, String)> {
    let files = files_of(common)?;
    check_absent(&files)?;
    Ok((files, Chain::find(&choice.chain)?, kept_name(&choice.chain)?))
}

/// The lock of a wallet that is not there: another command may have made it while a person was asked.
fn lock_absent(files: &WalletFiles) -> anyhow::Result<Option<File>> {
    let lock = files.lock()?;
    check_absent(files)?;
    Ok(lock)
}

/// Writes all files of a wallet or none. The words come first: a book alone would be a wallet that cannot pay.
fn write(files: &WalletFiles, sealed: Option<&[u8]>, book: &Book) -> anyhow::Result<()> {
    // What an earlier wallet of this name read of the chain is not about these keys.
    remove(&files.scan())?;
    if let Some(sealed) = sealed {
        write_private(&files.keys(), sealed)?;
    }
    if let Err(error) = book.save(files) {
        remove(&files.keys())?;
        return Err(error.into());
    }
    Ok(())
}

fn address(chain: &Chain, book: &Book) -> String {
    Address::new(&chain.params.address_prefix, book.current()).to_string()
}

fn made(files: &WalletFiles, address: &str) -> String {
    format!("the wallet {} is made, its address is {address}", files.name())
}

fn in_rows(words: &Words) -> Zeroizing<String> {
    let mut text = Zeroizing::new(
        "These 24 words are the wallet. Write them down now: they are not shown again.\n".to_owned(),
    );
    for (index, word) in words.as_str().split(' ').enumerate() {
        let start = if index % 6 == 0 { "\n" } else { "" };
        text.push_str(&format!("{start}{:>4}. {word:<10}", index + 1));
    }
    text.push('\n');
    text
}

fn summary(common: &Common, files: &WalletFiles, address: &str) -> String {
    let name = files.name();
    let option = if common.wallet.to_string() == "main" { String::new() } else { format!(" -w {name}") };
    let file = files.public();
    format!("wallet   {name} ({})\naddress  {address}\nnext     cairn-wallet{option} balance", file.display())
}

fn check_funded(chain: &Chain, keys: &Keys) -> anyhow::Result<()> {
    let (funded, name) = (keys.lock(Branch::Receive, 0), &chain.params.name);
    if !chain.genesis.coinbase().outputs.iter().any(|output| output.lock == funded) {
        bail!("the chain {name} does not fund the published accounts: their words are rejected there");
    }
    Ok(())
}

/// Published words must not become a wallet for savings by mistake.
fn check_unpublished(words: &Words) -> anyhow::Result<()> {
    let is_same = |account: &u8| published_words(*account).as_str() == words.as_str();
    match (0..accounts::COUNT).find(is_same) {
        Some(account) => {
            bail!(
                "these are the published words of devnet account {account}: use `restore --devnet {account}`"
            )
        }
        None => Ok(()),
    }
}

fn known_words(choice: &Restore) -> anyhow::Result<Words> {
    match &choice.words_file {
        Some(path) => {
            let bytes = std::fs::read(path).map(Zeroizing::new);
            let bytes = bytes.with_context(|| format!("cannot read the words from {}", path.display()))?;
            Words::parse_bytes(&bytes).with_context(|| format!("the words in {}", path.display()))
        }
        None => typed_words().context("no words; --words-file reads them from a file"),
    }
}

/// Reads lines until they hold a whole wallet: what `new` prints is pasted as several.
fn typed_words() -> anyhow::Result<Words> {
    let mut terminal = Hidden::open()?;
    let mut typed = Zeroizing::new(String::new());
    let mut question = "the words, in order (they are not shown; two empty lines end them): ";
    let mut empty_lines = 0;
    loop {
        let line = terminal.ask(question)?;
        question = "";
        empty_lines = if line.trim().is_empty() { empty_lines + 1 } else { 0 };
        typed.push_str(&line);
        typed.push('\n');
        let words = Words::parse(&typed);
        if words.as_ref().is_ok_and(Words::is_full) || empty_lines == 2 {
            terminal.forget_the_rest();
            return Ok(words?);
        }
    }
}
