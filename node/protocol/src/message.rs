//! Messages between peers: their types in `message/types.rs`, their bytes in `message/codec.rs`, the limits in
//! `limits.rs`.

pub mod codec;
pub mod compact_block;
pub mod rates;
pub mod types;

pub use compact_block::CompactBlock;
pub use types::{Goodbye, Hello, HelloStart, Inventory, Message, PROTOCOL_VERSION};
