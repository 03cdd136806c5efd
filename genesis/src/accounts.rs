//! The ten published accounts: wallets whose words everybody can compute, so that a devnet has
//! coins to play with from its first second. They are worth nothing anywhere else.

use sha2::{Digest, Sha256};

/// How many there are.
pub const COUNT: u8 = 10;

/// The text whose SHA-256 is the entropy of account `number`.
pub fn entropy_text(number: u8) -> String {
    format!("cairn devnet account {number}")
}

/// The 32 bytes of entropy of account `number`: BIP 39 makes 24 words of them, SLIP-0010 keys of
/// the words, and genesis pays the first receiving address, `m/44'/1'/0'/0'/0'`.
pub fn entropy(number: u8) -> [u8; 32] {
    Sha256::digest(entropy_text(number)).into()
}

#[cfg(test)]
mod tests {
    use bip39::Mnemonic;
    use cairn_core::address::Address;
    use cairn_core::amount::Amount;
    use cairn_core::lock::{Lock, PublicKey};
    use ed25519_dalek::SigningKey;

    use super::*;
    use crate::Chain;

    /// The first receiving lock of a published account, derived anew.
    fn lock(number: u8) -> Lock {
        let words = Mnemonic::from_entropy(&entropy(number)).expect("256 bits");
        assert_eq!(words.word_count(), 24);
        let secret =
            slip10_ed25519::derive_ed25519_private_key(&words.to_seed_normalized(""), &[44, 1, 0, 0, 0]);
        Lock::PublicKey(PublicKey::from_bytes(SigningKey::from_bytes(&secret).verifying_key().to_bytes()))
    }

    #[test]
    fn devnet_and_regtest_pay_the_first_address_of_each_published_account() {
        for name in ["devnet", "regtest"] {
            let chain = Chain::builtin(name).expect("built in");
            let prefix = &chain.params.address_prefix;
            let expected: Vec<String> =
                (0..COUNT).map(|number| Address::new(prefix, lock(number)).to_string()).collect();
            let premine = &chain.definition.premine;
            let listed: Vec<String> = premine.iter().map(|payment| payment.address.clone()).collect();
            assert_eq!(listed, expected, "{name}");
            let coins = Amount::from_units(10_000 * Amount::COIN.units());
            assert!(premine.iter().all(|payment| payment.amount == coins), "{name}");
        }
    }

    #[test]
    fn testnet_pays_no_published_account() {
        assert!(Chain::builtin("testnet").expect("built in").definition.premine.is_empty());
    }
}
