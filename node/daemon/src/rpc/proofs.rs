//! Methods about inclusion: proving that a block holds transactions, and checking such a proof.

use cairn_core::block::Block;
use cairn_core::encoding::{Decode, Encode, encode};
use cairn_core::hash::{BlockHash, LeafHash, Txid};
use cairn_core::header::Header;
use cairn_core::merkle::{InclusionProof, prove};
use cairn_core::transaction::{Coinbase, Transaction};
use cairn_protocol::chain::store::ChainStore;
use serde_json::Value;

use crate::rpc::lookup;
use crate::rpc::method::{Code, Rpc, RpcResult, aside, methods};
use crate::rpc::params;

methods! { "Blockchain":
    Reads "gettxoutproof" ["txids", "blockhash"]
        "A proof, in hex, that one block holds these transactions." => get_tx_out_proof;
    Reads "verifytxoutproof" ["proof"]
        "The txids that a proof proves; none when it does not fit its header." => verify_tx_out_proof;
}

/// A block's header and some of its transactions, each with its way up the Merkle tree.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
struct TransactionProof {
    header: Header,
    leaves: Vec<(Leaf, InclusionProof)>,
}

/// The whole transaction of a leaf, from which its hash and id are computed.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
enum Leaf {
    Coinbase(Coinbase),
    Transaction(Transaction),
}

impl Leaf {
    fn txid(&self) -> Txid {
        match self {
            Self::Coinbase(coinbase) => coinbase.txid(),
            Self::Transaction(transaction) => transaction.txid(),
        }
    }

    fn hash(&self) -> LeafHash {
        match self {
            Self::Coinbase(coinbase) => coinbase.leaf_hash(),
            Self::Transaction(transaction) => transaction.leaf_hash(),
        }
    }
}

async fn get_tx_out_proof(rpc: Rpc, list: Vec<Value>, blockhash: Option<BlockHash>) -> RpcResult<String> {
    let txids = txids(&list)?;
    let first = txids[0];
    let stored = rpc
        .try_query(move |node| {
            let place =
                if blockhash.is_none() { node.chain().store().transaction_place(&first)? } else { None };
            let hash = blockhash
                .or(place.map(|place| place.block))
                .ok_or_else(|| Code::InvalidAddressOrKey.error("Transaction not yet in block"))?;
            lookup::block(node, &hash)
        })
        .await?;
    aside(move || prove_in(&*stored.block()?, &txids)).await
}

fn prove_in(block: &Block, txids: &[Txid]) -> RpcResult<String> {
    let mut leaves = vec![Leaf::Coinbase(block.coinbase().clone())];
    leaves.extend(block.transactions().iter().map(|transaction| Leaf::Transaction((**transaction).clone())));
    let hashes: Vec<LeafHash> = leaves.iter().map(Leaf::hash).collect();
    let proven: Vec<_> = (leaves.into_iter().enumerate())
        .filter(|(_, leaf)| txids.contains(&leaf.txid()))
        .filter_map(|(index, leaf)| Some((leaf, prove(&hashes, index)?)))
        .collect();
    if proven.len() != txids.len() {
        let message = "Not all transactions found in specified or retrieved block";
        return Err(Code::InvalidAddressOrKey.error(message));
    }
    let proof = TransactionProof { header: *block.header(), leaves: proven };
    Ok(hex::encode(encode(&proof)))
}

fn txids(list: &[Value]) -> RpcResult<Vec<Txid>> {
    let mut txids: Vec<Txid> = Vec::new();
    for value in list {
        let txid = params::hash("txid", value.as_str().unwrap_or_default())?;
        if txids.contains(&txid) {
            return Err(Code::InvalidParameter.error(format!("Invalid parameter, duplicated txid: {txid}")));
        }
        txids.push(txid);
    }
    if txids.is_empty() {
        return Err(Code::InvalidParameter.error("Parameter 'txids' cannot be empty"));
    }
    Ok(txids)
}

async fn verify_tx_out_proof(rpc: Rpc, proof: String) -> RpcResult<Vec<Txid>> {
    let proof: TransactionProof = lookup::from_hex(&proof, "Proof decode failed")?;
    let root = proof.header.merkle_root;
    if !proof.leaves.iter().all(|(leaf, path)| path.verify(leaf.hash(), root)) {
        return Ok(Vec::new());
    }
    let hash = proof.header.hash();
    if !rpc.query(move |node| lookup::is_in_best_chain(node, &hash)).await? {
        return Err(Code::InvalidAddressOrKey.error("Block not found in chain"));
    }
    Ok(proof.leaves.iter().map(|(leaf, _)| leaf.txid()).collect())
}
