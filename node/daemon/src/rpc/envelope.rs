//! Envelopes: requests and batches of JSON-RPC 1.0, 1.1 and 2.0, and the answer that Bitcoin Core gives to each.

use serde_json::{Map, Value};

use crate::rpc::error::{Code, RpcError, RpcResult};
use crate::rpc::json::{Json, Object, json};

/// The version of JSON-RPC that the answer follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// 1.0 and 1.1: `result` and `error` are both there, an error is an HTTP error too.
    Legacy,
    /// 2.0: only one of them is there, an error comes with HTTP 200, a call without id has no answer.
    Two,
}

/// The parsed body of an HTTP request.
#[derive(Debug)]
pub enum Body {
    Single(Value),
    /// Several, answered in one array.
    Batch(Vec<Value>),
}

/// The parts of a request that its answer needs, known even when the rest is malformed.
#[derive(Clone, Debug)]
pub struct Envelope {
    pub version: Version,
    /// The caller's id, any JSON; none when the request had none.
    pub id: Option<Value>,
}

/// A call: method and arguments as they came.
#[derive(Debug)]
pub struct Call {
    pub method: String,
    pub params: Arguments,
}

/// Arguments as they came.
#[derive(Debug)]
pub enum Arguments {
    Positional(Vec<Value>),
    /// Arguments by name; `args` may hold leading ones by position.
    Named(Map<String, Value>),
}

impl Body {
    /// Reads a body. Nesting deeper than 128 is rejected while reading, before it costs stack.
    ///
    /// # Errors
    /// [`Code::Parse`] when it is not JSON, or neither object nor array.
    pub fn parse(bytes: &[u8]) -> Result<Self, RpcError> {
        match serde_json::from_slice(bytes) {
            Ok(Value::Array(requests)) => Ok(Self::Batch(requests)),
            Ok(request @ Value::Object(_)) => Ok(Self::Single(request)),
            Ok(_) => Err(Code::Parse.error("Top-level object parse error")),
            Err(_) => Err(Code::Parse.error("Parse error")),
        }
    }
}

impl Envelope {
    /// The envelope of what could not be read at all: a legacy answer with `"id": null`.
    pub const UNREADABLE: Self = Self { version: Version::Legacy, id: Some(Value::Null) };

    /// Whether the caller wants no answer.
    pub fn is_notification(&self) -> bool {
        self.version == Version::Two && self.id.is_none()
    }

    /// Opens a request. The envelope is returned even when the call inside is malformed.
    pub fn open(request: Value) -> (Self, Result<Call, RpcError>) {
        let Value::Object(mut fields) = request else {
            return (Self::UNREADABLE, Err(invalid("Invalid Request object")));
        };
        let id = fields.remove("id");
        match version(&fields) {
            Ok(version) => (Self { version, id }, call(fields)),
            Err(error) => (Self { version: Version::Legacy, id }, Err(error)),
        }
    }

    /// The answer as a JSON object.
    pub fn seal(&self, outcome: RpcResult) -> Json {
        let mut reply = Object::new();
        if self.version == Version::Two {
            reply.put("jsonrpc", "2.0");
        }
        match outcome {
            Ok(result) => {
                reply.put("result", &result);
                if self.version == Version::Legacy {
                    reply.put("error", &());
                }
            }
            Err(error) => {
                if self.version == Version::Legacy {
                    reply.put("result", &());
                }
                reply.put("error", &error);
            }
        }
        if let Some(id) = &self.id {
            reply.put("id", id);
        }
        json(&reply)
    }

    /// The HTTP status of a single answer.
    pub fn status(&self, outcome: &RpcResult) -> u16 {
        match (outcome, self.version) {
            _ if self.is_notification() => 204,
            (Ok(_), _) | (Err(_), Version::Two) => 200,
            (Err(error), Version::Legacy) => match error.code {
                Code::InvalidRequest => 400,
                Code::MethodNotFound => 404,
                _ => 500,
            },
        }
    }
}

/// `"jsonrpc": "1.0"` is not in any standard, but old documentation has it.
fn version(fields: &Map<String, Value>) -> Result<Version, RpcError> {
    match fields.get("jsonrpc") {
        None | Some(Value::Null) => Ok(Version::Legacy),
        Some(Value::String(version)) => match version.as_str() {
            "1.0" | "1.1" => Ok(Version::Legacy),
            "2.0" => Ok(Version::Two),
            _ => Err(invalid("JSON-RPC version not supported")),
        },
        Some(_) => Err(invalid("jsonrpc field must be a string")),
    }
}

fn call(mut fields: Map<String, Value>) -> Result<Call, RpcError> {
    let method = match fields.remove("method") {
        None | Some(Value::Null) => return Err(invalid("Missing method")),
        Some(Value::String(method)) => method,
        Some(_) => return Err(invalid("Method must be a string")),
    };
    let params = match fields.remove("params") {
        None | Some(Value::Null) => Arguments::Positional(Vec::new()),
        Some(Value::Array(values)) => Arguments::Positional(values),
        Some(Value::Object(values)) => Arguments::Named(values),
        Some(_) => return Err(invalid("Params must be an array or object")),
    };
    Ok(Call { method, params })
}

fn invalid(message: &str) -> RpcError {
    Code::InvalidRequest.error(message)
}

#[cfg(test)]
mod tests;
