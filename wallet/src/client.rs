//! JSON-RPC client: typed calls over HTTP, and what a failure says about a request.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use ureq::http::uri::Authority;

use crate::show::harmless;

/// Limit of one reply: a few large blocks as hex.
pub const MAX_REPLY_BYTES: u64 = 64 * 1024 * 1024;
/// Time limit of a call: a node replies within milliseconds, and a stuck one should not hold a person up.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Time limit of the first call to a node, if there is another node to call.
pub const FIRST_TIMEOUT: Duration = Duration::from_secs(3);

/// The address of a node's JSON-RPC server: `HOST:PORT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RpcAddress(Authority);

/// Text is not such an address.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "{found:?} is not the address of a node (--rpc or CAIRN_RPC): expected HOST:PORT, as in 127.0.0.1:18443"
)]
pub struct BadAddress {
    found: String,
}

impl std::str::FromStr for RpcAddress {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let address = text.strip_prefix("http://").unwrap_or(text).trim_end_matches('/');
        let is_host_and_port = |found: &Authority| {
            !found.host().is_empty() && found.port_u16().is_some() && !found.as_str().contains('@')
        };
        let found = address.parse().ok().filter(is_host_and_port).map(Self);
        found.ok_or_else(|| BadAddress { found: text.chars().take(80).collect() })
    }
}

impl From<std::net::SocketAddr> for RpcAddress {
    fn from(address: std::net::SocketAddr) -> Self {
        Self(address.to_string().parse().expect("a socket address is a host and a port"))
    }
}

impl std::fmt::Display for RpcAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A client of one node. The cookie is read for each call: a restarted node has a new one.
pub struct Client {
    agent: ureq::Agent,
    url: String,
    cookie: PathBuf,
}

/// A call had no result.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The cookie file cannot be read.
    #[error("cannot read the node's cookie file {}: {source}; is the node running? --cookie names another file", path.display())]
    Cookie { path: PathBuf, source: std::io::Error },
    /// No connection, or no reply in time; the request may have arrived all the same.
    #[error("no node answers at {url} ({reason}); start one with `cairn devnet`, or name another with --rpc")]
    Unreachable { url: String, reason: String, may_have_arrived: bool },
    /// The node rejects the cookie.
    #[error("the node at {url} rejects the cookie: it was restarted, or the cookie is another node's")]
    Unauthorized { url: String },
    /// The node rejected the call, with Bitcoin Core's error code and a reason.
    #[error("{message}")]
    Rejected { code: i64, message: String },
    /// The reply is not what the method promises.
    #[error("the node's reply to {method} is malformed: {reason}")]
    Malformed { method: String, reason: String },
}

impl ClientError {
    /// Whether the node has rejected a transaction, or certainly never got it. One that starts or stops
    /// meanwhile, or met an internal error, may have accepted it before it said so.
    pub fn is_rejection(&self) -> bool {
        const INTERNAL: i64 = -32_603;
        match self {
            Self::Rejected { code, .. } => ![INTERNAL, STARTING_OR_STOPPING].contains(code),
            Self::Unreachable { may_have_arrived, .. } => !may_have_arrived,
            Self::Cookie { .. } | Self::Unauthorized { .. } => true,
            Self::Malformed { .. } => false,
        }
    }

    /// Whether the same call may succeed once the node has been restarted, or at another node.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Rejected { code, .. } => *code == STARTING_OR_STOPPING,
            Self::Malformed { .. } => false,
            Self::Unreachable { .. } | Self::Cookie { .. } | Self::Unauthorized { .. } => true,
        }
    }
}

/// Bitcoin Core's code of a node that starts or stops.
const STARTING_OR_STOPPING: i64 = -28;

