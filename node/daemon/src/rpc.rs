//! JSON-RPC after Bitcoin Core's example: names, arguments, fields and errors as its clients expect.
//!
//! Reading order: `envelope` (requests), `params` (their arguments), `method` (the declaration of a method), then the
//! methods by Bitcoin Core's own grouping; `table` lists them all. `auth` checks the callers.

pub mod access;
pub mod addresses;
pub mod auth;
pub mod blockchain;
pub mod branches;
pub mod coins;
pub mod control;
pub mod envelope;
pub mod error;
pub mod generating;
pub mod json;
pub mod lookup;
pub mod mempool;
pub mod method;
pub mod mining;
pub mod network;
pub mod params;
pub mod proofs;
pub mod proposal;
pub mod rejection;
pub mod render;
pub mod scan;
pub mod table;
pub mod transactions;
pub mod walk;

use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use serde_json::Value;

use crate::rpc::access::{Rpc, panicked};
use crate::rpc::envelope::{Arguments, Body, Call, Envelope};
use crate::rpc::error::{Code, RpcError, RpcResult};
use crate::rpc::json::{Json, json};
use crate::rpc::method::Method;
use crate::rpc::params::Params;

/// Bytes of answers in one batch; further calls of the batch are not carried out. A batch of small
/// requests could otherwise ask for more than the machine holds.
const MAX_BATCH_ANSWER: usize = 128 * 1024 * 1024;

/// Bytes of an answer to a plain GET: the largest block of any definition in full detail fits.
const MAX_READ_ANSWER: usize = 64 * 1024 * 1024;

/// An HTTP response to a request or a batch.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// The body; empty for notifications.
    pub body: String,
}

/// Carries out the request or the batch in a body.
pub async fn answer(rpc: &Rpc, body: &[u8]) -> Answer {
    match Body::parse(body) {
        Err(error) => {
            let outcome = Err(error);
            let status = Envelope::UNREADABLE.status(&outcome);
            Answer { status, body: line(&Envelope::UNREADABLE.seal(outcome)) }
        }
        Ok(Body::Single(request)) => single(rpc, request).await,
        Ok(Body::Batch(requests)) => batch(rpc, requests).await,
    }
}

/// Carries out a method for a plain GET; `params` is a JSON array.
///
/// # Errors
/// What the method fails with; [`Code::MethodNotFound`] for a method that a GET may not call,
/// [`Code::InvalidRequest`] when the arguments are not an array, [`Code::OutOfMemory`] for too long an answer.
pub async fn ask(rpc: &Rpc, method: &str, params: Option<&str>) -> RpcResult {
    if !table::is_readable(method) {
        let method: String = method.chars().take(40).collect();
        let message = format!(
            "{method:?} is not available by GET: it is unknown, changes something or takes long; POST it to /"
        );
        return Err(Code::MethodNotFound.error(message));
    }
    let params: Vec<Value> = match params {
        None | Some("") => Vec::new(),
        Some(text) => {
            let not_a_list = |_| RpcError::malformed("params", text, "a JSON array, as in params=[1]");
            serde_json::from_str(text).map_err(not_a_list)?
        }
    };
    let call = Call { method: method.to_owned(), params: Arguments::Positional(params) };
    let answer = perform(rpc, Ok(call)).await?;
    let size = answer.get().len();
    if size > MAX_READ_ANSWER {
        let message = format!("the answer has {size} bytes, more than {MAX_READ_ANSWER}: ask in parts");
        return Err(Code::OutOfMemory.error(message));
    }
    Ok(answer)
}

async fn single(rpc: &Rpc, request: Value) -> Answer {
    let (envelope, call) = Envelope::open(request);
    let outcome = perform(rpc, call).await;
    let status = envelope.status(&outcome);
    let body = if envelope.is_notification() { String::new() } else { line(&envelope.seal(outcome)) };
    Answer { status, body }
}

/// Errors inside a batch are never HTTP errors. A batch of notifications has no answer; an empty
/// batch has an empty one, as old clients of Bitcoin Core expect.
async fn batch(rpc: &Rpc, requests: Vec<Value>) -> Answer {
    let only_notifications = !requests.is_empty();
    let mut answers: Vec<Json> = Vec::new();
    let mut size = 0;
    for request in requests {
        let (envelope, call) = Envelope::open(request);
        let outcome = if size > MAX_BATCH_ANSWER {
            Err(Code::OutOfMemory.error("the answers to this batch are too large: ask in parts"))
        } else {
            perform(rpc, call).await
        };
        if !envelope.is_notification() {
            let answer = envelope.seal(outcome);
            size += answer.get().len();
            answers.push(answer);
        }
    }
    if answers.is_empty() && only_notifications {
        return Answer { status: 204, body: String::new() };
    }
    Answer { status: 200, body: line(&json(&answers)) }
}

async fn perform(rpc: &Rpc, call: Result<Call, RpcError>) -> RpcResult {
    let call = call?;
    let Some(method) = table::find(&call.method) else {
        metrics::counter!("cairn_rpc_errors_total", "method" => "unknown").increment(1);
        return Err(Code::MethodNotFound.error("Method not found"));
    };
    metrics::counter!("cairn_rpc_calls_total", "method" => method.name).increment(1);
    let outcome = run(rpc, method, call).await;
    if let Err(error) = &outcome {
        metrics::counter!("cairn_rpc_errors_total", "method" => method.name).increment(1);
        tracing::debug!(method = method.name, code = error.code as i32, "RPC call failed");
    }
    outcome
}

async fn run(rpc: &Rpc, method: &Method, call: Call) -> RpcResult {
    let params = Params::bind(method.args, call.params, || method.wrong_number_of_arguments())?;
    let _active = rpc.begin(method.name);
    // No input is known to panic a method. Should one, its caller gets an error and the server lives on.
    let guarded = AssertUnwindSafe((method.call)(rpc.clone(), params)).catch_unwind().await;
    guarded.unwrap_or_else(|_| {
        tracing::error!(method = method.name, "an RPC method panicked");
        Err(panicked())
    })
}

fn line(json: &Json) -> String {
    format!("{}\n", json.get())
}
