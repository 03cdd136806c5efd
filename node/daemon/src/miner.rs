//! The miner: gives workers the best block to mine, and submits the blocks that they find.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cairn_core::block::Block;
use cairn_core::check::header::AheadOfClock;
use cairn_core::lock::Lock;
use cairn_core::params::ChainParams;
use cairn_genesis::hashrate::Hashrate;
use cairn_protocol::template::Template;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant as Moment, sleep_until};

use crate::clock;
use crate::handle::{NodeHandle, Stale, Stopped, SubmitError};
use crate::mined::NotMined;

pub mod throttle;
pub mod workers;

use workers::Workers;

/// The shortest interval in which better fees change the work.
const REBUILD_AT_MOST_EACH: Duration = Duration::from_millis(100);
/// The longest interval between two templates, so that their time and therefore their target stay right.
const REBUILD_AT_LEAST_EACH: Duration = Duration::from_secs(1);
/// Found blocks that may be queued for submission; each makes its work stale, so there is hardly ever one.
const MAX_FOUND: usize = 4;
/// Time over which the hash rate is measured.
const RATE_WINDOW: Duration = Duration::from_secs(10);

/// An order for the miner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MiningOrder {
    /// The lock of the coinbase outputs.
    pub pay_to: Lock,
    pub threads: usize,
    /// The most hashes per second of all threads together; none: as many as they can.
    pub hashrate: Option<Hashrate>,
}

/// Holds the current order, which settings and RPC set; the miner subscribes to it. None: it does not mine.
pub type MiningSwitch = watch::Sender<Option<MiningOrder>>;

/// The hash rate that keeps a chain's spacing where no difficulty follows the hash rate: there, mining as
/// fast as possible floods the chain. None where the difficulty does.
pub fn spacing_hashrate(params: &ChainParams) -> Option<Hashrate> {
    params.half_life.is_none().then(|| Hashrate::for_spacing(params.pow_limit, params.spacing))
}

/// Statistics of a miner.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stats {
    /// Hashes since the node started.
    pub hashes: u64,
    /// Hashes per second lately.
    pub rate: f64,
    /// Blocks that became part of the best chain.
    pub blocks: u64,
}

/// The miner of one node.
#[derive(Clone, Debug)]
pub struct Miner(Arc<Mutex<Meter>>);

impl Miner {
    /// Starts the miner of a node, within a runtime: it follows the orders and ends with the
    /// node. `tag` is the text in the coinbases of its blocks.
    pub fn start(handle: NodeHandle, tag: Vec<u8>, orders: watch::Receiver<Option<MiningOrder>>) -> Self {
        let meter: Arc<Mutex<Meter>> = Arc::default();
        tokio::spawn(mine(handle, tag, orders, meter.clone()));
        Self(meter)
    }

    /// Statistics since the node started.
    pub fn stats(&self) -> Stats {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).stats()
    }
}

/// Counts hashes over changes of workers, and measures their rate.
#[derive(Debug, Default)]
struct Meter {
    /// Hashes of earlier workers.
    before: u64,
    /// Hashes of the present workers.
    current: u64,
    blocks: u64,
    samples: VecDeque<(Instant, u64)>,
}

impl Meter {
    fn sample(&mut self, now: Instant, workers: Option<&Workers>) {
        self.current = workers.map_or(0, Workers::hashes);
        self.samples.push_back((now, self.before + self.current));
        while self.samples.get(1).is_some_and(|(at, _)| now.duration_since(*at) >= RATE_WINDOW) {
            self.samples.pop_front();
        }
    }

    fn replaced(&mut self, workers: &Workers) {
        self.before += workers.hashes();
        self.current = 0;
    }

    fn stats(&self) -> Stats {
        let (hashes, blocks) = (self.before + self.current, self.blocks);
        let rate = match (self.samples.front(), self.samples.back()) {
            (Some((begun, first)), Some((ended, last))) if ended > begun => {
                (last - first) as f64 / ended.duration_since(*begun).as_secs_f64()
            }
            _ => 0.0,
        };
        Stats { hashes, rate, blocks }
    }
}

