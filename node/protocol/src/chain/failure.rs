//! Failures: a rule rejects an operation, or the store fails.

use crate::chain::store::StoreError;

/// Why an operation on the chain or the mempool was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Failure<R> {
    /// A rule or this node's policy forbids the operation.
    #[error(transparent)]
    Rejected(R),
    /// Storage failed: the node must stop.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A reason to reject an operation.
pub trait Rejection {}

impl<R: Rejection> From<R> for Failure<R> {
    fn from(rejection: R) -> Self {
        Self::Rejected(rejection)
    }
}

impl<R> Failure<R> {
    /// The reason for the rejection.
    pub fn rejection(self) -> Result<R, StoreError> {
        match self {
            Self::Rejected(rejection) => Ok(rejection),
            Self::Store(error) => Err(error),
        }
    }

    /// The same failure with another reason for the rejection.
    pub fn map<T>(self, change: impl FnOnce(R) -> T) -> Failure<T> {
        match self {
            Self::Rejected(rejection) => Failure::Rejected(change(rejection)),
            Self::Store(error) => Failure::Store(error),
        }
    }
}
