//! Following the node: fetches what the scan has not read, back to the fork point and up to the tip.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use cairn_core::block::Block;
use cairn_core::encoding::decode;
use cairn_core::hash::BlockHash;
use cairn_core::height::Height;
use cairn_core::time::Timestamp;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use crate::client::{self, Client, ClientError};
use crate::headers::ChainError;
use crate::scan::{Scan, ScanError};
use crate::session::Session;

/// Blocks in one request, if they are small.
const WINDOW: u32 = 64;
/// Reorganisations that may happen while we read before we give up.
const MAX_RESTARTS: u32 = 100;
/// Bitcoin Core's code for a height or hash that is not there.
const NOT_THERE: [i64; 2] = [-8, -5];

/// Brings the scan up to the node's tip, settles pending payments and writes the files.
///
/// # Errors
/// When the node does not answer, or shows a chain that breaks a rule.
pub fn catch_up(session: &mut Session, client: &Client) -> anyhow::Result<Scan> {
    let mut scan = session.load_scan()?;
    read_to_tip(session, client, &mut scan)?;
    session.book.mark_used(&scan.paid_locks());
    settle(session, client, &scan)?;
    session.save_scan(&scan)?;
    session.book.save(&session.files)?;
    Ok(scan)
}

/// The time, for the future-drift rule and for the book.
pub fn now() -> Timestamp {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX))
}

fn read_to_tip(session: &Session, client: &Client, scan: &mut Scan) -> anyhow::Result<()> {
    let locks = session.locks();
    let max_block = session.chain.params.max_block_bytes;
    // As hex a block is twice as long, and an answer holds a little more than the blocks.
    let fit = client::MAX_ANSWER_BYTES / (2 * max_block as u64 + 1024);
    let window = u32::try_from(fit).unwrap_or(WINDOW).clamp(1, WINDOW);
    let bar = ProgressBar::hidden();
    for _ in 0..MAX_RESTARTS {
        rewind_to_fork(client, scan)?;
        let tip: u32 = client.call("getblockcount", json!([]))?;
        if tip.saturating_sub(scan.height().get()) > 4 * WINDOW && bar.is_hidden() {
            bar.set_draw_target(indicatif::ProgressDrawTarget::stderr());
            bar.set_style(ProgressStyle::with_template(
                "reading the chain {bar:40} {pos}/{len} blocks, {eta}",
            )?);
        }
        bar.set_length(u64::from(tip));
        let mut moved = false;
        while scan.height().get() < tip && !moved {
            let first = scan.height().get() + 1;
            let heights: Vec<Value> = (first..=tip.min(first + window - 1)).map(|h| json!([h])).collect();
            let blocks = match fetch(client, &heights) {
                Ok(blocks) => blocks,
                // The chain became shorter meanwhile: look for the fork again.
                Err(ClientError::Refused { code, .. }) if NOT_THERE.contains(&code) => {
                    moved = true;
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            for raw in blocks {
                let raw = hex::decode(&raw).context("the node sent a block that is not hex")?;
                let block: Block =
                    decode(&raw, max_block).context("the node sent a block that does not decode")?;
                match scan.connect(Arc::new(block), &locks, &session.chain.params, now()) {
                    Ok(()) => {}
                    Err(ScanError::Header(ChainError::NotLinked)) => moved = true,
                    Err(error) => return Err(error.into()),
                }
                if moved {
                    break;
                }
            }
            bar.set_position(u64::from(scan.height().get()));
        }
        if !moved {
            bar.finish_and_clear();
            return Ok(());
        }
    }
    bail!("the node's chain changed {MAX_RESTARTS} times while it was read; try again")
}

fn fetch(client: &Client, heights: &[Value]) -> Result<Vec<String>, ClientError> {
    let hashes: Vec<String> = client.batch("getblockhash", heights)?;
    let wanted: Vec<Value> = hashes.iter().map(|hash| json!([hash, 0])).collect();
    client.batch("getblock", &wanted)
}

/// Goes back to the highest block that the node's best chain shares with ours.
fn rewind_to_fork(client: &Client, scan: &mut Scan) -> anyhow::Result<()> {
    let mut height = scan.height().get();
    let mut step = 1;
    while height > 0 {
        match client.call::<BlockHash>("getblockhash", json!([height])) {
            Ok(hash) if Some(hash) == scan.hash_at(Height::from_u32(height)) => break,
            Ok(_) => {}
            Err(ClientError::Refused { code, .. }) if NOT_THERE.contains(&code) => {}
            Err(error) => return Err(error.into()),
        }
        // Ever larger steps: what is rewound too far is read again, in large batches.
        height = height.saturating_sub(step);
        step *= 2;
    }
    scan.rewind(Height::from_u32(height));
    Ok(())
}

/// Settles the book's payments with what the chain says, and sends again what the node has lost.
fn settle(session: &mut Session, client: &Client, scan: &Scan) -> anyhow::Result<()> {
    session.book.settle(scan);
    let pending = &session.book.pending;
    if !pending.is_empty() {
        let known: Vec<cairn_core::hash::Txid> = client.call("getrawmempool", json!([]))?;
        for payment in pending.iter().filter(|payment| !known.contains(&payment.txid)) {
            // A refusal changes nothing: the coins stay reserved until a block decides.
            match client.call::<Value>("sendrawtransaction", json!([hex::encode(&payment.bytes)])) {
                Ok(_) | Err(ClientError::Refused { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}
