//! What peers say to each other. The words are in `message/words.rs`, their bytes in
//! `message/codec.rs`, the bounds in `limits.rs`.

pub mod codec;
pub mod words;

pub use words::{Goodbye, Hello, HelloStart, Inventory, Message, PROTOCOL_VERSION};
