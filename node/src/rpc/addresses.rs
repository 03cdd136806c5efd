//! Methods about addresses, answered from the address index.

use std::collections::BTreeMap;

use cairn_core::address::Address;
use cairn_core::hash::Txid;
use cairn_core::lock::Lock;
use cairn_core::transaction::OutPoint;

use crate::machine::Machine;
use crate::rpc::access::Rpc;
use crate::rpc::error::{Code, RpcError, RpcResult};
use crate::rpc::json::{Change, Coins, Object, Sum, Text, object, reply};
use crate::rpc::lookup::{self, failed};
use crate::rpc::method::methods;
use crate::rpc::params::{Kind, Params, optional, required};
use crate::store::address_schema::Visit;
use crate::store::addresses::AddressIndex;

methods! { "Blockchain":
    "getaddresshistory" [
        required("address", Kind::Text),
        optional("count", Kind::Number),
        optional("skip", Kind::Number),
    ] "What an address holds, and the transactions that pay it or spend from it, the newest first: count of \
       them (25 unless told, 500 at most) after skip newer ones. `amount` is what a transaction changed for \
       the address, `received` all that was ever paid to it, change included. Those of the mempool are \
       in `unconfirmed`. Needs a node with --address-index." => get_address_history;
    "getaddressutxos" [
        required("address", Kind::Text),
        optional("count", Kind::Number),
        optional("skip", Kind::Number),
    ] "The unspent outputs of an address on the best chain, in the order of their ids: count of them (25 \
       unless told, 500 at most) after skip others. Needs a node with --address-index."
        => get_address_utxos;
}

/// Entries in an answer, unless told otherwise.
const DEFAULT_COUNT: u32 = 25;
/// Entries in an answer: each is a look into the store while the node waits.
const MAX_COUNT: u32 = 500;

/// What a call asks for.
struct Asked {
    address: String,
    count: u32,
    skip: u32,
}

impl Asked {
    fn read(params: &Params) -> Result<Self, RpcError> {
        let address = Params::must(params.text("address")).to_owned();
        let count = params.number("count")?.unwrap_or(DEFAULT_COUNT);
        if count > MAX_COUNT {
            let message = format!("count must be at most {MAX_COUNT} (not {count}); go on with skip");
            return Err(RpcError::invalid_parameter(message));
        }
        Ok(Self { address, count, skip: params.number("skip")?.unwrap_or(0) })
    }

    fn lock(&self, node: &Machine) -> Result<Lock, RpcError> {
        let address = Address::parse(&self.address, &lookup::params(node).address_prefix);
        address
            .map(|address| address.lock())
            .map_err(|error| RpcError::new(Code::InvalidAddressOrKey, format!("Invalid address: {error}")))
    }
}

async fn get_address_history(rpc: Rpc, params: Params) -> RpcResult {
    let asked = Asked::read(&params)?;
    rpc.query(move |node| {
        let (index, lock) = (index(node)?, asked.lock(node)?);
        let summary = index.summary(&lock).map_err(failed)?;
        let visits = index.history(&lock, asked.skip.into(), asked.count.into()).map_err(failed)?;
        let history: Vec<Object> = visits.iter().map(|visit| confirmed(node, visit)).collect();
        Ok(reply! {
            "address": asked.address,
            "balance": Sum(summary.balance()),
            "received": Sum(summary.received),
            "txs": summary.transactions,
            "utxos": summary.coins,
            "history": history,
            "unconfirmed": pending(node, index, &lock)?,
        })
    })
    .await?
}

