//! Encoding: fixed width, little-endian, and a decoder that must consume every byte. The only file that
//! names bincode.
//!
//! There are no variable-length integers as Bitcoin's compact sizes: a count takes eight bytes, so that
//! each value has one encoding. docs/protocol.md specifies the bytes without this crate.
//!
//! ```
//! use cairn_core::encoding::{DecodeError, decode, encode};
//!
//! let bytes = encode(&vec![7_u32, 9]);
//! assert_eq!(bytes, [2, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 9, 0, 0, 0]);
//! assert_eq!(decode(&bytes, 100), Ok(vec![7_u32, 9]));
//! assert_eq!(decode::<Vec<u32>>(&bytes[..15], 100), Err(DecodeError::TooShort));
//! ```

pub use bincode::de::Decoder;
pub use bincode::enc::Encoder;
pub use bincode::error::{DecodeError as DecodeFault, EncodeError as EncodeFault};
pub use bincode::{Decode, Encode, impl_borrow_decode};

use bincode::config::{Config, Configuration, Fixint, Limit, LittleEndian};

/// Bytes that are not the encoding of a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Longer than such a value may be.
    #[error("{found} bytes are more than the {allowed} that this value may have")]
    TooLong { found: usize, allowed: usize },
    /// The value ended before the bytes did.
    #[error("{left} bytes are left over after the value")]
    TrailingBytes { left: usize },
    /// A count, a number or a list goes on beyond the last byte.
    #[error("the bytes end before the value does")]
    TooShort,
    /// A count of more than the bytes could hold; nothing was allocated for it.
    #[error("a list says that it has more entries than the bytes could hold")]
    CountTooLarge,
    /// A choice that this version does not know.
    #[error("choice {found} does not exist")]
    UnknownChoice { found: u32 },
    /// A text that is not UTF-8.
    #[error("a text is not UTF-8")]
    NotUtf8,
    /// An error of a type's own decoder.
    #[error("{0}")]
    Other(&'static str),
}

impl From<DecodeFault> for DecodeError {
    /// bincode shows its faults in their Debug form, which is no text for people.
    fn from(fault: DecodeFault) -> Self {
        match fault {
            DecodeFault::UnexpectedEnd { .. } => Self::TooShort,
            DecodeFault::LimitExceeded | DecodeFault::OutsideUsizeRange(_) => Self::CountTooLarge,
            DecodeFault::UnexpectedVariant { found, .. } => Self::UnknownChoice { found },
            DecodeFault::InvalidBooleanValue(found) => Self::UnknownChoice { found: u32::from(found) },
            DecodeFault::Utf8 { .. } => Self::NotUtf8,
            DecodeFault::Other(what) => Self::Other(what),
            _ => Self::Other("the bytes are not a value of this kind"),
        }
    }
}

/// The encoding of a value.
pub fn encode<T: Encode>(value: &T) -> Vec<u8> {
    bincode::encode_to_vec(value, bincode::config::legacy()).expect("writing to memory does not fail")
}

/// Length in bytes of a value's encoding, without making it.
pub fn encoded_size<T: Encode>(value: &T) -> usize {
    let mut counter = bincode::enc::write::SizeWriter::default();
    bincode::encode_into_writer(value, &mut counter, bincode::config::legacy())
        .expect("counting does not fail");
    counter.bytes_written
}

/// Bytes of memory that a decoder may claim for each byte of input. For every type of the protocol, an
/// element takes at most this many times its wire size in memory.
const CLAIM_PER_BYTE: usize = 4;

/// Limit in bytes for any value, so that a caller cannot ask for more memory than it needs.
const LONGEST: usize = 256 << 20;

/// Decodes a value that takes up all of `bytes`, of which there may be at most `max`.
///
/// A length inside the bytes never allocates more than 64 times the bytes that are there, or 4 KiB.
///
/// # Errors
/// Every variant of [`DecodeError`].
pub fn decode<T: Decode<()>>(bytes: &[u8], max: usize) -> Result<T, DecodeError> {
    let allowed = max.min(LONGEST);
    if bytes.len() > allowed {
        return Err(DecodeError::TooLong { found: bytes.len(), allowed });
    }
    // The limit is a constant of the type, so the input chooses the smallest that holds it.
    let decoded = match bytes.len().saturating_mul(CLAIM_PER_BYTE) {
        0..=0x1000 => bincode::decode_from_slice(bytes, limited::<0x1000>()),
        0x1001..=0x1_0000 => bincode::decode_from_slice(bytes, limited::<0x1_0000>()),
        0x1_0001..=0x10_0000 => bincode::decode_from_slice(bytes, limited::<0x10_0000>()),
        0x10_0001..=0x100_0000 => bincode::decode_from_slice(bytes, limited::<0x100_0000>()),
        0x100_0001..=0x400_0000 => bincode::decode_from_slice(bytes, limited::<0x400_0000>()),
        0x400_0001..=0x1000_0000 => bincode::decode_from_slice(bytes, limited::<0x1000_0000>()),
        _ => bincode::decode_from_slice(bytes, limited::<0x4000_0000>()),
    };
    let (value, consumed) = decoded.map_err(DecodeError::from)?;
    match bytes.len().saturating_sub(consumed) {
        0 => Ok(value),
        left => Err(DecodeError::TrailingBytes { left }),
    }
}

fn limited<const N: usize>() -> impl Config {
    let config: Configuration<LittleEndian, Fixint, Limit<N>> = bincode::config::legacy().with_limit::<N>();
    config
}

#[cfg(test)]
mod tests;
