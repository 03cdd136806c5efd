//! The passphrase: from a file, the environment or the terminal, never from the command line.

use std::io::IsTerminal;
use std::path::Path;

use anyhow::{Context, bail};
use zeroize::Zeroizing;

/// The variable that is read when no file is named.
pub const VARIABLE: &str = "CAIRN_WALLET_PASSPHRASE";

/// The passphrase of an existing wallet.
///
/// # Errors
/// When there is neither a file, nor the variable, nor a terminal to ask at.
pub fn ask(file: Option<&Path>) -> anyhow::Result<Zeroizing<String>> {
    match given(file)? {
        Some(passphrase) => Ok(passphrase),
        None => prompt("passphrase: "),
    }
}

/// A passphrase for a new wallet; at a terminal it is typed twice.
///
/// # Errors
/// As for [`ask`]; when it is empty; when the two differ.
pub fn choose(file: Option<&Path>) -> anyhow::Result<Zeroizing<String>> {
    let chosen = match given(file)? {
        Some(passphrase) => passphrase,
        None => {
            let first = prompt("choose a passphrase for the key file: ")?;
            if *first != *prompt("the same again: ")? {
                bail!("the two passphrases differ; nothing was written");
            }
            first
        }
    };
    if chosen.is_empty() {
        bail!("an empty passphrase protects nothing; nothing was written");
    }
    Ok(chosen)
}

/// What a file or the environment says.
fn given(file: Option<&Path>) -> anyhow::Result<Option<Zeroizing<String>>> {
    if let Some(path) = file {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the passphrase file {}", path.display()))?;
        let text = Zeroizing::new(text);
        return Ok(Some(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned())));
    }
    Ok(std::env::var(VARIABLE).ok().map(Zeroizing::new))
}

/// Asks at the terminal without showing what is typed.
fn prompt(question: &str) -> anyhow::Result<Zeroizing<String>> {
    if !std::io::stdin().is_terminal() {
        bail!("a passphrase is needed and there is no terminal: use --passphrase-file or {VARIABLE}");
    }
    Ok(Zeroizing::new(rpassword::prompt_password(question).context("cannot read the passphrase")?))
}
