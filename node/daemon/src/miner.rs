//! The miner: gives the best block template to its workers, and submits the blocks that they find.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cairn_core::block::Block;
use cairn_core::check::header::AheadOfClock;
use cairn_core::lock::Lock;
use cairn_core::params::ChainParams;
use cairn_genesis::hashrate::Hashrate;
use cairn_genesis::programs::held::held;
use cairn_protocol::template::Template;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant as Moment, sleep_until};

use crate::clock;
use crate::handle::{NodeHandle, Stale, Stopped, SubmitError};
use crate::mined::NotMined;

pub mod throttle;
pub mod workers;

use workers::Workers;

/// The shortest interval at which better fees renew the work.
const MIN_RENEWAL: Duration = Duration::from_millis(100);
/// The longest interval at which work is renewed, so that its time and therefore its target stay right.
const MAX_RENEWAL: Duration = Duration::from_secs(1);
/// The most found blocks that are queued. Each makes its work stale, so there is hardly ever one.
const MAX_FOUND: usize = 4;
/// The span of time over which the hash rate is measured.
const RATE_WINDOW: Duration = Duration::from_secs(10);

/// Settings of the miner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MiningSettings {
    /// The lock of the coinbase outputs.
    pub pay_to: Lock,
    pub threads: usize,
    /// The limit to the hash rate of all threads together; none for as fast as possible.
    pub hashrate: Option<Hashrate>,
}

/// Holds the current settings, which configuration and RPC set; the miner subscribes to it and rests at none.
pub type MiningSwitch = watch::Sender<Option<MiningSettings>>;

/// The hash rate that keeps a chain's spacing where no difficulty follows the hash rate: there, mining as
/// fast as possible floods the chain. None where the difficulty does.
pub fn spacing_hashrate(params: &ChainParams) -> Option<Hashrate> {
    params.half_life.is_none().then(|| Hashrate::for_spacing(params.pow_limit, params.spacing))
}

/// Figures of a miner.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MinerStats {
    /// Number of hashes since the node started.
    pub hashes: u64,
    /// Hashes per second, measured over the last seconds.
    pub rate: f64,
    /// Number of its blocks that became part of the best chain.
    pub blocks: u64,
}

/// The miner of one node.
#[derive(Clone, Debug)]
pub struct Miner(Arc<Mutex<Meter>>);

impl Miner {
    /// Starts the miner of a node, within a runtime. It follows its settings, and ends with the node. `tag` is
    /// the text in the coinbases of its blocks.
    pub fn start(
        handle: NodeHandle,
        tag: Vec<u8>,
        settings: watch::Receiver<Option<MiningSettings>>,
    ) -> Self {
        let meter: Arc<Mutex<Meter>> = Arc::default();
        tokio::spawn(mine(handle, tag, settings, meter.clone()));
        Self(meter)
    }

    /// Its figures so far.
    pub fn stats(&self) -> MinerStats {
        held(&self.0).stats()
    }
}

/// Counts hashes over changes of workers, and measures the hash rate.
#[derive(Debug, Default)]
struct Meter {
    /// Hashes of earlier workers.
    before: u64,
    /// Hashes of the current workers.
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

    fn stats(&self) -> MinerStats {
        let (hashes, blocks) = (self.before + self.current, self.blocks);
        let rate = match (self.samples.front(), self.samples.back()) {
            (Some((begun, first)), Some((ended, last))) if ended > begun => {
                (last - first) as f64 / ended.duration_since(*begun).as_secs_f64()
            }
            _ => 0.0,
        };
        MinerStats { hashes, rate, blocks }
    }
}

