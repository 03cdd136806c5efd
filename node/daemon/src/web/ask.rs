//! `GET /v1/ask/{node}/{method}`: RPC methods that only read, for pages.

use std::sync::Arc;

use axum::body::Body;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::rpc::error::{Code, RpcError, RpcResult};
use crate::rpc::json::{json, object};
use crate::web::connection_slots::Caller;

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

/// The response to a page: the result alone, or the error.
pub fn answer(outcome: RpcResult) -> Response {
    let (status, body) = match outcome {
        Ok(result) => (StatusCode::OK, result),
        Err(error) => (status(&error), json(&object! { "error": error })),
    };
    for_pages(status, format!("{}\n", body.get()))
}

/// A JSON response that no cache keeps.
pub fn for_pages(status: StatusCode, body: impl Into<Body>) -> Response {
    let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];
    (status, headers, body.into()).into_response()
}

/// The error of a node number that this server does not know.
pub fn no_such_node(found: &str) -> RpcError {
    let found: String = found.chars().take(20).collect();
    Code::MethodNotFound.error(format!("there is no node {found:?} here: this node is number {ITSELF}"))
}

/// 404 for an unknown method or node, 503 while the node loads, 400 for malformed arguments. Every other error is a
/// reply with status 200: browsers log other statuses as errors, and a search without a result is not one.
fn status(error: &RpcError) -> StatusCode {
    match error.code {
        Code::MethodNotFound => StatusCode::NOT_FOUND,
        Code::InvalidRequest => StatusCode::BAD_REQUEST,
        Code::InWarmup => StatusCode::SERVICE_UNAVAILABLE,
        Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::OK,
    }
}
