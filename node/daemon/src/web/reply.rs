//! Replies of the server's paths in JSON. An error is `{"error": {"code", "message", "data"}}` everywhere, with Bitcoin
//! Core's codes; `data` has what was found and what was expected where a request is malformed.

use axum::body::Body;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

use crate::rpc::error::{Code, RpcError};
use crate::rpc::json::{json, object};

/// A JSON response that no cache keeps.
pub fn for_pages(status: StatusCode, body: impl Into<Body>) -> Response {
    let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];
    (status, headers, body.into()).into_response()
}

/// An error, and the HTTP status that it has.
#[derive(Clone, Debug)]
pub struct ApiError {
    status: StatusCode,
    error: RpcError,
}

impl ApiError {
    /// An error of the server itself, which no method caused.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        let code = match status {
            StatusCode::NOT_FOUND => Code::MethodNotFound,
            StatusCode::SERVICE_UNAVAILABLE => Code::Misc,
            _ => Code::InvalidRequest,
        };
        Self { status, error: code.error(message) }
    }
}

/// 404 for an unknown method or node, 503 while the node loads, 400 for malformed arguments. Every other error is a
/// reply with status 200: browsers log other statuses as errors, and a search without a result is not one.
impl From<RpcError> for ApiError {
    fn from(error: RpcError) -> Self {
        let status = match error.code {
            Code::MethodNotFound => StatusCode::NOT_FOUND,
            Code::InvalidRequest => StatusCode::BAD_REQUEST,
            Code::InWarmup => StatusCode::SERVICE_UNAVAILABLE,
            Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::OK,
        };
        Self { status, error }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        for_pages(self.status, format!("{}\n", json(&object! { "error": self.error }).get()))
    }
}