impl Client {
    /// A client of the node at this address, with this cookie file. Nothing is read or sent yet.
    pub fn new(address: &RpcAddress, cookie: &Path) -> Self {
        let config = ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).http_status_as_error(false);
        // A proxy of the surroundings is for the web, and must not see the cookie.
        let agent = config.proxy(None).build().into();
        Self { agent, url: format!("http://{address}"), cookie: cookie.to_owned() }
    }

    /// The node's URL, for messages.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// One call of a method.
    pub fn call<T: DeserializeOwned>(&self, method: &str, params: Value) -> Result<T, ClientError> {
        self.call_within(TIMEOUT, method, params)
    }

    /// As [`Self::call`], with another timeout.
    pub fn call_within<T: DeserializeOwned>(
        &self,
        timeout: Duration,
        method: &str,
        params: Value,
    ) -> Result<T, ClientError> {
        result_of(method, self.post(method, &request(0, method, &params), timeout)?)
    }

    /// Several calls of one method in one request; results in the order of `params`.
    ///
    /// # Errors
    /// Every variant of [`ClientError`] but `Rejected`, which is the result of a single call here.
    pub fn batch<T: DeserializeOwned>(
        &self,
        method: &str,
        params: &[Value],
    ) -> Result<Vec<Result<T, ClientError>>, ClientError> {
        let requests = params.iter().enumerate().map(|(id, params)| request(id, method, params)).collect();
        let Value::Array(mut replies) = self.post(method, &Value::Array(requests), TIMEOUT)? else {
            return Err(malformed(method, "the reply to a batch is not a list"));
        };
        replies.sort_by_key(|reply| reply["id"].as_u64());
        if replies.len() != params.len() {
            return Err(malformed(method, "the reply to a batch is incomplete"));
        }
        Ok(replies.into_iter().map(|reply| result_of(method, reply)).collect())
    }

    fn post(&self, method: &str, body: &Value, timeout: Duration) -> Result<Value, ClientError> {
        let mut authorization = self.authorization()?;
        let mut response = loop {
            let request = self.agent.post(&self.url).header("Authorization", &authorization);
            let request = request.config().timeout_global(Some(timeout)).build();
            let response = request.send_json(body).map_err(|error| self.unreachable(&error))?;
            if response.status().as_u16() != 401 {
                break response;
            }
            // The node may have been restarted since the cookie was read.
            let anew = self.authorization()?;
            if anew == authorization {
                return Err(ClientError::Unauthorized { url: self.url.clone() });
            }
            authorization = anew;
        };
        let limited = response.body_mut().with_config().limit(MAX_REPLY_BYTES);
        limited.read_json().map_err(|error| match error {
            ureq::Error::Io(_) | ureq::Error::Timeout(_) => self.unreachable(&error),
            _ => malformed(method, &error),
        })
    }

    fn authorization(&self) -> Result<String, ClientError> {
        let secret = std::fs::read(&self.cookie)
            .map_err(|source| ClientError::Cookie { path: self.cookie.clone(), source })?;
        let encoded = base64::engine::general_purpose::STANDARD.encode(secret.trim_ascii());
        Ok(format!("Basic {encoded}"))
    }

    fn unreachable(&self, error: &ureq::Error) -> ClientError {
        use ureq::{Error, Timeout};
        let never_arrived = match error {
            Error::Io(error) => error.kind() == std::io::ErrorKind::ConnectionRefused,
            Error::Timeout(at) => matches!(at, Timeout::Resolve | Timeout::Connect),
            Error::HostNotFound | Error::ConnectionFailed | Error::BadUri(_) => true,
            _ => false,
        };
        let (url, reason) = (self.url.clone(), error.to_string());
        ClientError::Unreachable { url, reason, may_have_arrived: !never_arrived }
    }
}

fn request(id: usize, method: &str, params: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

/// The error of a reply that is not what the method promises.
pub fn malformed(method: &str, reason: impl std::fmt::Display) -> ClientError {
    ClientError::Malformed { method: method.to_owned(), reason: harmless(&reason.to_string()) }
}

fn result_of<T: DeserializeOwned>(method: &str, mut reply: Value) -> Result<T, ClientError> {
    let error = &reply["error"];
    if !error.is_null() {
        // A server that is not a node may say no more than a sentence.
        let message = harmless(error["message"].as_str().or(error.as_str()).unwrap_or("no reason given"));
        return Err(ClientError::Rejected { code: error["code"].as_i64().unwrap_or_default(), message });
    }
    serde_json::from_value(reply["result"].take()).map_err(|error| malformed(method, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_verdict_of_the_node_frees_the_coins_of_a_payment() {
        let rejected = |code| ClientError::Rejected { code, message: String::new() };
        assert!([-22, -25, -26, -27].into_iter().all(|code| rejected(code).is_rejection()));
        assert!([-28, -32_603].into_iter().all(|code| !rejected(code).is_rejection()));
        let silent = |may_have_arrived| {
            let (url, reason) = (String::new(), "timeout".to_owned());
            ClientError::Unreachable { url, reason, may_have_arrived }
        };
        assert!(!silent(true).is_rejection() && silent(false).is_rejection());
    }

    #[test]
    fn what_a_server_that_is_no_node_says_is_shown() {
        let answer = json!({ "error": "the token is missing" });
        let error = result_of::<Value>("getblockcount", answer).expect_err("rejected");
        assert_eq!(error.to_string(), "the token is missing");
    }

    /// A port without a listener, and one whose listener closes the connection.
    #[test]
    fn a_request_that_may_have_arrived_is_distinct_from_one_that_did_not() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address: RpcAddress =
            listener.local_addr().expect("bound").to_string().parse().expect("an address");
        let cookie = tempfile::NamedTempFile::new().expect("a file");
        let client = Client::new(&address, cookie.path());
        let hangs_up = std::thread::spawn(move || drop(listener.accept()));
        let sent = client.call::<Value>("sendrawtransaction", json!([])).expect_err("no answer");
        assert!(!sent.is_rejection() && sent.is_temporary(), "{sent}");
        hangs_up.join().expect("accepted");
        let unsent = client.call::<Value>("sendrawtransaction", json!([])).expect_err("no listener");
        assert!(unsent.is_rejection() && unsent.is_temporary(), "{unsent}");
    }

    #[test]
    fn an_address_is_a_host_and_a_port() {
        for good in ["127.0.0.1:18443", "localhost:1", "[::1]:18443", "http://127.0.0.1:18443/"] {
            assert!(good.parse::<RpcAddress>().is_ok(), "{good}");
        }
        for bad in
            ["", "localhost", "localhost:", ":18443", "a b:1", "https://x:1", "x:99999", "::1:2", "u:p@x:1"]
        {
            assert!(bad.parse::<RpcAddress>().is_err(), "{bad}");
        }
    }
}
