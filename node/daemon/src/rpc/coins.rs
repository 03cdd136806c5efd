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
use crate::rpc::access::Rpc;
use crate::rpc::error::{Code, RpcError, RpcResult};
use crate::rpc::json::{Coins, Object, Text, json, object, reply};
use crate::rpc::lookup;
use crate::rpc::method::methods;
use crate::rpc::params::{Kind, Params, optional, required};
use crate::rpc::render;
use crate::rpc::walk::walk;

methods! { "Blockchain":
    "gettxout" [
        required("txid", Kind::Text),
        required("n", Kind::Number),
        optional("include_mempool", Kind::Flag),
    ] "An unspent output; null when it is spent or never was. The mempool is looked at unless told \
       otherwise." => get_tx_out;
    "gettxoutsetinfo" [optional("hash_type", Kind::Text)]
        "Number, sum and hash of all coins; hash_type is hash_serialized_3 or none." => get_tx_out_set_info;
    "scantxoutset" [required("action", Kind::Text), optional("scanobjects", Kind::List)]
        "With action start: the coins of the addresses in scanobjects, written addr(ADDRESS) or as \
         an address alone. With status: how far a scan is; with abort: ends it." => scan_tx_out_set;
    "validateaddress" [required("address", Kind::Text)]
        "Whether this is an address of this chain, and which key it stands for." => validate_address;
}

async fn get_tx_out(rpc: Rpc, params: Params) -> RpcResult {
    let txid: Txid = Params::must(params.hash("txid")?);
    let index: i64 = Params::must(params.number("n")?);
    let pending_too = params.flag("include_mempool").unwrap_or(true);
    let Ok(index) = u32::try_from(index) else { return Ok(json(&())) };
    let outpoint = OutPoint { txid, index };
    rpc.query(move |node| {
        let (best, tip) = lookup::tip(node);
        let prefix = &lookup::params(node).address_prefix;
        let shown = |confirmations: u32, coin: &Coin| {
            reply! {
                "bestblock": Text(best),
                "confirmations": confirmations,
                "value": Coins(coin.output.amount),
                "scriptPubKey": render::lock(&coin.output.lock, prefix),
                "coinbase": coin.origin != Origin::Transaction,
            }
        };
        if pending_too && lookup::pending_spender(node, &outpoint).is_some() {
            return Ok(json(&()));
        }
        if let Some(coin) = lookup::coin(node, &outpoint)? {
            return Ok(shown(tip.get() - coin.height.get() + 1, &coin));
        }
        let pending = lookup::pending_coin(node, &outpoint).filter(|_| pending_too);
        Ok(pending.map_or_else(|| json(&()), |coin| shown(0, &coin)))
    })
    .await?
}

async fn get_tx_out_set_info(rpc: Rpc, params: Params) -> RpcResult {
    let hashed = match params.text("hash_type").unwrap_or("hash_serialized_3") {
        "none" => false,
        "hash_serialized_3" => true,
        other => {
            let message = format!("'{other}' is not a valid hash_type: expected hash_serialized_3 or none");
            return Err(RpcError::invalid_parameter(message));
        }
    };
    let look = |node: &Machine| Ok((lookup::tip(node), lookup::size_on_disk(node)));
    walk(&rpc, Arc::default(), look, move |((best, height), size_on_disk), coins| {
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
            if hashed {
                hash.update(&key);
                hash.update(&value);
            }
        })?;
        let mut info = object! {
            "height": height.get(),
            "bestblock": Text(best),
            "txouts": count,
            "bogosize": bytes,
        };
        if hashed {
            let digest: [u8; 32] = Sha256::digest(hash.finalize()).into();
            info.put("hash_serialized_3", &hex::encode(digest));
        }
        info.put("total_amount", &Coins(total));
        info.put("transactions", &transactions);
        info.put("disk_size", &size_on_disk);
        Ok(json(&info))
    })
    .await
}

