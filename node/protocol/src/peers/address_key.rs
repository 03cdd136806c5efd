//! The secret key of the address manager.

use core::fmt;

use cairn_core::encoding::{Decode, Encode, encode};
use siphasher::sip::SipHasher13;

use crate::random::Random;

/// The key that decides the bucket of each address: with it an attacker could choose addresses that fill the tables. It
/// is as long as SipHash allows, and nothing that a peer sees is derived from it.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct AddressKey([u64; 2]);

impl AddressKey {
    /// The key with these halves, from the system's random generator.
    pub const fn new(halves: [u64; 2]) -> Self {
        Self(halves)
    }

    /// The key of a simulated node, which keeps no secret.
    pub fn derive(random: &mut Random) -> Self {
        Self([random.next_u64(), random.next_u64()])
    }

    /// The keyed hash of a value.
    pub fn hash(&self, value: impl Encode) -> u64 {
        let Self([first, second]) = *self;
        SipHasher13::new_with_keys(first, second).hash(&encode(&value))
    }
}

impl fmt::Debug for AddressKey {
    /// Without the key: a log shows it to nobody.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AddressKey(secret)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_halves_decide_and_no_text_shows_them() {
        let keys = [[1, 2], [1, 3], [4, 2]].map(AddressKey::new);
        let hashes: std::collections::BTreeSet<u64> = keys.iter().map(|key| key.hash("address")).collect();
        assert_eq!(hashes.len(), keys.len());
        assert!(!format!("{:?}", AddressKey::new([7, 7])).contains('7'));
    }
}
