//! The passphrase: from a file, the environment or the terminal, never from the command line.

use std::ffi::OsString;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::terminal::{Hidden, TerminalError};

/// The variable that is read when no file is named.
pub const VARIABLE: &str = "CAIRN_WALLET_PASSPHRASE";
/// More bytes of a passphrase file are not read.
const LONGEST_FILE: u64 = 64 * 1024;

/// There is no passphrase.
#[derive(Debug, thiserror::Error)]
pub enum PassphraseError {
    /// The file cannot be read.
    #[error("cannot read the passphrase file {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    /// The file or the variable holds other bytes than text.
    #[error("{origin} is not UTF-8 text; the passphrase is its first line, as UTF-8")]
    NotText { origin: String },
    /// The file or the variable begins with a line end, or is empty.
    #[error("the first line of {origin} is empty, and the first line is the passphrase")]
    EmptyFirstLine { origin: String },
    /// The first line has a zero byte, which cannot be typed.
    #[error("{origin} holds a zero byte, as text in UTF-16 does; the passphrase is its first line, as UTF-8")]
    ZeroByte { origin: String },
    /// It cannot be typed: there is no terminal.
    #[error("a passphrase is needed: use --passphrase-file or {VARIABLE} where it cannot be typed ({0})")]
    Terminal(#[from] TerminalError),
    /// A new one was typed twice, differently.
    #[error("the two passphrases differ; nothing was written")]
    Differ,
    /// A new one is empty.
    #[error("an empty passphrase protects nothing; nothing was written")]
    Empty,
}

/// What a file or the environment says.
pub struct Given {
    /// The passphrase: the first line. A mark at the start (BOM) and the line end are no part of it.
    pub first_line: Zeroizing<String>,
    /// What earlier versions took for the passphrase, where it differs: more than the first line.
    pub earlier_reading: Option<Zeroizing<String>>,
    /// The file or the variable, for messages.
    pub origin: String,
}

impl Given {
    /// Whether there is anything to find.
    pub fn is_named(file: Option<&Path>) -> bool {
        file.is_some() || variable().is_some()
    }

    /// Of the file if one is named, else of the environment; nothing if neither says anything.
    pub fn find(file: Option<&Path>) -> Result<Option<Self>, PassphraseError> {
        if let Some(path) = file {
            let mut bytes = Zeroizing::new(Vec::new());
            let read =
                std::fs::File::open(path).and_then(|file| file.take(LONGEST_FILE).read_to_end(&mut bytes));
            read.map_err(|source| PassphraseError::Unreadable { path: path.to_owned(), source })?;
            let origin = format!("the passphrase file {}", path.display());
            let text = std::str::from_utf8(&bytes);
            let text = text.map_err(|_| PassphraseError::NotText { origin: origin.clone() })?;
            return Ok(Some(Self::of(text, text.trim_end_matches(['\r', '\n']), origin)));
        }
        let Some(value) = variable() else { return Ok(None) };
        let origin = VARIABLE.to_owned();
        match value.into_string().map(Zeroizing::new) {
            Ok(text) => Ok(Some(Self::of(&text, &text, origin))),
            Err(_) => Err(PassphraseError::NotText { origin }),
        }
    }

    fn of(text: &str, earlier: &str, origin: String) -> Self {
        let first = text.strip_prefix('\u{feff}').unwrap_or(text);
        let first = first.split(['\r', '\n']).next().unwrap_or_default();
        let earlier_reading =
            (earlier != first || first.contains('\0')).then(|| Zeroizing::new(earlier.to_owned()));
        Self { first_line: Zeroizing::new(first.to_owned()), earlier_reading, origin }
    }

    /// The first line, which must not be empty or have a zero byte.
    pub fn passphrase(self) -> Result<Zeroizing<String>, PassphraseError> {
        if self.first_line.is_empty() {
            return Err(PassphraseError::EmptyFirstLine { origin: self.origin });
        }
        if self.first_line.contains('\0') {
            return Err(PassphraseError::ZeroByte { origin: self.origin });
        }
        Ok(self.first_line)
    }
}

/// The variable, if it is set to anything.
fn variable() -> Option<OsString> {
    std::env::var_os(VARIABLE).filter(|value| !value.is_empty())
}

/// Asks for the passphrase of an existing wallet.
pub fn ask() -> Result<Zeroizing<String>, PassphraseError> {
    Ok(Hidden::open()?.ask("passphrase: ")?)
}

/// A passphrase for a new wallet; at a terminal it is typed twice.
pub fn choose(file: Option<&Path>) -> Result<Zeroizing<String>, PassphraseError> {
    if let Some(given) = Given::find(file)? {
        return given.passphrase();
    }
    let mut terminal = Hidden::open()?;
    let first = terminal.ask("choose a passphrase for the key file: ")?;
    if first.is_empty() {
        return Err(PassphraseError::Empty);
    }
    if *first != *terminal.ask("the same again: ")? {
        return Err(PassphraseError::Differ);
    }
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<(String, Option<String>), PassphraseError> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), bytes).expect("written");
        let given = Given::find(Some(file.path()))?.expect("a file is named");
        Ok((given.first_line.to_string(), given.earlier_reading.map(|text| text.to_string())))
    }

    #[test]
    fn the_first_line_is_the_passphrase_whatever_the_editor() {
        for same in ["correct horse", "correct horse\n", "correct horse\r\n", "correct horse\n\n\n"] {
            assert_eq!(read(same.as_bytes()).expect("read"), ("correct horse".to_owned(), None), "{same:?}");
        }
        for differently_read_before in
            ["correct horse\nsecond\n", "\u{feff}correct horse\r\n", "correct horse\n \n"]
        {
            let (first, earlier) = read(differently_read_before.as_bytes()).expect("read");
            assert_eq!(first, "correct horse");
            assert_eq!(earlier.as_deref(), Some(differently_read_before.trim_end_matches(['\r', '\n'])));
        }
        assert_eq!(read(b" spaces stay \n").expect("read").0, " spaces stay ");
    }

    #[test]
    fn an_empty_first_line_and_bytes_that_are_no_text_are_refused_in_words() {
        for empty in ["", "\n", "\r\n", "\u{feff}", "\nx\n"] {
            let given = Given::of(empty, empty, "the file".to_owned());
            assert!(matches!(given.passphrase(), Err(PassphraseError::EmptyFirstLine { .. })), "{empty:?}");
        }
        assert!(matches!(read(b"p\xff\n"), Err(PassphraseError::NotText { .. })));
        assert!(matches!(read(b"\xff\xfep\0\n\0"), Err(PassphraseError::NotText { .. })), "UTF-16");
        let without_mark = Given::of("p\0\n\0", "p\0\n\0", "the file".to_owned());
        assert!(matches!(without_mark.passphrase(), Err(PassphraseError::ZeroByte { .. })));
    }
}
