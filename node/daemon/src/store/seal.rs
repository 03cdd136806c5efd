//! Seals: eight bytes of checksum, of key and value, before every value that the database keeps. What
//! comes back under another key, shortened, or changed by one bit does not open.

use sha2::{Digest, Sha256};

const SEAL: usize = 8;

/// The value as it is stored.
pub fn seal(key: &[u8], value: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(SEAL + value.len());
    sealed.extend_from_slice(&checksum(key, value));
    sealed.extend_from_slice(value);
    sealed
}

/// The value, if it is what was stored under this key.
pub fn unseal<'s>(key: &[u8], sealed: &'s [u8]) -> Option<&'s [u8]> {
    let (found, value) = sealed.split_first_chunk::<SEAL>()?;
    (*found == checksum(key, value)).then_some(value)
}

fn checksum(key: &[u8], value: &[u8]) -> [u8; SEAL] {
    let length = (key.len() as u64).to_le_bytes();
    let digest = Sha256::new().chain_update(length).chain_update(key).chain_update(value).finalize();
    let mut checksum = [0; SEAL];
    checksum.copy_from_slice(&digest[..SEAL]);
    checksum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_value_opens_under_its_own_key_alone() {
        let sealed = seal(b"Tab", b"value");
        assert_eq!(unseal(b"Tab", &sealed), Some(&b"value"[..]));
        assert_eq!(unseal(b"Tac", &sealed), None);
        assert_eq!(unseal(b"Ta", &seal(b"Tab", b"value")), None);
        assert_eq!(unseal(b"T", b""), None);
        assert_eq!(unseal(b"T", &seal(b"T", b"")), Some(&b""[..]));
    }

    #[test]
    fn a_value_with_any_bit_changed_or_any_byte_lost_does_not_open() {
        let sealed = seal(b"C", b"tip");
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(unseal(b"C", &changed), None, "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert_eq!(unseal(b"C", &sealed[..length]), None, "{length} bytes left");
        }
    }
}
