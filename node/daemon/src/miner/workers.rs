//! Workers: threads that search nonces of the block they are given, and drop it at once for another.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use cairn_core::block::Block;
use cairn_genesis::hashrate::Hashrate;
use tokio::sync::mpsc;

use crate::miner::throttle::{STEP, Throttle};
use crate::search::{Engine, Job};

/// Nonces between two looks at whether the work is stale: a millisecond or less.
const CHUNK: u64 = 8_192;
/// Below this rate one thread does all: the others would only wake up to rest again.
const SOLO_BELOW: Hashrate = Hashrate::per_second(1_000_000);

/// A block whose nonce is searched.
#[derive(Debug)]
struct Work {
    block: Block,
    job: Job,
}

/// What the workers are to do.
#[derive(Debug, Default)]
struct Order {
    work: Option<Arc<Work>>,
    /// How fast all hash together; none: as fast as possible.
    hashrate: Option<Hashrate>,
    /// Which order this is: workers drop what they do when it changes.
    number: u64,
    is_over: bool,
}

#[derive(Debug)]
struct Shared {
    order: Mutex<Order>,
    changed: Condvar,
    /// The order's number, to be looked at without the lock.
    number: AtomicU64,
    hashes: AtomicU64,
    /// Where the next worker that takes up work begins: no two search the same nonces.
    next_nonce: AtomicU64,
    threads: u64,
    found: mpsc::Sender<Block>,
}

/// Threads that mine; dropped, they end.
#[derive(Debug)]
pub struct Workers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    /// So many idle threads. Blocks that they find go to `found`; `first_nonce` is where they begin,
    /// a different one for each miner.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn start(threads: usize, first_nonce: u64, found: mpsc::Sender<Block>) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            order: Mutex::default(),
            changed: Condvar::new(),
            number: AtomicU64::new(0),
            hashes: AtomicU64::new(0),
            next_nonce: AtomicU64::new(first_nonce),
            threads: threads.max(1) as u64,
            found,
        });
        let mut workers = Self { shared, threads: Vec::with_capacity(threads) };
        for index in 0..threads.max(1) {
            let shared = workers.shared.clone();
            let thread = std::thread::Builder::new().name(format!("miner-{index}"));
            // A failure drops `workers`, which ends those that run.
            workers.threads.push(thread.spawn(move || shared.work(index == 0))?);
        }
        Ok(workers)
    }

    /// Search this block from now on; none: rest. Whatever was searched before is dropped.
    pub fn set_block(&self, block: Option<Block>) {
        let work = block.and_then(|block| {
            let job = Job::new(*block.header())?;
            Some(Arc::new(Work { block, job }))
        });
        self.shared.give(|order| order.work = work);
    }

    /// How fast all hash together from now on; none: as fast as possible.
    pub fn set_hashrate(&self, hashrate: Option<Hashrate>) {
        self.shared.give(|order| order.hashrate = hashrate);
    }

    /// Hashes done so far.
    pub fn hashes(&self) -> u64 {
        self.shared.hashes.load(Ordering::Relaxed)
    }

    /// How many threads there are.
    pub fn threads(&self) -> usize {
        self.threads.len()
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.shared.give(|order| order.is_over = true);
        for thread in self.threads.drain(..) {
            // A worker that panicked has nothing to hand over.
            let _ended: Result<(), _> = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Order> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give(&self, change: impl FnOnce(&mut Order)) {
        let mut order = self.lock();
        change(&mut order);
        order.number += 1;
        self.number.store(order.number, Ordering::Release);
        drop(order);
        self.changed.notify_all();
    }

    /// A worker's life.
    fn work(&self, is_first: bool) {
        let begun = Instant::now();
        let mut throttle: Option<Throttle> = None;
        loop {
            let Some((work, hashrate, number)) = self.next_order(is_first) else { return };
            // An order that leaves the rate as it is must not forgive what was overdrawn.
            throttle = match (throttle, hashrate) {
                (Some(old), Some(rate)) if old.rate() == rate => Some(old),
                (_, rate) => rate.map(|rate| Throttle::new(rate, begun.elapsed())),
            };
            if let Some(nonce) = self.search(&work.job, number, begun, throttle.as_mut()) {
                self.hand_in(&work, nonce, number);
            }
        }
    }

    /// Waits for something to do: what, how fast, and by which order. None when all is over.
    fn next_order(&self, is_first: bool) -> Option<(Arc<Work>, Option<Hashrate>, u64)> {
        let mut order = self.lock();
        loop {
            if order.is_over {
                return None;
            }
            let may_work = is_first || order.hashrate.is_none_or(|rate| rate >= SOLO_BELOW);
            if let Some(work) = order.work.clone()
                && may_work
                && order.hashrate != Some(Hashrate::NONE)
            {
                // A fast throttled miner shares its rate among its threads.
                let rate = order.hashrate.map(|rate| self.share(rate, is_first));
                return Some((work, rate, order.number));
            }
            order = self.changed.wait(order).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A thread's part of the rate; the first takes what does not divide.
    fn share(&self, rate: Hashrate, is_first: bool) -> Hashrate {
        if rate < SOLO_BELOW {
            return rate;
        }
        let threads = self.threads;
        Hashrate(rate.0 / threads + if is_first { rate.0 % threads } else { 0 })
    }

    /// Searches until a nonce is found or the order is not the latest any more.
    fn search(
        &self,
        job: &Job,
        number: u64,
        begun: Instant,
        mut throttle: Option<&mut Throttle>,
    ) -> Option<u64> {
        let engine = Engine::best();
        while self.number.load(Ordering::Acquire) == number {
            let count = throttle.as_mut().map_or(CHUNK, |throttle| throttle.due(begun.elapsed()).min(CHUNK));
            if count == 0 {
                self.rest(number);
                continue;
            }
            let start = self.next_nonce.fetch_add(count, Ordering::Relaxed);
            let found = job.search(engine, start, count);
            let done = found.map_or(count, |nonce| nonce.wrapping_sub(start).saturating_add(1));
            self.hashes.fetch_add(done, Ordering::Relaxed);
            if let Some(throttle) = throttle.as_mut() {
                throttle.spend(done);
            }
            if found.is_some() {
                return found;
            }
        }
        None
    }

    /// Rests for one step of the throttle, or until there is another order.
    fn rest(&self, number: u64) {
        let order = self.lock();
        if order.number == number {
            let _woken = self.changed.wait_timeout(order, STEP);
        }
    }

    /// Hands in a block, unless another worker or another order was faster; then all rest until there
    /// is new work, so that no worker mines its sibling.
    fn hand_in(&self, work: &Work, nonce: u64, number: u64) {
        let mut order = self.lock();
        if order.number != number {
            return;
        }
        order.work = None;
        order.number += 1;
        self.number.store(order.number, Ordering::Release);
        drop(order);
        // A receiver that is gone or has not taken the last blocks yet has no use for this one.
        let _unwanted: Result<(), _> = self.found.try_send(work.block.clone().with_nonce(nonce));
    }
}

#[cfg(test)]
mod tests;
