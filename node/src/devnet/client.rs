//! How another program reaches a running devnet: its control API, found by the devnet's note.

use std::path::Path;

use serde_json::Value;

use crate::devnet::place;

/// What went wrong, so that a person knows what to do.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// There is no note.
    #[error("{place}; start one with `cairn devnet`")]
    NotRunning {
        /// Where none runs.
        place: String,
    },
    /// The note is not as a devnet writes it.
    #[error("the devnet's note is damaged")]
    Note,
    /// Nobody answers.
    #[error("the devnet does not answer at {address} ({why}); is it still running?")]
    Silent {
        /// Where.
        address: String,
        /// What was met.
        why: String,
    },
    /// The answer is no JSON.
    #[error("the devnet's answer is not understood: {0}")]
    Answer(String),
    /// It says why it did not do it.
    #[error("{0}")]
    Refused(String),
}

/// The control API of a devnet.
#[derive(Clone, Debug)]
pub struct Client {
    address: String,
    token: String,
    agent: ureq::Agent,
}

impl Client {
    /// The devnet in a directory, or the one started last.
    ///
    /// # Errors
    /// [`ClientError::NotRunning`], [`ClientError::Note`].
    pub fn find(directory: Option<&Path>) -> Result<Self, ClientError> {
        let place = || match directory {
            Some(directory) => format!("no devnet runs in {}", directory.display()),
            None => "no devnet runs".to_owned(),
        };
        let note = place::find(directory).ok_or_else(|| ClientError::NotRunning { place: place() })?;
        let field = |name: &str| note[name].as_str().map(str::to_owned);
        let (address, token) = field("control").zip(field("token")).ok_or(ClientError::Note)?;
        let config = ureq::Agent::config_builder().http_status_as_error(false);
        Ok(Self { address, token, agent: config.build().into() })
    }

    /// Carries out a step.
    ///
    /// # Errors
    /// When nobody answers, or the answer is no.
    pub fn step(&self, step: &str, body: &Value) -> Result<Value, ClientError> {
        let request = self.agent.post(format!("http://{}/v1/{step}", self.address));
        let response = request.header("Authorization", format!("Bearer {}", self.token)).send_json(body);
        self.read(response)
    }

    /// What is seen of the devnet, with so many of its latest blocks.
    ///
    /// # Errors
    /// As [`Self::step`].
    pub fn view(&self, blocks: usize) -> Result<Value, ClientError> {
        let request = self.agent.get(format!("http://{}/v1/view?blocks={blocks}", self.address));
        self.read(request.header("Authorization", format!("Bearer {}", self.token)).call())
    }

    fn read(
        &self,
        response: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<Value, ClientError> {
        let silent = |error: ureq::Error| ClientError::Silent {
            address: self.address.clone(),
            why: error.to_string(),
        };
        let mut response = response.map_err(silent)?;
        let answer: Value =
            response.body_mut().read_json().map_err(|error| ClientError::Answer(error.to_string()))?;
        match answer.get("error").and_then(Value::as_str) {
            Some(error) => Err(ClientError::Refused(error.to_owned())),
            None => Ok(answer),
        }
    }
}
