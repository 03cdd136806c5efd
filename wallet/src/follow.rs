//! Following the node: reads the chain back to the fork point and up to the tip, as far along both branches of
//! addresses as it has used them, and then the mempool. Nothing is handed to the node.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::bail;
use cairn_core::amount::Amount;
use cairn_core::block::Block;
use cairn_core::check::transaction::{SpendContext, check_transaction_on_coins};
use cairn_core::coin::{Coin, Origin};
use cairn_core::hash::Txid;
use cairn_core::height::Height;
use cairn_core::lock::Lock;
use cairn_core::signature::{SerialVerifier, Verifier};
use cairn_core::time::Timestamp;
use cairn_core::transaction::{OutPoint, Transaction};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::book::{GAP, KnownChain, SEARCH_GAP, Search};
use crate::cli::Common;
use crate::client::{Client, ClientError, MAX_REPLY_BYTES};
use crate::headers::ChainError;
use crate::keys::Keys;
use crate::node::Node;
use crate::payment::{Release, State, judge};
use crate::scan::{Scan, ScanError};
use crate::session::Session;
use crate::show;
use crate::view::{Incoming, Notice, View};

/// The progress bar of a long read.
const PROGRESS: &str = "reading the chain {bar:40} {pos}/{len} blocks, {eta}";
/// Limit of the blocks in one request.
const WINDOW: u32 = 64;
/// Limit of the reorganizations while the chain is read; then the command gives up.
const MAX_RESTARTS: u32 = 100;
/// Limit of the rounds in which the chain is read anew because a block came before the mempool was read.
const MAX_REREADS: u32 = 20;

/// A mempool with more transactions than this is not looked through.
const MAX_LOOKED_AT: usize = 5_000;
/// Limit of the transactions in one request.
const TRANSACTIONS_WINDOW: usize = 500;

/// A wallet that was read up to the tip of its node.
pub struct Followed {
    pub session: Session,
    pub client: Client,
    pub view: View,
}

impl Followed {
    /// Opens the wallet that the settings name, reads its node and shows the notices.
    ///
    /// # Errors
    /// When the wallet cannot be opened, no node answers, or as for [`catch_up`].
    pub fn open(common: &Common) -> anyhow::Result<Self> {
        let mut session = Session::open(common)?;
        let client = session.connect(common)?.client;
        let view = catch_up(&mut session, &client, None)?;
        show::tell(&view.notices);
        Ok(Self { session, client, view })
    }
}

/// Brings the wallet up to the node's tip and mempool and writes its files. With the keys, which a
/// published account always has, addresses are derived as far as the chain has used them.
///
/// # Errors
/// When the node does not answer, or shows a chain that breaks a rule.
pub fn catch_up(session: &mut Session, node: &impl Node, keys: Option<&Keys>) -> anyhow::Result<View> {
    let published = if keys.is_none() { session.published_keys() } else { None };
    let keys = keys.or(published.as_ref());
    let gap = if session.book.search == Search::Due { SEARCH_GAP } else { GAP };
    look(session, node, keys, gap)
}

/// As [`catch_up`], with a search `gap` addresses beyond the last used one of each branch.
pub fn look(session: &mut Session, node: &impl Node, keys: Option<&Keys>, gap: u32) -> anyhow::Result<View> {
    let mut other = other_chain(session, node)?;
    if other.as_ref().is_some_and(Notice::is_of_a_new_chain) {
        session.book.begin_anew();
    }
    let mut notices = Vec::new();
    let mut scan = session.load_scan()?;
    let mut mempool: Vec<Txid> = Vec::new();
    for round in 0..MAX_REREADS {
        let gap = if round == 0 { gap } else { GAP };
        scan = read_all_addresses(session, node, keys, gap, scan, &mut notices)?;
        mempool = node.mempool()?;
        // A block in between takes transactions out of the mempool that this scan has not seen.
        if node.height()? == scan.height() && node.hash_at(scan.height())? == scan.hash_at(scan.height()) {
            break;
        }
    }
    let incoming = look_through(session, node, &scan, &mempool, now())?;
    let mempool: BTreeSet<Txid> = mempool.into_iter().collect();
    session.book.settle(&scan, &mempool);
    // A node without blocks does not tell yet which chain it will have.
    session.book.known_chain = known_chain(&scan).or(session.book.known_chain);
    session.keep(&scan)?;
    let payments = judge(&session.book.payments, &scan, Some(&mempool));
    if let Some(Notice::ChainStartedAnew { payments: earlier }) = &mut other {
        *earlier = payments.iter().filter(|payment| payment.state == State::EarlierChain).count();
    }
    notices.extend(other);
    if session.book.may_miss_addresses() {
        notices.push(Notice::MoreMayLieBeyond(session.book.watched()));
    }
    Ok(View { scan, mempool: Some(mempool), payments, incoming, notices })
}

