//! Methods about addresses, answered from the address index.

use std::collections::BTreeMap;
use std::sync::Arc;

use cairn_core::amount::Amount;
use cairn_core::hash::{BlockHash, Txid};
use cairn_core::lock::Lock;
use cairn_core::transaction::OutPoint;
use cairn_protocol::chain::store::ChainStore;
use cairn_protocol::mempool::entry::MempoolEntry;

use crate::Machine;
use crate::rpc::json::{Change, Sum};
use crate::rpc::lookup;
use crate::rpc::method::{Code, Coins, Object, Rpc, RpcResult, aside, methods, object};
use crate::store::address_schema::HistoryEntry;
use crate::store::addresses::AddressIndex;

methods! { "Blockchain":
    Reads "getaddresshistory" ["address", "count", "skip"]
        "The balance of an address, and the transactions that pay it or spend from it, the newest first: count of \
         them (25 by default, 500 at most) after skip newer ones. `amount` is what a transaction changed for \
         the address, `received` all that was ever paid to it, change included. Those of the mempool are \
         in `unconfirmed`. Needs a node with --address-index." => get_address_history;
    Reads "getaddressutxos" ["address", "count", "skip"]
        "The unspent outputs of an address on the best chain, in the order of their ids: count of them (25 \
         by default, 500 at most) after skip others. Needs a node with --address-index."
        => get_address_utxos;
}

/// Entries in an answer by default.
const DEFAULT_COUNT: u32 = 25;
/// Entries in an answer: each is a look into the store.
const MAX_COUNT: u32 = 500;
/// How often an address is read again because the chain changed meanwhile.
const MAX_ATTEMPTS: u32 = 5;

/// The part of an address's list that a call asks for.
struct Page {
    address: String,
    count: u32,
    skip: u32,
}

impl Page {
    fn new(address: String, count: Option<u32>, skip: Option<u32>) -> RpcResult<Arc<Self>> {
        let count = count.unwrap_or(DEFAULT_COUNT);
        if count > MAX_COUNT {
            let message = format!("count must be at most {MAX_COUNT} (not {count}); go on with skip");
            return Err(Code::InvalidParameter.error(message));
        }
        Ok(Arc::new(Self { address, count, skip: skip.unwrap_or(0) }))
    }
}

/// State that an answer is made from, taken in one step of the driver.
struct Look {
    page: Arc<Page>,
    lock: Lock,
    index: AddressIndex,
    mempool: Vec<MempoolEntry>,
    tip: BlockHash,
    checkpoint: u64,
}

impl Look {
    fn take(node: &Machine, page: Arc<Page>) -> RpcResult<Self> {
        let lock = lookup::lock_of(node, &page.address)?;
        Ok(Self {
            lock,
            index: index(node)?.about(&lock),
            mempool: node.mempool().entries().iter().cloned().collect(),
            tip: node.chain().tip().hash(),
            checkpoint: node.chain().store().sequence(),
            page,
        })
    }

    /// Whether all that was read since is of the moment at which this was taken.
    fn is_whole(&self, node: &Machine) -> bool {
        node.chain().store().sequence() == self.checkpoint && lookup::is_in_best_chain(node, &self.tip)
    }
}

/// Reads the index beside the driver, which an address of many thousand coins would hold up, and shows the
/// result. A checkpoint or a reorganization meanwhile would mix two states: then it is read again.
async fn answer<T: Send + 'static>(
    rpc: &Rpc,
    page: Arc<Page>,
    read: fn(&Look) -> RpcResult<T>,
    show: fn(&Machine, &Look, T) -> RpcResult<Object>,
) -> RpcResult<Object> {
    for _ in 0..MAX_ATTEMPTS {
        let page = page.clone();
        let look = rpc.try_query(move |node| Look::take(node, page)).await?;
        let (found, look) = aside(move || Ok((read(&look), look))).await?;
        let shown =
            rpc.try_query(
                move |node| {
                    if look.is_whole(node) { show(node, &look, found?).map(Some) } else { Ok(None) }
                },
            );
        if let Some(object) = shown.await? {
            return Ok(object);
        }
    }
    Err(Code::Misc.error("The chain changed each time while the address was read: ask again"))
}

