//! The use that this node makes of a connection.

/// Service bit of the sender of a `Hello` that wants no transactions on this connection, and sends none.
pub const SERVICE_BLOCKS_ONLY: u64 = 2;

/// The use of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
    /// Blocks, transactions and addresses.
    #[default]
    Full,
    /// Blocks alone: neither transactions nor addresses, which would show the topology (Bitcoin Core's
    /// block-relay-only connections).
    BlocksOnly,
    /// A test of the address: the connection ends after the handshake (Bitcoin Core's feeler).
    Feeler,
}