async fn get_address_utxos(rpc: Rpc, params: Params) -> RpcResult {
    let asked = Asked::read(&params)?;
    rpc.query(move |node| {
        let (index, lock) = (index(node)?, asked.lock(node)?);
        let summary = index.summary(&lock).map_err(failed)?;
        let coins = index.coins(&lock, asked.skip as usize, asked.count as usize).map_err(failed)?;
        let shown = coins.iter().map(|(outpoint, amount)| {
            let place = lookup::place_of(node, &outpoint.txid)?;
            Ok(object! {
                "txid": Text(outpoint.txid),
                "vout": outpoint.index,
                "amount": Coins(*amount),
                "height": place.map(|place| place.height.get()),
                "coinbase": place.is_some_and(|place| place.position == 0),
                "spent_by": lookup::pending_spender(node, outpoint),
            })
        });
        Ok(reply! {
            "address": asked.address,
            "balance": Sum(summary.balance()),
            "utxos": summary.coins,
            "unspents": shown.collect::<Result<Vec<_>, RpcError>>()?,
        })
    })
    .await?
}

fn index(node: &Machine) -> Result<&AddressIndex, RpcError> {
    node.chain().store().addresses().ok_or_else(|| {
        let message = "The address index is not kept: start the node with --address-index";
        RpcError::new(Code::Misc, message)
    })
}

fn confirmed(node: &Machine, visit: &Visit) -> Object {
    let chain = node.chain();
    let block = chain.hash_at(visit.height).and_then(|hash| chain.entry(&hash));
    object! {
        "txid": Text(visit.txid),
        "height": visit.height.get(),
        "blockhash": block.map(|block| block.hash),
        "time_ms": block.map(|block| block.header.time.millis()),
        "confirmations": chain.tip().height.since(visit.height).unwrap_or(0) + 1,
        "amount": Change(i128::from(visit.received.units()) - i128::from(visit.spent.units())),
        "position": visit.position,
    }
}

/// What waiting transactions would change for an address, parents before children.
fn pending(node: &Machine, index: &AddressIndex, lock: &Lock) -> Result<Vec<Object>, RpcError> {
    let mempool = node.mempool();
    let mut spent = spent_from_the_chain(node, index, lock)?;
    let mut found = Vec::new();
    for entry in mempool.entries().iter() {
        let transaction = entry.transaction();
        let txid = transaction.txid();
        let mut change: Option<i128> = spent.remove(&txid).map(|spent| -spent);
        for (index, output) in (0..).zip(transaction.outputs()).filter(|(_, output)| output.lock == *lock) {
            let amount = i128::from(output.amount.units());
            *change.get_or_insert(0) += amount;
            // Its spender comes after it.
            if let Some(spender) = mempool.spender(&OutPoint { txid, index }) {
                *spent.entry(spender).or_default() += amount;
            }
        }
        if let Some(change) = change.filter(|_| found.len() < MAX_COUNT as usize) {
            found.push(object! {
                "txid": Text(txid),
                "height": (),
                "time_ms": entry.arrived().millis(),
                "amount": Change(change),
            });
        }
    }
    Ok(found)
}

/// What waiting transactions take of an address's coins on the chain. Whichever are fewer are gone
/// through: its coins or what the mempool spends.
fn spent_from_the_chain(
    node: &Machine,
    index: &AddressIndex,
    lock: &Lock,
) -> Result<BTreeMap<Txid, i128>, RpcError> {
    let mempool = node.mempool();
    let mut spent: BTreeMap<Txid, i128> = BTreeMap::new();
    let mut note = |txid, amount: cairn_core::amount::Amount| {
        *spent.entry(txid).or_default() += i128::from(amount.units());
    };
    if mempool.is_empty() {
        return Ok(spent);
    }
    if index.summary(lock).map_err(failed)?.coins <= mempool.len() as u64 {
        for (outpoint, amount) in index.coins(lock, 0, usize::MAX).map_err(failed)? {
            mempool.spender(&outpoint).into_iter().for_each(|spender| note(spender, amount));
        }
        return Ok(spent);
    }
    for transaction in mempool.iter() {
        for outpoint in transaction.inputs() {
            if let Some(amount) = index.coin(lock, outpoint).map_err(failed)? {
                note(transaction.txid(), amount);
            }
        }
    }
    Ok(spent)
}
