//! Methods about addresses, answered from the address index.

use std::collections::BTreeMap;
use std::sync::Arc;

use cairn_core::address::Address;
use cairn_core::amount::Amount;
use cairn_core::hash::{BlockHash, Txid};
use cairn_core::lock::Lock;
use cairn_core::transaction::OutPoint;
use cairn_protocol::mempool::entry::MempoolEntry;

use crate::Machine;
use crate::rpc::access::{Rpc, aside};
use crate::rpc::error::{Code, RpcError, RpcResult};
use crate::rpc::json::{Change, Coins, Object, Sum, Text, object, reply};
use crate::rpc::lookup::{self, failed};
use crate::rpc::method::methods;
use crate::rpc::params::{Kind, Params, optional, required};
use crate::store::address_schema::HistoryEntry;
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
/// Entries in an answer: each is a look into the store.
const MAX_COUNT: u32 = 500;
/// How often an address is read again because the chain changed meanwhile.
const MAX_ATTEMPTS: u32 = 5;

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
}

/// What an answer is made from, taken in one step of the driver.
struct Look {
    asked: Arc<Asked>,
    lock: Lock,
    index: AddressIndex,
    mempool: Vec<MempoolEntry>,
    tip: BlockHash,
    checkpoint: u64,
}

impl Look {
    fn take(node: &Machine, asked: Arc<Asked>) -> Result<Self, RpcError> {
        let address = Address::parse(&asked.address, &lookup::params(node).address_prefix);
        let lock = address
            .map(|address| address.lock())
            .map_err(|error| RpcError::new(Code::InvalidAddressOrKey, format!("Invalid address: {error}")))?;
        Ok(Self {
            lock,
            index: index(node)?.about(&lock),
            mempool: node.mempool().entries().iter().cloned().collect(),
            tip: lookup::tip(node).0,
            checkpoint: node.chain().store().sequence(),
            asked,
        })
    }

    /// Whether what was read since is of the moment at which this was taken.
    fn is_whole(&self, node: &Machine) -> bool {
        node.chain().store().sequence() == self.checkpoint && lookup::is_in_best_chain(node, &self.tip)
    }
}

/// Reads the index beside the driver, which an address of many thousand coins would hold up, and shows what
/// was found. A checkpoint or a reorganisation meanwhile would mix two states: then it is read again.
async fn answer<T: Send + 'static>(
    rpc: &Rpc,
    params: &Params,
    read: fn(&Look) -> Result<T, RpcError>,
    show: fn(&Machine, &Look, T) -> RpcResult,
) -> RpcResult {
    let asked = Arc::new(Asked::read(params)?);
    for _ in 0..MAX_ATTEMPTS {
        let asked = asked.clone();
        let look = rpc.query(move |node| Look::take(node, asked)).await??;
        let (found, look) = aside(move || Ok((read(&look), look))).await?;
        let shown = rpc.query(move |node| look.is_whole(node).then(|| show(node, &look, found?)));
        if let Some(reply) = shown.await? {
            return reply;
        }
    }
    Err(RpcError::new(Code::Misc, "The chain changed each time while the address was read: ask again"))
}

async fn get_address_history(rpc: Rpc, params: Params) -> RpcResult {
    let read = |look: &Look| {
        let (lock, asked) = (&look.lock, &look.asked);
        let visits = look.index.history(lock, asked.skip.into(), asked.count.into()).map_err(failed)?;
        Ok((look.index.summary(lock).map_err(failed)?, visits, pending(look)?))
    };
    answer(&rpc, &params, read, |node, look, (summary, visits, unconfirmed)| {
        Ok(reply! {
            "address": look.asked.address,
            "balance": Sum(summary.balance()),
            "received": Sum(summary.received),
            "txs": summary.transactions,
            "utxos": summary.coins,
            "history": visits.iter().map(|visit| confirmed(node, visit)).collect::<Vec<_>>(),
            "unconfirmed": unconfirmed,
        })
    })
    .await
}

