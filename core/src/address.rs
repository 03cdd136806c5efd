//! Addresses: a lock as text for people, in bech32m (BIP 350) with the chain's prefix.

use core::fmt;

use bech32::primitives::decode::CheckedHrpstring;
use bech32::{Bech32m, Hrp};

use crate::lock::{Lock, PublicKey};

/// Version byte of a lock to a public key.
const VERSION_PUBLIC_KEY: u8 = 0;

/// The prefix of a chain's addresses: BIP 173's human-readable part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressPrefix(Hrp);

/// A text that is not an address prefix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an address prefix: use 1 to 20 lower-case letters and digits")]
pub struct PrefixError(String);

/// A text that is not an address of this chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Misspelt, cut off, or of another kind.
    #[error("not a bech32m address: {0}")]
    Malformed(String),
    /// An address of another chain.
    #[error("the address is of another chain: it begins with {found}1, not {expected}1")]
    OtherChain { found: String, expected: String },
    /// A kind of lock that this program does not know.
    #[error("the address has version {found}, only {VERSION_PUBLIC_KEY} is known")]
    UnknownVersion { found: u8 },
    /// A key has 32 bytes.
    #[error("the address holds {found} bytes, 33 are expected")]
    Length { found: usize },
}

/// A lock and the chain it is meant for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    prefix: AddressPrefix,
    lock: Lock,
}

impl AddressPrefix {
    /// A prefix of 1 to 20 lower-case letters and digits.
    ///
    /// # Errors
    /// The text is empty, too long or has other characters.
    pub fn new(text: &str) -> Result<Self, PrefixError> {
        let fault = || PrefixError(text.chars().take(40).collect());
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        if text.len() > 20 || !text.bytes().all(fits) {
            return Err(fault());
        }
        Hrp::parse(text).map(Self).map_err(|_| fault())
    }
}

impl fmt::Display for AddressPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Address {
    /// The address of a lock on the chain of this prefix.
    pub fn new(prefix: &AddressPrefix, lock: Lock) -> Self {
        Self { prefix: prefix.clone(), lock }
    }

    /// Reads an address of the chain whose prefix is expected.
    ///
    /// # Errors
    /// Every variant of [`AddressError`].
    pub fn parse(text: &str, expected: &AddressPrefix) -> Result<Self, AddressError> {
        let decoded = CheckedHrpstring::new::<Bech32m>(text)
            .map_err(|error| AddressError::Malformed(error.to_string()))?;
        let found = decoded.hrp();
        if found != expected.0 {
            return Err(AddressError::OtherChain {
                found: found.to_lowercase(),
                expected: expected.to_string(),
            });
        }
        // The bits that fill up the last letter are zero, or one lock would have several addresses (BIP 173).
        decoded.validate_segwit_padding().map_err(|error| AddressError::Malformed(error.to_string()))?;
        let bytes: Vec<u8> = decoded.byte_iter().collect();
        let (version, key) = bytes.split_first().ok_or(AddressError::Length { found: 0 })?;
        if *version != VERSION_PUBLIC_KEY {
            return Err(AddressError::UnknownVersion { found: *version });
        }
        let key: [u8; 32] = key.try_into().map_err(|_| AddressError::Length { found: bytes.len() })?;
        Ok(Self { prefix: expected.clone(), lock: Lock::PublicKey(PublicKey::from_bytes(key)) })
    }

    /// The lock of the outputs that pay this address.
    pub const fn lock(&self) -> Lock {
        self.lock
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Lock::PublicKey(key) = self.lock;
        let mut bytes = vec![VERSION_PUBLIC_KEY];
        bytes.extend_from_slice(key.as_bytes());
        bech32::encode_lower_to_fmt::<Bech32m, _>(f, self.prefix.0, &bytes).map_err(|_| fmt::Error)
    }
}

#[cfg(test)]
mod tests;
