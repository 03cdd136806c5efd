//! Asking a node: JSON-RPC with the cookie of the moment, for a restarted node has a new one.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use serde_json::{Value, json};

/// Steps like mining a hundred blocks take their time.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Bytes of an answer for a page: the node's own bound, and its envelope.
const MAX_PAGE: u64 = 65 * 1024 * 1024;

/// How one node is asked.
#[derive(Clone, Debug)]
pub struct NodeRpc {
    address: SocketAddr,
    cookie: PathBuf,
    agent: ureq::Agent,
}

/// The node did not do it.
#[derive(Debug, thiserror::Error)]
pub enum RpcFailure {
    /// It refused, and said why.
    #[error("{message}")]
    Refused {
        /// Bitcoin Core's code.
        code: i64,
        /// Its words.
        message: String,
        /// The values behind them; null when there are none.
        data: Value,
    },
    /// It does not answer.
    #[error("does not answer ({0})")]
    Silent(String),
}

impl RpcFailure {
    /// The values that the node refused with.
    pub const fn data(&self) -> Option<&Value> {
        match self {
            Self::Refused { data, .. } => Some(data),
            Self::Silent(_) => None,
        }
    }
}

impl NodeRpc {
    /// The node at this address, whose cookie lies there.
    pub fn new(address: SocketAddr, cookie: &Path) -> Self {
        let config = ureq::Agent::config_builder()
            // A node is on this machine; a proxy of the surroundings is not meant for it.
            .proxy(None)
            .timeout_connect(Some(Duration::from_secs(2)))
            .timeout_recv_response(Some(TIMEOUT))
            .http_status_as_error(false);
        Self { address, cookie: cookie.to_owned(), agent: config.build().into() }
    }

    /// Calls a method.
    ///
    /// # Errors
    /// Both variants of [`RpcFailure`].
    pub fn call(&self, method: &str, params: Value) -> Result<Value, RpcFailure> {
        self.call_within(TIMEOUT, method, params)
    }

    /// The same, of a node that must be quick.
    ///
    /// # Errors
    /// Both variants of [`RpcFailure`].
    pub fn call_within(&self, patience: Duration, method: &str, params: Value) -> Result<Value, RpcFailure> {
        let silent = |error: ureq::Error| RpcFailure::Silent(error.to_string());
        let body = json!({ "jsonrpc": "2.0", "id": 0, "method": method, "params": params });
        let request = self.agent.post(format!("http://{}/", self.address));
        let request = request.config().timeout_recv_response(Some(patience)).build();
        let response = request.header("Authorization", self.authorization()?).send_json(&body);
        let mut response = response.map_err(silent)?;
        let mut answer: Value = response.body_mut().read_json().map_err(silent)?;
        match answer.get("error").filter(|error| !error.is_null()) {
            Some(error) => Err(RpcFailure::Refused {
                code: error["code"].as_i64().unwrap_or_default(),
                message: error["message"].as_str().unwrap_or("no reason given").to_owned(),
                data: error["data"].clone(),
            }),
            None => Ok(answer["result"].take()),
        }
    }

    /// What a page would get for a path, and the status that goes with it. It is not read here, so
    /// that every digit arrives as the node wrote it.
    ///
    /// # Errors
    /// [`RpcFailure::Silent`].
    pub fn page(&self, patience: Duration, path: &str) -> Result<(u16, Vec<u8>), RpcFailure> {
        let silent = |error: ureq::Error| RpcFailure::Silent(error.to_string());
        let request = self.agent.get(format!("http://{}{path}", self.address));
        let request = request.header("Authorization", self.authorization()?);
        let request = request.config().timeout_recv_response(Some(patience)).build();
        let mut response = request.call().map_err(silent)?;
        let body = response.body_mut().with_config().limit(MAX_PAGE).read_to_vec().map_err(silent)?;
        Ok((response.status().as_u16(), body))
    }

    /// The stream of events; with `after`, those that came after this id, else all that are kept.
    ///
    /// # Errors
    /// [`RpcFailure::Silent`].
    pub fn events(&self, after: Option<&str>) -> Result<Box<dyn std::io::Read + Send>, RpcFailure> {
        let silent = |error: ureq::Error| RpcFailure::Silent(error.to_string());
        let request = self.agent.get(format!("http://{}/events?from=1", self.address));
        let mut request = request.header("Authorization", self.authorization()?);
        if let Some(id) = after {
            request = request.header("Last-Event-ID", id);
        }
        let response = request.call().map_err(silent)?;
        if !response.status().is_success() {
            return Err(RpcFailure::Silent(format!("/events answers {}", response.status())));
        }
        Ok(Box::new(response.into_body().into_reader()))
    }

    fn authorization(&self) -> Result<String, RpcFailure> {
        let secret = std::fs::read_to_string(&self.cookie)
            .map_err(|error| RpcFailure::Silent(format!("{}: {error}", self.cookie.display())))?;
        Ok(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(secret.trim())))
    }
}
