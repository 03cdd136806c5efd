//! Arguments in the query of a path.

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::rpc::error::RpcError;
use crate::web::reply::ApiError;

/// The arguments of a path.
pub trait Arguments: DeserializeOwned {
    /// Their form, for the error of a query that has another.
    const EXPECTED: &'static str;
}

/// Reads the [`Arguments`] of a request.
#[derive(Debug)]
pub struct Args<T>(pub T);

impl<T: Arguments, S: Sync> FromRequestParts<S> for Args<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let malformed =
            |_| RpcError::malformed("query", parts.uri.query().unwrap_or_default(), T::EXPECTED).into();
        Query::try_from_uri(&parts.uri).map(|Query(args)| Self(args)).map_err(malformed)
    }
}
