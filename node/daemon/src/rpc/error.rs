//! What a call can fail with: Bitcoin Core's error codes, a sentence, and the values behind it.

use serde::Serialize;

use crate::rpc::json::{Json, Object, json};

/// Bitcoin Core's error codes (`src/rpc/protocol.h`), those that have a meaning here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Code {
    /// The JSON is no request.
    InvalidRequest = -32600,
    /// No such method.
    MethodNotFound = -32601,
    /// Arguments that exclude each other.
    InvalidParams = -32602,
    /// Something failed that no caller can mend.
    Internal = -32603,
    /// The body is not JSON.
    Parse = -32700,
    /// Wrong number of arguments, or a failure without a code of its own.
    Misc = -1,
    /// An argument has the wrong JSON type.
    Type = -3,
    /// No such block, transaction, or address.
    InvalidAddressOrKey = -5,
    /// The answer would not fit.
    OutOfMemory = -7,
    /// An argument has the right type and a wrong value.
    InvalidParameter = -8,
    /// No peer is connected.
    ClientNotConnected = -9,
    /// Bytes that decode to nothing.
    Deserialization = -22,
    /// This address was added before.
    NodeAlreadyAdded = -23,
    /// This address was not added before.
    NodeNotAdded = -24,
    /// A transaction or block cannot be checked, as with inputs that do not exist.
    Verify = -25,
    /// A rule refuses the transaction or block.
    VerifyRejected = -26,
    /// The chain has it already.
    AlreadyInChain = -27,
    /// The node is starting or stopping.
    InWarmup = -28,
    /// This peer is not connected.
    NodeNotConnected = -29,
    /// That is no address or subnet.
    InvalidIpOrSubnet = -30,
}

/// A failed call.
#[derive(Clone, Debug)]
pub struct RpcError {
    /// Which kind of failure.
    pub code: Code,
    /// What was found and what was expected.
    pub message: String,
    /// The values in the message, for programs. Bitcoin Core has none; JSON-RPC 2.0 allows it.
    pub data: Option<Json>,
}

/// What a method gives back.
pub type RpcResult = Result<Json, RpcError>;

impl RpcError {
    /// A failure without values of its own.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: None }
    }

    /// Adds the values behind the message.
    pub fn with_data(mut self, data: impl Serialize) -> Self {
        self.data = Some(json(&data));
        self
    }

    /// An argument of the right type with a value that cannot be meant.
    pub fn invalid_parameter(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidParameter, message)
    }
}

impl Serialize for RpcError {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = Object::new();
        object.put("code", &(self.code as i32));
        object.put("message", &self.message);
        if let Some(data) = &self.data {
            object.put("data", data);
        }
        object.serialize(serializer)
    }
}
