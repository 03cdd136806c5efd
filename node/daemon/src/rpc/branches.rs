//! Methods that overrule the choice of the best branch: an operator's last word.

use cairn_core::hash::BlockHash;
use cairn_protocol::chain::block_overrides::{BlockOverride, OverrideError};

use crate::handle::SubmitError;
use crate::rpc::method::{Code, Rpc, RpcResult, methods, object};

methods! { "Blockchain":
    Changes "invalidateblock" ["blockhash"]
        "Marks a block as invalid, as if it broke a rule: it and its descendants leave the best chain and \
         stay out, also after a restart." => invalidate_block;
    Changes "preciousblock" ["blockhash"]
        "Takes a block for the first seen of those with equal work; a later call overrules an earlier \
         one, a restart forgets nothing of the tip." => precious_block;
    Changes "reconsiderblock" ["blockhash"]
        "Takes marks of invalidity from a block, its ancestors and its descendants, and chooses the \
         best branch again." => reconsider_block;
}

async fn invalidate_block(rpc: Rpc, hash: BlockHash) -> RpcResult<()> {
    mark(rpc, hash, BlockOverride::Invalidate).await
}

async fn precious_block(rpc: Rpc, hash: BlockHash) -> RpcResult<()> {
    mark(rpc, hash, BlockOverride::Precious).await
}

async fn reconsider_block(rpc: Rpc, hash: BlockHash) -> RpcResult<()> {
    mark(rpc, hash, BlockOverride::Reconsider).await
}

async fn mark(rpc: Rpc, hash: BlockHash, mark: BlockOverride) -> RpcResult<()> {
    rpc.node()?.mark(hash, mark).await.map_err(|error| match error {
        SubmitError::Rejected(OverrideError::UnknownBlock { hash }) => {
            Code::InvalidAddressOrKey.error("Block not found").with_data(object! { "hash": hash })
        }
        SubmitError::Rejected(error @ OverrideError::Genesis { .. }) => {
            Code::InvalidParameter.error(error.to_string())
        }
        SubmitError::Stopped(stopped) => stopped.into(),
    })
}
