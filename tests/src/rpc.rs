//! A small JSON-RPC client, as any program has that was written for Bitcoin Core.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// A node's RPC server, and where its cookie lies.
#[derive(Clone, Debug)]
pub struct Rpc {
    agent: ureq::Agent,
    address: SocketAddr,
    cookie: PathBuf,
}

/// Why a call has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallError {
    /// Nobody answered.
    Unreachable(String),
    /// The node said no.
    Refused {
        /// Bitcoin Core's code.
        code: i64,
        /// In words.
        message: String,
    },
}

impl Rpc {
    /// A client of the server at `address`.
    pub fn new(address: SocketAddr, cookie: &Path) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(60)))
            .build();
        Self { agent: config.into(), address, cookie: cookie.to_owned() }
    }

    /// Where the server is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Calls a method.
    ///
    /// # Errors
    /// When nobody answers, or the answer is an error.
    pub fn call(&self, method: &str, params: Value) -> Result<Value, CallError> {
        let unreachable = |error: &dyn std::fmt::Display| CallError::Unreachable(error.to_string());
        let cookie = std::fs::read_to_string(&self.cookie).map_err(|error| unreachable(&error))?;
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let response = self
            .agent
            .post(format!("http://{}/", self.address))
            .header("Authorization", format!("Basic {}", STANDARD.encode(cookie.trim())))
            .send_json(&request);
        let mut response = response.map_err(|error| unreachable(&error))?;
        let answer = response.body_mut().with_config().limit(256 * 1024 * 1024).read_json::<Value>();
        let answer = answer.map_err(|error| unreachable(&error))?;
        match answer.get("error").filter(|error| !error.is_null()) {
            None => Ok(answer.get("result").cloned().unwrap_or(Value::Null)),
            Some(error) => Err(CallError::Refused {
                code: error.get("code").and_then(Value::as_i64).unwrap_or_default(),
                message: error.get("message").and_then(Value::as_str).unwrap_or_default().to_owned(),
            }),
        }
    }
}
