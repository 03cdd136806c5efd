//! JSON-RPC client of a node. The cookie is read for each call: a restarted node has a new one.

use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

/// Time limit of a call that only looks: a node that runs replies within milliseconds.
pub const LOOK: Duration = Duration::from_secs(2);
/// Time limit of a call that changes a setting, which takes a node a moment and a busy machine a few.
pub const SET: Duration = Duration::from_secs(5);
/// Time limit of a call that works, such as mining a hundred blocks.
pub const WORK: Duration = Duration::from_secs(60);
/// Time limit of a connection on this machine.
const CONNECT: Duration = Duration::from_secs(2);
/// Limit of one reply: a few large blocks as hex.
const MAX_REPLY_BYTES: u64 = 256 * 1024 * 1024;

/// A node's RPC server, and the file with its cookie.
#[derive(Clone, Debug)]
pub struct NodeClient {
    address: SocketAddr,
    cookie: PathBuf,
    agent: ureq::Agent,
}

/// A call has no result.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CallError {
    /// The node rejected it.
    #[error("{message}")]
    Rejected {
        /// Error code of Bitcoin Core.
        code: i64,
        message: String,
        /// Values behind the message; null when there are none.
        data: Value,
    },
    /// No reply came in time.
    #[error("does not answer ({0})")]
    Unreachable(String),
    /// The reply is not of the expected form.
    #[error("sent a reply that cannot be read ({0})")]
    Malformed(String),
}

/// A method call of JSON-RPC 2.0.
#[derive(Serialize)]
struct Request<'a, P> {
    jsonrpc: &'static str,
    id: u32,
    method: &'a str,
    params: P,
}

/// Reply to a method call.
#[derive(Deserialize)]
struct Reply {
    result: Option<Box<RawValue>>,
    error: Option<Refusal>,
}

/// The error of a reply.
#[derive(Deserialize)]
struct Refusal {
    code: i64,
    message: String,
    #[serde(default)]
    data: Value,
}

impl CallError {
    fn unreachable(error: impl std::fmt::Display) -> Self {
        Self::Unreachable(error.to_string())
    }
}

impl NodeClient {
    /// A client of the node at this address with this cookie file.
    pub fn new(address: SocketAddr, cookie: &Path) -> Self {
        let config = ureq::Agent::config_builder()
            // A node is on this machine; a proxy of the surroundings is not meant for it.
            .proxy(None)
            .timeout_connect(Some(CONNECT))
            .http_status_as_error(false);
        Self { address, cookie: cookie.to_owned(), agent: config.build().into() }
    }

    /// The address of the server.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Calls a method that only looks, with a time limit of [`LOOK`].
    ///
    /// # Errors
    /// Every [`CallError`].
    pub fn look<T: DeserializeOwned>(&self, method: &str, params: impl Serialize) -> Result<T, CallError> {
        self.call_within(LOOK, method, params)
    }

    /// Calls a method that may work for long, with a time limit of [`WORK`].
    ///
    /// # Errors
    /// Every [`CallError`].
    pub fn call<T: DeserializeOwned>(&self, method: &str, params: impl Serialize) -> Result<T, CallError> {
        self.call_within(WORK, method, params)
    }

    /// Calls a method with a time limit of its own. `params` is an array: a list, a tuple of two and more.
    ///
    /// # Errors
    /// Every [`CallError`].
    pub fn call_within<T: DeserializeOwned>(
        &self,
        limit: Duration,
        method: &str,
        params: impl Serialize,
    ) -> Result<T, CallError> {
        let request = Request { jsonrpc: "2.0", id: 0, method, params };
        let post = self.agent.post(format!("http://{}/", self.address));
        let post = post.config().timeout_recv_response(Some(limit)).build();
        let response = post.header("Authorization", self.authorization()?).send_json(&request);
        let mut response = response.map_err(CallError::unreachable)?;
        let body = response.body_mut().with_config().limit(MAX_REPLY_BYTES).read_to_vec();
        let body = body.map_err(CallError::unreachable)?;
        let malformed = |error: serde_json::Error| CallError::Malformed(error.to_string());
        let reply: Reply = serde_json::from_slice(&body).map_err(malformed)?;
        match reply.error {
            Some(Refusal { code, message, data }) => Err(CallError::Rejected { code, message, data }),
            None => serde_json::from_str(reply.result.as_ref().map_or("null", |result| result.get()))
                .map_err(malformed),
        }
    }

    /// Reads a path as a page would: the HTTP status, and the bytes as the node wrote them.
    ///
    /// # Errors
    /// [`CallError::Unreachable`] when it does not come.
    pub fn page(&self, limit: Duration, path: &str) -> Result<(u16, Vec<u8>), CallError> {
        let get = self.agent.get(format!("http://{}{path}", self.address));
        let get = get.header("Authorization", self.authorization()?);
        let response = get.config().timeout_recv_response(Some(limit)).build().call();
        let mut response = response.map_err(CallError::unreachable)?;
        let body = response.body_mut().with_config().limit(MAX_REPLY_BYTES).read_to_vec();
        Ok((response.status().as_u16(), body.map_err(CallError::unreachable)?))
    }

    /// Opens the stream of events: those after this id, or all that are kept.
    ///
    /// # Errors
    /// [`CallError::Unreachable`] when it does not come.
    pub fn events(&self, after: Option<&str>) -> Result<impl Read + use<>, CallError> {
        let get = self.agent.get(format!("http://{}/events?from=1", self.address));
        let mut get = get.header("Authorization", self.authorization()?);
        if let Some(id) = after {
            get = get.header("Last-Event-ID", id);
        }
        let get = get.config().timeout_recv_response(Some(WORK)).build();
        let response = get.call().map_err(CallError::unreachable)?;
        if !response.status().is_success() {
            return Err(CallError::Unreachable(format!("/events: status {}", response.status())));
        }
        Ok(response.into_body().into_reader())
    }

    fn authorization(&self) -> Result<String, CallError> {
        let secret = std::fs::read_to_string(&self.cookie)
            .map_err(|error| CallError::Unreachable(format!("{}: {error}", self.cookie.display())))?;
        Ok(format!("Basic {}", STANDARD.encode(secret.trim())))
    }
}