/// The view as it was when a node was last read.
///
/// # Errors
/// When the files cannot be read, or the blocks that were read are not on the chain any more.
pub fn offline(session: &mut Session) -> anyhow::Result<View> {
    let kept = session.kept_scan()?;
    if kept.is_none() && session.book.known_chain.is_some() {
        bail!("what was read of the chain is not kept any more: `balance` reads it again from a node");
    }
    let scan = kept.unwrap_or_else(|| session.new_scan());
    let payments = judge(&session.book.payments, &scan, None);
    Ok(View { scan, mempool: None, payments, incoming: None, notices: Vec::new() })
}

/// The time, for the future-drift rule and for the book.
pub fn now() -> Timestamp {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX))
}

fn known_chain(scan: &Scan) -> Option<KnownChain> {
    let (height, tip_time) = (scan.height(), scan.tip_time());
    let (first, tip) = (scan.hash_at(Height::GENESIS.next())?, scan.hash_at(height)?);
    Some(KnownChain { first, height, tip, tip_time })
}

/// Compares the node's chain with the one that was read before, and gives a notice if not even the first block is the
/// same and the node does not know the old tip. (After a reorganization down to genesis it knows it, as a side branch.)
/// Payments may yet be confirmed on a chain that other nodes still have. So the chain was only started anew if it began
/// after the old tip and after the last payment that was released; the count of payments is still to be filled in.
fn other_chain(session: &Session, node: &impl Node) -> Result<Option<Notice>, ClientError> {
    let Some(known) = session.book.known_chain else { return Ok(None) };
    let first = Height::GENESIS.next();
    if node.hash_at(known.height)? == Some(known.tip)
        || node.hash_at(first)? == Some(known.first)
        || node.knows_block(&known.tip)?
    {
        return Ok(None);
    }
    let begun = node.blocks(first, 1)?.and_then(|blocks| blocks.first().map(|block| block.header().time));
    let released = session.book.payments.iter().filter(|payment| payment.release == Release::Released);
    let paid = released.map(|payment| Timestamp::from_millis(payment.made_ms)).max();
    let is_later = |begun: Timestamp| begun > known.tip_time && paid.is_none_or(|paid| begun > paid);
    Ok(Some(match begun.is_some_and(is_later) {
        true => Notice::ChainStartedAnew { payments: 0 },
        false => Notice::ChainUnknownToNode,
    }))
}

/// Reads the chain, and with the keys reads it again for further addresses, until the last `gap` ones of
/// each branch are unused.
fn read_all_addresses(
    session: &mut Session,
    node: &impl Node,
    keys: Option<&Keys>,
    gap: u32,
    mut scan: Scan,
    notices: &mut Vec<Notice>,
) -> anyhow::Result<Scan> {
    loop {
        if let Some(keys) = keys {
            session.book.derive_short_of(keys, gap);
        }
        if scan.watched() != session.book.watched() {
            scan = session.new_scan();
        }
        read_to_tip(session, node, &mut scan)?;
        session.book.mark_paid(&scan.paid_locks());
        if keys.is_none() || !session.book.is_short_of(gap) {
            break;
        }
    }
    if keys.is_some() && gap > GAP {
        session.book.search = Search::Done;
        let (receiving_used, change_used) = (session.book.receive.paid(), session.book.change.paid());
        notices.push(Notice::Searched { watched: session.book.watched(), receiving_used, change_used });
    }
    session.book.trim();
    scan.watch_fewer(session.book.watched());
    Ok(scan)
}

fn read_to_tip(session: &Session, node: &impl Node, scan: &mut Scan) -> anyhow::Result<()> {
    let (locks, params) = (session.locks(), &session.chain.params);
    // As hex a block is twice as long, and an answer holds a little more than the blocks.
    let fit = MAX_REPLY_BYTES / (2 * params.max_block_bytes as u64 + 1024);
    let window = u32::try_from(fit).unwrap_or(WINDOW).clamp(1, WINDOW);
    let bar = ProgressBar::hidden();
    for _ in 0..MAX_RESTARTS {
        rewind_to_fork(node, scan)?;
        let tip = node.height()?;
        if tip.since(scan.height()).is_some_and(|missing| missing > 4 * WINDOW) && bar.is_hidden() {
            bar.set_draw_target(ProgressDrawTarget::stderr());
            bar.set_style(ProgressStyle::with_template(PROGRESS)?);
        }
        bar.set_length(u64::from(tip.get()));
        if connect_up_to(tip, node, scan, window, |scan, block| {
            bar.set_position(u64::from(scan.height().get()));
            scan.connect(Arc::new(block), &locks, params, now())
        })? {
            bar.finish_and_clear();
            return Ok(());
        }
    }
    bail!("the node's chain changed {MAX_RESTARTS} times while it was read; try again")
}

