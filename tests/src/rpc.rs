//! Calls of a node's RPC server whose replies tests read as plain JSON.

use std::net::SocketAddr;
use std::path::Path;

pub use cairn_daemon::api::client::CallError;
use cairn_daemon::api::client::{NodeClient, WORK};
use serde_json::Value;

/// A node's RPC server.
#[derive(Clone, Debug)]
pub struct Rpc(NodeClient);

impl Rpc {
    /// A client of the server at `address`, whose cookie lies in a file.
    pub fn new(address: SocketAddr, cookie: &Path) -> Self {
        Self(NodeClient::new(address, cookie))
    }

    /// The address of the server.
    pub const fn address(&self) -> SocketAddr {
        self.0.address()
    }

    /// Calls a method.
    ///
    /// # Errors
    /// When no reply comes, or it is an error.
    pub fn call(&self, method: &str, params: Value) -> Result<Value, CallError> {
        self.0.call(method, params)
    }

    /// Reads a path as a page would: the HTTP status and the text.
    ///
    /// # Errors
    /// When it does not come.
    pub fn page(&self, path: &str) -> Result<(u16, String), CallError> {
        let (status, bytes) = self.0.page(WORK, path)?;
        Ok((status, String::from_utf8_lossy(&bytes).into_owned()))
    }
}
