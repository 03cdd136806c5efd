//! The node, as the wallet sees it: a JSON-RPC server that is asked and not believed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// One answer may be a few large blocks as hex, not more.
pub const MAX_ANSWER_BYTES: u64 = 64 * 1024 * 1024;
/// A node answers within milliseconds; a stuck one should not hold a person up.
const TIMEOUT: Duration = Duration::from_secs(30);
/// A node that has not said which chain it is on by then is passed over, if there is another.
const FIRST_TIMEOUT: Duration = Duration::from_secs(3);

/// Where a node answers programs: `HOST:PORT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RpcAddress(String);

/// Text is no such address.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{found:?} is no address of a node (--rpc or CAIRN_RPC): expected HOST:PORT, as in 127.0.0.1:18443")]
pub struct BadAddress {
    found: String,
}

impl std::str::FromStr for RpcAddress {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let address = text.strip_prefix("http://").unwrap_or(text).trim_end_matches('/');
        let is_host = |host: &str| match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(host) => host.parse::<std::net::Ipv6Addr>().is_ok(),
            None => !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c)),
        };
        match address.rsplit_once(':') {
            Some((host, port)) if is_host(host) && port.parse::<u16>().is_ok() => {
                Ok(Self(address.to_owned()))
            }
            _ => Err(BadAddress { found: text.chars().take(80).collect() }),
        }
    }
}

impl From<std::net::SocketAddr> for RpcAddress {
    fn from(address: std::net::SocketAddr) -> Self {
        Self(address.to_string())
    }
}

impl std::fmt::Display for RpcAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a node is asked. The cookie is read for each call: a restarted node has a new one.
pub struct Client {
    agent: ureq::Agent,
    url: String,
    cookie: PathBuf,
}

/// A call did not give what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The cookie file cannot be read.
    #[error("cannot read the node's cookie file {}: {source}; is the node running? --cookie names another file", path.display())]
    Cookie {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Nobody answers there.
    #[error("no node answers at {url} ({reason}); start one with `cairn devnet`, or name another with --rpc")]
    Unreachable {
        /// Where.
        url: String,
        /// What the transport said.
        reason: String,
        /// Whether the node may have got the request all the same.
        may_have_arrived: bool,
    },
    /// The node does not accept the cookie.
    #[error("the node at {url} refuses the cookie: it was restarted, or the cookie is another node's")]
    Unauthorized {
        /// Where.
        url: String,
    },
    /// The node refused the call and said why.
    #[error("{message}")]
    Refused {
        /// Bitcoin Core's error code.
        code: i64,
        /// The node's words.
        message: String,
    },
    /// The answer makes no sense.
    #[error("the node's answer to {method} is not understood: {what}")]
    Nonsense {
        /// Which call.
        method: String,
        /// What was wrong.
        what: String,
    },
}

impl ClientError {
    /// Whether the node has judged what it was given, or certainly never got it. One that starts or stops
    /// meanwhile, or met a fault of its own, may have taken it in before it said so.
    pub fn is_refused_for_good(&self) -> bool {
        const INTERNAL: i64 = -32_603;
        match self {
            Self::Refused { code, .. } => ![INTERNAL, STARTING_OR_STOPPING].contains(code),
            Self::Unreachable { may_have_arrived, .. } => !may_have_arrived,
            Self::Cookie { .. } | Self::Unauthorized { .. } => true,
            Self::Nonsense { .. } => false,
        }
    }

    /// Whether it may be otherwise once the node has been restarted, or another one is asked.
    pub fn is_of_the_moment(&self) -> bool {
        match self {
            Self::Refused { code, .. } => *code == STARTING_OR_STOPPING,
            Self::Nonsense { .. } => false,
            Self::Unreachable { .. } | Self::Cookie { .. } | Self::Unauthorized { .. } => true,
        }
    }
}

/// Bitcoin Core's code of a node that starts or stops.
const STARTING_OR_STOPPING: i64 = -28;

