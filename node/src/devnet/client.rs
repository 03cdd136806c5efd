//! Client of a running devnet: its control API, found by the devnet's note.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use axum::http::StatusCode;
use cairn_core::hash::BlockHash;
use cairn_daemon::api::tagged::split;
use cairn_genesis::programs::running::{self, Devnet, FindError, Found};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::devnet::command::DevnetCommand;
use crate::devnet::view::DevnetView;

/// HTTP status of the reply to a step that was begun and may be carried out.
pub const BEGUN: StatusCode = StatusCode::GATEWAY_TIMEOUT;

/// Time limit of a look at the devnet.
const LOOK: Duration = Duration::from_secs(2);

/// A command has no reply, said so that a person knows what to do.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No devnet is found.
    #[error(transparent)]
    Find(#[from] FindError),
    /// No program listens at the address.
    #[error("the devnet does not answer at {address} ({why}); is it still running?")]
    Silent { address: SocketAddr, why: String },
    /// The command was sent, and no reply came.
    #[error("the devnet at {address} was asked and did not answer ({why})")]
    Lost { address: SocketAddr, why: String },
    /// The step was begun and failed; `hashes` are the blocks that were mined before.
    #[error("{why}")]
    Begun { why: String, hashes: Vec<BlockHash> },
    /// The reply is not of the expected form.
    #[error("the devnet's answer is not understood: {0}")]
    Malformed(#[from] serde_json::Error),
    /// The devnet says why it did not do it.
    #[error("{0}")]
    Rejected(String),
}

/// The reply to a command that failed.
#[derive(Debug, Serialize, Deserialize)]
pub struct Failure {
    pub error: String,
    #[serde(default)]
    pub hashes: Vec<BlockHash>,
}

impl ClientError {
    /// Whether the command may be carried out all the same, in whole or in part.
    pub const fn may_be_done(&self) -> bool {
        matches!(self, Self::Lost { .. } | Self::Begun { .. } | Self::Malformed(_))
    }
}

/// The control API of a devnet.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its note, and the others that run.
    pub found: Found,
    agent: ureq::Agent,
}

impl Client {
    /// The devnet with this name or directory, or the newest.
    ///
    /// # Errors
    /// [`ClientError::Find`] when none is meant.
    pub fn find(wanted: Option<&OsStr>) -> Result<Self, ClientError> {
        let found = running::find(wanted)?;
        // A proxy of the surroundings could not reach loopback, and would see the token.
        let config = ureq::Agent::config_builder().proxy(None).http_status_as_error(false);
        Ok(Self { found, agent: config.build().into() })
    }

    /// Sends a command, and returns the reply that goes with it.
    ///
    /// # Errors
    /// When no reply comes, or it is no.
    pub fn send<T: DeserializeOwned>(&self, command: &DevnetCommand) -> Result<T, ClientError> {
        let Devnet { control, token, .. } = &self.found.devnet;
        let (name, body) = split(command);
        let request = self.agent.post(format!("http://{control}/v1/{name}"));
        let response = request.header("Authorization", format!("Bearer {token}")).send(body);
        self.read(response)
    }

    /// The view of the devnet, with its latest blocks.
    ///
    /// # Errors
    /// The same as for [`Self::send`].
    pub fn view(&self, blocks: usize) -> Result<DevnetView, ClientError> {
        let Devnet { control, token, .. } = &self.found.devnet;
        let request = self.agent.get(format!("http://{control}/v1/view?blocks={blocks}"));
        let request = request.header("Authorization", format!("Bearer {token}"));
        self.read(request.config().timeout_global(Some(LOOK)).build().call())
    }

    fn read<T: DeserializeOwned>(
        &self,
        response: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<T, ClientError> {
        let lost = |error: ureq::Error| {
            let (address, why) = (self.found.devnet.control, error.to_string());
            match error {
                ureq::Error::Io(error) if error.kind() == ErrorKind::ConnectionRefused => {
                    ClientError::Silent { address, why }
                }
                ureq::Error::ConnectionFailed => ClientError::Silent { address, why },
                _ => ClientError::Lost { address, why },
            }
        };
        let mut response = response.map_err(lost)?;
        let body = response.body_mut().read_to_string().map_err(lost)?;
        if response.status().is_success() {
            return Ok(serde_json::from_str(&body)?);
        }
        let Failure { error, hashes } = serde_json::from_str(&body)?;
        Err(match response.status() == BEGUN {
            true => ClientError::Begun { why: error, hashes },
            false => ClientError::Rejected(error),
        })
    }
}
