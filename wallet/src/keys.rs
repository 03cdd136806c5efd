//! Keys: which ones a seed gives, in order (SLIP-0010 for ed25519, BIP 44 paths).

use cairn_core::lock::{Lock, PublicKey};
use ed25519_dalek::SigningKey;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::mnemonic::Words;

/// Purpose of BIP 44.
const PURPOSE: u32 = 44;
/// Coin type of test networks in SLIP-0044: no Cairn chain carries value.
const COIN_TYPE: u32 = 1;
/// The one account of a wallet.
const ACCOUNT: u32 = 0;

/// Where the keys come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeySource {
    /// From the encrypted file beside the book.
    Encrypted,
    /// From the published words of a devnet account: anyone can spend these coins.
    Published(u8),
}

/// What an address is for, with its number in the path of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Branch {
    /// Addresses given to others to be paid.
    Receive = 0,
    /// Addresses for what is left of a payment.
    Change = 1,
}

/// All keys of a wallet, each derived when it is needed.
///
/// The words of devnet account 0 give the address that the devnet's genesis block pays first:
/// ```
/// use cairn_core::address::Address;
/// use cairn_genesis::{Chain, accounts};
/// use cairn_wallet::keys::{Branch, Keys};
/// use cairn_wallet::mnemonic::Words;
///
/// let words = Words::parse(&accounts::words(0)).expect("24 words with their checksum");
/// let lock = Keys::new(&words).lock(Branch::Receive, 0);
/// let devnet = Chain::builtin("devnet").expect("it is built in");
/// let address = Address::new(&devnet.params.address_prefix, lock).to_string();
/// assert!(address.starts_with("cairndev1"));
/// assert_eq!(address, devnet.definition.premine[0].address);
/// ```
pub struct Keys(Zeroizing<[u8; 64]>);

impl Keys {
    /// The keys of these words.
    pub fn new(words: &Words) -> Self {
        Self(words.seed())
    }

    /// The key at `m/44'/1'/0'/branch'/index'`. ed25519 has hardened derivation only.
    pub fn signing_key(&self, branch: Branch, index: u32) -> SigningKey {
        let path = [PURPOSE, COIN_TYPE, ACCOUNT, branch as u32, index];
        let secret = Zeroizing::new(slip10_ed25519::derive_ed25519_private_key(&*self.0, &path));
        SigningKey::from_bytes(&secret)
    }

    /// The lock that only the [`Self::signing_key`] of this branch and index opens.
    pub fn lock(&self, branch: Branch, index: u32) -> Lock {
        Lock::PublicKey(PublicKey::from_bytes(self.signing_key(branch, index).verifying_key().to_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Derives along a path and returns secret and public key, as SLIP-0010 prints them.
    fn derive(seed: &str, path: &[u32]) -> (String, String) {
        let seed = hex::decode(seed).expect("hex");
        let secret = slip10_ed25519::derive_ed25519_private_key(&seed, path);
        let public = SigningKey::from_bytes(&secret).verifying_key();
        (hex::encode(secret), hex::encode(public.to_bytes()))
    }

    #[test]
    fn derivation_is_that_of_the_slip_0010_vectors_for_ed25519() {
        let one = "000102030405060708090a0b0c0d0e0f";
        let two = "fffcf9f6f3f0edeae7e4e1dedbd8d5d2cfccc9c6c3c0bdbab7b4b1aeaba8a5a29f9c999693908d8a8784817e7b7875726f6c696663605d5a5754514e4b484542";
        let vectors: [(&str, &[u32], &str, &str); 6] = [
            (
                one,
                &[],
                "2b4be7f19ee27bbf30c667b642d5f4aa69fd169872f8fc3059c08ebae2eb19e7",
                "a4b2856bfec510abab89753fac1ac0e1112364e7d250545963f135f2a33188ed",
            ),
            (
                one,
                &[0],
                "68e0fe46dfb67e368c75379acec591dad19df3cde26e63b93a8e704f1dade7a3",
                "8c8a13df77a28f3445213a0f432fde644acaa215fc72dcdf300d5efaa85d350c",
            ),
            (
                one,
                &[0, 1],
                "b1d0bad404bf35da785a64ca1ac54b2617211d2777696fbffaf208f746ae84f2",
                "1932a5270f335bed617d5b935c80aedb1a35bd9fc1e31acafd5372c30f5c1187",
            ),
            (
                one,
                &[0, 1, 2, 2, 1_000_000_000],
                "8f94d394a8e8fd6b1bc2f3f49f5c47e385281d5c17e65324b0f62483e37e8793",
                "3c24da049451555d51a7014a37337aa4e12d41e485abccfa46b47dfb2af54b7a",
            ),
            (
                two,
                &[],
                "171cb88b1b3c1db25add599712e36245d75bc65a1a5c9e18d76f9f2b1eab4012",
                "8fe9693f8fa62a4305a140b9764c5ee01e455963744fe18204b4fb948249308a",
            ),
            (
                two,
                &[0],
                "1559eb2bbec5790b0c65d8693e4d0875b1747f4970ae8b650486ed7470845635",
                "86fab68dcb57aa196c77c5f264f215a112c22a912c10d123b0d03c3c28ef1037",
            ),
        ];
        for (seed, path, secret, public) in vectors {
            assert_eq!(derive(seed, path), (secret.to_owned(), public.to_owned()), "path {path:?}");
        }
    }

    #[test]
    fn receive_and_change_keys_differ_and_repeat_from_the_same_words() {
        let words = || Words::from_entropy(&[7; 32]);
        let (keys, again) = (Keys::new(&words()), Keys::new(&words()));
        assert_ne!(keys.lock(Branch::Receive, 0), keys.lock(Branch::Change, 0));
        assert_ne!(keys.lock(Branch::Receive, 0), keys.lock(Branch::Receive, 1));
        assert_eq!(keys.lock(Branch::Change, 5), again.lock(Branch::Change, 5));
    }
}
