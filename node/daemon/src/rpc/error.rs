//! Errors of calls: Bitcoin Core's error codes, a sentence, and the values behind it.

use cairn_protocol::chain::store::StoreError;
use serde::Serialize;

use crate::handle::Stopped;
use crate::rpc::json::{Json, json, object};

/// Bitcoin Core's error codes (`src/rpc/protocol.h`), those that have a meaning here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Code {
    /// The JSON is not a request.
    InvalidRequest = -32600,
    /// There is no such method.
    MethodNotFound = -32601,
    /// Arguments that exclude each other.
    InvalidParams = -32602,
    /// The node failed; the call was right.
    Internal = -32603,
    /// The body is not JSON.
    Parse = -32700,
    /// Wrong number of arguments, or a failure without a code of its own.
    Misc = -1,
    /// An argument has the wrong JSON type.
    Type = -3,
    /// No such block, transaction, or address.
    InvalidAddressOrKey = -5,
    /// The answer would be too large.
    OutOfMemory = -7,
    /// An argument has the right type and a wrong value.
    InvalidParameter = -8,
    /// No peer is connected.
    ClientNotConnected = -9,
    /// Bytes that do not decode.
    Deserialization = -22,
    /// This address was added before.
    NodeAlreadyAdded = -23,
    /// This address was not added before.
    NodeNotAdded = -24,
    /// A transaction or block cannot be checked, as with inputs that do not exist.
    Verify = -25,
    /// A rule rejects the transaction or block.
    VerifyRejected = -26,
    /// The chain has it already.
    AlreadyInChain = -27,
    /// The node is starting or stopping.
    InWarmup = -28,
    /// This peer is not connected.
    NodeNotConnected = -29,
    /// The text is not an address or subnet.
    InvalidIpOrSubnet = -30,
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i32(*self as i32)
    }
}

/// The error of a failed call.
#[derive(Clone, Debug, Serialize)]
pub struct RpcError {
    pub code: Code,
    /// What was found and what was expected.
    pub message: String,
    /// The values in the message, for programs. Bitcoin Core has none; JSON-RPC 2.0 allows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Json>,
}

/// A method's outcome; when it is sent, its result is JSON text.
pub type RpcResult<T = Json> = Result<T, RpcError>;

impl Code {
    /// An error of this code without values of its own.
    pub fn error(self, message: impl Into<String>) -> RpcError {
        RpcError { code: self, message: message.into(), data: None }
    }
}

/// Characters of a malformed value that an error repeats.
const MAX_FOUND: usize = 80;

impl RpcError {
    /// The error of a part of a request that has not its form.
    pub fn malformed(part: &str, found: &str, expected: &str) -> Self {
        let found: String = found.chars().take(MAX_FOUND).collect();
        let message = format!("{part} {found:?} is malformed: expected {expected}");
        Code::InvalidRequest.error(message).with_data(object! { "found": found, "expected": expected })
    }

    /// Adds the values behind the message.
    pub fn with_data(mut self, data: impl Serialize) -> Self {
        self.data = Some(json(&data));
        self
    }
}

/// The store failed: its own words say what to do.
impl From<StoreError> for RpcError {
    fn from(error: StoreError) -> Self {
        Code::Internal.error(error.to_string())
    }
}

impl From<Stopped> for RpcError {
    fn from(stopped: Stopped) -> Self {
        Code::InWarmup.error(stopped.to_string())
    }
}
