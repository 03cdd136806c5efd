//! How another program reaches a running devnet: its control API, found by the devnet's note.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use axum::http::StatusCode;
use cairn_genesis::programs::running::{self, Devnet, FindError, Found};
use serde::Deserialize;
use serde_json::Value;

/// The status of the answer to a step that was begun and may be done.
pub const BEGUN: StatusCode = StatusCode::GATEWAY_TIMEOUT;

/// How long a look at the devnet may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// What went wrong, so that a person knows what to do.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// None is found.
    #[error(transparent)]
    Find(#[from] FindError),
    /// Nobody answers.
    #[error("the devnet does not answer at {address} ({why}); is it still running?")]
    Silent {
        /// Where.
        address: SocketAddr,
        /// What was met.
        why: String,
    },
    /// It was asked, and the answer did not come.
    #[error("the devnet at {address} was asked and did not answer ({why})")]
    Lost {
        /// Where.
        address: SocketAddr,
        /// What was met.
        why: String,
    },
    /// It says that a node did not answer, or took too long, when the step was begun already.
    #[error("{why}")]
    Begun {
        /// What it says.
        why: String,
        /// The blocks that were mined before.
        hashes: Vec<String>,
    },
    /// The answer is no JSON.
    #[error("the devnet's answer is not understood: {0}")]
    Answer(String),
    /// It says why it did not do it.
    #[error("{0}")]
    Refused(String),
}

impl ClientError {
    /// Whether what was asked for may be done all the same, in whole or in part.
    pub fn may_be_done(&self) -> bool {
        matches!(self, Self::Lost { .. } | Self::Begun { .. } | Self::Answer(_))
    }
}

/// The control API of a devnet.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its note, and which others run.
    pub found: Found,
    agent: ureq::Agent,
}

impl Client {
    /// The devnet with this name or directory, or the newest.
    ///
    /// # Errors
    /// [`ClientError::Find`].
    pub fn find(wanted: Option<&OsStr>) -> Result<Self, ClientError> {
        let found = running::find(wanted)?;
        // A proxy of the surroundings could not reach loopback, and would see the token.
        let config = ureq::Agent::config_builder().proxy(None).http_status_as_error(false);
        Ok(Self { found, agent: config.build().into() })
    }

    /// Carries out a step.
    ///
    /// # Errors
    /// When nobody answers, or the answer is no.
    pub fn step(&self, step: &str, body: &Value) -> Result<Value, ClientError> {
        let Devnet { control, token, .. } = &self.found.devnet;
        let request = self.agent.post(format!("http://{control}/v1/{step}"));
        let response = request.header("Authorization", format!("Bearer {token}")).send_json(body);
        self.read(response)
    }

    /// What is seen of the devnet, with so many of its latest blocks.
    ///
    /// # Errors
    /// As [`Self::step`].
    pub fn view(&self, blocks: usize) -> Result<Value, ClientError> {
        let Devnet { control, token, .. } = &self.found.devnet;
        let request = self.agent.get(format!("http://{control}/v1/view?blocks={blocks}"));
        let request = request.header("Authorization", format!("Bearer {token}"));
        self.read(request.config().timeout_global(Some(PATIENCE)).build().call())
    }

    fn read(
        &self,
        response: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<Value, ClientError> {
        let lost = |error: ureq::Error| {
            let (address, why) = (self.found.devnet.control, error.to_string());
            match error {
                ureq::Error::Io(refused) if refused.kind() == ErrorKind::ConnectionRefused => {
                    ClientError::Silent { address, why }
                }
                ureq::Error::ConnectionFailed => ClientError::Silent { address, why },
                _ => ClientError::Lost { address, why },
            }
        };
        let mut response = response.map_err(lost)?;
        let answer: Value =
            response.body_mut().read_json().map_err(|error| ClientError::Answer(error.to_string()))?;
        match answer.get("error").and_then(Value::as_str) {
            Some(error) if response.status() == BEGUN => {
                let hashes = answer.get("hashes").and_then(|hashes| Vec::deserialize(hashes).ok());
                Err(ClientError::Begun { why: error.to_owned(), hashes: hashes.unwrap_or_default() })
            }
            Some(error) => Err(ClientError::Refused(error.to_owned())),
            None => Ok(answer),
        }
    }
}