impl Client {
    /// The node at this address, whose cookie lies there. Nothing is read or sent yet.
    pub fn new(address: &RpcAddress, cookie: &Path) -> Self {
        let config = ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).http_status_as_error(false);
        // A proxy of the surroundings is for the web, and must not see the cookie.
        let agent = config.proxy(None).build().into();
        Self { agent, url: format!("http://{address}"), cookie: cookie.to_owned() }
    }

    /// Where the node is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// One call that a node which is well answers at once.
    ///
    /// # Errors
    /// Every variant of [`ClientError`].
    pub fn call_at_once<T: DeserializeOwned>(&self, method: &str, params: Value) -> Result<T, ClientError> {
        let answer = self.post(method, &request(0, method, &params), FIRST_TIMEOUT)?;
        result_of(method, answer)
    }

    /// One call.
    ///
    /// # Errors
    /// Every variant of [`ClientError`].
    pub fn call<T: DeserializeOwned>(&self, method: &str, params: Value) -> Result<T, ClientError> {
        let answer = self.post(method, &request(0, method, &params), TIMEOUT)?;
        result_of(method, answer)
    }

    /// Several calls of one method in one request; answers in the order of `params`.
    ///
    /// # Errors
    /// As for [`Self::call`]; the first refusal ends it.
    pub fn batch<T: DeserializeOwned>(&self, method: &str, params: &[Value]) -> Result<Vec<T>, ClientError> {
        let requests: Vec<Value> = params.iter().enumerate().map(|(id, p)| request(id, method, p)).collect();
        let Value::Array(mut answers) = self.post(method, &Value::Array(requests), TIMEOUT)? else {
            return Err(nonsense(method, "a batch was not answered by a list"));
        };
        answers.sort_by_key(|answer| answer["id"].as_u64());
        if answers.len() != params.len() {
            return Err(nonsense(method, "a batch was answered in part"));
        }
        answers.into_iter().map(|answer| result_of(method, answer)).collect()
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
        let limited = response.body_mut().with_config().limit(MAX_ANSWER_BYTES);
        limited.read_json().map_err(|error| match error {
            ureq::Error::Io(_) | ureq::Error::Timeout(_) => self.unreachable(&error),
            _ => nonsense(method, &error.to_string()),
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

/// An answer that is not understood.
pub fn nonsense(method: &str, what: &str) -> ClientError {
    ClientError::Nonsense { method: method.to_owned(), what: crate::show::harmless(what) }
}

fn result_of<T: DeserializeOwned>(method: &str, mut answer: Value) -> Result<T, ClientError> {
    if let Some(error) = answer.get("error").filter(|error| !error.is_null()) {
        // A server that is no node may say no more than a sentence.
        let message = error["message"].as_str().or(error.as_str()).unwrap_or("no reason given");
        return Err(ClientError::Refused {
            code: error["code"].as_i64().unwrap_or_default(),
            message: crate::show::harmless(message),
        });
    }
    let result = answer.get_mut("result").map(Value::take).unwrap_or_default();
    serde_json::from_value(result).map_err(|error| nonsense(method, &error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_verdict_of_the_node_frees_the_coins_of_a_payment() {
        let refused = |code| ClientError::Refused { code, message: String::new() };
        assert!([-22, -25, -26, -27].into_iter().all(|code| refused(code).is_refused_for_good()));
        assert!([-28, -32_603].into_iter().all(|code| !refused(code).is_refused_for_good()));
        let silent = |may_have_arrived| {
            let (url, reason) = (String::new(), "timeout".to_owned());
            ClientError::Unreachable { url, reason, may_have_arrived }
        };
        assert!(!silent(true).is_refused_for_good() && silent(false).is_refused_for_good());
    }

    #[test]
    fn what_a_server_that_is_no_node_says_is_told() {
        let answer = json!({ "error": "the token is missing" });
        let error = result_of::<Value>("getblockcount", answer).expect_err("refused");
        assert_eq!(error.to_string(), "the token is missing");
    }

    /// A port that nobody listens on, and one whose listener hangs up.
    #[test]
    fn a_request_that_may_have_arrived_is_told_from_one_that_did_not() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address: RpcAddress =
            listener.local_addr().expect("bound").to_string().parse().expect("an address");
        let cookie = tempfile::NamedTempFile::new().expect("a file");
        let client = Client::new(&address, cookie.path());
        let hangs_up = std::thread::spawn(move || drop(listener.accept()));
        let sent = client.call::<Value>("sendrawtransaction", json!([])).expect_err("no answer");
        assert!(!sent.is_refused_for_good() && sent.is_of_the_moment(), "{sent}");
        hangs_up.join().expect("accepted");
        let refused = client.call::<Value>("sendrawtransaction", json!([])).expect_err("no listener");
        assert!(refused.is_refused_for_good() && refused.is_of_the_moment(), "{refused}");
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
