//! Methods about the coin set: one coin, all of them, those of an address.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cairn_core::address::{Address, AddressPrefix};
use cairn_core::amount::Amount;
use cairn_core::coin::{Coin, Origin};
use cairn_core::encoding::encode;
use cairn_core::hash::Txid;
use cairn_core::height::Height;
use cairn_core::lock::Lock;
use cairn_core::transaction::OutPoint;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::Machine;
use crate::rpc::lookup;
use crate::rpc::method::{Code, Coins, Object, Rpc, RpcResult, Text, json, methods, object};
use crate::rpc::render;
use crate::rpc::scan::Progress;
use crate::rpc::walk::walk;

methods! { "Blockchain":
    Reads "gettxout" ["txid", "n", "include_mempool"]
        "An unspent output; null when it is spent or never was. The mempool counts by default." => get_tx_out;
    TakesLong "gettxoutsetinfo" ["hash_type"]
        "Number, sum and hash of all coins; hash_type is hash_serialized_3 or none." => get_tx_out_set_info;
    Changes "scantxoutset" ["action", "scanobjects"]
        "With action start: the coins of the addresses in scanobjects, written addr(ADDRESS) or as \
         an address alone. With status: how far a scan is; with abort: ends it." => scan_tx_out_set;
    Reads "validateaddress" ["address"]
        "Whether this is an address of this chain, and which key it stands for." => validate_address;
}

async fn get_tx_out(
    rpc: Rpc,
    txid: Txid,
    index: i64,
    with_mempool: Option<bool>,
) -> RpcResult<Option<Object>> {
    let Ok(index) = u32::try_from(index) else { return Ok(None) };
    let (outpoint, with_mempool) = (OutPoint { txid, index }, with_mempool.unwrap_or(true));
    rpc.try_query(move |node| {
        let (chain, tip) = (node.chain(), node.chain().tip());
        if with_mempool && node.mempool().entries().spender(&outpoint).is_some() {
            return Ok(None);
        }
        let confirmed = chain.coin(&outpoint)?;
        let confirmations = confirmed.as_ref().map_or(0, |coin| tip.height.get() - coin.height.get() + 1);
        let unconfirmed = || lookup::unconfirmed_coin(node, &outpoint).filter(|_| with_mempool);
        Ok(confirmed.or_else(unconfirmed).map(|coin| {
            object! {
                "bestblock": tip.hash(),
                "confirmations": confirmations,
                "value": Coins(coin.output.amount),
                "scriptPubKey": render::lock(&coin.output.lock, &chain.params().address_prefix),
                "coinbase": coin.origin != Origin::Transaction,
            }
        }))
    })
    .await
}

async fn get_tx_out_set_info(rpc: Rpc, hash_type: Option<String>) -> RpcResult<Object> {
    let is_hashed = match hash_type.as_deref().unwrap_or("hash_serialized_3") {
        "none" => false,
        "hash_serialized_3" => true,
        other => {
            let message = format!("'{other}' is not a valid hash_type: expected hash_serialized_3 or none");
            return Err(Code::InvalidParameter.error(message));
        }
    };
    let look = |node: &Machine| {
        let tip = node.chain().tip();
        Ok((tip.hash(), tip.height, node.chain().store().size_on_disk()))
    };
    walk(&rpc, Arc::default(), look, move |(best, height, size_on_disk), coins| {
        let mut count = 0_u64;
        let mut total = Amount::ZERO;
        let mut transactions = 0_u64;
        let mut last = None;
        let mut bytes = 0_u64;
        let mut hash = Sha256::new();
        coins.each(|outpoint, coin| {
            count += 1;
            total =
                total.checked_add(coin.output.amount).expect("the coin set is bounded by the maximum supply");
            // Coins come in the order of outpoints, so those of one transaction are neighbours.
            transactions += u64::from(last.replace(outpoint.txid) != Some(outpoint.txid));
            let (key, value) = (encode(&outpoint), encode(&coin));
            bytes += (key.len() + value.len()) as u64;
            if is_hashed {
                hash.update(&key);
                hash.update(&value);
            }
        })?;
        let mut info = object! { "height": height, "bestblock": best, "txouts": count, "bogosize": bytes };
        if is_hashed {
            let digest: [u8; 32] = Sha256::digest(hash.finalize()).into();
            info.put("hash_serialized_3", &hex::encode(digest));
        }
        info.put("total_amount", &Coins(total));
        info.put("transactions", &transactions);
        info.put("disk_size", &size_on_disk);
        Ok(info)
    })
    .await
}

