//! The encrypted key file: a wallet's words under a passphrase, in the age format (scrypt, ChaCha20-Poly1305).

use age::scrypt::{Identity, Recipient};
use age::secrecy::SecretString;
use zeroize::Zeroizing;

use crate::mnemonic::Words;

/// log2 of scrypt's cost: 2^16 blocks, 64 MiB and about a fifth of a second for each guess.
const WORK_FACTOR: u8 = 16;

/// The file does not open.
#[derive(Debug, thiserror::Error)]
pub enum KeystoreError {
    /// The passphrase is not the one the file was made with.
    #[error("wrong passphrase")]
    WrongPassphrase,
    /// The file is not what `seal` wrote.
    #[error("the key file is damaged ({0}); restore the wallet from its words")]
    Damaged(String),
    /// The age library failed to encrypt.
    #[error("cannot encrypt the words: {0}")]
    Seal(#[from] age::EncryptError),
}

/// Encrypts words under a passphrase.
pub fn seal(words: &Words, passphrase: &str) -> Result<Vec<u8>, KeystoreError> {
    let mut recipient = Recipient::new(SecretString::from(passphrase.to_owned()));
    recipient.set_work_factor(WORK_FACTOR);
    Ok(age::encrypt(&recipient, words.as_str().as_bytes())?)
}

/// Decrypts what [`seal`] wrote.
pub fn open(sealed: &[u8], passphrase: &str) -> Result<Words, KeystoreError> {
    let mut identity = Identity::new(SecretString::from(passphrase.to_owned()));
    // A file that demands more was not written here; obeying it could take hours.
    identity.set_max_work_factor(WORK_FACTOR + 4);
    let plain = age::decrypt(&identity, sealed).map_err(|error| match error {
        age::DecryptError::DecryptionFailed | age::DecryptError::NoMatchingKeys => {
            KeystoreError::WrongPassphrase
        }
        other => KeystoreError::Damaged(other.to_string()),
    })?;
    let plain = Zeroizing::new(plain);
    let text = std::str::from_utf8(&plain).map_err(|error| KeystoreError::Damaged(error.to_string()))?;
    Words::parse(text).map_err(|error| KeystoreError::Damaged(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_back_with_the_passphrase_and_only_with_it() {
        let words = Words::from_entropy(&[9; 32]);
        let sealed = seal(&words, "correct horse").expect("sealed");
        assert!(!sealed.windows(5).any(|window| words.as_str().as_bytes().starts_with(window)));
        assert_eq!(open(&sealed, "correct horse").expect("opened").as_str(), words.as_str());
        assert!(matches!(open(&sealed, "correct hors"), Err(KeystoreError::WrongPassphrase)));
    }

    #[test]
    fn a_damaged_file_is_refused_as_damaged() {
        let mut sealed = seal(&Words::from_entropy(&[9; 32]), "p").expect("sealed");
        let last = sealed.len() - 1;
        sealed[last] ^= 1;
        assert!(matches!(open(&sealed, "p"), Err(KeystoreError::Damaged(_))));
        assert!(matches!(open(b"not an age file", "p"), Err(KeystoreError::Damaged(_))));
    }
}
