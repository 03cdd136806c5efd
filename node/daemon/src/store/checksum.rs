//! Checksums: eight bytes over key and value before every value in the database. A value that comes back
//! under another key, shortened, or changed by one bit is found out.

use sha2::{Digest, Sha256};

/// The length of a checksum in bytes.
pub const LENGTH: usize = 8;

/// The stored form of a value.
pub fn add(key: &[u8], value: &[u8]) -> Vec<u8> {
    let mut stored = Vec::with_capacity(LENGTH + value.len());
    stored.extend_from_slice(&checksum(key, value));
    stored.extend_from_slice(value);
    stored
}

/// The value in a stored form; none if that is not what was stored under this key.
pub fn check<'s>(key: &[u8], stored: &'s [u8]) -> Option<&'s [u8]> {
    let (found, value) = stored.split_first_chunk::<LENGTH>()?;
    (*found == checksum(key, value)).then_some(value)
}

fn checksum(key: &[u8], value: &[u8]) -> [u8; LENGTH] {
    let length = (key.len() as u64).to_le_bytes();
    let digest = Sha256::new().chain_update(length).chain_update(key).chain_update(value).finalize();
    let mut checksum = [0; LENGTH];
    checksum.copy_from_slice(&digest[..LENGTH]);
    checksum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_intact_under_its_own_key_alone() {
        let stored = add(b"Tab", b"value");
        assert_eq!(check(b"Tab", &stored), Some(&b"value"[..]));
        assert_eq!(check(b"Tac", &stored), None);
        assert_eq!(check(b"Ta", &add(b"Tab", b"value")), None);
        assert_eq!(check(b"T", b""), None);
        assert_eq!(check(b"T", &add(b"T", b"")), Some(&b""[..]));
    }

    #[test]
    fn a_value_with_any_bit_changed_or_any_byte_lost_is_found_out() {
        let stored = add(b"C", b"tip");
        for bit in 0..stored.len() * 8 {
            let mut changed = stored.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(check(b"C", &changed), None, "bit {bit}");
        }
        for length in 0..stored.len() {
            assert_eq!(check(b"C", &stored[..length]), None, "{length} bytes left");
        }
    }
}