async fn scan_tx_out_set(rpc: Rpc, action: String, wanted: Option<Vec<Value>>) -> RpcResult {
    let running = rpc.scan().running();
    match action.as_str() {
        "start" => {}
        "abort" => {
            running.iter().for_each(|scan| scan.cancel());
            return Ok(json(&running.is_some()));
        }
        "status" => return Ok(json(&running.map(|scan| object! { "progress": scan.percent() }))),
        other => {
            let message = format!("Invalid action '{other}': expected start, abort or status");
            return Err(Code::InvalidParameter.error(message));
        }
    }
    let wanted =
        wanted.ok_or_else(|| Code::Misc.error("scanobjects argument is required for the start action"))?;
    let progress = rpc.scan().take().ok_or_else(|| {
        Code::InvalidParameter.error("Scan already in progress, use action \"abort\" or \"status\"")
    })?;
    scan(&rpc, wanted, progress).await.map(|found| json(&found))
}

/// The unspent outputs of some addresses.
async fn scan(rpc: &Rpc, wanted: Vec<Value>, progress: Arc<Progress>) -> RpcResult<Object> {
    let look = move |node: &Machine| {
        let (prefix, tip) = (node.chain().params().address_prefix.clone(), node.chain().tip());
        let locks =
            wanted.iter().map(|value| lock_of(value, &prefix)).collect::<RpcResult<BTreeSet<Lock>>>()?;
        Ok((locks, prefix, tip.hash(), tip.height))
    };
    walk(rpc, progress, look, |(locks, prefix, best, height), coins| {
        let mut found: BTreeMap<OutPoint, Coin> = BTreeMap::new();
        let mut searched = 0_u64;
        let is_whole = coins.each(|outpoint, coin| {
            searched += 1;
            if locks.contains(&coin.output.lock) {
                found.insert(outpoint, coin);
            }
        })?;
        let total = Amount::checked_sum(found.values().map(|coin| coin.output.amount));
        let unspents = found.iter().map(|(outpoint, coin)| unspent(outpoint, coin, height, &prefix));
        Ok(object! {
            "success": is_whole,
            "txouts": searched,
            "height": height,
            "bestblock": best,
            "unspents": unspents.collect::<Vec<_>>(),
            "total_amount": Coins(total.expect("the coin set is bounded by the maximum supply")),
        })
    })
    .await
}

fn unspent(outpoint: &OutPoint, coin: &Coin, tip: Height, prefix: &AddressPrefix) -> Object {
    object! {
        "txid": outpoint.txid,
        "vout": outpoint.index,
        "scriptPubKey": render::lock(&coin.output.lock, prefix),
        "amount": Coins(coin.output.amount),
        "coinbase": coin.origin != Origin::Transaction,
        "height": coin.height,
        "confirmations": tip.get() - coin.height.get() + 1,
    }
}

/// The lock that a scan object names: `addr(ADDRESS)`, an address, or either inside `{"desc": …}`.
fn lock_of(value: &Value, prefix: &AddressPrefix) -> RpcResult<Lock> {
    let text = value.as_str().or_else(|| value.get("desc")?.as_str()).unwrap_or_default();
    // A checksum may follow after '#'; the address has its own.
    let text = text.split('#').next().unwrap_or_default();
    let address = text.strip_prefix("addr(").and_then(|text| text.strip_suffix(')')).unwrap_or(text);
    Address::parse(address, prefix).map(|address| address.lock()).map_err(|error| {
        let message = format!("{value} is not a scan object: expected \"addr(ADDRESS)\" ({error})");
        Code::InvalidAddressOrKey.error(message)
    })
}

async fn validate_address(rpc: Rpc, text: String) -> RpcResult<Object> {
    rpc.query(move |node| match Address::parse(&text, &node.chain().params().address_prefix) {
        Ok(address) => {
            let lock = address.lock();
            let Lock::PublicKey(key) = lock;
            object! {
                "isvalid": true,
                "address": Text(&address),
                "scriptPubKey": hex::encode(encode(&lock)),
                "publickey": hex::encode(encode(&key)),
                "isscript": false,
                "iswitness": false,
            }
        }
        Err(error) => object! { "isvalid": false, "error_locations": [(); 0], "error": Text(error) },
    })
    .await
}