async fn get_address_utxos(rpc: Rpc, params: Params) -> RpcResult {
    let read = |look: &Look| {
        let (skip, count) = (look.asked.skip as usize, look.asked.count as usize);
        let coins = look.index.coins(&look.lock, skip, count).map_err(failed)?;
        Ok((look.index.summary(&look.lock).map_err(failed)?, coins))
    };
    answer(&rpc, &params, read, |node, look, (summary, coins)| {
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
            "address": look.asked.address,
            "balance": Sum(summary.balance()),
            "utxos": summary.coins,
            "unspents": shown.collect::<Result<Vec<_>, RpcError>>()?,
        })
    })
    .await
}

fn index(node: &Machine) -> Result<&AddressIndex, RpcError> {
    node.chain().store().addresses().ok_or_else(|| {
        let message = "The address index is not kept: start the node with --address-index";
        RpcError::new(Code::Misc, message)
    })
}

fn confirmed(node: &Machine, visit: &HistoryEntry) -> Object {
    let chain = node.chain();
    let block = chain.hash_at(visit.height).and_then(|hash| chain.entry(&hash));
    object! {
        "txid": Text(visit.txid),
        "height": visit.height.get(),
        "blockhash": block.map(|block| block.hash()),
        "time_ms": block.map(|block| block.header.time.millis()),
        "confirmations": chain.tip().height.since(visit.height).unwrap_or(0) + 1,
        "amount": Change(i128::from(visit.received.units()) - i128::from(visit.spent.units())),
        "position": visit.position,
    }
}

/// What waiting transactions would change for an address, parents before children.
fn pending(look: &Look) -> Result<Vec<Object>, RpcError> {
    let lock = &look.lock;
    let spends = |entry: &MempoolEntry| {
        let txid = entry.transaction.txid();
        entry.transaction.inputs().iter().map(move |input| (*input, txid)).collect::<Vec<_>>()
    };
    let spenders: BTreeMap<OutPoint, Txid> = look.mempool.iter().flat_map(spends).collect();
    let mut spent = spent_from_the_chain(look, &spenders)?;
    let mut found = Vec::new();
    for entry in &look.mempool {
        let transaction = &entry.transaction;
        let txid = transaction.txid();
        let mut change: Option<i128> = spent.remove(&txid).map(|spent| -spent);
        for (index, output) in (0..).zip(transaction.outputs()).filter(|(_, output)| output.lock == *lock) {
            let amount = i128::from(output.amount.units());
            *change.get_or_insert(0) += amount;
            // Its spender comes after it.
            if let Some(spender) = spenders.get(&OutPoint { txid, index }) {
                *spent.entry(*spender).or_default() += amount;
            }
        }
        if let Some(change) = change.filter(|_| found.len() < MAX_COUNT as usize) {
            found.push(object! {
                "txid": Text(txid),
                "height": (),
                "time_ms": entry.arrived.millis(),
                "amount": Change(change),
            });
        }
    }
    Ok(found)
}

/// What waiting transactions take of an address's coins on the chain. Whichever are fewer are gone
/// through: its coins or what the mempool spends.
fn spent_from_the_chain(
    look: &Look,
    spenders: &BTreeMap<OutPoint, Txid>,
) -> Result<BTreeMap<Txid, i128>, RpcError> {
    let mut spent: BTreeMap<Txid, i128> = BTreeMap::new();
    let mut note =
        |txid: &Txid, amount: Amount| *spent.entry(*txid).or_default() += i128::from(amount.units());
    if spenders.is_empty() {
        return Ok(spent);
    }
    if look.index.summary(&look.lock).map_err(failed)?.coins <= spenders.len() as u64 {
        for (outpoint, amount) in look.index.coins(&look.lock, 0, usize::MAX).map_err(failed)? {
            spenders.get(&outpoint).into_iter().for_each(|spender| note(spender, amount));
        }
        return Ok(spent);
    }
    for (outpoint, spender) in spenders {
        if let Some(amount) = look.index.coin(&look.lock, outpoint).map_err(failed)? {
            note(spender, amount);
        }
    }
    Ok(spent)
}