async fn scan_tx_out_set(rpc: Rpc, params: Params) -> RpcResult {
    match Params::must(params.text("action")) {
        "start" => {}
        "abort" => {
            let running = rpc.scan().running();
            running.iter().for_each(|scan| scan.break_off());
            return Ok(json(&running.is_some()));
        }
        "status" => {
            let running = rpc.scan().running();
            let progress = running.map(|scan| object! { "progress": scan.percent() });
            return Ok(progress.map_or_else(|| json(&()), |progress| json(&progress)));
        }
        other => {
            let message = format!("Invalid action '{other}': expected start, abort or status");
            return Err(RpcError::invalid_parameter(message));
        }
    }
    let Some(wanted) = params.get("scanobjects").and_then(Value::as_array).cloned() else {
        return Err(RpcError::new(Code::Misc, "scanobjects argument is required for the start action"));
    };
    let Some(turn) = rpc.scan().take() else {
        let message = "Scan already in progress, use action \"abort\" or \"status\"";
        return Err(RpcError::invalid_parameter(message));
    };
    let look = move |node: &Machine| {
        let prefix = lookup::params(node).address_prefix.clone();
        let locks =
            wanted.iter().map(|value| lock_of(value, &prefix)).collect::<Result<BTreeSet<Lock>, _>>()?;
        Ok((locks, prefix, lookup::tip(node)))
    };
    walk(&rpc, turn.progress(), look, |(locks, prefix, (best, height)), coins| {
        let mut found: BTreeMap<OutPoint, Coin> = BTreeMap::new();
        let mut searched = 0_u64;
        let is_whole = coins.each(|outpoint, coin| {
            searched += 1;
            if locks.contains(&coin.output.lock) {
                found.insert(outpoint, coin);
            }
        })?;
        let total = Amount::checked_sum(found.values().map(|coin| coin.output.amount));
        let unspents: Vec<Object> =
            found.iter().map(|(outpoint, coin)| unspent(outpoint, coin, height, &prefix)).collect();
        Ok(reply! {
            "success": is_whole,
            "txouts": searched,
            "height": height.get(),
            "bestblock": Text(best),
            "unspents": unspents,
            "total_amount": Coins(total.expect("the coin set is bounded by the maximum supply")),
        })
    })
    .await
}

fn unspent(outpoint: &OutPoint, coin: &Coin, tip: Height, prefix: &AddressPrefix) -> Object {
    object! {
        "txid": Text(outpoint.txid),
        "vout": outpoint.index,
        "scriptPubKey": render::lock(&coin.output.lock, prefix),
        "amount": Coins(coin.output.amount),
        "coinbase": coin.origin != Origin::Transaction,
        "height": coin.height.get(),
        "confirmations": tip.get() - coin.height.get() + 1,
    }
}

/// The lock that a scan object names: `addr(ADDRESS)`, an address, or either inside `{"desc": …}`.
fn lock_of(value: &Value, prefix: &AddressPrefix) -> Result<Lock, RpcError> {
    let text = value.as_str().or_else(|| value.get("desc")?.as_str()).unwrap_or_default();
    // A checksum may follow after '#'; the address has its own.
    let text = text.split('#').next().unwrap_or_default();
    let address = text.strip_prefix("addr(").and_then(|text| text.strip_suffix(')')).unwrap_or(text);
    Address::parse(address, prefix).map(|address| address.lock()).map_err(|error| {
        let message = format!("{value} is no scan object: expected \"addr(ADDRESS)\" ({error})");
        RpcError::new(Code::InvalidAddressOrKey, message)
    })
}

async fn validate_address(rpc: Rpc, params: Params) -> RpcResult {
    let text = Params::must(params.text("address")).to_owned();
    rpc.query(move |node| {
        let prefix = &lookup::params(node).address_prefix;
        match Address::parse(&text, prefix) {
            Ok(address) => {
                let mut shown = object! { "isvalid": true, "address": Text(&address) };
                let lock = address.lock();
                shown.put("scriptPubKey", &hex::encode(encode(&lock)));
                let Lock::PublicKey(key) = lock;
                shown.put("publickey", &hex::encode(encode(&key)));
                shown.put("isscript", &false);
                shown.put("iswitness", &false);
                json(&shown)
            }
            Err(error) => reply! { "isvalid": false, "error_locations": [(); 0], "error": Text(error) },
        }
    })
    .await
}