/// Runs the miner: work for the workers whenever it changes, blocks for the node when there are.
async fn mine(
    handle: NodeHandle,
    tag: Vec<u8>,
    mut settings: watch::Receiver<Option<MiningSettings>>,
    meter: Arc<Mutex<Meter>>,
) {
    let (found, mut blocks) = mpsc::channel(MAX_FOUND);
    let (mut stale, stop) = (handle.stale(), handle.stopping());
    let mut workers: Option<Workers> = None;
    let (mut built, mut is_too_early) = (Moment::now(), false);
    loop {
        let current = settings.borrow_and_update().clone();
        let threads = current.as_ref().map(|settings| settings.threads.max(1));
        if let Some(old) = workers.take_if(|workers| Some(workers.threads()) != threads) {
            held(&meter).replaced(&old);
        }
        let seen = *stale.borrow_and_update();
        if let Some(settings) = &current {
            if workers.is_none() {
                workers = start_workers(settings.threads, found.clone());
            }
            if let Some(workers) = &workers {
                workers.set_hashrate(settings.hashrate);
                let Ok(work) = work(&handle, settings, &tag).await else { return };
                if let (Work::TooEarly(ahead), false) = (&work, is_too_early) {
                    tracing::warn!("not mining: {ahead}");
                }
                is_too_early = matches!(work, Work::TooEarly(_));
                workers.set_block(work.block());
                built = Moment::now();
            }
        }
        held(&meter).sample(Instant::now(), workers.as_ref());
        let renewal = built.max(Moment::now() - MAX_RENEWAL) + MAX_RENEWAL;
        tokio::select! {
            () = stop.cancelled() => return,
            Some(block) = blocks.recv() => {
                if submit(&handle, block).await {
                    held(&meter).blocks += 1;
                }
            }
            changed = stale.changed() => {
                if changed.is_err() {
                    return;
                }
                let by_tip = stale.borrow().by_tip != seen.by_tip;
                if by_tip && let Some(workers) = &workers {
                    // At once: their block cannot win any more.
                    workers.set_block(None);
                } else if !by_tip {
                    wait_for_tip(&mut stale, seen.by_tip, built + MIN_RENEWAL).await;
                }
            }
            changed = settings.changed() => {
                if changed.is_err() {
                    return;
                }
            }
            () = sleep_until(renewal) => {}
        }
    }
}

fn start_workers(threads: usize, found: mpsc::Sender<Block>) -> Option<Workers> {
    // Nodes that are paid at one address search the same blocks: each begins at another nonce.
    let first_nonce = getrandom::u64().unwrap_or_default();
    match Workers::start(threads, first_nonce, found) {
        Ok(workers) => Some(workers),
        Err(error) => {
            tracing::error!(threads, %error, "cannot start mining threads");
            None
        }
    }
}

/// Waits for a change of the tip, until `due`.
async fn wait_for_tip(stale: &mut watch::Receiver<Stale>, by_tip: u64, due: Moment) {
    let moved = stale.wait_for(|stale| stale.by_tip != by_tip);
    // Both end the wait; a dropped sender is noticed by the next call.
    let _either = tokio::time::timeout_at(due, moved).await;
}

/// The work for workers.
enum Work {
    Block(Box<Block>),
    /// No node would accept a block yet. Work is renewed until its time has come.
    TooEarly(AheadOfClock),
    /// The node is in the initial block download.
    Syncing,
}

impl Work {
    fn block(self) -> Option<Block> {
        if let Self::Block(block) = self { Some(*block) } else { None }
    }
}

async fn work(handle: &NodeHandle, settings: &MiningSettings, tag: &[u8]) -> Result<Work, Stopped> {
    let (pay_to, tag) = (settings.pay_to, tag.to_vec());
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

/// Submits a block; returns whether it became part of the best chain.
async fn submit(handle: &NodeHandle, block: Block) -> bool {
    let (hash, height) = (block.hash(), block.coinbase().height);
    match handle.submit_mined(Arc::new(block)).await {
        Ok(()) => tracing::info!(%height, %hash, "mined a block"),
        Err(SubmitError::Stopped(_)) => return false,
        Err(SubmitError::Rejected(why @ NotMined::Rejected(_))) => {
            tracing::error!(%height, %hash, %why, "the node rejects a block of its own miner");
            return false;
        }
        Err(SubmitError::Rejected(why)) => {
            tracing::info!(%height, %hash, %why, "found a block that is not part of the best chain");
            return false;
        }
    }
    true
}