/// Reads blocks up to this height, a window at a time. False when the node's chain has changed meanwhile.
fn connect_up_to(
    tip: Height,
    node: &impl Node,
    scan: &mut Scan,
    window: u32,
    connect: impl Fn(&mut Scan, Block) -> Result<(), ScanError>,
) -> anyhow::Result<bool> {
    while let Some(missing) = tip.since(scan.height()).filter(|missing| *missing > 0) {
        // None: the chain became shorter.
        let Some(blocks) = node.blocks(scan.height().next(), missing.min(window))? else { return Ok(false) };
        for block in blocks {
            match connect(scan, block) {
                Err(ScanError::Header(ChainError::NotLinked)) => return Ok(false),
                connected => connected?,
            }
        }
    }
    Ok(true)
}

/// Goes back to the highest block that the node's best chain shares with ours.
fn rewind_to_fork(node: &impl Node, scan: &mut Scan) -> anyhow::Result<()> {
    let (mut height, mut step) = (scan.height().get(), 1);
    while height > 0 {
        let at = Height::from_u32(height);
        if node.hash_at(at)? == scan.hash_at(at) {
            break;
        }
        // Ever larger steps: what is rewound too far is read again, in large batches.
        height = height.saturating_sub(step);
        step *= 2;
    }
    scan.rewind(Height::from_u32(height));
    Ok(())
}

/// Looks through the mempool: payments that our keys have signed go into the book, so that no coin is
/// spent twice; those of others to us are given back, or none if there is too much to look through.
///
/// # Errors
/// When the node does not answer, or answers with what is no transaction.
fn look_through(
    session: &mut Session,
    node: &impl Node,
    scan: &Scan,
    mempool: &[Txid],
    now: Timestamp,
) -> Result<Option<Vec<Incoming>>, ClientError> {
    if mempool.len() > MAX_LOOKED_AT {
        return Ok(None);
    }
    let listed: BTreeSet<&Txid> = mempool.iter().collect();
    session.fetched.retain(|txid, _| listed.contains(txid));
    let known: BTreeSet<Txid> = session.book.payments.iter().map(|payment| payment.txid).collect();
    let is_new = |txid: &&Txid| !known.contains(txid) && !session.fetched.contains_key(txid);
    let new: Vec<Txid> = mempool.iter().filter(is_new).copied().collect();
    for window in new.chunks(TRANSACTIONS_WINDOW) {
        let fetched = node.transactions(window)?.into_iter();
        session.fetched.extend(fetched.map(|transaction| (transaction.txid(), transaction)));
    }
    let locks = session.locks();
    let mut incoming = Vec::new();
    let unknown = mempool.iter().filter(|txid| !known.contains(txid));
    let transactions: Vec<Arc<Transaction>> =
        unknown.filter_map(|txid| session.fetched.get(txid).cloned()).collect();
    for transaction in transactions {
        if is_signed_by_us(session, scan, &transaction, &locks) {
            session.book.add(&transaction, now, Release::Released);
            continue;
        }
        let ours = transaction.outputs().iter().filter(|output| locks.contains(&output.lock));
        // A sum beyond the supply is a lie of the node's.
        let amount = Amount::checked_sum(ours.map(|output| output.amount)).filter(|sum| *sum > Amount::ZERO);
        incoming.extend(amount.map(|amount| Incoming { txid: transaction.txid(), amount }));
    }
    Ok(Some(incoming))
}

/// Whether a transaction spends coins of ours alone and our keys have signed it. The node is not
/// believed: the signatures are verified here.
fn is_signed_by_us(
    session: &Session,
    scan: &Scan,
    transaction: &Transaction,
    locks: &BTreeSet<Lock>,
) -> bool {
    let params = &session.chain.params;
    let height = scan.height().next();
    let own_coin = |outpoint: &OutPoint| {
        if let Some(coin) = scan.coin(outpoint) {
            return Some(Coin { output: coin.output.clone(), height: coin.height, origin: coin.origin });
        }
        let index = outpoint.index as usize;
        let output = match session.fetched.get(&outpoint.txid) {
            Some(parent) => parent.outputs().get(index)?.clone(),
            None => session.book.payment(&outpoint.txid)?.transaction()?.outputs().get(index)?.clone(),
        };
        locks.contains(&output.lock).then_some(Coin { output, height, origin: Origin::Transaction })
    };
    let coins = transaction.inputs().iter().map(|outpoint| Some((*outpoint, own_coin(outpoint)?)));
    let Some(coins) = coins.collect::<Option<BTreeMap<_, _>>>() else { return false };
    let context = SpendContext { height, median_time_past: scan.median_time_past(params) };
    check_transaction_on_coins(transaction, &coins, context, params)
        .is_ok_and(|spend| SerialVerifier.verify(spend.signatures()).is_ok())
}
