//! The published accounts: wallets whose words are public, so that a devnet has coins to
//! play with from its first second, and a faucet. They are worth nothing anywhere else.

use bip39::Mnemonic;
use cairn_core::lock::{Lock, PublicKey};
use ed25519_dalek::SigningKey;
use sha2::{Digest, Sha256};

/// How many accounts there are for people: numbers 0 to 9.
pub const COUNT: u8 = 10;
/// The account out of which a devnet's faucet pays.
pub const FAUCET: u8 = 10;

/// The text whose SHA-256 is the entropy of account `number`.
pub fn entropy_text(number: u8) -> String {
    format!("cairn devnet account {number}")
}

/// The 32 bytes of entropy of account `number`: BIP 39 makes 24 words of them, SLIP-0010 keys of
/// the words, and genesis pays the first receiving address, `m/44'/1'/0'/0'/0'`.
pub fn entropy(number: u8) -> [u8; 32] {
    Sha256::digest(entropy_text(number)).into()
}

/// The 24 words of account `number`.
pub fn words(number: u8) -> String {
    mnemonic(number).to_string()
}

/// The key that spends what genesis pays to account `number`.
pub fn signing_key(number: u8) -> SigningKey {
    let seed = mnemonic(number).to_seed_normalized("");
    SigningKey::from_bytes(&slip10_ed25519::derive_ed25519_private_key(&seed, &[44, 1, 0, 0, 0]))
}

/// The lock of that key.
pub fn lock(number: u8) -> Lock {
    Lock::PublicKey(PublicKey::from_bytes(signing_key(number).verifying_key().to_bytes()))
}

fn mnemonic(number: u8) -> Mnemonic {
    Mnemonic::from_entropy(&entropy(number)).expect("256 bits are a length that BIP 39 allows")
}

#[cfg(test)]
mod tests {
    use cairn_core::address::Address;
    use cairn_core::amount::Amount;

    use super::*;
    use crate::Chain;

    #[test]
    fn devnet_and_regtest_pay_the_first_address_of_each_published_account_and_of_the_faucet() {
        for name in ["devnet", "regtest"] {
            let chain = Chain::builtin(name).expect("built in");
            let coins = |number| if number == FAUCET { 1_000_000 } else { 10_000 };
            let expected: Vec<(String, Amount)> = (0..=FAUCET)
                .map(|number| {
                    let address = Address::new(&chain.params.address_prefix, lock(number)).to_string();
                    (address, Amount::from_units(coins(number) * Amount::COIN.units()))
                })
                .collect();
            let premine = &chain.definition.premine;
            let listed: Vec<_> =
                premine.iter().map(|payment| (payment.address.clone(), payment.amount)).collect();
            assert_eq!(listed, expected, "{name}");
        }
    }

    #[test]
    fn every_account_has_24_words_of_its_own() {
        let all: std::collections::BTreeSet<String> = (0..=FAUCET).map(words).collect();
        assert_eq!(all.len(), usize::from(FAUCET) + 1);
        assert!(all.iter().all(|words| words.split(' ').count() == 24));
    }

    #[test]
    fn testnet_pays_no_published_account() {
        assert!(Chain::builtin("testnet").expect("built in").definition.premine.is_empty());
    }
}