async fn get_address_history(
    rpc: Rpc,
    address: String,
    count: Option<u32>,
    skip: Option<u32>,
) -> RpcResult<Object> {
    let read = |look: &Look| {
        let visits = look.index.history(&look.lock, look.page.skip.into(), look.page.count.into())?;
        Ok((look.index.summary(&look.lock)?, visits, unconfirmed(look)?))
    };
    answer(&rpc, Page::new(address, count, skip)?, read, |node, look, (summary, visits, unconfirmed)| {
        Ok(object! {
            "address": look.page.address,
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

async fn get_address_utxos(
    rpc: Rpc,
    address: String,
    count: Option<u32>,
    skip: Option<u32>,
) -> RpcResult<Object> {
    let read = |look: &Look| {
        let coins = look.index.coins(&look.lock, look.page.skip as usize, look.page.count as usize)?;
        Ok((look.index.summary(&look.lock)?, coins))
    };
    answer(&rpc, Page::new(address, count, skip)?, read, |node, look, (summary, coins)| {
        let shown = coins.iter().map(|(outpoint, amount)| {
            let place = node.chain().store().transaction_place(&outpoint.txid)?;
            Ok(object! {
                "txid": outpoint.txid,
                "vout": outpoint.index,
                "amount": Coins(*amount),
                "height": place.map(|place| place.height),
                "coinbase": place.is_some_and(|place| place.position == 0),
                "spent_by": node.mempool().entries().spender(outpoint),
            })
        });
        Ok(object! {
            "address": look.page.address,
            "balance": Sum(summary.balance()),
            "utxos": summary.coins,
            "unspents": shown.collect::<RpcResult<Vec<_>>>()?,
        })
    })
    .await
}

fn index(node: &Machine) -> RpcResult<&AddressIndex> {
    node.chain()
        .store()
        .addresses()
        .ok_or_else(|| Code::Misc.error("The address index is not kept: start the node with --address-index"))
}

fn confirmed(node: &Machine, visit: &HistoryEntry) -> Object {
    let chain = node.chain();
    let block = chain.hash_at(visit.height).and_then(|hash| chain.entry(&hash));
    object! {
        "txid": visit.txid,
        "height": visit.height,
        "blockhash": block.map(|block| block.hash()),
        "time_ms": block.map(|block| block.header.time),
        "confirmations": chain.tip().height.since(visit.height).unwrap_or(0) + 1,
        "amount": Change(i128::from(visit.received.units()) - i128::from(visit.spent.units())),
        "position": visit.position,
    }
}

/// The changes of an address by unconfirmed transactions, parents before children.
fn unconfirmed(look: &Look) -> RpcResult<Vec<Object>> {
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
                "txid": txid,
                "height": (),
                "time_ms": entry.arrived,
                "amount": Change(change),
            });
        }
    }
    Ok(found)
}

/// The coins of an address on the chain that unconfirmed transactions spend, summed up by transaction. The shorter
/// list is gone through: its coins, or the outputs that the mempool spends.
fn spent_from_the_chain(look: &Look, spenders: &BTreeMap<OutPoint, Txid>) -> RpcResult<BTreeMap<Txid, i128>> {
    let mut spent: BTreeMap<Txid, i128> = BTreeMap::new();
    let mut note =
        |txid: &Txid, amount: Amount| *spent.entry(*txid).or_default() += i128::from(amount.units());
    if spenders.is_empty() {
        return Ok(spent);
    }
    if look.index.summary(&look.lock)?.coins <= spenders.len() as u64 {
        for (outpoint, amount) in look.index.coins(&look.lock, 0, usize::MAX)? {
            spenders.get(&outpoint).into_iter().for_each(|spender| note(spender, amount));
        }
        return Ok(spent);
    }
    for (outpoint, spender) in spenders {
        if let Some(amount) = look.index.coin(&look.lock, outpoint)? {
            note(spender, amount);
        }
    }
    Ok(spent)
}
