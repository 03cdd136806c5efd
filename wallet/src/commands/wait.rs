//! Waits for confirmations of a payment that was sent, through restarts of the node.

use std::time::{Duration, Instant};

use cairn_core::height::Height;
use cairn_core::text::with_causes;
use cairn_core::transaction::Transaction;
use cairn_genesis::programs::exit::{AfterDone, say};
use indicatif::ProgressBar;
use serde_json::json;

use crate::cli::Common;
use crate::client::{Client, ClientError};
use crate::connection::{self, ConnectError, Connection};
use crate::follow;
use crate::payment::State;
use crate::release::{GoneError, confirmations, on_its_way, release};
use crate::session::Session;

/// Interval between two looks at the node.
const POLL: Duration = Duration::from_millis(250);
/// Time that a node may be gone before the command gives up.
const NODE_TIMEOUT: Duration = Duration::from_secs(600);

/// A payment that is waited for. The wallet's lock is held for each look alone.
struct Wait<'a> {
    common: Common,
    session: &'a mut Session,
    transaction: &'a Transaction,
    line: ProgressBar,
    /// The tip of the node when it was last looked at.
    tip: Option<String>,
    silent_since: Option<Instant>,
    /// The node that was passed over when the last one was called, in words.
    detour: Option<String>,
    is_rejected: bool,
}

/// Confirmations of a payment, at a height of the chain.
struct Progress {
    confirmations: u32,
    height: Height,
}

/// Waits until this many blocks confirm the payment, or none will on the chain as it is now.
pub fn wait(
    common: &Common,
    session: &mut Session,
    first: &Connection,
    transaction: &Transaction,
    wanted: u32,
) -> anyhow::Result<()> {
    let txid = transaction.txid();
    let mut wait = Wait {
        common: common.pinned_to(first.devnet.as_ref()),
        session,
        transaction,
        line: if common.json { ProgressBar::hidden() } else { ProgressBar::new_spinner() },
        tip: None,
        silent_since: None,
        detour: first.detour.clone(),
        is_rejected: false,
    };
    loop {
        match wait.look() {
            Ok(None) => {}
            Ok(Some(Progress { confirmations, height })) => {
                let text = format!("{confirmations} of {wanted} confirmations, block {height}");
                if confirmations >= wanted {
                    wait.line.finish_and_clear();
                    if !common.json {
                        say(text);
                    }
                    return Ok(());
                }
                wait.line.set_message(text);
            }
            // A further reorganization may bring it back: made again, it may be paid twice.
            Err(error) if error.is::<GoneError>() => {
                let done = format!("the payment {txid} was sent; look at `history` before you make it again");
                return Err(AfterDone::new(done, json!({ "txid": txid }), error).into());
            }
            Err(error) if is_temporary(&error) => {
                wait.tip = None;
                if wait.silent_since.is_none() {
                    let why = with_causes(error.as_ref());
                    wait.say(&format!("the payment {txid} is on its way; waiting for a node: {why}"));
                }
                if wait.silent_since.get_or_insert_with(Instant::now).elapsed() > NODE_TIMEOUT {
                    let minutes = NODE_TIMEOUT.as_secs() / 60;
                    let error = error.context(format!("no node has answered for {minutes} minutes"));
                    return Err(on_its_way(&[txid], error).into());
                }
            }
            Err(error) => return Err(on_its_way(&[txid], error).into()),
        }
        wait.line.tick();
        std::thread::sleep(POLL);
    }
}

impl Wait<'_> {
    /// The progress of the payment; none while the tip is the one of the last look.
    fn look(&mut self) -> anyhow::Result<Option<Progress>> {
        let Connection { client, tip, detour, .. } =
            connection::find_node(&self.common, Some(&self.session.chain))?;
        if self.silent_since.take().is_some() {
            self.say("a node answers again");
        }
        if detour != self.detour {
            detour.iter().for_each(|detour| self.say(detour));
            self.detour = detour;
        }
        if self.tip.as_ref() == Some(&tip) {
            return Ok(None);
        }
        self.session.retake_lock()?;
        let progress = self.progress(&client);
        self.session.yield_lock();
        self.tip = progress.is_ok().then_some(tip);
        progress.map(Some)
    }

    fn progress(&mut self, client: &Client) -> anyhow::Result<Progress> {
        let txid = self.transaction.txid();
        let view = follow::catch_up(self.session, client, None)?;
        let news = view.notices.iter().filter(|notice| notice.is_of_a_new_chain());
        news.for_each(|notice| self.say(&format!("note: {notice}")));
        let confirmations = confirmations(&view, txid)?;
        let state = view.payment(&txid).map(|payment| payment.state);
        if state == Some(State::Pending { in_mempool: false }) && !self.is_rejected {
            // This command has released the payment, and the node has lost it.
            self.say(&format!("the node's mempool lost {txid}: handing it in again"));
            if let Err(error) = release(self.session, client, self.transaction) {
                self.say(&with_causes(&error));
                self.is_rejected = true;
            }
        }
        Ok(Progress { confirmations, height: view.scan.height() })
    }

    fn say(&self, line: &str) {
        self.line.suspend(|| say(line));
    }
}

/// Whether a node that is started again, or another one, may do better.
fn is_temporary(error: &anyhow::Error) -> bool {
    let connecting = error.downcast_ref::<ConnectError>().map(ConnectError::is_temporary);
    let calling = || error.downcast_ref::<ClientError>().map(ClientError::is_temporary);
    connecting.or_else(calling).unwrap_or(false)
}
