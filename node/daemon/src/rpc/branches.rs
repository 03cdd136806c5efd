//! Methods that overrule the choice of the best branch: an operator's last word.

use cairn_core::hash::BlockHash;
use cairn_protocol::chain::block_overrides::{BlockOverride, OverrideError};

use crate::rpc::access::{Rpc, stopping};
use crate::rpc::error::{Code, RpcError, RpcResult};
use crate::rpc::json::{json, object};
use crate::rpc::method::methods;
use crate::rpc::params::{Kind, Params, required};

methods! { "Blockchain":
    "invalidateblock" [required("blockhash", Kind::Text)]
        "Marks a block as invalid, as if it broke a rule: it and all that stands on it leave the best \
         chain and stay out, also after a restart." => invalidate_block;
    "preciousblock" [required("blockhash", Kind::Text)]
        "Takes a block for the first seen of those with equal work; a later call overrules an earlier \
         one, a restart forgets nothing of the tip." => precious_block;
    "reconsiderblock" [required("blockhash", Kind::Text)]
        "Takes marks of invalidity from a block, its ancestors and all that stands on it, and chooses the \
         best branch again." => reconsider_block;
}

async fn invalidate_block(rpc: Rpc, params: Params) -> RpcResult {
    mark(rpc, params, BlockOverride::Invalidate).await
}

async fn precious_block(rpc: Rpc, params: Params) -> RpcResult {
    mark(rpc, params, BlockOverride::Precious).await
}

async fn reconsider_block(rpc: Rpc, params: Params) -> RpcResult {
    mark(rpc, params, BlockOverride::Reconsider).await
}

async fn mark(rpc: Rpc, params: Params, mark: BlockOverride) -> RpcResult {
    let hash: BlockHash = Params::must(params.hash("blockhash")?);
    let outcome = rpc.node()?.mark(hash, mark).await.map_err(|_| stopping())?;
    outcome.map(|()| json(&())).map_err(|error| match error {
        OverrideError::UnknownBlock { hash } => {
            let error = RpcError::new(Code::InvalidAddressOrKey, "Block not found");
            error.with_data(object! { "hash": hash })
        }
        OverrideError::Genesis { .. } => RpcError::invalid_parameter(error.to_string()),
    })
}
