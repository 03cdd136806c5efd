//! `list`: the wallets in the directory.

use cairn_genesis::exit::answer;
use serde_json::json;

use crate::book::{Book, KeySource};
use crate::cli::Common;
use crate::files::{WalletFiles, wallets_in};
use crate::session::directory;
use crate::show;

/// Prints every wallet with its chain and where its keys come from.
pub fn run(common: &Common) -> anyhow::Result<()> {
    let directory = directory(common)?;
    let mut rows = Vec::new();
    for name in wallets_in(&directory)? {
        let files = WalletFiles::new(&directory, name.clone());
        let (chain, keys) = match Book::load(&files) {
            Ok(book) => (book.chain, keys_in_words(book.keys)),
            Err(error) => ("?".to_owned(), error.to_string()),
        };
        rows.push([name.to_string(), chain, keys]);
    }
    if common.json {
        let rows: Vec<_> = rows
            .iter()
            .map(|[name, chain, keys]| json!({ "wallet": name, "chain": chain, "keys": keys }))
            .collect();
        answer(json!({ "directory": directory.display().to_string(), "wallets": rows }))?;
    } else if rows.is_empty() {
        answer(format_args!("no wallets in {}; `cairn-wallet new` makes one", directory.display()))?;
    } else {
        let rows = rows.into_iter().map(|row| row.to_vec()).collect();
        answer(show::table(&["wallet", "chain", "keys"], &[], rows))?;
    }
    Ok(())
}

fn keys_in_words(source: KeySource) -> String {
    match source {
        KeySource::Encrypted => "encrypted with a passphrase".to_owned(),
        KeySource::Published(account) => format!("published: devnet account {account}"),
    }
}
