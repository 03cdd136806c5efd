//! Waiting for confirmations of a payment that was sent, through restarts of the node.

use std::time::{Duration, Instant};

use cairn_core::hash::Txid;
use cairn_core::height::Height;
use cairn_core::text::with_causes;
use cairn_core::transaction::Transaction;
use cairn_genesis::exit::{AfterDone, say};
use indicatif::ProgressBar;
use serde_json::json;

use crate::cli::Common;
use crate::client::{Client, ClientError};
use crate::devnet::{self, ConnectError, Connection};
use crate::follow;
use crate::payment::State;
use crate::release::{GoneError, ReleaseError, confirmations, on_its_way, release};
use crate::session::Session;

/// Interval between two looks at the node.
const POLL: Duration = Duration::from_millis(250);
/// Time that a node may be gone before the command gives up.
const NODE_TIMEOUT: Duration = Duration::from_secs(600);

/// A payment that is waited for. The wallet's lock is held for each look alone.
struct Waiting<'a> {
    session: &'a mut Session,
    transaction: &'a Transaction,
    line: ProgressBar,
    silent_since: Option<Instant>,
    /// The node that was passed over when the last one was asked, in words.
    detour: Option<String>,
    rejection: Option<ReleaseError>,
}

/// Waits until so many blocks confirm the payment, or none will on the chain as it is now.
pub fn wait(
    common: &Common,
    session: &mut Session,
    first: &Connection,
    transaction: &Transaction,
    wanted: u32,
) -> anyhow::Result<()> {
    let txid = transaction.txid();
    let common = common.pinned_to(first.devnet.as_ref());
    let line = if common.json { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
    let detour = first.detour.clone();
    let mut waiting = Waiting { session, transaction, line, silent_since: None, detour, rejection: None };
    let mut seen = None;
    loop {
        match waiting.look(&common, seen.as_deref()) {
            Ok(news) => {
                if let Some((depth, height, tip)) = news {
                    let text = format!("{depth} of {wanted} confirmations, block {height}");
                    if depth >= wanted {
                        waiting.line.finish_and_clear();
                        if !common.json {
                            say(text);
                        }
                        return Ok(());
                    }
                    waiting.line.set_message(text);
                    seen = Some(tip);
                }
            }
            // A further reorganization may bring it back: made again, it may be paid twice.
            Err(error) if error.is::<GoneError>() => {
                let done = format!("the payment {txid} was sent; look at `history` before you make it again");
                return Err(AfterDone::new(done, json!({ "txid": txid }), error).into());
            }
            Err(error) if is_temporary(&error) => {
                seen = None;
                if waiting.silent_since.is_none() {
                    let why = with_causes(error.as_ref());
                    waiting.say(&format!("the payment {txid} is on its way; waiting for a node: {why}"));
                }
                if waiting.silent_since.get_or_insert_with(Instant::now).elapsed() > NODE_TIMEOUT {
                    let minutes = NODE_TIMEOUT.as_secs() / 60;
                    let error = error.context(format!("no node has answered for {minutes} minutes"));
                    return Err(on_its_way(&[txid], error).into());
                }
            }
            Err(error) => return Err(on_its_way(&[txid], error).into()),
        }
        waiting.line.tick();
        std::thread::sleep(POLL);
    }
}

impl Waiting<'_> {
    /// Confirmations, height and tip; nothing while the tip is the one that was seen.
    fn look(&mut self, common: &Common, seen: Option<&str>) -> anyhow::Result<Option<(u32, Height, String)>> {
        let Connection { client, tip, detour, .. } = devnet::find_node(common, Some(&self.session.chain))?;
        if self.silent_since.take().is_some() {
            self.say("a node answers again");
        }
        if detour != self.detour {
            detour.iter().for_each(|detour| self.say(detour));
            self.detour = detour;
        }
        if seen == Some(tip.as_str()) {
            return Ok(None);
        }
        self.session.retake_lock()?;
        let looked = self.count(&client);
        self.session.yield_lock();
        looked.map(|(depth, height)| Some((depth, height, tip)))
    }

    fn count(&mut self, client: &Client) -> anyhow::Result<(u32, Height)> {
        let txid: Txid = self.transaction.txid();
        let view = follow::catch_up(self.session, client, None)?;
        let news = view.notices.iter().filter(|notice| notice.is_of_a_new_chain());
        news.for_each(|notice| self.say(&format!("note: {notice}")));
        let depth = confirmations(&view, txid)?;
        let state = view.payment(&txid).map(|payment| &payment.state);
        if state == Some(&State::Pending { in_mempool: false }) && self.rejection.is_none() {
            // This command has released the payment, and the node has lost it.
            self.say(&format!("the node's mempool lost {txid}: handing it in again"));
            if let Err(error) = release(self.session, client, self.transaction) {
                self.say(&with_causes(&error));
                self.rejection = Some(error);
            }
        }
        Ok((depth, view.scan.height()))
    }

    fn say(&self, line: &str) {
        self.line.suspend(|| say(line));
    }
}

fn is_temporary(error: &anyhow::Error) -> bool {
    let connecting = error.downcast_ref::<ConnectError>().map(ConnectError::is_temporary);
    let asking = || error.downcast_ref::<ClientError>().map(ClientError::is_temporary);
    connecting.or_else(asking).unwrap_or(false)
}
