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

/// A connection's settings; nothing is kept open between calls.
pub struct Client {
    agent: ureq::Agent,
    url: String,
    authorization: String,
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
    /// Whether the node has judged what it was given. One that starts or stops meanwhile, or met a
    /// fault of its own, may have taken it in before it said so.
    pub fn is_refused_for_good(&self) -> bool {
        const INTERNAL: i64 = -32_603;
        const STARTING_OR_STOPPING: i64 = -28;
        matches!(self, Self::Refused { code, .. } if ![INTERNAL, STARTING_OR_STOPPING].contains(code))
    }
}

impl Client {
    /// Reads the cookie; nothing is sent yet.
    ///
    /// # Errors
    /// [`ClientError::Cookie`].
    pub fn new(url: &str, cookie: &Path) -> Result<Self, ClientError> {
        let secret = std::fs::read_to_string(cookie)
            .map_err(|source| ClientError::Cookie { path: cookie.to_owned(), source })?;
        let encoded = base64::engine::general_purpose::STANDARD.encode(secret.trim());
        let config =
            ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).http_status_as_error(false).build();
        let url = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
        Ok(Self { agent: config.into(), url, authorization: format!("Basic {encoded}") })
    }

    /// One call.
    ///
    /// # Errors
    /// Every variant of [`ClientError`] but `Cookie`.
    pub fn call<T: DeserializeOwned>(&self, method: &str, params: Value) -> Result<T, ClientError> {
        let answer = self.post(method, &request(0, method, &params))?;
        result_of(method, answer)
    }

    /// Several calls of one method in one request; answers in the order of `params`.
    ///
    /// # Errors
    /// As for [`Self::call`]; the first refusal ends it.
    pub fn batch<T: DeserializeOwned>(&self, method: &str, params: &[Value]) -> Result<Vec<T>, ClientError> {
        let requests: Vec<Value> = params.iter().enumerate().map(|(id, p)| request(id, method, p)).collect();
        let Value::Array(mut answers) = self.post(method, &Value::Array(requests))? else {
            return Err(nonsense(method, "a batch was not answered by a list"));
        };
        answers.sort_by_key(|answer| answer["id"].as_u64());
        if answers.len() != params.len() {
            return Err(nonsense(method, "a batch was answered in part"));
        }
        answers.into_iter().map(|answer| result_of(method, answer)).collect()
    }

    fn post(&self, method: &str, body: &Value) -> Result<Value, ClientError> {
        let unreachable = |error: ureq::Error| ClientError::Unreachable {
            url: self.url.clone(),
            reason: error.to_string(),
        };
        let response =
            self.agent.post(&self.url).header("Authorization", &self.authorization).send_json(body);
        let mut response = response.map_err(unreachable)?;
        if response.status().as_u16() == 401 {
            return Err(ClientError::Unauthorized { url: self.url.clone() });
        }
        let limited = response.body_mut().with_config().limit(MAX_ANSWER_BYTES);
        limited.read_json().map_err(|error| nonsense(method, &error.to_string()))
    }
}

fn request(id: usize, method: &str, params: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

fn nonsense(method: &str, what: &str) -> ClientError {
    ClientError::Nonsense { method: method.to_owned(), what: crate::show::harmless(what) }
}

fn result_of<T: DeserializeOwned>(method: &str, mut answer: Value) -> Result<T, ClientError> {
    if let Some(error) = answer.get("error").filter(|error| !error.is_null()) {
        let message = error["message"].as_str().unwrap_or("no reason given");
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
        let silent = ClientError::Unreachable { url: String::new(), reason: "timeout".to_owned() };
        assert!(!silent.is_refused_for_good());
    }
}
