//! `GET /v1/ask/{node}/{method}`: RPC methods that only read, for pages.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::rpc::error::RpcResult;
use crate::web::args::Arguments;
use crate::web::connection_slots::Caller;
use crate::web::reply::{ApiError, for_pages};

/// Questions of callers without the secret that are carried out at once; further ones wait for their turn.
pub const MAX_FREE_QUESTIONS: usize = 4;

/// The number of this node in its own paths; a devnet numbers its nodes from 0.
pub const ITSELF: &str = "0";

/// The turn of one question; the next one's begins when this is dropped.
pub type FreeTurn = OwnedSemaphorePermit;

/// The turns of questions without the secret. Clones are the same.
#[derive(Clone, Debug)]
pub struct FreeTurns(Arc<Semaphore>);

impl Default for FreeTurns {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_FREE_QUESTIONS)))
    }
}

impl FreeTurns {
    /// Waits for the turn of a question; a known caller needs none.
    pub async fn wait(&self, caller: Caller) -> Option<FreeTurn> {
        match caller {
            Caller::Known => None,
            // The semaphore is never closed.
            Caller::Stranger => self.0.clone().acquire_owned().await.ok(),
        }
    }
}

/// The arguments of a question.
#[derive(Debug, Deserialize)]
pub struct Asked {
    /// A JSON array; without it, none.
    pub params: Option<String>,
}

impl Arguments for Asked {
    const EXPECTED: &'static str = "params=[...], a JSON array, URL-encoded";
}

/// The response to a page: the result alone, or the error.
pub fn answer(outcome: RpcResult) -> Response {
    match outcome {
        Ok(result) => for_pages(StatusCode::OK, format!("{}\n", result.get())),
        Err(error) => ApiError::from(error).into_response(),
    }
}

/// The error of a node number that this server does not know.
pub fn no_such_node(found: &str) -> ApiError {
    let found: String = found.chars().take(20).collect();
    let message = format!("there is no node {found:?} here: this node is number {ITSELF}");
    ApiError::new(StatusCode::NOT_FOUND, message)
}