/// The miner's task: gives workers new work whenever it changes, and submits the blocks that they find.
async fn mine(
    handle: NodeHandle,
    tag: Vec<u8>,
    mut orders: watch::Receiver<Option<MiningOrder>>,
    meter: Arc<Mutex<Meter>>,
) {
    let lock = || meter.lock().unwrap_or_else(PoisonError::into_inner);
    let (found, mut blocks) = mpsc::channel(MAX_FOUND);
    let (mut stale, stop) = (handle.stale(), handle.stopping());
    let mut workers: Option<Workers> = None;
    let (mut built, mut waits) = (Moment::now(), false);
    loop {
        let order = orders.borrow_and_update().clone();
        if let (Some(current), false) = (&workers, fits(workers.as_ref(), order.as_ref())) {
            lock().replaced(current);
            workers = None;
        }
        if let Some(order) = &order {
            if workers.is_none() {
                workers = start_workers(order.threads, found.clone());
            }
            if let Some(workers) = &workers {
                workers.set_hashrate(order.hashrate);
            }
        }
        let seen = *stale.borrow_and_update();
        if let (Some(order), Some(workers)) = (&order, &workers) {
            let Ok(work) = work(&handle, order, &tag).await else { return };
            if let (Work::TooEarly(ahead), false) = (&work, waits) {
                tracing::warn!("not mining: {ahead}");
            }
            waits = matches!(work, Work::TooEarly(_));
            workers.set_block(work.block());
            built = Moment::now();
        }
        lock().sample(Instant::now(), workers.as_ref());
        let renewal = built.max(Moment::now() - REBUILD_AT_LEAST_EACH) + REBUILD_AT_LEAST_EACH;
        tokio::select! {
            () = stop.cancelled() => return,
            Some(block) = blocks.recv() => {
                if submit(&handle, block).await {
                    lock().blocks += 1;
                }
            }
            changed = stale.changed() => {
                if changed.is_err() {
                    return;
                }
                let by_tip = stale.borrow().by_tip != seen.by_tip;
                if by_tip && let Some(workers) = &workers {
                    // At once: what they search cannot win any more.
                    workers.set_block(None);
                } else if !by_tip {
                    wait_for_company(&mut stale, seen.by_tip, built + REBUILD_AT_MOST_EACH).await;
                }
            }
            changed = orders.changed() => {
                if changed.is_err() {
                    return;
                }
            }
            () = sleep_until(renewal) => {}
        }
    }
}

/// Whether these workers can carry out the order.
fn fits(workers: Option<&Workers>, order: Option<&MiningOrder>) -> bool {
    match (workers, order) {
        (Some(workers), Some(order)) => workers.threads() == order.threads.max(1),
        (workers, order) => workers.is_none() && order.is_none(),
    }
}

fn start_workers(threads: usize, found: mpsc::Sender<Block>) -> Option<Workers> {
    // Nodes that are paid at one address search the same blocks: each begins elsewhere.
    let first_nonce = getrandom::u64().unwrap_or_default();
    match Workers::start(threads, first_nonce, found) {
        Ok(workers) => Some(workers),
        Err(error) => {
            tracing::error!(threads, %error, "cannot start mining threads");
            None
        }
    }
}

/// Waits until `due`, unless the tip moves before.
async fn wait_for_company(stale: &mut watch::Receiver<Stale>, by_tip: u64, due: Moment) {
    let moved = stale.wait_for(|stale| stale.by_tip != by_tip);
    // Either is a reason to go on; a sender that is gone is noticed by the next call.
    let _whichever = tokio::time::timeout_at(due, moved).await;
}

/// The work that a node has for its miner.
enum Work {
    /// The best block that can be made now.
    Block(Box<Block>),
    /// No node would accept a block yet, because of its time: the work is renewed until then.
    TooEarly(AheadOfClock),
    /// The node still downloads the chain of its peers.
    Syncing,
}

impl Work {
    fn block(self) -> Option<Block> {
        if let Self::Block(block) = self { Some(*block) } else { None }
    }
}

async fn work(handle: &NodeHandle, order: &MiningOrder, tag: &[u8]) -> Result<Work, Stopped> {
    let (pay_to, tag) = (order.pay_to, tag.to_vec());
    handle
        .query(move |node| {
            if node.is_initial_download() {
                return Work::Syncing;
            }
            let now = clock::now();
            let template = Template::new(now, node.chain(), node.mempool());
            match template.check_clock(now, node.chain().params()) {
                Ok(()) => Work::Block(Box::new(template.to_block(pay_to, tag))),
                Err(ahead) => Work::TooEarly(ahead),
            }
        })
        .await
}

/// Submits a found block; returns whether it became part of the best chain.
async fn submit(handle: &NodeHandle, block: Block) -> bool {
    let (hash, height) = (block.hash(), block.coinbase().height);
    match handle.submit_mined(Arc::new(block)).await {
        Ok(()) => {
            tracing::info!(%height, %hash, "mined a block");
            true
        }
        Err(SubmitError::Rejected(why @ NotMined::Rejected(_))) => {
            tracing::error!(%height, %hash, %why, "the node rejects a block of its own miner");
            false
        }
        Err(SubmitError::Rejected(why)) => {
            tracing::info!(%height, %hash, %why, "found a block that is not part of the best chain");
            false
        }
        Err(SubmitError::Stopped(_)) => false,
    }
}
